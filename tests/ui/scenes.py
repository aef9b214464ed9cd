"""The scenes that snapshots compare and that the screenshots in the README are made from."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from textual.pilot import Pilot

from tests.ui.driving import LARGE, SMALL, WIDE, settle, text_of, until
from tests.ui.fakes import FakeBackend, FakeRun
from tui.core import events as e
from tui.core.errors import ProviderError
from tui.core.models import (
    ModelInfo,
    Outcome,
    PartFinal,
    PartKind,
    Problem,
    ThreadSummary,
    ToolOrigin,
    Usage,
)
from tui.core.services import ProfileInfo, SendMessage
from tui.core.settings import Price
from tui.ui import themes
from tui.ui.composer import Composer
from tui.ui.leaving import Leaving

BROAD = (160, 50)
ANSWER = """It is **14:05 in Tokyo** and **07:05 in Paris**, and 17 * 23 = 391.

| city  | time  | offset |
|-------|-------|--------|
| Tokyo | 14:05 | +09:00 |
| Paris | 07:05 | +02:00 |

How the clock was read:

```python
from zoneinfo import ZoneInfo
now = datetime.now(ZoneInfo("Asia/Tokyo"))
```

1. Both cities were asked *at the same moment*.
2. The product was calculated, not guessed.
"""
QUESTION = "What time is it in Tokyo and in Paris, and what is 17*23?"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What has to happen before the picture is taken."""

    name: str
    size: tuple[int, int]
    prepare: Callable[[FakeBackend], None]
    play: Callable[[Pilot[Leaving], FakeBackend], Awaitable[None]]

    async def run(self, pilot: Pilot[Leaving], backend: FakeBackend) -> None:
        """Bring the connected app to the moment of the picture."""
        await until(pilot, lambda: "thread" in backend.remembered or not backend.remembered)
        await settle(pilot)
        await self.play(pilot, backend)
        await settle(pilot)


def nothing(backend: FakeBackend) -> None:
    """A first start."""


def library(backend: FakeBackend) -> None:
    """Some threads, one running, one unread; the newest is open."""
    for thread, title, age in (
        ("t1", "Clocks and products", 20),
        ("t2", "Release notes for 0.3", 55 * 60),
        ("t3", "Why is the sky blue?", 3 * 3600),
        ("t4", "A much longer title that will not fit into the list at all", 50 * 3600),
        ("t5", "Packing list", 9 * 24 * 3600 + 8000),
    ):
        backend.add_thread(thread, title, age=age)
    at = backend.clock
    backend.summarise(
        ThreadSummary(
            id="t2",
            title="Release notes for 0.3",
            created_at=at - 4000,
            updated_at=at - 55 * 60,
            running=True,
        )
    )
    backend.summarise(
        ThreadSummary(
            id="t3",
            title="Why is the sky blue?",
            created_at=at - 20_000,
            updated_at=at - 3 * 3600,
            unread=True,
        )
    )
    backend.remembered["thread"] = "t1"


def begin(backend: FakeBackend) -> FakeRun:
    """The question in thread ``t1`` and a run that answers it."""
    backend.say("t1", QUESTION)
    return backend.begin("t1", "r1")


def finished_calls(backend: FakeBackend, run: FakeRun) -> None:
    """Three parallel calls with their outputs, and the second round."""
    run.text("Two clocks and one product: three calls at once.", kind=PartKind.REASONING)
    calls = [
        run.call("current_time", '{"timezone": ', '"Asia/Tokyo"}'),
        run.call("current_time", '{"timezone": "Europe/', 'Paris"}'),
        run.call("calculate", '{"expression"', ': "17*23"}'),
    ]
    for call, output in zip(calls, ("14:05", "07:05", "391"), strict=True):
        run.output(call, output, took=0.12)
    run.next_round(2)


def answered(backend: FakeBackend) -> None:
    """A finished exchange in the open thread."""
    library(backend)
    run = begin(backend)
    backend.clock += 0.4
    finished_calls(backend, run)
    run.text(ANSWER)
    run.emit(e.UsageReported(usage=Usage(input_tokens=412, output_tokens=187, total_tokens=599)))
    backend.clock += 1.9
    run.finish()


