"""Incremental Markdown: text that grows to lines of a terminal, at a cost that stays flat."""

from tui.ui.markdown.page import Block, Ink, Line, Piece
from tui.ui.markdown.palette import Palette, palette_of
from tui.ui.markdown.stream import MarkdownStream, estimate_height, render
from tui.ui.markdown.warming import warm, warm_soon

__all__ = [
    "Block",
    "Ink",
    "Line",
    "MarkdownStream",
    "Palette",
    "Piece",
    "estimate_height",
    "palette_of",
    "render",
    "warm",
    "warm_soon",
]
