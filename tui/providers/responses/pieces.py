"""Text that streams in numbered pieces, such as the paragraphs of a summary, joined as it comes."""

from __future__ import annotations

from tui.providers.fields import Joiner, well_formed


class Pieces:
    """``separator`` stands between the pieces; deltas of a piece can be cut anywhere."""

    __slots__ = ("_separator", "_streamed", "_whole")

    def __init__(self, separator: str = "") -> None:
        self._separator = separator
        self._streamed: dict[int, Joiner] = {}
        self._whole: dict[int, str] = {}

    def take(self, at: int, delta: str) -> str:
        """What is to be shown now that ``delta`` of piece ``at`` came."""
        if not delta:
            return ""
        first = at not in self._streamed
        shown = self._streamed.setdefault(at, Joiner()).take(delta)
        return self._separator + shown if first and len(self._streamed) > 1 else shown

    def settle(self, at: int, whole: str) -> str:
        """Piece ``at`` is over and is this; what is to be shown if no delta of it came."""
        if not whole:
            return ""
        self._whole[at] = str(well_formed(whole))
        return "" if at in self._streamed else self.take(at, whole)

    @property
    def joined(self) -> str:
        """Everything as far as it is known."""
        streamed = {at: joiner.joined for at, joiner in self._streamed.items()}
        return self._separator.join(text for _, text in sorted((streamed | self._whole).items()))
