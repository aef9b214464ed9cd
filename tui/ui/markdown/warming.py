"""Loads the parser and the common lexers in a thread: a lazy import mid-stream is a stall."""

from __future__ import annotations

from threading import Thread

from tui.ui.markdown.code import Highlighter
from tui.ui.markdown.stream import render

_LANGUAGES = ("python", "bash", "json", "javascript", "typescript", "html", "css", "sql", "yaml")
_SAMPLE = "# A *text*\n\n- `code` <https://example.com> &amp;\n\n|a|b|\n|-|-|\n|1|2|\n"


def warm() -> None:
    """Do once what the first message would have to wait for."""
    _ = render(_SAMPLE, 80).lines
    for language in _LANGUAGES:
        Highlighter(language).read("x = 1")


def warm_soon() -> Thread:
    """The same without holding anybody up."""
    thread = Thread(target=warm, name="markdown-warming", daemon=True)
    thread.start()
    return thread
