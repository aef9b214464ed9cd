"""The tool calls tab, driven by keys and by a run that goes on meanwhile."""

from __future__ import annotations

import json
import random

import pytest
from textual.events import MouseEvent, MouseScrollDown, MouseScrollUp
from textual.geometry import Region
from textual.pilot import Pilot

from tests.ui.inspector.host import Host, Script
from tests.ui.inspector.scenes import done, four_streaming, one_streaming
from tui.core.events import ApprovalRequested, PartFinished, ToolOutputDelta, ToolStarted
from tui.core.models import PartFinal, ToolOrigin
from tui.ui.inspector.calls_view import CallsView

_ARGUMENTS = json.dumps({"city": "Tokyo", "days": [1, 2, 3], "note": "line\n" * 30})


def _calls(host: Host) -> CallsView:
    return host.query_one(CallsView)


async def _frame(pilot: Pilot[None], host: Host) -> str:
    host.catch_up()
    await pilot.pause()
    return host.text()


async def test_arguments_are_seen_growing() -> None:
    script = Script()
    script.begin()
    host = Host(script)
    async with host.run_test(size=(60, 30)) as pilot:
        assert "No tool calls so far" in host.text()
        script.call("c1", "get_weather")
        text = await _frame(pilot, host)
        assert "get_weather" in text
        assert "streaming" in text
        seen = ""
        for fragment in ('{"ci', 'ty": "Tok', 'yo", "da', 'ys": 3', "}"):
            script.more("c1", fragment)
            seen = await _frame(pilot, host)
        assert '"city": "Tokyo",' in seen
        assert '"days": 3' in seen
        assert "28 chars" in seen


async def test_a_call_goes_through_its_states() -> None:
    script = Script()
    script.begin()
    script.call("c1", "send_mail", '{"to": "ada"}')
    host = Host(script)
    async with host.run_test(size=(70, 30)) as pilot:
        assert "arguments streaming" in host.text()
        script.need("c1")
        assert "waiting" in await _frame(pilot, host)
        script.put(ApprovalRequested(call_id="c1"))
        assert "waits for approval" in await _frame(pilot, host)
        script.decide("c1", approved=True)
        text = await _frame(pilot, host)
        assert "approved by you" in text
        script.put(ToolStarted(call_id="c1"))
        assert "running" in await _frame(pilot, host)
        script.put(ToolOutputDelta(call_id="c1", text="half"))
        assert "┄ half" in await _frame(pilot, host)
        script.run_tool("c1", "all of it", 1.5)
        text = await _frame(pilot, host)
        assert "✓ send_mail" in text
        assert "→ all of it" in text
        assert "┄ half" in text  # what was shown stays
        assert "run 1.50 s" in text


@pytest.mark.parametrize("end", ["", "}"])
async def test_the_final_arguments_correct_the_streamed_ones(end: str) -> None:
    script = Script()
    script.begin()
    script.call("c1", "tool", '{"n": 1' + end)
    host = Host(script)
    async with host.run_test(size=(60, 20)) as pilot:
        assert '"n": 1' in host.text()
        script.put(PartFinished(part_id="r1m1-c1", final=PartFinal(arguments='{"n": 2}')))
        text = await _frame(pilot, host)
        assert '"n": 2' in text
        assert '"n": 1' not in text


async def test_any_split_of_the_arguments_ends_in_the_same_picture() -> None:
    pictures = set()
    for seed in range(4):
        shuffle = random.Random(seed)
        script = Script()
        script.begin()
        host = Host(script)
        async with host.run_test(size=(50, 40)) as pilot:
            script.call("c1", "tool")
            at = 0
            while at < len(_ARGUMENTS):
                step = shuffle.choice((1, 2, 7, 40))
                script.more("c1", _ARGUMENTS[at : at + step], after=0)
                at += step
                if shuffle.random() < 0.2:
                    host.catch_up()
            pictures.add(await _frame(pilot, host))
    assert len(pictures) == 1


async def test_parallel_calls_all_show_their_end() -> None:
    host = Host(four_streaming())
    async with host.run_test(size=(40, 30)) as pilot:
        for number in range(4):
            host.script.more(f"call_{number}", f'"mark{number}": ')
        # Broken JSON or not: what came last has to be in view for every call.
        text = await _frame(pilot, host)
        assert [f"mark{number}" in text for number in range(4)] == [True] * 4


async def test_selecting_with_keys_and_letting_go() -> None:
    host = Host(done())
    async with host.run_test(size=(60, 40)) as pilot:
        await pilot.press("tab", "up")
        assert _calls(host).selected is host.script.transcript.calls["r1", "call_d"]
        await pilot.press("home")
        assert "id call_a" in host.text()
        assert "2026-11-20 14:05:09 JST" in host.text()
        await pilot.press("down", "down")
        assert "id call_c" in host.text()
        assert "id call_a" not in host.text()
        await pilot.press("f")
        assert _calls(host).selected is None
        assert "id call" not in host.text()


async def test_a_selection_stays_while_new_calls_arrive() -> None:
    host = Host(done())
    async with host.run_test(size=(60, 30)) as pilot:
        await pilot.press("tab", "home")
        host.script.next_round(4)
        host.script.call("call_e", "another", '{"x": ')
        text = await _frame(pilot, host)
        assert "id call_a" in text
        assert "another" in text
        await pilot.press("f")
        assert '"x":' in host.text()


