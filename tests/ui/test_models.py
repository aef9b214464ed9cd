"""Which model answers: the picker, what was found at the first start, changing in mid-thread."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from textual.pilot import Pilot
from textual.widgets import OptionList

from tests.ui.driving import (
    SMALL,
    WIDE,
    make_app,
    running,
    screen_text,
    settle,
    status,
    text_of,
    until,
)
from tests.ui.fakes import FakeBackend
from tui.core.errors import ConfigError, ProviderError
from tui.core.models import ModelInfo, Problem
from tui.core.services import ProfileInfo
from tui.ui.leaving import Leaving
from tui.ui.picker import PickerScreen

OPENAI = ProfileInfo(
    name="openai",
    protocol="responses",
    model="gpt-5.1",
    configured=False,
    found="OPENAI_API_KEY is set",
)
OLLAMA = ProfileInfo(
    name="ollama",
    protocol="chat",
    model="llama3.2",
    configured=False,
    found="answers at 127.0.0.1:11434",
)
WORK = ProfileInfo(name="work", protocol="responses", model="gpt-5-mini", detail="api.example.org")


def configured() -> FakeBackend:
    """The sandbox, and a profile with three models."""
    backend = FakeBackend()
    backend.more_profiles = (WORK,)
    names = ("gpt-5-mini", "gpt-5.1", "o4-mini")
    backend.offered["work"] = tuple(ModelInfo(id=name, context_window=400_000) for name in names)
    return backend


def choices(pilot: Pilot[Leaving]) -> str:
    found = pilot.app.screen.query("#choices")
    return " ".join(text_of(pilot, "#choices").split()) if found else ""


def is_open(pilot: Pilot[Leaving]) -> bool:
    return isinstance(pilot.app.screen, PickerScreen)


async def opened(pilot: Pilot[Leaving]) -> None:
    await pilot.press("f2")
    await until(pilot, lambda: is_open(pilot))
    await settle(pilot)


def chat(pilot: Pilot[Leaving]) -> str:
    return " ".join(text_of(pilot, "#log").split())


@pytest.mark.parametrize("size", [SMALL, (160, 50)])
async def test_profiles_come_first_then_what_their_servers_offer(size: tuple[int, int]) -> None:
    backend = configured()
    backend.discovered = (OLLAMA,)
    async with running(backend, size) as pilot:
        await opened(pilot)
        told = choices(pilot)
        order = ["sandbox-1", "gpt-5-mini", "llama3.2", "gpt-5.1", "o4-mini"]
        places = [told.index(each) for each in order]
        assert places == sorted(places)
        assert told.count("gpt-5-mini") == 1
        assert "answers at 127.0.0.1:11434" in told
        assert "400,000 tokens" in told


async def test_a_choice_for_a_new_thread_goes_out_with_its_first_message() -> None:
    backend = configured()
    async with running(backend, SMALL) as pilot:
        await opened(pilot)
        await pilot.press(*"o4", "enter")
        await until(pilot, lambda: "work · o4-mini" in status(pilot))
        assert not backend.defaults
        await pilot.press(*"hi", "enter")
        await until(pilot, lambda: backend.commands)
        assert (backend.sent().profile, backend.sent().model) == ("work", "o4-mini")
        await until(pilot, lambda: backend.read or "hi" in chat(pilot))
        backend.begin(backend.sent().thread_id, "r1", profile="work", model="o4-mini").finish()
        await until(pilot, lambda: "Done" in status(pilot))
        await pilot.press("ctrl+n")
        await until(pilot, lambda: "sandbox · sandbox-1" in status(pilot))


async def test_a_stored_thread_changes_and_the_conversation_says_where() -> None:
    backend = configured()
    backend.add_thread("t1", "One")
    backend.say("t1", "first")
    backend.remembered["thread"] = "t1"
    run = backend.begin("t1", "r1")
    run.text("from the sandbox")
    run.finish()
    async with running(backend, SMALL) as pilot:
        await opened(pilot)
        await pilot.press(*"mini 4", "enter")
        await until(pilot, lambda: "work · o4-mini answers from now on." in status(pilot))
        await until(pilot, lambda: backend.transcript("t1").model == "o4-mini")
        assert "answers below" not in chat(pilot)
        backend.say("t1", "second")
        second = backend.begin("t1", "r2", profile="work", model="o4-mini")
        second.text("from work")
        second.finish()
        await until(pilot, lambda: "from work" in chat(pilot))
        told = chat(pilot)
        assert "── work · o4-mini answers below ──" in told
        assert told.index("second") < told.index("answers below") < told.index("from work")
        assert told.count("answers below") == 1


async def test_ctrl_d_makes_it_the_default_too() -> None:
    backend = configured()
    async with running(backend, SMALL) as pilot:
        await opened(pilot)
        await pilot.press(*"5.1", "ctrl+d")
        await until(pilot, lambda: backend.defaults == [("work", "gpt-5.1")])
        await until(pilot, lambda: "in new threads too" in status(pilot))
        await pilot.press("ctrl+n")
        await settle(pilot)
        assert "work · gpt-5.1" in status(pilot)


async def test_what_cannot_be_remembered_is_used_here_all_the_same() -> None:
    backend = configured()
    backend.fail["make_default"] = ConfigError("local.toml cannot be written.", hint="Make room.")
    async with running(backend, WIDE) as pilot:
        await opened(pilot)
        await pilot.press(*"5.1", "ctrl+d")
        await until(pilot, lambda: "local.toml cannot be written. Make room." in screen_text(pilot))
        assert "work · gpt-5.1 answers from now on." in status(pilot)


async def test_a_choice_that_is_refused_changes_nothing() -> None:
    backend = configured()
    backend.add_thread("t1", "One")
    backend.remembered["thread"] = "t1"
    backend.fail["use"] = ConfigError("There is no profile “work”.")
    async with running(backend, WIDE) as pilot:
        await opened(pilot)
        await pilot.press(*"5.1", "enter")
        await until(pilot, lambda: "There is no profile “work”." in screen_text(pilot))
        assert "sandbox · sandbox-1" in status(pilot)


def told(pilot: Pilot[Leaving]) -> str:
    """What the picker says of the highlighted row."""
    shown = pilot.app.screen.query("#told")
    is_there = bool(shown) and shown.first().display
    return " ".join(text_of(pilot, "#told").split()) if is_there else ""


async def at_row(pilot: Pilot[Leaving], words: str) -> None:
    """Type a part of a name, and wait until no other row is left."""
    await pilot.press("ctrl+u", *words)
    await until(pilot, lambda: pilot.app.screen.query_one(OptionList).option_count == 1)


@pytest.mark.parametrize("size", [SMALL, (160, 50)])
async def test_what_is_wrong_with_a_profile_is_told_whole_below_the_list(
    size: tuple[int, int],
) -> None:
    backend = configured()
    broken = replace(WORK, name="broken", model="x-1")
    slow = replace(WORK, name="slow", model="s-1")
    locked = replace(WORK, name="locked", model="l-1", problem=Problem(code="k", message="No key."))
    backend.more_profiles = (broken, slow, locked, WORK)
    why = "The key was refused. " + "It was read, weighed and found wanting. " * 6 + "\x1b[2J"
    backend.fail["models broken"] = ProviderError(why, hint="Look at it.")
    backend.slow["slow"] = asyncio.Event()
    backend.offered["slow"] = (ModelInfo(id="s-2"),)
    backend.fail["discover"] = ConfigError("The environment is odd.")
    async with running(backend, size) as pilot:
        await opened(pilot)
        rows = choices(pilot)
        assert "broken x-1 ! api.example.org" in rows
        assert "locked l-1 ! cannot be used" in rows
        assert "refused" not in rows
        assert told(pilot) == "The environment is odd."
        await at_row(pilot, "broken")
        await until(pilot, lambda: told(pilot).startswith("The key was refused. It was read,"))
        assert told(pilot).endswith("wanting. ␛[2J. Look at it.")
        await at_row(pilot, "slow")
        await until(pilot, lambda: told(pilot) == "Asking for its models…")
        backend.slow["slow"].set()
        await until(pilot, lambda: "Asking" not in told(pilot))
        await at_row(pilot, "slow s-2")
        await at_row(pilot, "locked")
        await until(pilot, lambda: told(pilot) == "No key.")
        await pilot.press("enter")
        await settle(pilot)
        assert is_open(pilot)  # it cannot be chosen
        await pilot.press(*"zzz")
        await until(pilot, lambda: "Nothing has this in its name." in screen_text(pilot))
        await pilot.press("enter", "down", "ctrl+d", "escape")
        await until(pilot, lambda: not is_open(pilot))
        assert "sandbox · sandbox-1" in status(pilot)


async def test_a_profile_without_a_model_is_there_once() -> None:
    backend = configured()
    backend.more_profiles = (replace(WORK, name="fake", protocol="chat", model=""), WORK)
    backend.slow["fake"] = asyncio.Event()
    backend.offered["fake"] = (ModelInfo(id="fake-1"), ModelInfo(id="fake-2"))
    async with running(backend, WIDE) as pilot:
        await opened(pilot)
        assert choices(pilot).count("fake") == 1
        assert "fake the server's first model api.example.org" in choices(pilot)
        await pilot.press("down")
        backend.slow["fake"].set()
        await until(pilot, lambda: "fake fake-1 fake fake-2" in choices(pilot))
        assert "first model" not in choices(pilot)
        await pilot.press("enter")  # the highlight went along
        await until(pilot, lambda: "fake · fake-1" in status(pilot))


async def test_the_model_in_use_is_marked_also_when_it_is_the_servers_first() -> None:
    backend = configured()
    backend.more_profiles = (replace(WORK, name="fake", protocol="chat", model=""),)
    backend.offered["fake"] = (ModelInfo(id="fake-1"), ModelInfo(id="fake-2"))
    backend.add_thread("t1", "One")
    await backend.use("t1", "fake")
    backend.remembered["thread"] = "t1"
    app = make_app(backend)
    async with app.run_test(size=WIDE, notifications=True) as pilot:
        await until(pilot, lambda: "fake" in status(pilot))
        await opened(pilot)
        await until(pilot, lambda: "• fake fake-1" in choices(pilot))
        await pilot.press("down", "enter")
        await until(pilot, lambda: "fake · fake-2" in status(pilot))


async def test_an_assistant_keeps_its_row_since_no_list_tells_its_model() -> None:
    backend = configured()
    backend.more_profiles = (replace(WORK, name="fake", protocol="assistants", model=""),)
    backend.offered["fake"] = (ModelInfo(id="fake-1"),)
    async with running(backend, WIDE) as pilot:
        await opened(pilot)
        assert "fake its own model" in choices(pilot)
        assert "fake fake-1" in choices(pilot)


async def test_the_window_that_a_profile_names_goes_before_the_servers() -> None:
    backend = configured()
    backend.more_profiles = (replace(WORK, context_window=9_000),)
    async with running(backend, WIDE) as pilot:
        await opened(pilot)
        await until(pilot, lambda: "o4-mini 9,000 tokens" in choices(pilot))
        assert "api.example.org · 9,000 tokens" in choices(pilot)
        assert "400,000" not in choices(pilot)


async def test_who_would_be_disturbed_is_asked_only_when_the_reader_comes_there() -> None:
    backend = configured()
    safe = replace(WORK, name="safe", model="x-1", asks=True)
    backend.more_profiles = (safe, WORK)
    backend.offered["safe"] = (ModelInfo(id="x-2"),)
    async with running(backend, WIDE) as pilot:
        await opened(pilot)
        await until(pilot, lambda: "o4-mini" in choices(pilot))
        assert "x-2" not in choices(pilot)
        await at_row(pilot, "safe")  # which is there because of a letter, not of a step
        await until(pilot, lambda: "may run a program" in told(pilot))
        await settle(pilot)
        assert told(pilot).startswith("↓ asks for its models")
        await pilot.press("down", "ctrl+u")
        await until(pilot, lambda: "safe x-2" in choices(pilot))


async def test_the_profile_in_use_is_asked_at_once_whatever_it_takes() -> None:
    backend = configured()
    backend.profile = replace(backend.profile, asks=True)
    backend.offered["sandbox"] = (ModelInfo(id="sandbox-2"),)
    async with running(backend, WIDE) as pilot:
        await opened(pilot)
        await until(pilot, lambda: "sandbox-2" in choices(pilot))


async def test_a_server_that_came_later_is_found_by_both_keys() -> None:
    backend = configured()
    async with running(backend, WIDE) as pilot:
        await pilot.press("f3")
        await until(pilot, lambda: "Nothing else was found; F2 shows all 2" in status(pilot))
        backend.discovered = (OLLAMA,)
        await opened(pilot)
        assert "ollama llama3.2 answers at 127.0.0.1:11434" in choices(pilot)
        backend.discovered = (replace(OLLAMA, model="llama4"),)
        await pilot.press("escape", "f3")
        await until(pilot, lambda: "ollama · llama4" in status(pilot))
        assert backend.defaults == [("ollama", "llama4")]


async def test_what_comes_later_does_not_move_the_highlight() -> None:
    backend = configured()
    slow = replace(WORK, name="slow", model="s-1")
    backend.more_profiles = (slow, WORK)
    backend.slow["slow"] = asyncio.Event()
    backend.offered["slow"] = tuple(ModelInfo(id=f"s-{number}") for number in range(2, 40))
    async with running(backend, SMALL) as pilot:
        await opened(pilot)
        await pilot.press("pagedown")
        backend.slow["slow"].set()
        await until(pilot, lambda: pilot.app.screen.query_one(OptionList).option_count > 20)
        await pilot.press("enter")
        await until(pilot, lambda: "work · o4-mini" in status(pilot))


async def test_a_long_list_is_filtered_fast_whatever_the_server_calls_its_models() -> None:
    backend = configured()
    backend.offered["work"] = tuple(
        ModelInfo(id="ab" * 60 + f"-{number}") for number in range(2000)
    )
    async with running(backend, SMALL) as pilot:
        await opened(pilot)
        async with asyncio.timeout(10):
            await pilot.press(*"bbbbbbbbb-1999")
            await until(pilot, lambda: pilot.app.screen.query_one(OptionList).option_count == 1)


# --- the first start -----------------------------------------------------------------------


@pytest.mark.parametrize("size", [SMALL, (160, 50)])
async def test_what_was_found_is_told_and_one_key_switches_for_good(size: tuple[int, int]) -> None:
    backend = FakeBackend()
    backend.discovered = (OPENAI, OLLAMA)
    async with running(backend, size) as pilot:
        await until(pilot, lambda: "OPENAI_API_KEY is set" in chat(pilot))
        told = chat(pilot)
        assert "openai: OPENAI_API_KEY is set (gpt-5.1)" in told
        assert "ollama: answers at 127.0.0.1:11434 (llama3.2)" in told
        assert "F3 talks to openai from now on, F2 chooses another." in told
        await pilot.press("f3")
        await until(pilot, lambda: "openai · gpt-5.1" in status(pilot))
        await until(pilot, lambda: backend.defaults == [("openai", "gpt-5.1")])
        await until(pilot, lambda: "Found here" not in chat(pilot))
        assert "Messages go to the profile openai: gpt-5.1." in chat(pilot)
        await pilot.press(*"hi", "enter")
        await until(pilot, lambda: backend.commands)
        assert (backend.sent().profile, backend.sent().model) == ("openai", "gpt-5.1")


async def test_one_find_needs_no_other_key() -> None:
    backend = FakeBackend()
    backend.discovered = (OLLAMA,)
    async with running(backend, SMALL) as pilot:
        await until(pilot, lambda: "F3 talks to ollama from now on." in chat(pilot))
        assert "chooses another" not in chat(pilot)


async def test_nothing_found_says_nothing() -> None:
    backend = FakeBackend()
    async with running(backend, SMALL) as pilot:
        await settle(pilot)
        assert "Found" not in chat(pilot)
        await pilot.press("f3")
        await until(pilot, lambda: "No key and no local server was found" in status(pilot))
        assert not backend.defaults


async def test_who_has_configured_something_is_not_offered_anything() -> None:
    backend = configured()
    backend.discovered = (OPENAI,)
    async with running(backend, SMALL) as pilot:
        await settle(pilot)
        assert "Found" not in chat(pilot)


async def test_a_search_that_fails_is_no_trouble() -> None:
    backend = FakeBackend()
    backend.fail["discover"] = ConfigError("The environment is odd.")
    async with running(backend, SMALL) as pilot:
        await settle(pilot)
        assert "odd" not in screen_text(pilot)


async def test_finds_are_remote_text_too() -> None:
    backend = FakeBackend()
    backend.discovered = (replace(OLLAMA, model="llama\x1b[2J\nx", found="answers\x07"),)
    async with running(backend, SMALL) as pilot:
        await until(pilot, lambda: "ollama: answers␇ (llama␛[2J x)" in chat(pilot))
