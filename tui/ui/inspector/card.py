"""One tool call as the inspector shows it: a heading, and below it all that belongs to it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from rich.cells import cell_len, set_cell_size

from tui.core.models import MessageId, ToolOrigin, ToolState
from tui.core.thread import Run, ToolCall
from tui.ui.inspector.document import MOST, Document, output_document
from tui.ui.inspector.lines import ScreenRow, Scroll, Tone
from tui.ui.inspector.measure import characters, duration
from tui.ui.inspector.rows import Rows
from tui.ui.thumb import thumb_rows
from tui.ui.wording import UNKNOWN_EFFECT, one_line, tool_symbol

_BAR = "│ "
# From this width on there is room for whole words.
_WIDE = 56
# A name up to this long is worth more than the size or the duration.
_WHOLE_NAME = 20
_GUTTER = 2
# Characters of what is said about a call; ids and reasons come from elsewhere, too.
_NOTE = 2000
_ROOM_FOR_TIMES = 3
_TONES: dict[ToolState, Tone] = {
    ToolState.STREAMING: "active",
    ToolState.WAITING: "active",
    ToolState.APPROVAL: "ask",
    ToolState.RUNNING: "active",
    ToolState.INTERRUPTED: "bad",
    ToolState.DONE: "good",
    ToolState.FAILED: "bad",
    ToolState.DENIED: "bad",
    ToolState.CANCELLED: "note",
}
_LONG_WORDS = {
    ToolState.STREAMING: "arguments streaming",
    ToolState.APPROVAL: "waits for approval",
}
_SHORT_WORDS = {ToolState.STREAMING: "streaming", ToolState.APPROVAL: "approve?"}
# The same in a run that does not go on just now.
_STILL_WORDS = {ToolState.STREAMING: "cut off", ToolState.WAITING: "not started"}
_ORIGINS = {
    ToolOrigin.CLIENT: "",
    ToolOrigin.HOSTED: ", runs at the provider",
    ToolOrigin.REMOTE_MCP: ", runs at an MCP server",
}
_DECIDERS = {"user": "you", "policy": "policy", "flag": "--yes"}


class _Section(NamedTuple):
    """Rows with a sign of their own before the first of them.

    ``text_tone`` replaces the colours that the rows bring along.
    """

    rows: Rows
    sign: str
    tone: Tone
    text_tone: Tone | None = None


class Card:
    """A call with its documents, which are made when it is first shown open."""

    def __init__(self, call: ToolCall, run: Run | None, batch: MessageId) -> None:
        self.call = call
        self._run = run
        self.batch = batch
        self._scroll: Scroll | None = None
        self._arguments: Document | None = None
        self._printed: Document | None = None
        self._output: Document | None = None

    # --- what happens to it ----------------------------------------------------------------

    def more_arguments(self, fragment: str) -> None:
        """A fragment that the call holds by now."""
        if self._arguments is not None:
            self._arguments.feed(fragment)

    def more_printed(self, text: str) -> None:
        """What the running tool wrote, which the call holds by now."""
        if self._printed is not None:
            self._printed.feed(text)

    def check(self) -> None:
        """Something final was said about the call, perhaps a correction."""
        if self._arguments is not None:
            self._arguments.replace(str(self.call.arguments))
        self._output = None

    def work(self, until: float) -> bool:
        """Lay out what is still to be, until that moment; whether something is left."""
        documents = [each for each in (self._arguments, self._printed, self._output) if each]
        for document in documents:
            document.work(until)
        return any(document.behind for document in documents)

    def scroll(self, by: int, height: int, width: int, *, selected: bool) -> None:
        """The reader moves what is shown in ``height`` rows; at its end it follows again."""
        sections = self._sections(width, selected)
        height -= self._foot(height)
        self._scroll = Scroll(self._first(sections, height))
        self._scroll.move(by, _count(sections), height)

    # --- what is shown ---------------------------------------------------------------------

    def heading(self, width: int, *, selected: bool) -> ScreenRow:
        """State, name, state in words, and size or duration, as far as they fit."""
        call, live = self.call, self._run is not None and self._run.active
        tone = _TONES[call.state] if live or call.state not in _STILL_WORDS else "note"
        word, measure = _word(call, width, live=live), _measure(call)
        name = one_line(call.name + (f" @{call.server}" if call.server else ""), 80)
        for facts in ([word, measure], [word], []):
            right = "  ".join(filter(None, facts))
            room = width - 3 - len(right) - 3 * bool(right)
            if room >= min(cell_len(name), _WHOLE_NAME) or not facts:
                break
        room = max(0, room)
        shown = name if cell_len(name) <= room else set_cell_size(name, max(0, room - 1)) + "…"
        gap = " " * (max(0, room - cell_len(shown)) + 2 * bool(right))
        symbol = tool_symbol(call, live=live)
        pieces: list[tuple[str, Tone]] = [(f" {symbol} ", tone), (shown, "name")]
        if right:
            pieces += [(gap + word, tone), (right.removeprefix(word), "note")]
        return ScreenRow(tuple(pieces), "cursor" if selected else "head")

    def need(self, width: int, *, selected: bool) -> int:
        """How many rows the body could use."""
        return _count(self._sections(width, selected)) + bool(self._times())

    def body(self, width: int, height: int, *, selected: bool) -> list[ScreenRow]:
        """Exactly ``height`` rows, if that is at most what it needs."""
        foot = self._foot(height)
        height -= foot
        sections = self._sections(width, selected)
        first = self._first(sections, height)
        marks = thumb_rows(first, _count(sections), height)
        bar: Tone = "active" if selected else "gutter"
        rows = [
            row._replace(thumb=place in marks)
            for place, row in enumerate(_slice(sections, first, height, bar))
        ]
        if foot:
            times = self._times()
            if len(times) > width - _GUTTER:
                times = times.replace(" → ", "→")
            rows.append(ScreenRow((("╵ ", bar), (times, "note"))))
        return rows

    def _foot(self, height: int) -> int:
        """The line with the times stays in view where there is room for more than it."""
        return 1 if height >= _ROOM_FOR_TIMES and self._times() else 0

    def _first(self, sections: Sequence[_Section], height: int) -> int:
        total = _count(sections)
        end = max(0, total - height)
        if self._scroll is not None:
            return self._scroll.first(total, height)
        if not self.call.finished or not len(self.call.output):
            return end
        # The beginning of the output, below the end of the arguments.
        before = total - len(sections[-1].rows)
        return min(end, max(0, before - height // 2))

    def _sections(self, width: int, selected: bool) -> list[_Section]:
        inner = max(1, width - _GUTTER - 1)
        notes = self._notes(selected=selected)
        sections = [_Section(_wrapped(text, inner), _BAR, "gutter", tone) for text, tone in notes]
        arguments = self._argument_document()
        if len(arguments.raw):
            sections.append(_Section(arguments.rows(inner), _BAR, "gutter"))
            sections += _left_out(arguments, inner)
        if arguments.problem:
            sections.append(_Section(_wrapped(arguments.problem, inner), "✗ ", "bad", "bad"))
        if len(self.call.printed):
            sections.append(_Section(self._printed_document().rows(inner), "┄ ", "gutter", "note"))
        if len(self.call.output):
            bad = self.call.is_error or self.call.state is ToolState.FAILED
            output = self._output_document()
            rows = output.rows(inner)
            sections += _left_out(output, inner)
            sections.append(_Section(rows, "✗ " if bad else "→ ", "bad" if bad else "good"))
        return sections

    def _argument_document(self) -> Document:
        call = self.call
        if self._arguments is None:
            lenient = call.origin is not ToolOrigin.CLIENT
            self._arguments = Document(str(call.arguments), lenient=lenient)
        elif len(self._arguments.raw) != len(call.arguments):
            self._arguments.replace(str(call.arguments))
        return self._arguments

    def _printed_document(self) -> Document:
        printed = self.call.printed
        if self._printed is None or len(self._printed.raw) != len(printed):
            self._printed = Document(str(printed), plain=True)
        return self._printed

    def _output_document(self) -> Document:
        call = self.call
        if self._output is None or len(self._output.raw) != len(call.output):
            self._output = output_document(str(call.output), finished=call.finished)
        return self._output

    def _notes(self, *, selected: bool) -> list[tuple[str, Tone]]:
        call, notes = self.call, list[tuple[str, Tone]]()
        if selected:
            notes.append((f"id {call.call_id}{_ORIGINS[call.origin]}", "note"))
        decision = call.decision
        if decision is not None and (selected or not decision.approved or decision.by == "user"):
            verb = "approved" if decision.approved else "denied"
            why = f": {decision.reason}" if decision.reason else ""
            by = _DECIDERS.get(decision.by, decision.by)
            notes.append((f"{verb} by {by}{why}", "note" if decision.approved else "bad"))
        if call.state is ToolState.INTERRUPTED:
            notes.append((UNKNOWN_EFFECT, "bad"))
        if call.status and not call.finished:
            notes.append((call.status.replace("_", " "), "note"))
        return notes

    def _times(self) -> str:
        call = self.call
        marks = (
            ("args", call.first_delta_mono, call.arguments_done_mono),
            ("wait", call.arguments_done_mono, call.started_mono),
            ("run", call.started_mono, call.finished_mono),
            (
                "result",
                None if call.started_mono is not None else call.arguments_done_mono,
                call.finished_mono,
            ),
        )
        return " → ".join(
            f"{name} {duration(end - begin)}"
            for name, begin, end in marks
            if begin is not None and end is not None
        )


def _count(sections: Sequence[_Section]) -> int:
    return sum(len(section.rows) for section in sections)


def _slice(sections: Sequence[_Section], first: int, height: int, bar: Tone) -> Iterator[ScreenRow]:
    """``height`` rows from row ``first`` on."""
    for section in sections:
        count = len(section.rows)
        for index in range(max(0, first), min(count, first + height)):
            begins = index == 0 and section.sign != _BAR
            sign: tuple[str, Tone] = (section.sign, section.tone) if begins else (_BAR, bar)
            pieces = section.rows[index]
            if section.text_tone is not None:
                text = "".join(each for each, _ in pieces)
                yield ScreenRow((sign, (text, section.text_tone)))
            else:
                yield ScreenRow((sign, *pieces))
        shown = max(0, min(count, first + height) - max(0, first))
        height -= shown
        first = max(0, first - count)


def _left_out(document: Document, width: int) -> list[_Section]:
    if not document.hidden:
        return []
    text = f"the first {MOST:,} characters; {document.hidden:,} more can be copied"
    return [_Section(_wrapped(text, width), _BAR, "gutter", "note")]


def _wrapped(text: str, width: int) -> Rows:
    return Document(text[:_NOTE], plain=True).rows(width)


def _word(call: ToolCall, width: int, *, live: bool) -> str:
    if not live and call.state in _STILL_WORDS:
        return _STILL_WORDS[call.state]
    words = _LONG_WORDS if width >= _WIDE else _SHORT_WORDS
    return words.get(call.state, call.state.value)


def _measure(call: ToolCall) -> str:
    if call.state is ToolState.STREAMING:
        return characters(len(call.arguments))
    if call.first_delta_mono is None or call.finished_mono is None:
        return ""
    return duration(call.finished_mono - call.first_delta_mono)