async def test_a_click_selects_and_lets_go() -> None:
    host = Host(done())
    async with host.run_test(size=(60, 40)) as pilot:
        await pilot.click(CallsView, offset=(5, 0))
        assert "id call_a" in host.text()
        await pilot.click(CallsView, offset=(5, 0))
        assert _calls(host).selected is None


def _long_call() -> Script:
    script = Script()
    script.begin()
    script.call("c1", "count", json.dumps(list(range(200)))[:-1])
    return script


async def test_it_follows_the_end_until_the_reader_scrolls() -> None:
    host = Host(_long_call())
    async with host.run_test(size=(40, 20)) as pilot:
        assert "199" in host.text()
        await pilot.press("tab", "pageup")
        before = host.text()
        assert "199" not in before
        host.script.more("c1", ", 200")
        after = await _frame(pilot, host)
        assert "chars" in before
        assert before.splitlines()[4:] == after.splitlines()[4:]
        await pilot.press("pagedown", "pagedown")
        host.script.more("c1", "".join(f", {n}" for n in range(201, 260)))
        assert "259" in await _frame(pilot, host)


async def _wheel(pilot: Pilot[None], host: Host, kind: type[MouseEvent], times: int) -> None:
    calls = _calls(host)
    for _ in range(times):
        calls.post_message(
            kind(calls, 5, 5, 0, 0, 0, shift=False, meta=False, ctrl=False, screen_x=5, screen_y=8)
        )
    await pilot.pause()


async def test_the_wheel_scrolls_the_call_below_it() -> None:
    host = Host(_long_call())
    async with host.run_test(size=(40, 20)) as pilot:
        await _wheel(pilot, host, MouseScrollUp, times=6)
        assert "199" not in host.text()
        await _wheel(pilot, host, MouseScrollDown, times=6)
        assert "199" in host.text()


async def test_a_long_output_is_read_from_its_beginning() -> None:
    script = _long_call()
    script.more("c1", "]")
    script.need("c1")
    host = Host(script)
    async with host.run_test(size=(40, 24)) as pilot:
        script.run_tool("c1", "\n".join(f"line {n}" for n in range(90)), 0.2)
        text = await _frame(pilot, host)
        assert "→ line 0" in text
        assert "199" in text
        assert "line 89" not in text
        await pilot.press("tab", *["pagedown"] * 9)
        assert "line 89" in host.text()


async def test_copying_takes_the_raw_text_made_safe() -> None:
    script = Script()
    script.begin()
    script.call("c1", "tool", '{"a":  "\u202e"}')
    script.need("c1")
    script.run_tool("c1", "\x1b]52;c;x\x07", 0.1)
    host = Host(script)
    async with host.run_test(size=(40, 20)) as pilot:
        await pilot.press("tab", "c")
        assert host.clipboard == '{"a":  "\\u202e"}'
        await pilot.press("o")
        assert host.clipboard == "␛]52;c;x␇"


async def test_text_of_a_hosted_tool_is_not_called_invalid() -> None:
    script = Script()
    script.begin()
    script.call("c1", "code_interpreter", "print('hello')\n", origin=ToolOrigin.HOSTED)
    script.call("c2", "function", "print('hello')\n")
    host = Host(script)
    async with host.run_test(size=(60, 20)):
        assert host.text().count("not valid JSON") == 1


async def test_what_arrives_cannot_steer_the_terminal() -> None:
    script = Script()
    script.begin()
    script.call("c\x1b1", "na\x1bme\u202e", '{"a": "\x9b31m\u200b"')
    script.need("c\x1b1")
    script.decide("c\x1b1", approved=False, reason="\x1b[2J", by="\x07")
    script.run_tool("c\x1b1", "\x1b[2J\ud800", 0.1)
    host = Host(script)
    async with host.run_test(size=(60, 30)) as pilot:
        await pilot.press("tab", "home")
        text = host.text()
        assert not set("\x1b\x07\x9b\u200b\u202e\ud800") & set(text)
        assert "na␛me⟨U+202E⟩" in text


async def test_only_changed_rows_are_painted(monkeypatch: pytest.MonkeyPatch) -> None:
    host = Host(one_streaming())
    async with host.run_test(size=(60, 40)) as pilot:
        await pilot.pause()
        painted: list[Region] = []
        refresh = CallsView.refresh

        def note(self: CallsView, *regions: Region, **rest: bool) -> CallsView:
            painted.extend(regions)
            return refresh(self, *regions, **rest)

        monkeypatch.setattr(CallsView, "refresh", note)
        host.catch_up()
        assert painted == []
        host.script.more("call_7Hq2", "x")
        host.catch_up()
        assert sum(region.height for region in painted) == 2  # the size, and the last row


@pytest.mark.parametrize("script", [done, four_streaming])
async def test_no_size_is_too_small(script: type[Script]) -> None:
    host = Host(script())
    async with host.run_test(size=(60, 30)) as pilot:
        await pilot.press("tab")
        for width, height in [(1, 1), (3, 3), (80, 1), (1, 40), (5, 12), (60, 30)]:
            await pilot.resize_terminal(width, height)
            await pilot.press("up", "pageup", "f")
            for row in host.rows():
                assert len(row) <= max(width, 1)
        assert "Tool calls" in host.text()
