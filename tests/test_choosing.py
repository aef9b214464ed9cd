"""Choosing who answers while everything runs: profiles, models, keys that take their time."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.providers.http_peer import HttpPeer, Reply, Request
from tests.test_two_apps import AskAlways, Watcher
from tests.test_wiring import App
from tui.config.paths import resolve_paths
from tui.config.settings_file import load_settings
from tui.core.errors import ConfigError
from tui.core.models import Decision, ModelInfo, Outcome, RunState
from tui.core.ports import ApprovalPolicy
from tui.tools.policy import ReadOnlyPolicy
from tui.wiring import start_backend


def _chunk(text: str) -> bytes:
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": None if text else "stop"}
    return b"data: " + json.dumps({"id": "c", "choices": [choice]}).encode() + b"\n\n"


async def _answered(request: Request) -> Reply:
    if request.method == "GET":
        return Reply.json({"data": [{"id": "first", "context_length": 4096}, {"id": "second"}]})
    return Reply.sse(_chunk(f"I am {request.body['model']}."), _chunk(""), b"data: [DONE]\n\n")


@contextmanager
def _app(text: str, policy: ApprovalPolicy | None = None) -> Iterator[App]:
    paths = resolve_paths()
    paths.config.mkdir(parents=True, exist_ok=True)
    paths.config_file.write_text(f"[sandbox]\nrate = 0\n{text}", encoding="utf-8")
    backend = start_backend(
        paths=paths,
        settings=load_settings(paths.config_file),
        policy=policy or ReadOnlyPolicy(),
        hide=lambda _: None,
    )
    try:
        yield App(backend)
    finally:
        backend.close()


def _local(url: str, name: str = "here") -> str:
    return f"[profiles.{name}]\npreset = 'ollama'\nbase_url = '{url}'\n"


async def test_models_of_a_server_and_of_the_sandbox() -> None:
    async with HttpPeer(_answered) as peer:
        with _app(_local(peer.url)) as app:
            offered = await app.services.catalog.models("here")
            built_in = await app.services.catalog.models("sandbox")
            with pytest.raises(ConfigError, match="no profile 'there'"):
                await app.services.catalog.models("there")
    assert offered == (ModelInfo(id="first", context_window=4096), ModelInfo(id="second"))
    assert [model.id for model in built_in] == ["sandbox"]


async def test_a_new_default_answers_new_threads_at_once_and_after_a_restart() -> None:
    async with HttpPeer(_answered) as peer:
        config = _local(peer.url)
        with _app(config) as app:
            assert (await app.ask("Hi", thread="old")).profile == "sandbox"
            await app.services.catalog.make_default("here", "second")
            assert (await app.services.catalog.profiles())[0].name == "here"
            assert (await app.ask("Hi", thread="new")).outcome is Outcome.COMPLETED
            assert (await app.transcript("new")).path()[-1].text == "I am second."
            assert (await app.ask("Again", thread="old")).profile == "sandbox"
        with _app(config) as app:
            run = await app.ask("Hi", thread="newer")
    assert (run.profile, run.model) == ("here", "second")


async def test_a_password_manager_that_takes_long_holds_up_nobody_else(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    async with HttpPeer(_answered) as peer:
        slow = f"{_local(peer.url, 'slow')}key_command = 'cat {gate}'\n"
        with _app(slow + _local(peer.url, "quick")) as app:
            asked = asyncio.create_task(app.ask("Hi", thread="a", profile="slow"))
            for profile in ("sandbox", "quick"):
                run = await app.ask("Hi", thread=profile, profile=profile)
                assert run.outcome is Outcome.COMPLETED
            assert not asked.done()
            await asyncio.to_thread(gate.write_text, "the-key\nmore\n")
            assert (await asked).outcome is Outcome.COMPLETED
        keys = [each.headers.get("authorization") for each in peer.requests]
    assert keys[-1] == "Bearer the-key"
    assert None in keys


async def test_a_run_whose_profile_speaks_another_protocol_after_a_restart_goes_on() -> None:
    """Begun over Assistants, with a call that waits for its decision; answered over Chat."""
    async with HttpPeer(_answered) as peer:
        with _app("[profiles.work]\npreset = 'sandbox'\n", AskAlways()) as app:
            run_id = await app.send("What is 17*23?", profile="work")
            watcher = await Watcher.of(app)
            await watcher.until(lambda t: t.runs[run_id].state is RunState.WAITING)
            app.backend.close(cancel=False)
        with _app(_local(peer.url, "work")) as app:
            (call,) = (await app.transcript()).calls_of(run_id)
            yes = Decision(approved=True, by="user")
            await app.services.conversations.decide("t", run_id, call.call_id, yes)
            transcript = await app.until_done(run_id)
    assert transcript.runs[run_id].outcome is Outcome.COMPLETED
    assert str(transcript.calls[run_id, call.call_id].output) == "391"
    assert transcript.path()[-1].text == "I am sandbox."
    asked, answer, said = peer.requests[-1].body["messages"][-3:]
    assert (asked["content"], said["content"]) == ("What is 17*23?", "391")
    assert answer["tool_calls"][0]["id"] == said["tool_call_id"]
