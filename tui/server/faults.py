"""Faults of the wire, played for the sandbox: the stream breaks, the run goes on behind it."""

from __future__ import annotations

from collections.abc import Callable

from tui.core.models import JsonObject, Outcome
from tui.core.ports import WireFault
from tui.server.broadcast import Broadcast, Ending, Pause
from tui.server.wire import encode_frame

_DEFAULT_MESSAGE = "The server had an error while processing your request."


def error_event(message: str, code: str = "server_error") -> JsonObject:
    """The data of an ``error`` event."""
    return {"message": message, "type": code, "param": None, "code": code}


def play(fault: WireFault, broadcast: Broadcast) -> Outcome | None:
    """Do to the run's streams what was asked for; an outcome ends the run."""
    _FAULTS[fault.kind](fault, broadcast)
    return Outcome.FAILED if fault.kind == "error_event" else None


def _disconnect(_fault: WireFault, broadcast: Broadcast) -> None:
    broadcast.end(Ending.BROKEN)


def _truncate(_fault: WireFault, broadcast: Broadcast) -> None:
    broadcast.end(Ending.CLEAN)


def _stall(fault: WireFault, broadcast: Broadcast) -> None:
    broadcast.send(Pause(fault.seconds))


def _malformed(_fault: WireFault, broadcast: Broadcast) -> None:
    broadcast.send(b'event: thread.message.delta\ndata: {"id":"msg_broken","delta":{"con\n\n')


def _unknown_event(fault: WireFault, broadcast: Broadcast) -> None:
    name = "thread.sandbox.unheard_of"
    data = {"object": name, "message": fault.message or "No client knows this event."}
    broadcast.send(encode_frame(name, data))


def _error_event(fault: WireFault, broadcast: Broadcast) -> None:
    broadcast.send(encode_frame("error", error_event(fault.message or _DEFAULT_MESSAGE)))


_FAULTS: dict[str, Callable[[WireFault, Broadcast], None]] = {
    "disconnect": _disconnect,
    "truncate": _truncate,
    "stall": _stall,
    "malformed": _malformed,
    "unknown_event": _unknown_event,
    "error_event": _error_event,
}
