"""What kind of change to the conversation each event is."""

from __future__ import annotations

from tui.core import events as e

OF_PART = (
    e.TextDelta,
    e.ArgumentsDelta,
    e.PartStarted,
    e.PartFinished,
    e.ToolStatusChanged,
    e.AnnotationAdded,
)
OF_CALL = (
    e.ApprovalRequested,
    e.ApprovalDecided,
    e.ToolStarted,
    e.ToolOutputDelta,
    e.ToolFinished,
)
OF_STRUCTURE = (
    e.MessageAdded,
    e.MessageStarted,
    e.LeafSelected,
    e.RunStarted,
    e.ContextTrimmed,
)
OF_EVERYTHING = (e.RunFinished, e.RunInterrupted, e.RunResumed, e.TurnFinished)
