"""``tickertape ask``: one question, headless; the answer on standard output, all else on error."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import click

from tui.cli.context import Context, pass_context, with_profile
from tui.cli.printing import JsonPrinter, Printer, TextPrinter
from tui.cli.threads import find_thread
from tui.core.events import Envelope
from tui.core.models import Outcome
from tui.core.services import SendMessage, Services, Subscription
from tui.core.thread import Run
from tui.core.transcript import Transcript
from tui.tools.policy import UnattendedPolicy

COMPLETED, FAILED, CANCELLED = 0, 1, 130


@click.command()
@click.argument("text", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print every event as one JSON line.")
@click.option(
    "--thread",
    default="new",
    metavar="ID|last|new",
    show_default=True,
    help="Thread to go on with; an id may be shortened.",
)
@click.option("--profile", "-p", metavar="NAME", help="Profile to ask with.")
@click.option("--yes", "-y", is_flag=True, help="Run tools that would ask; else they are refused.")
@pass_context
def command(
    context: Context, text: str | None, as_json: bool, thread: str, profile: str | None, yes: bool
) -> int:
    """Ask one question; the answer streams to standard output.

    TEXT and what comes in on standard input are sent as one message. Tool calls are noted on
    standard error. Exit status: 0 completed, 1 failed, 2 wrong usage, 130 cancelled.
    """
    prompt = _prompt(text)
    chosen = with_profile(context, profile)
    backend = chosen.backend(UnattendedPolicy(yes=yes))
    printer: Printer = JsonPrinter() if as_json else TextPrinter()
    try:
        ask = _Ask(backend.services, printer, prompt, profile)
        return asyncio.run(ask.run(thread))
    finally:
        backend.close()


def _prompt(text: str | None) -> str:
    piped = "" if sys.stdin.isatty() else sys.stdin.read()
    # Bytes that are no text in this locale come in arguments as halves of surrogate pairs.
    given = (text or "").encode(errors="surrogateescape").decode(errors="replace")
    prompt = "\n\n".join(piece for piece in (given, piped.strip()) if piece)
    if not prompt.strip():
        raise click.UsageError('Nothing to ask. Give a TEXT or pipe one in: tickertape ask "Hi"')
    return prompt


@dataclass(slots=True)
class _Ask:
    """One question on its way. ``profile`` is only set when the user named one."""

    services: Services
    printer: Printer
    prompt: str
    profile: str | None
    thread_id: str = ""
    interrupted: bool = False
    cancelling: asyncio.Future[None] | None = None

    async def run(self, thread: str) -> int:
        """Send, print what comes, and return the exit status."""
        thread_id = uuid.uuid4().hex
        if thread != "new":
            thread_id = (await find_thread(self.services, thread)).id
        self.thread_id = thread_id
        subscription = await self.services.run_log.subscribe(thread_id)
        try:
            run = await self._answered(subscription, thread_id)
        finally:
            subscription.feed.close()
        self.printer.finish(run)
        await self.services.library.mark_read(thread_id)  # it was all printed
        return _status(run)

    async def _answered(self, subscription: Subscription, thread_id: str) -> Run:
        run_id = uuid.uuid4().hex
        with _on_interrupt(lambda: self._interrupt(run_id)):
            await self.services.conversations.send(
                SendMessage(
                    thread_id=thread_id,
                    message_id=uuid.uuid4().hex,
                    run_id=run_id,
                    text=self.prompt,
                    profile=self.profile,
                )
            )
            if self.interrupted:  # before there was anything to cancel
                await self.services.conversations.cancel(self.thread_id, run_id)
            return await self._follow(subscription, run_id)

    def _interrupt(self, run_id: str) -> None:
        """First Ctrl-C: cancel in order. Second: leave at once."""
        if self.interrupted:
            os._exit(CANCELLED)
        self.interrupted = True
        self.cancelling = asyncio.ensure_future(self.services.conversations.cancel(self.thread_id, run_id))

    async def _follow(self, subscription: Subscription, run_id: str) -> Run:
        loop = asyncio.get_running_loop()
        arrived = asyncio.Event()
        subscription.feed.notify(lambda: loop.call_soon_threadsafe(arrived.set))
        transcript = subscription.transcript
        while True:
            await arrived.wait()
            arrived.clear()
            for item in subscription.feed.drain():
                if isinstance(item, Envelope):
                    transcript.apply(item)
                    await self._print(transcript, item, run_id)
            run = transcript.runs.get(run_id)
            if run is not None and not run.active:
                return run

    async def _print(self, transcript: Transcript, envelope: Envelope, run_id: str) -> None:
        try:
            self.printer.show(transcript, envelope)
        except BrokenPipeError:
            # Whoever read the answer has gone; nobody needs the rest.
            _discard_output()
            self.printer = _Silent()
            await self.services.conversations.cancel(self.thread_id, run_id)


class _Silent:
    """Prints nothing, once the reader has gone."""

    def show(self, transcript: Transcript, envelope: Envelope) -> None:
        """Nobody listens."""

    def finish(self, run: Run) -> None:
        """Nobody listens."""


def _discard_output() -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextlib.contextmanager
def _on_interrupt(handle: Callable[[], None]) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, handle)
    try:
        yield
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


def _status(run: Run) -> int:
    if run.outcome is Outcome.COMPLETED:
        return COMPLETED
    return CANCELLED if run.outcome is Outcome.CANCELLED else FAILED
