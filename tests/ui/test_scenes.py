"""Snapshots of the scenes, each with what a person must read and where the keys go."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from textual.pilot import Pilot

from tests.ui.driving import focused, make_app, screen_text, status, text_of
from tests.ui.fakes import FakeBackend
from tests.ui.scenes import SCENES, Scene
from tui.ui.leaving import Leaving

# What the whole screen, the conversation, the inspector and the status line must say.
READS: dict[str, dict[str, tuple[str, ...]]] = {
    "first-start": {
        "#chat": ("New thread", "Ctrl+G", "F1", "Ctrl+P finds every action"),
        "#status": ("sandbox",),
    },
    "streaming-answer": {
        "#chat": ("Clocks and products", "from zoneinfo import", "now = dateti"),
        "#status": ("Answering · 3 s · 2 rounds",),
    },
    "parallel-calls": {
        "#chat": ("○ current_time ready", "◌ search_flights streaming, 52 chars"),
        "#status": ("Answering · 1 s",),
    },
    "approval": {
        "#approval": ("Run send_mail?", "1 more", '"to": "ada@example.org"'),
        "#composer": ("and then",),
        "#status": ("Waiting for you",),
    },
    "raw-events": {"#inspector": ("run.created", "run.step.delta")},
    "failed-run": {
        "#chat": ("✗ current_time", "too many requests in this minute", "press F5"),
        "#status": ("Failed",),
    },
    "threads-overlay": {"#threads": ("● Release notes for 0.3", "• Why is the sky blue?")},
    "inspector-overlay": {"#inspector": ("search_flights", "NRT")},
    "light": {"#chat": ("Both cities were asked at the same moment",), "#status": ("412 in",)},
    "keys": {},
    "interrupted": {
        "#chat": ("! send_mail started; whether", "□ search_flights cut off", "Interrupted:"),
        "#interrupted": ("F8 go on, F5 try again, F9 leave it", "not run again: send_mail"),
        "#status": ("Interrupted",),
    },
    "interrupted-light": {"#interrupted": ("F8 go on",)},
    "approval-after-restart": {
        "#approval": ("Run send_mail?", "deciding goes on", '"to": "ada@example.org"'),
        "#chat": ("Interrupted: Tickertape ended",),
    },
    "queued": {
        "#queue": ("after this answer", "1 And in Reykjavík?", "2 Put all three"),
        "#composer": ("then",),
    },
    "queue-kept": {
        "#queue": ("Enter sends the first, ↑ takes one back.", "1 And in Reykjavík?"),
        "#chat": ("Cancelled",),
    },
    "quitting": {},
    "private": {
        "#chat": ("◇ A surprise party?", "On a Tuesday nobody"),
        "#composer": ("Private: not on disk, gone when Tickertape ends",),
    },
    "not-saved": {"#storage": ("The disk is full", "kept in memory and tried again.")},
    "picker": {},
    "picker-filtered": {},
    "picker-light": {},
    "finds": {"#chat": ("openai: OPENAI_API_KEY is set (gpt-5.1)", "F3 talks to openai")},
    "finds-light": {"#chat": ("ollama: answers at 127.0.0.1:11434",)},
    "partial": {"#chat": ("limit of tokens. F8 goes on from here, F5 tries again.",)},
    "partial-light": {"#chat": ("F8 goes on from here",)},
    "sources": {
        "#chat": ("answer 2 of 2", "[1] Time in Tokyo", "[2] offsets.csv", "✓ web_search"),
        "#status": ("cost 0.0002868", "sandbox"),
    },
    "sources-light": {"#chat": ("work · gpt-5-mini answers below",)},
    "trimmed": {"#chat": ("The model no longer sees what is above", "further east")},
    "trimmed-light": {"#chat": ("The model no longer sees what is above",)},
    "remote-approval": {
        "#chat": ("Refused: I cannot", "read_file @files.example.org"),
        "#approval": ("at the provider's server files.example.org",),
    },
    "retrying": {"#chat": ("Trying again in 30 s (attempt 1)", "Esc twice gives up.")},
    "elsewhere": {"#status": ("Another Tickertape is answering here",)},
}
# Dialogs have no pane of their own to look into.
DIALOGS = {
    "keys": "Approve the tool call",
    "quitting": "2 answers are still being written.",
    "picker": "10.0.0.7:8000 does not answer. Start its server.",
    "picker-filtered": "o4-mini",
    "picker-light": "answers at 127.0.0.1:11434",
}
FOCUS = {
    "threads-overlay-80x24": "thread-list",
    "inspector-overlay-80x24": "calls",
    "raw-events-80x24": "wire",
}


def _assert_reads(pilot: Pilot[Leaving], scene: Scene) -> None:
    kind = scene.name.rpartition("-")[0]
    for selector, texts in READS[kind].items():
        said = " ".join(text_of(pilot, selector).split())
        for text in texts:
            assert text in said, f"{text!r} is missing in {selector}:\n{screen_text(pilot)}"
    if kind in DIALOGS:
        assert DIALOGS[kind] in screen_text(pilot)
    else:
        assert focused(pilot) == FOCUS.get(scene.name, "composer")
        assert status(pilot)


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.name)
def test_scene(scene: Scene, snap_compare: Callable[..., Any]) -> None:
    backend = FakeBackend()
    scene.prepare(backend)

    async def run_before(pilot: Pilot[Leaving]) -> None:
        await scene.run(pilot, backend)
        _assert_reads(pilot, scene)

    assert snap_compare(make_app(backend), terminal_size=scene.size, run_before=run_before)
