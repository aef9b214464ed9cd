"""The inspector as it looks, in every state that a reader meets, and what must be legible."""

from __future__ import annotations

from typing import Any

import pytest
from textual.pilot import Pilot

from tests.ui.inspector.scenes import SCENES, Scene

# What the picture has to say, beside looking as it did.
_SAID = {
    "nothing": ("No run yet",),
    "one-streaming": ("write_file", "streaming", "266 chars", '"path": "circle.py"'),
    "four-streaming": ("(4)", "get_weather", "streaming", '"longitude": -139.69', '"days": 8'),
    "eight-streaming": ("(8)", *(f"lookup_{number}" for number in range(8))),
    "done": ("completed", "✓ list_files", "→ 391", "1.27 s", "approved by you"),
    "done-selected": ("id call_b", "approved by policy", "→ 391"),
    "done-light": ("id call_b", "→ 391"),
    "failed": ("✗ Unknown time zone", "not valid JSON from character 18", "denied by you", "␛[31m"),
    "wire": ("(30)", "+1.149", "requires_action", "+1.150", "done"),
    "wire-event": ('"arguments": ": \\"Tok"', "26 · thread.run.step.delta · 155 B"),
    "wire-light": ('"arguments": ": \\"Tok"',),
}


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.name)
def test_picture(scene: Scene, snap_compare: Any) -> None:
    host = scene.host()

    async def play(pilot: Pilot[None]) -> None:
        await scene.play(pilot)
        await pilot.pause()
        text = host.text()
        for words in _SAID[scene.name.rpartition("-")[0]]:
            assert words in text, text

    assert snap_compare(host, terminal_size=scene.size, run_before=play)
