"""``tickertape ask``: one question, headless; the answer on standard output, all else on error."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import sys
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import click

from tui.cli.context import Context, pass_context, with_profile
from tui.cli.printing import JsonPrinter, Printer, TextPrinter
from tui.cli.stops import Stops
from tui.cli.threads import find_thread
from tui.core.errors import BusyError, TickertapeError
from tui.core.events import Envelope
from tui.core.models import Outcome
from tui.core.services import SendMessage, Services, Subscription, ThreadReloaded
from tui.core.thread import Run
from tui.core.transcript import Transcript
from tui.tools.policy import UnattendedPolicy

COMPLETED, FAILED, CANCELLED = 0, 1, 130
_BUSY_SECONDS = 0.2
_GONE = (errno.EPIPE, errno.EIO)  # a pipe without a reader, a terminal that was closed


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
@click.option("--model", metavar="MODEL", help="Model to ask, instead of the profile's.")
@click.option(
    "--schema",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The answer is JSON of the shape that this JSON schema describes.",
)
@click.option("--private", is_flag=True, help="Keep nothing: the thread lives in memory only.")
@click.option("--yes", "-y", is_flag=True, help="Run tools that would ask; else they are refused.")
@pass_context
def command(
    context: Context,
    text: str | None,
    as_json: bool,
    thread: str,
    profile: str | None,
    model: str | None,
    schema: Path | None,
    private: bool,
    yes: bool,
) -> int:
    """Ask one question; the answer streams to standard output.

    TEXT and what comes in on standard input are sent as one message. Tool calls are noted on
    standard error. Ctrl-C cancels the run in order and keeps what has arrived; a second one leaves
    at once. Exit status: 0 completed, 1 failed, 2 wrong usage, 130 cancelled (143 by SIGTERM, 129
    by SIGHUP, as when the terminal is closed). A thread that another Tickertape is answering is
    waited for.
    """
    if private and thread != "new":
        raise click.UsageError("A private thread is always new: leave --thread out.")
    prompt = _prompt(text)
    chosen = with_profile(context, profile)
    chosen = replace(chosen, private=context.private or private, schema=schema)
    backend = chosen.backend(UnattendedPolicy(yes=yes), "ask")
    printer: Printer = JsonPrinter() if as_json else TextPrinter()
    ask = _Ask(backend.services, printer, prompt, profile, model)
    with ask.stops.listening():
        try:
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
    """One question on its way. ``profile`` and ``model`` are only set when the user named one."""

    services: Services
    printer: Printer
    prompt: str
    profile: str | None
    model: str | None = None
    thread_id: str = ""
    stops: Stops = field(default_factory=Stops)
    cancelling: asyncio.Future[None] | None = None

    async def run(self, thread: str) -> int:
        """Send, print what comes, and return the exit status."""
        self.thread_id = uuid.uuid4().hex
        if thread != "new":
            self.thread_id = (await find_thread(self.services, thread)).id
        subscription = await self.services.run_log.subscribe(self.thread_id)
        try:
            run = await self._answered(subscription)
        finally:
            subscription.feed.close()
        if run is None:
            return self._cancelled
        self._print(lambda: self.printer.finish(run))
        await self.services.library.mark_read(self.thread_id)  # it was all printed
        if run.outcome is Outcome.CANCELLED:
            return self._cancelled
        return COMPLETED if run.outcome is Outcome.COMPLETED else FAILED

    @property
    def _cancelled(self) -> int:
        return self.stops.status or CANCELLED

    async def _answered(self, subscription: Subscription) -> Run | None:
        """The run at its end; None when it was stopped before anything was sent."""
        if self.stops.status is not None:
            return None
        run_id = uuid.uuid4().hex
        command = SendMessage(
            thread_id=self.thread_id,
            message_id=uuid.uuid4().hex,
            run_id=run_id,
            text=self.prompt,
            profile=self.profile,
            model=self.model,
        )
        if not await self._sent(command):
            return None
        loop = asyncio.get_running_loop()
        self.stops.on_stop(lambda: self._pass_on(loop, run_id))
        return await self._follow(subscription, run_id)

    async def _sent(self, command: SendMessage) -> bool:
        """Send as soon as nobody else is answering in the thread; false when stopped before."""
        told = False
        while self.stops.status is None:
            try:
                await self.services.conversations.send(command)
            except BusyError as error:
                if not told:
                    click.echo(f"{error.message} Waiting; Ctrl-C gives up.", err=True)
                    told = True
                await asyncio.sleep(_BUSY_SECONDS)
            else:
                return True
        return False

    def _pass_on(self, loop: asyncio.AbstractEventLoop, run_id: str) -> None:
        loop.call_soon_threadsafe(self._cancel, run_id)

    def _cancel(self, run_id: str) -> None:
        cancel = self.services.conversations.cancel(self.thread_id, run_id)
        self.cancelling = asyncio.ensure_future(cancel)

    async def _follow(self, subscription: Subscription, run_id: str) -> Run:
        loop = asyncio.get_running_loop()
        arrived = asyncio.Event()
        subscription.feed.notify(lambda: loop.call_soon_threadsafe(arrived.set))
        transcript = subscription.transcript
        while True:
            await arrived.wait()
            arrived.clear()
            for item in subscription.feed.drain():
                if isinstance(item, ThreadReloaded):  # another process has it now
                    transcript = item.transcript
                elif isinstance(item, Envelope):
                    transcript.apply(item)
                    if not self._print(partial(self.printer.show, transcript, item)):
                        self._cancel(run_id)
            run = transcript.runs.get(run_id)
            if run is not None and not run.active:
                return run

    def _print(self, show: Callable[[], None]) -> bool:
        """False when whoever read the answer has gone, who needs no more of it then."""
        try:
            show()
        except OSError as error:
            if error.errno not in _GONE:
                raise TickertapeError(f"The answer cannot be written: {error.strerror}.") from error
            _discard_output()
            self.printer = _Silent()
            return False
        return True


class _Silent:
    """Prints nothing, once the reader has gone."""

    def show(self, transcript: Transcript, envelope: Envelope) -> None:
        """Nobody listens."""

    def finish(self, run: Run) -> None:
        """Nobody listens."""


def _discard_output() -> None:
    """What the streams still hold must not fail once more when Python ends."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError):
            stream.flush()
            continue
        os.dup2(nowhere, stream.fileno())
