"""What the reader does while something else is under way."""

from __future__ import annotations

import asyncio

from tests.ui.fakes import FakeBackend
from tui.core.services import SendMessage
from tui.ui.desk import Desk


class _SlowToSend(FakeBackend):
    """A store that takes its time to write the first message down."""

    def __init__(self) -> None:
        super().__init__()
        self.sending = asyncio.Event()
        self.written = asyncio.Event()

    async def send(self, command: SendMessage) -> None:
        self.sending.set()
        await self.written.wait()
        await super().send(command)


async def test_a_model_that_is_chosen_while_the_first_message_goes_out_is_taken() -> None:
    backend = _SlowToSend()
    desk = Desk(backend.services, lambda: None)
    await desk.start()
    thread = desk.thread
    sent = asyncio.create_task(desk.send(thread, "Hello"))
    await backend.sending.wait()
    await desk.use(thread, "work", "big")
    backend.written.set()
    await sent
    transcript = backend.transcript(thread.id)
    assert (transcript.profile, transcript.model) == ("work", "big")
    desk.close()
