"""What a pane says when the reader copied something in it."""

from __future__ import annotations

from textual.message import Message


class Copied(Message):
    """The reader put this many characters on the clipboard; none: there was nothing."""

    def __init__(self, characters: int) -> None:
        super().__init__()
        self.characters = characters
