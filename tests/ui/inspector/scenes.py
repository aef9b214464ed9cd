"""What the pictures show: one script for each state of a run that a reader meets."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from textual.pilot import Pilot

from tests.ui.inspector.host import Host, Script
from tui.core.events import ApprovalRequested
from tui.core.models import Outcome, Problem
from tui.ui.themes import DARK, LIGHT

Play = Callable[[Pilot[None]], Awaitable[None]]
SMALL, LARGE = (40, 40), (70, 50)
CODE = 'import math\n\ndef area(radius: float) -> float:\n    """Area of a circle."""\n'


async def still(pilot: Pilot[None]) -> None:
    """Nothing is pressed."""


@dataclass(frozen=True)
class Scene:
    """A script, what is pressed, and how large the terminal is."""

    name: str
    size: tuple[int, int]
    make: Callable[[], Script]
    play: Play = still
    theme: str = DARK

    def host(self) -> Host:
        """The app to run."""
        return Host(self.make(), self.theme)


def nothing() -> Script:
    """No run yet."""
    return Script()


def one_streaming() -> Script:
    """A call in the middle of a string."""
    script = Script()
    script.begin()
    script.call("call_7Hq2", "write_file")
    whole = json.dumps({"path": "circle.py", "mode": "create", "content": CODE * 3, "backup": True})
    for at in range(0, len(whole) - 60, 7):
        script.more("call_7Hq2", whole[at : at + 7])
    return script


def four_streaming() -> Script:
    """Four calls at once, each a different distance along."""
    script = Script()
    script.begin()
    cities = ("Tokyo", "Paris", "São Paulo", "Reykjavík")
    for number, city in enumerate(cities):
        script.call(f"call_{number}", "get_weather")
        whole = json.dumps(
            {
                "city": city,
                "units": "metric",
                "days": 5 + number,
                "fields": ["temperature", "wind", "humidity", "rain"],
                "place": {"latitude": 35.68, "longitude": -139.69, "exact": None},
            },
            ensure_ascii=False,
        )
        script.more(f"call_{number}", whole[: len(whole) - 35 * number])
    return script


def eight_streaming() -> Script:
    """Eight at once."""
    script = Script()
    script.begin()
    for number in range(8):
        script.call(f"call_{number}", f"lookup_{number}")
        script.more(f"call_{number}", json.dumps({"key": "k" * (number + 3), "n": list(range(9))}))
        script.more(f"call_{number}", "", 0.05)
    return script


def done() -> Script:
    """Two rounds, every way a call can end well."""
    script = Script()
    script.begin()
    script.call("call_a", "current_time", '{"timezone": "Asia/Tokyo"}')
    script.need("call_a")
    script.decide("call_a", approved=True, by="policy")
    script.run_tool("call_a", "2026-11-20 14:05:09 JST", 0.004)
    script.next_round(2)
    script.call("call_b", "calculate", '{"expression": "17*23"}')
    script.call("call_c", "list_files", '{"path": "src", "recursive": true}')
    script.call("call_d", "send_mail", '{"to": "ada@example.org", "subject": "Results"}')
    script.need("call_b", "call_c", "call_d")
    for call_id in ("call_b", "call_c"):
        script.decide(call_id, approved=True, by="policy")
    script.put(ApprovalRequested(call_id="call_d"))
    script.run_tool("call_b", "391", 0.001)
    files = {"files": [{"name": f"part{n}.py", "bytes": 400 * n} for n in range(1, 4)]}
    script.run_tool("call_c", json.dumps(files), 1.274)
    script.decide("call_d", approved=True)
    script.run_tool("call_d", "Sent to ada@example.org.\nMessage id 81.", 0.312)
    script.next_round(3)
    script.finish()
    return script


def failed() -> Script:
    """Every way a call can go wrong, and a run that failed after it."""
    script = Script()
    script.begin()
    script.call("call_a", "current_time", '{"timezone": "Mars/Olympus"}')
    script.call("call_b", "calculate", '{"expression": 17*23}')
    script.call("call_c", "delete_files", '{"pattern": "*"}')
    script.call("call_d", "fetch_page", '{"url": "https://example.org/"}')
    script.need("call_a", "call_b", "call_c", "call_d")
    script.run_tool("call_a", "Unknown time zone: Mars/Olympus", 0.003, error=True)
    script.run_tool("call_b", "The arguments are not valid JSON.", 0.0, error=True)
    script.put(ApprovalRequested(call_id="call_c"))
    script.decide("call_c", approved=False, reason="not in this directory")
    script.run_tool("call_d", "\x1b[31mred\x1b[0m \u202egnp.exe\u202c\x07 plain", 0.4)
    problem = Problem(code="server_error", message="The server gave up.")
    script.finish(Outcome.FAILED, error=problem)
    return script


def wire() -> Script:
    """The raw events of a short run."""
    script = Script()
    script.begin()
    run = {"id": "run_1", "object": "thread.run", "status": "in_progress", "model": "sandbox"}
    script.raw("thread.run.created", run | {"status": "queued"}, 0.021)
    script.raw("thread.run.queued", run | {"status": "queued"})
    script.raw("thread.run.in_progress", run)
    script.raw("thread.run.step.created", {"id": "step_1", "type": "tool_calls"}, 0.3)
    for number, piece in enumerate(['{"city"', ': "Tok', 'yo"}'] * 8):
        call = {"index": number % 2, "type": "function", "function": {"arguments": piece}}
        delta = {"step_details": {"type": "tool_calls", "tool_calls": [call]}}
        script.raw("thread.run.step.delta", {"id": "step_1", "delta": delta}, 0.031)
    script.raw("thread.run.requires_action", run | {"status": "requires_action"}, 0.044)
    script.raw("done", "[DONE]", 0.001)
    return script


async def to_wire(pilot: Pilot[None]) -> None:
    """The second tab, following."""
    await pilot.press("tab", "2")


async def to_event(pilot: Pilot[None]) -> None:
    """An event opened below the list."""
    await pilot.press("tab", "2", "up", "up", "up", "up")


async def select_second(pilot: Pilot[None]) -> None:
    """A call chosen by keys."""
    await pilot.press("tab", "home", "down")


def _both(name: str, make: Callable[[], Script], play: Play = still) -> list[Scene]:
    sizes = (SMALL, LARGE)
    return [Scene(f"{name}-{size[0]}x{size[1]}", size, make, play) for size in sizes]


SCENES: tuple[Scene, ...] = (
    *_both("nothing", nothing),
    *_both("one-streaming", one_streaming),
    *_both("four-streaming", four_streaming),
    *_both("eight-streaming", eight_streaming),
    *_both("done", done),
    *_both("done-selected", done, select_second),
    *_both("failed", failed),
    *_both("wire", wire, to_wire),
    *_both("wire-event", wire, to_event),
    Scene("done-light-70x50", LARGE, done, select_second, LIGHT),
    Scene("wire-light-40x40", SMALL, wire, to_event, LIGHT),
)
