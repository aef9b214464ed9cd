"""``tickertape threads``: the stored threads on the command line."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import click

from tui.cli.context import Context, pass_context
from tui.cli.door import json_line
from tui.cli.printing import ending
from tui.core.codec import encode
from tui.core.errors import NotFoundError
from tui.core.models import ThreadSummary
from tui.core.sanitise import sanitise
from tui.core.services import Services
from tui.core.thread import Message
from tui.core.transcript import Transcript
from tui.tools.policy import UnattendedPolicy

_TITLE = 200  # characters in a line of the list


@click.group()
def command() -> None:
    """List, show or delete stored threads."""


@command.command(name="list")
@click.option("--limit", "-n", type=click.IntRange(min=1), help="At most so many.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@pass_context
def list_(context: Context, limit: int | None, as_json: bool) -> None:
    """List threads, the newest first."""
    with _services(context) as services:
        threads = asyncio.run(_threads(services, limit))
    for thread in threads:
        click.echo(json_line(encode(thread)) if as_json else _line(thread))
    if not threads:
        click.echo("There are no threads yet. Start one: tickertape ask", err=True)


@command.command()
@click.argument("thread_id", metavar="ID")
@pass_context
def show(context: Context, thread_id: str) -> None:
    """Print a thread as markdown. ID may be shortened; `last` is the newest."""
    with _services(context) as services:
        transcript = asyncio.run(_transcript(services, thread_id))
    click.echo(_markdown(transcript))


@command.command()
@click.argument("thread_id", metavar="ID")
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@pass_context
def delete(context: Context, thread_id: str, yes: bool) -> None:
    """Delete a thread and all that belongs to it, for good."""
    with _services(context) as services:
        thread = asyncio.run(find_thread(services, thread_id))
        title = sanitise(thread.title)
        if not yes:
            question = f"Delete {title!r} with {thread.messages} messages?"
            if not click.confirm(question, err=True):
                click.echo("Kept.", err=True)
                return
        asyncio.run(services.library.delete(thread.id))
    click.echo(f"Deleted {title!r}.", err=True)


async def find_thread(services: Services, wanted: str) -> ThreadSummary:
    """The thread with this id, the only one whose id begins so, or the newest for ``last``.

    Raises NotFoundError.
    """
    threads = await services.library.threads()
    if wanted == "last" and threads:
        return threads[0]
    found = [thread for thread in threads if wanted and thread.id.startswith(wanted)]
    if len(found) == 1:
        return found[0]
    several = len(found) > 1
    raise NotFoundError(
        f"Several threads begin with {wanted!r}." if several else f"There is no thread {wanted!r}.",
        hint="Give more of its id." if several else "See: tickertape threads list",
    )


@contextmanager
def _services(context: Context) -> Iterator[Services]:
    backend = context.backend(UnattendedPolicy(yes=False), "threads")
    try:
        yield backend.services
    finally:
        backend.close()


async def _threads(services: Services, limit: int | None) -> list[ThreadSummary]:
    return list(await services.library.threads(limit))


async def _transcript(services: Services, wanted: str) -> Transcript:
    thread = await find_thread(services, wanted)
    subscription = await services.run_log.subscribe(thread.id)
    subscription.feed.close()
    return subscription.transcript


def _line(thread: ThreadSummary) -> str:
    when = datetime.fromtimestamp(thread.updated_at, UTC).astimezone()
    mark = "*" if thread.running else " "
    title = sanitise(thread.title[:_TITLE]).replace("\n", " ") or "(no title)"
    count = f"{thread.messages:>4} messages"
    return f"{thread.id[:12]}  {when:%Y-%m-%d %H:%M} {mark} {count}  {title}"


def _markdown(transcript: Transcript) -> str:
    blocks = [f"# {sanitise(transcript.title)}"]
    endings = {run.tail_id: ending(run) for run in transcript.runs.values()}
    for message in transcript.path():
        blocks.append(_message(message))
        blocks += [f"> {line}" for line in endings.get(message.id, ())]
    return "\n\n".join(blocks)


def _message(message: Message) -> str:
    blocks = [f"## {message.role.value}"]
    for part in message.parts:
        if part.tool is None:
            blocks.append(sanitise(str(part.text)))
            continue
        call = part.tool
        blocks.append(f"- {sanitise(call.name)}({sanitise(str(call.arguments))}): {call.state}")
        if len(call.output):
            blocks.append(
                "\n".join(f"    {line}" for line in sanitise(str(call.output)).splitlines())
            )
    return "\n\n".join(blocks)
