"""What the app reads from a terminal: keys, and pastes whatever is in them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual import constants, events
from textual.message import Message

from tests.cli.terminal import Terminal
from tui.ui.terminal import TerminalParser

_LOG = "one \x1b[31mred\x1b[0m two\rsecond\x07\x1b"
_SHOWN = "one ␛[31mred␛[0m two\rsecond\x07␛"


def read(*pieces: str) -> list[Message]:
    parser = TerminalParser()
    return [message for piece in pieces for message in parser.feed(piece)]


def said(messages: list[Message]) -> list[str]:
    """Keys by name, and the text of pastes in brackets."""
    return [
        f"[{message.text}]" if isinstance(message, events.Paste) else message.key
        for message in messages
        if isinstance(message, events.Paste | events.Key)
    ]


def paste(text: str) -> str:
    return f"\x1b[200~{text}\x1b[201~"


def test_escape_codes_in_a_paste_are_text() -> None:
    assert said(read("a" + paste(_LOG) + "\r")) == ["a", f"[{_SHOWN}]", "enter"]


def test_a_paste_of_nothing_and_one_right_behind_it() -> None:
    assert said(read(paste("") + paste("\x1b[201") + "\x1b[20~")) == ["[]", "[␛[201]", "f9"]


_bodies = st.text(st.sampled_from("\x1b[]201~;mO\rab\x07é"), max_size=30).filter(
    lambda body: paste(body).find("\x1b[201~") == len(paste(body)) - len("\x1b[201~")
)


@given(body=_bodies, data=st.data())
def test_a_paste_is_the_same_however_it_is_cut(body: str, data: st.DataObject) -> None:
    stream = "x" + paste(body) + "y"
    places = data.draw(st.sets(st.integers(1, len(stream) - 1)))
    pieces = [stream[a:b] for a, b in pairwise([0, *sorted(places), len(stream)])]
    assert said(read(*pieces)) == ["x", f"[{body.replace(chr(27), '␛')}]", "y"]


def test_a_slow_line_does_not_tear_a_paste(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "ESCAPE_DELAY", 0)
    parser = TerminalParser()
    stream = paste(_LOG)
    messages = list(parser.feed(stream[:3]))
    for character in stream[3:]:
        messages += [*parser.tick(), *parser.feed(character)]
    assert said(messages) == [f"[{_SHOWN}]"]


def test_escape_is_still_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "ESCAPE_DELAY", 0)
    parser = TerminalParser()
    assert said([*parser.feed("\x1b"), *parser.tick()]) == ["escape"]


@pytest.mark.parametrize("sequence", ["\x1b\r", "\x1b[13;3u"])
def test_alt_enter_is_no_enter(sequence: str) -> None:
    assert said(read(sequence)) == ["alt+enter"]


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    """The app in a real terminal."""
    terminal = Terminal()
    try:
        terminal.wait_for("Write a message")
        terminal.settle()
        yield terminal
    finally:
        terminal.close()


def test_a_pasted_log_is_not_sent_and_not_executed(terminal: Terminal) -> None:
    since = len(terminal.raw)
    terminal.type("\x1b[200~one \x1b[31mr")
    time.sleep(2 * constants.ESCAPE_DELAY)  # the pause is what this is about
    terminal.type("ed\x1b[0m two\rsecond\x07\x1b[201~")
    terminal.wait_for("second␇", since=since)  # as Ctrl+G it would have inserted the example
    terminal.settle()
    assert "one ␛[31mred␛[0m two" in terminal.text(since)
    assert "Done" not in terminal.text()


def test_alt_enter_is_a_new_line(terminal: Terminal) -> None:
    terminal.type("first\x1b\r")
    terminal.settle()
    assert "Done" not in terminal.text()
    terminal.type("then\r")
    terminal.wait_for("Done")