async def still(pilot: Pilot[Leaving], backend: FakeBackend) -> None:
    """Nothing happens."""


async def streaming(pilot: Pilot[Leaving], backend: FakeBackend) -> None:
    """An answer that breaks off in the middle of a code block."""
    run = begin(backend)
    backend.clock += 0.4
    finished_calls(backend, run)
    cut = ANSWER.index("now = datetime") + 12
    part = run.part(PartKind.TEXT)
    for start in range(0, cut, 7):
        run.emit(e.TextDelta(part_id=part, text=ANSWER[start : min(cut, start + 7)]))
    backend.clock += 3


async def parallel(pilot: Pilot[Leaving], backend: FakeBackend) -> None:
    """Three calls whose arguments arrive interleaved."""
    run = begin(backend)
    backend.clock += 0.4
    run.text("Two clocks and one product.", kind=PartKind.REASONING)
    run.call("current_time", '{"timezone": "Asia/Tokyo"}')
    run.call("current_time", '{"timezone": "Europe/Par', end=False)
    run.call("search_flights", '{"from": "NRT", "legs": [{"to": "CDG", "cabin": "eco', end=False)
    for index, name in enumerate(("thread.run.created", "thread.run.queued")):
        backend.emit_wire("r1", name, f'{{"id": "run_{index}", "object": "thread.run"}}')
    backend.clock += 1


async def approval(pilot: Pilot[Leaving], backend: FakeBackend) -> None:
    """Two calls wait for a decision while the reader types."""
    run = begin(backend)
    text = '{"to": "ada@example.org", "subject": "Tuesday", "body": "See you at ten.", "cc": []}'
    first = run.call("send_mail", text)
    second = run.call("delete_file", '{"path": "notes/old.txt"}')
    for call in (first, second):
        run.emit(e.ApprovalRequested(call_id=call))
    backend.clock += 5
    await pilot.press(*"and then")


def interrupted(backend: FakeBackend) -> None:
    """After a restart: an answer that broke off, and a call that had started."""
    library(backend)
    run = begin(backend)
    backend.clock += 0.4
    run.output(run.call("current_time", '{"timezone": "Asia/Tokyo"}'), "14:05", took=0.12)
    started = run.call("send_mail", '{"to": "ada@example.org", "subject": "Tuesday"}')
    run.emit(e.ToolStarted(call_id=started))
    run.call("search_flights", '{"from": "NRT", "legs": [{"to": "CDG", "cabin": "eco', end=False)
    run.emit(e.RunInterrupted())
    at = backend.clock
    backend.summarise(
        ThreadSummary(
            id="t1", title="Clocks and products", created_at=at, updated_at=at, interrupted=True
        )
    )


def approval_after_restart(backend: FakeBackend) -> None:
    """A call that waited for a decision when its process ended."""
    library(backend)
    run = begin(backend)
    call = run.call("send_mail", '{"to": "ada@example.org", "subject": "Tuesday", "cc": []}')
    run.emit(e.ApprovalRequested(call_id=call))
    run.emit(e.RunInterrupted())


async def queued(pilot: Pilot[Leaving], backend: FakeBackend) -> None:
    """Two messages wait for the answer; the reader writes a third."""
    await streaming(pilot, backend)
    await settle(pilot)
    for text in ("And in Reykjavík?", "Put all three into one table, sorted by offset."):
        pilot.app.screen.query_one(Composer).put(text)
        await pilot.press("enter")
        await until(pilot, lambda: not pilot.app.screen.query_one(Composer).text)
    await pilot.press(*"then")


async def queue_kept(pilot: Pilot[Leaving], backend: FakeBackend) -> None:
    """The answer was stopped; what waited still does."""
    run = begin(backend)
    run.text("It is 14:05 in Tokyo and")
    backend.clock += 2
    command = SendMessage(
        thread_id="t1", message_id="q1", run_id="x1", text="And in Reykjavík?", queue=True
    )
    await backend.send(command)
    run.finish(Outcome.CANCELLED)


