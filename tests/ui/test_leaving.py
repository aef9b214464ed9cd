"""What was not sent when the app ended: it becomes the draft, whole and once."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.ui.fakes import FakeBackend
from tui.core.services import SendMessage
from tui.ui.leaving import Unsaved

_WRITTEN = Unsaved(key="new", text="and more", is_whole=True, thread_id="t")


async def _draft_after(unsaved: Unsaved, stored: str, *, arrived: str = "") -> str:
    backend = FakeBackend()
    library = backend.services.library
    await library.save_draft("new", stored)
    if arrived:
        send = SendMessage(thread_id="t", message_id="m", run_id="r", text=arrived)
        await backend.services.conversations.send(send)
    await unsaved.save(backend.services)
    return await library.draft("new")


@pytest.mark.parametrize(
    ("unsaved", "stored", "kept"),
    [
        (_WRITTEN, "older", "and more"),
        (replace(_WRITTEN, text=""), "older", ""),
        (replace(_WRITTEN, is_whole=False), "older", "older\nand more"),
        (replace(_WRITTEN, is_whole=False, text=""), "older", "older"),
        (replace(_WRITTEN, sending="a question"), "", "a question\nand more"),
    ],
)
async def test_text_that_was_not_sent_is_the_draft(
    unsaved: Unsaved, stored: str, kept: str
) -> None:
    assert await _draft_after(unsaved, stored) == kept


async def test_a_message_that_arrived_is_no_draft() -> None:
    sending = replace(_WRITTEN, sending="a question")
    assert await _draft_after(sending, "", arrived="a question") == "and more"
    assert await _draft_after(sending, "", arrived="another") == "a question\nand more"
