"""Text that grows by small pieces without copying what is already there."""

from __future__ import annotations

# So many small pieces are joined to one; each weighs ten times the characters of a token.
_LOOSE = 512


class GrowingText:
    """An append-only text; all of it is joined only when someone reads the whole."""

    __slots__ = ("_joined", "_length", "_pieces", "replaced")

    def __init__(self, text: str = "") -> None:
        self.replaced = 0  # how often what was there became something else
        self._pieces: list[str] = [text] if text else []
        self._joined = 0  # how many of the pieces are many pieces in one
        self._length = len(text)

    def append(self, piece: str) -> None:
        """Add ``piece`` at the end."""
        if not piece:
            return
        self._pieces.append(piece)
        self._length += len(piece)
        if len(self._pieces) - self._joined > _LOOSE:
            self._pieces[self._joined :] = ["".join(self._pieces[self._joined :])]
            self._joined += 1

    def replace(self, text: str) -> None:
        """Drop everything and hold ``text``."""
        self._pieces = [text] if text else []
        self._joined = 0
        self._length = len(text)
        self.replaced += 1

    def head(self, length: int) -> str:
        """Its first characters, at most so many; as cheap as they are few."""
        first: list[str] = []
        missing = length
        for piece in self._pieces:
            if missing <= 0:
                break
            first.append(piece[:missing])
            missing -= len(piece)
        return "".join(first)

    def since(self, start: int) -> str:
        """What stands behind the first ``start`` characters; as cheap as it is short."""
        missing = self._length - start
        newest: list[str] = []
        for piece in reversed(self._pieces):
            if missing <= 0:
                break
            newest.append(piece[-missing:] if len(piece) > missing else piece)
            missing -= len(piece)
        return "".join(reversed(newest))

    def __str__(self) -> str:
        if len(self._pieces) > 1:
            self._pieces = ["".join(self._pieces)]
            self._joined = 1
        return self._pieces[0] if self._pieces else ""

    def __len__(self) -> int:
        return self._length

    def __eq__(self, other: object) -> bool:
        return isinstance(other, GrowingText) and str(self) == str(other)

    __hash__ = None  # type: ignore[assignment]  # mutable, so it must not be a key

    def __repr__(self) -> str:
        return f"GrowingText({str(self)!r})"