def library_of_a_server(backend: FakeBackend) -> None:
    """The same threads, and a profile whose server goes on without the app."""
    library(backend)
    backend.more_profiles = (ProfileInfo(name="work", protocol="assistants"),)


async def quitting(pilot: Pilot[Leaving], backend: FakeBackend) -> None:
    """Two answers are still being written."""
    await streaming(pilot, backend)
    at = backend.clock
    backend.summarise(
        ThreadSummary(
            id="t1",
            title="Clocks and products",
            created_at=at,
            updated_at=at,
            running=True,
            profile="work",
        )
    )
    await settle(pilot)
    await pilot.press("ctrl+q")


async def private(pilot: Pilot[Leaving], backend: FakeBackend) -> None:
    """A private thread with an answer in it."""
    await pilot.press("alt+n")
    await settle(pilot)
    await pilot.press(*"A surprise party?", "enter")
    await until(pilot, lambda: backend.commands)
    run = backend.begin(backend.sent().thread_id, "p1")
    run.text("On a Tuesday nobody expects one.")
    backend.clock += 1.2
    run.finish()


async def not_saved(pilot: Pilot[Leaving], backend: FakeBackend) -> None:
    """The disk is full while an answer comes."""
    await streaming(pilot, backend)
    backend.trouble(
        Problem(
            code="store",
            message="The disk is full, so /home/ada/.local/share/tickertape.db cannot take more.",
            hint="Free some space; what is not saved yet is kept in memory and tried again.",
        )
    )


async def elsewhere(pilot: Pilot[Leaving], backend: FakeBackend) -> None:
    """Another process answers in the open thread."""
    await streaming(pilot, backend)
    at = backend.clock
    backend.summarise(
        ThreadSummary(
            id="t1",
            title="Clocks and products",
            created_at=at,
            updated_at=at,
            running=True,
            elsewhere=True,
        )
    )


async def lighter(pilot: Pilot[Leaving], backend: FakeBackend) -> None:
    """The bar about an interrupted answer, and a private frame, in the other theme."""
    await pilot.press("f12")


async def failed(pilot: Pilot[Leaving], backend: FakeBackend) -> None:
    """A tool that failed, then a server that did."""
    run = begin(backend)
    call = run.call("current_time", '{"timezone": "Mars/Olympus"}')
    run.output(call, "Unknown time zone: Mars/Olympus", error=True)
    run.next_round(2)
    run.text("One of the clocks could not be")
    backend.clock += 2
    problem = Problem(
        code="rate_limit_exceeded",
        message="The server refused the request: too many requests in this minute.",
        hint="Wait a minute, then press F5 to try again.",
    )
    run.finish(Outcome.FAILED, error=problem)


async def raw_events(pilot: Pilot[Leaving], backend: FakeBackend) -> None:
    """The second tab of the inspector."""
    await parallel(pilot, backend)
    backend.emit_wire("r1", "thread.run.step.delta", '{"delta": {"step_details": {}}}')
    await settle(pilot)
    await show_wire_tab(pilot)


async def show_wire_tab(pilot: Pilot[Leaving]) -> None:
    """Go to the raw events, whatever the size: the first press opens a hidden inspector."""
    inspector = pilot.app.screen.query_one("#inspector")
    if not inspector.display:
        await pilot.press("f7")
    await pilot.press("f7")


async def threads_overlay(pilot: Pilot[Leaving], backend: FakeBackend) -> None:
    """The list of threads over the conversation."""
    await pilot.press("ctrl+t")


async def inspector_overlay(pilot: Pilot[Leaving], backend: FakeBackend) -> None:
    """The inspector over the conversation."""
    await parallel(pilot, backend)
    await pilot.press("ctrl+o")


async def light(pilot: Pilot[Leaving], backend: FakeBackend) -> None:
    """The other theme."""
    await pilot.press("f12")
    assert pilot.app.theme == themes.LIGHT


async def keys(pilot: Pilot[Leaving], backend: FakeBackend) -> None:
    """All keys."""
    await pilot.press("f1")


