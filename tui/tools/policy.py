"""Which calls run without asking: read-only tools; the rest is for a person or a flag."""

from __future__ import annotations

from dataclasses import dataclass

from tui.core.models import Decision, ToolSpec
from tui.core.ports import Ask
from tui.core.thread import ToolCall

_READ_ONLY = Decision(approved=True, by="policy", reason="read-only tool")


@dataclass(frozen=True, slots=True)
class ReadOnlyPolicy:
    """For the app: read-only tools run, every other call asks."""

    def decide(self, call: ToolCall, spec: ToolSpec | None) -> Decision | Ask:
        return _READ_ONLY if spec is not None and spec.read_only else Ask()


@dataclass(frozen=True, slots=True)
class UnattendedPolicy:
    """For the command line, where nobody can be asked: ``yes`` is what ``--yes`` said."""

    yes: bool = False

    def decide(self, call: ToolCall, spec: ToolSpec | None) -> Decision | Ask:
        if spec is not None and spec.read_only:
            return _READ_ONLY
        if self.yes:
            return Decision(approved=True, by="flag", reason="--yes")
        return Decision(
            approved=False,
            by="policy",
            reason=f"{call.name} is not read-only, so running it unattended needs --yes",
        )
