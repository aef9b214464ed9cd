"""What a reader does in the conversation besides moving: mark a message, copy, open, select."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import ClassVar, TypeVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.strip import Strip

from tui.core.models import CallId, MessageId, Role, RunId
from tui.core.sanitise import safe_link
from tui.core.thread import Part
from tui.ui.chat.column import Spot
from tui.ui.chat.contents import Code, calls, codes, links
from tui.ui.chat.entries import MessageRow, Row
from tui.ui.chat.finding import Match, is_on, spans, spot_of
from tui.ui.chat.links import LinksScreen
from tui.ui.chat.log import LEFT
from tui.ui.chat.row_lines import MessageLines, RowLines
from tui.ui.chat.sections import CALL, COPY, FOLD, Answer
from tui.ui.chat.selecting import SelectableLog, highlighted
from tui.ui.copied import Copied
from tui.ui.markdown import Ink

_CONTEXT = 2  # lines that stay in view around what a key leads to
_T = TypeVar("_T")


class ReadableLog(SelectableLog):
    """Keys act on the marked message; without a mark in view on the lowest one in view.

    The mark is a bar to the left of the message, drawn while the conversation has the focus.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left_square_bracket,ctrl+up", "mark(-1)", "Mark the message above", show=False),
        Binding("right_square_bracket,ctrl+down", "mark(1)", "Mark the message below", show=False),
        Binding("left_curly_bracket", "mark(-1, True)", "Mark the question above", show=False),
        Binding("right_curly_bracket", "mark(1, True)", "Mark the question below", show=False),
        Binding("c", "copy", "Copy the selection, or the message", show=False),
        Binding("b", "copy_code", "Copy its code; again: the next block", show=False),
        Binding("o", "open_link", "Open its link", show=False),
        Binding("enter", "inspect", "Inspect its tool call; again: the next", show=False),
    ]

    class CallSelected(Message):
        """The reader wants to see this call in the inspector."""

        def __init__(self, run_id: RunId, call_id: CallId) -> None:
            super().__init__()
            self.run_id = run_id
            self.call_id = call_id

    class FoldAsked(Message):
        """The reader wants to see a part's text, or no longer."""

        def __init__(self, part: Part) -> None:
            super().__init__()
            self.part = part

    class NothingThere(Message):
        """A key asked for what the message does not have; ``remark`` says so."""

        def __init__(self, remark: str) -> None:
            super().__init__()
            self.remark = remark

    def __init__(self, make: Callable[[Row], RowLines], guess: Callable[[Row, int], int]) -> None:
        super().__init__(make, guess)
        self._marked: MessageId | None = None
        self._code: Code | None = None
        self._call: CallId | None = None
        self._pattern: re.Pattern[str] | None = None
        self._found: Match | None = None

    # --- the mark --------------------------------------------------------------------------

    @property
    def marked(self) -> MessageLines | None:
        """The marked message, while it is in view and the keys go here."""
        places = self._messages_in_view() if self.has_focus else []
        found = (place for place in places if self._is_marked(place))
        return next((self._message(place) for place in found), None)

    def action_mark(self, step: int, questions: bool = False) -> None:
        """Mark the message above (-1) or below (1); or the next one that the reader wrote."""
        places = self._messages_in_view()
        if not places:
            return
        here = next((place for place in places if self._is_marked(place)), None)
        place = places[0 if step > 0 else -1] if here is None else here + step
        rows = self.column.rows
        while 0 <= place < len(rows) and not self._may_be_marked(place, questions):
            place += step
        if 0 <= place < len(rows):
            self._mark(place)

    def _may_be_marked(self, place: int, questions: bool) -> bool:
        row = self.column.rows[place]
        if not isinstance(row, MessageRow) or not self.column.height_of(place):
            return False
        return not questions or (row.headed and self._message(place).message.role is Role.USER)

    def _mark(self, place: int) -> None:
        row = self.column.rows[place]
        if isinstance(row, MessageRow) and row.message_id != self._marked:
            self._marked, self._code, self._call = row.message_id, None, None
        view = self.column.view()
        ends = Spot(place, 0), Spot(place, self.column.height_of(place) - 1)
        if not all(end in view for end in ends):
            self.column.go(ends[0])
            self.moved()
        self.restyle()

    def _is_marked(self, place: int) -> bool:
        row = self.column.rows[place]
        return isinstance(row, MessageRow) and row.message_id == self._marked

    def _messages_in_view(self) -> list[int]:
        rows = dict.fromkeys(spot.row for spot in self.column.view())
        return [place for place in rows if isinstance(self.column.rows[place], MessageRow)]

    def _message(self, place: int) -> MessageLines:
        self.column.height_of(place)
        lines = self.column.lines_of(self.column.rows[place])
        assert isinstance(lines, MessageLines)  # what is made of a message
        return lines

    def _at_hand(self) -> tuple[int, MessageLines] | None:
        """The message that a key is about, marked from now on, and its place."""
        places = self._messages_in_view()
        if not places:
            return None
        place = next((place for place in places if self._is_marked(place)), places[-1])
        if not self._is_marked(place):
            self._mark(place)
        return place, self._message(place)

    def _bar(self, y: int) -> str:
        spot = self._spots[y]
        if self._found is not None and is_on(self._found, self._shown[y]):
            return "▎"
        if not (self.has_focus and spot.line and self._is_marked(spot.row)):
            return super()._bar(y)
        return "█" if self._code is not None and self._code.shows(self._shown[y]) else "▎"

    def on_focus(self) -> None:
        """The mark is seen only while keys go here."""
        self.restyle()

    def on_blur(self) -> None:
        """The mark is seen only while keys go here."""
        self.restyle()

    # --- keys that act on a message --------------------------------------------------------

    def action_copy(self) -> None:
        """Copy what is selected, else the source of the message."""
        if self.text_selection is not None:
            self._copy(self.screen.get_selected_text() or "")
            self.screen.clear_selection()
        elif (found := self._at_hand()) is not None:
            self._copy(found[1].message.text)

    def action_copy_code(self) -> None:
        """Copy a block of code; pressed again, the next one."""
        if (found := self._at_hand()) is None:
            return
        place, message = found
        self._code = _next(codes(message), self._code)
        if self._code is None:
            self.post_message(self.NothingThere("There is no code in this message."))
            return
        for line in (self._code.last, self._code.first):
            self.column.reveal(Spot(place, line), _CONTEXT)
        self.moved()
        self.restyle()
        self._copy(self._code.text)

    def action_open_link(self) -> None:
        """Open the link; the reader chooses if there are several."""
        found = self._at_hand()
        targets = [] if found is None else links(found[1])
        if not targets:
            self.post_message(self.NothingThere("There is no link in this message."))
        elif len(targets) == 1:
            self._open(targets[0].url)
        else:
            self.app.push_screen(LinksScreen(targets), self._open)

    def action_inspect(self) -> None:
        """Show a tool call in the inspector; pressed again, the next one."""
        found = self._at_hand()
        called = [] if found is None else calls(found[1])
        last = next((each for each in called if each.call_id == self._call), None)
        call = _next(called, last)
        if call is None:
            self.post_message(self.NothingThere("There is no tool call in this message."))
            return
        self._call = call.call_id
        self.post_message(self.CallSelected(call.run_id, call.call_id))

    def _copy(self, text: str) -> None:
        if text:
            self.app.copy_to_clipboard(text)
        self.post_message(Copied(len(text)))

    def _open(self, url: str | None) -> None:
        if url and (link := safe_link(url)):
            self.app.open_url(link)

    def _first_to_select(self) -> Spot | None:
        marked = (spot for spot in self._spots if spot.line and self._is_marked(spot.row))
        return next(marked, super()._first_to_select())

    # --- what was found --------------------------------------------------------------------

    def show_found(self, pattern: re.Pattern[str] | None, match: Match | None) -> None:
        """Show where the pattern matches, and bring one of the matches into view."""
        self._pattern, self._found = pattern, match
        if match is not None:
            self.column.reveal(spot_of(self.column, match), _CONTEXT)
            self.moved()
        self.restyle()

    def _with_marks(self, strip: Strip, y: int) -> Strip:
        shown, match = self._shown[y], self._found
        for start, end, at in spans(shown, self._pattern):
            is_here = match is not None and match.part is shown.part and match.at == at
            style = self._colours().style(Ink(("here" if is_here else "found",)))
            strip = highlighted(strip, start, end, style)
        return super()._with_marks(strip, y)

    # --- clicking --------------------------------------------------------------------------

    def on_click(self, event: events.Click) -> None:
        """Open a link or a call, fold or unfold, copy code: what the text under it is for."""
        if self.text_selection is not None or not 0 <= event.y < len(self._shown):
            return  # the button was let go at the end of a selection
        shown = self._shown[event.y]
        piece, part = shown.line.piece_at(event.x - LEFT - shown.indent), shown.part
        if piece is None:
            return
        tones = piece.ink.tones
        if CALL in tones and part is not None and part.tool is not None:
            self.post_message(self.CallSelected(part.tool.run_id, part.tool.call_id))
        elif FOLD in tones and part is not None:
            self.post_message(self.FoldAsked(part))
        elif COPY in tones and isinstance(shown.section, Answer):
            self._copy(shown.section.code(shown.line.block))
        else:
            self._open(piece.ink.link)


def _next(things: Sequence[_T], last: _T | None) -> _T | None:
    """The one after the last one; the first after all, or at the beginning."""
    if not things:
        return None
    return things[(things.index(last) + 1) % len(things)] if last in things else things[0]