def two_profiles(backend: FakeBackend) -> None:
    """The library, a configured profile with its models, one that fails, a local server."""
    library(backend)
    backend.more_profiles = (
        ProfileInfo(
            name="work", protocol="responses", model="gpt-5-mini", detail="api.example.org"
        ),
        ProfileInfo(name="lab", protocol="chat", model="qwen3-8b", detail="10.0.0.7:8000"),
    )
    backend.discovered = (_OLLAMA,)
    backend.offered["work"] = tuple(
        ModelInfo(id=name, context_window=window)
        for name, window in (("gpt-5.1", 400_000), ("gpt-5-mini", 400_000), ("o4-mini", 200_000))
    )
    backend.offered["ollama"] = (ModelInfo(id="llama3.2"), ModelInfo(id="qwen2.5-coder:7b"))
    backend.fail["models lab"] = ProviderError(
        "10.0.0.7:8000 does not answer.", hint="Start its server."
    )


_OPENAI = ProfileInfo(
    name="openai",
    protocol="responses",
    model="gpt-5.1",
    configured=False,
    found="OPENAI_API_KEY is set",
)
_OLLAMA = ProfileInfo(
    name="ollama",
    protocol="chat",
    model="llama3.2",
    configured=False,
    found="answers at 127.0.0.1:11434",
)


async def picker(pilot: Pilot[Leaving], backend: FakeBackend) -> None:
    """Choosing what answers; the highlighted profile's server is not there."""
    await pilot.press("f2")
    await settle(pilot)
    await pilot.press("down", "down")


async def picker_filtered(pilot: Pilot[Leaving], backend: FakeBackend) -> None:
    """A part of a name is typed."""
    await pilot.press("f2")
    await settle(pilot)
    await pilot.press(*"mini")


async def picker_light(pilot: Pilot[Leaving], backend: FakeBackend) -> None:
    """The same on paper."""
    await pilot.press("f12", "f2")


def finds(backend: FakeBackend) -> None:
    """A first start on a machine with a key and a local server."""
    backend.discovered = (_OPENAI, _OLLAMA)


def partial(backend: FakeBackend) -> None:
    """An answer that reached its limit."""
    library(backend)
    run = begin(backend)
    run.text(ANSWER[: ANSWER.index("How the clock")])
    backend.clock += 2
    run.finish(Outcome.INCOMPLETE, reason="the answer reached the limit of tokens.")


def other_answers(backend: FakeBackend) -> None:
    """A question that was answered twice, the second time by another model with sources."""
    library(backend)
    run = begin(backend)
    run.text("It is 14:05 in Tokyo.")
    run.finish()
    backend.say("t1", "Are you sure? Look it up.")
    parent = backend.transcript("t1").leaf_id
    backend.begin("t1", "r2").text("Quite sure.")
    backend.emit("t1", e.RunFinished(outcome=Outcome.COMPLETED), "r2")
    if parent is not None:
        backend.emit("t1", e.LeafSelected(message_id=parent))
    third = backend.begin("t1", "r3", profile="work", model="gpt-5-mini")
    third.call("web_search", end=False, origin=ToolOrigin.HOSTED)
    final = PartFinal(arguments='{"query": "time in Tokyo"}', output="2 results")
    third.emit(e.PartFinished(part_id="r3-p0", final=final))
    part = third.text("Yes: Tokyo keeps UTC+9 all year.")
    page = {"type": "url_citation", "url": "https://example.org/tokyo", "title": "Time in Tokyo"}
    file = {"type": "file_citation", "filename": "offsets.csv"}
    for annotation in (page, file):
        third.emit(e.AnnotationAdded(part_id=part, annotation=annotation))
    third.emit(e.UsageReported(usage=Usage(input_tokens=912, output_tokens=87, cached_tokens=512)))
    backend.clock += 3
    third.finish()
    prices = {"gpt-5-mini": Price(input=0.25, output=2, cached=0.025)}
    backend.more_profiles = (
        ProfileInfo(name="work", protocol="responses", model="gpt-5-mini", prices=prices),
    )


def trimmed(backend: FakeBackend) -> None:
    """A long thread: the model no longer sees its beginning."""
    answered(backend)
    second = backend.say("t1", "And which of the two is further east?")
    run = backend.begin("t1", "r2")
    run.emit(e.ContextTrimmed(messages=2, first_id=second))
    run.text("Tokyo, by some 137 degrees.")
    backend.clock += 1
    run.finish()


def refused_and_waiting(backend: FakeBackend) -> None:
    """A remote call that needs a decision, below a refusal."""
    library(backend)
    run = begin(backend)
    run.text("I cannot read the clock of a person.", kind=PartKind.REFUSAL)
    call = run.call(
        "read_file",
        '{"path": "clocks/tokyo.txt"}',
        origin=ToolOrigin.REMOTE_MCP,
        server="files.example.org",
    )
    run.emit(e.ApprovalRequested(call_id=call))


async def retrying(pilot: Pilot[Leaving], backend: FakeBackend) -> None:
    """The server asked for patience."""
    run = begin(backend)
    reason = "The server refuses more requests in this minute."
    run.emit(e.RetryScheduled(attempt=1, delay=42.0, reason=reason))
    backend.clock += 12
    await until(pilot, lambda: "in 30 s" in text_of(pilot, "#log"))


def _sizes(
    name: str,
    prepare: Callable[[FakeBackend], None],
    play: Callable[[Pilot[Leaving], FakeBackend], Awaitable[None]],
    *sizes: tuple[int, int],
) -> list[Scene]:
    return [
        Scene(name=f"{name}-{width}x{height}", size=(width, height), prepare=prepare, play=play)
        for width, height in sizes
    ]


SCENES: tuple[Scene, ...] = (
    *_sizes("first-start", nothing, still, SMALL, WIDE, LARGE),
    *_sizes("streaming-answer", library, streaming, SMALL, WIDE, LARGE),
    *_sizes("parallel-calls", library, parallel, SMALL, WIDE, LARGE),
    *_sizes("approval", library, approval, SMALL, WIDE, LARGE),
    *_sizes("raw-events", library, raw_events, SMALL, WIDE, LARGE),
    *_sizes("failed-run", library, failed, SMALL, WIDE, LARGE),
    *_sizes("threads-overlay", answered, threads_overlay, SMALL),
    *_sizes("inspector-overlay", library, inspector_overlay, SMALL),
    *_sizes("light", answered, light, WIDE),
    *_sizes("keys", answered, keys, WIDE),
    *_sizes("interrupted", interrupted, still, SMALL, WIDE, LARGE),
    *_sizes("interrupted-light", interrupted, lighter, WIDE),
    *_sizes("approval-after-restart", approval_after_restart, still, SMALL, WIDE),
    *_sizes("queued", library, queued, SMALL, WIDE),
    *_sizes("queue-kept", library, queue_kept, SMALL, WIDE),
    *_sizes("quitting", library_of_a_server, quitting, SMALL, WIDE),
    *_sizes("private", library, private, SMALL, WIDE),
    *_sizes("not-saved", library, not_saved, SMALL, WIDE),
    *_sizes("elsewhere", library, elsewhere, SMALL, WIDE),
    *_sizes("picker", two_profiles, picker, SMALL, BROAD),
    *_sizes("picker-filtered", two_profiles, picker_filtered, SMALL),
    *_sizes("picker-light", two_profiles, picker_light, BROAD),
    *_sizes("finds", finds, still, SMALL, BROAD),
    *_sizes("finds-light", finds, lighter, SMALL),
    *_sizes("partial", partial, still, SMALL, BROAD),
    *_sizes("partial-light", partial, lighter, SMALL),
    *_sizes("sources", other_answers, still, SMALL, BROAD),
    *_sizes("sources-light", other_answers, lighter, BROAD),
    *_sizes("trimmed", trimmed, still, SMALL, BROAD),
    *_sizes("trimmed-light", trimmed, lighter, SMALL),
    *_sizes("remote-approval", refused_and_waiting, still, SMALL, BROAD),
    *_sizes("retrying", library, retrying, SMALL),
)
