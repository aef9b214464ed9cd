"""The table of faults: what is shown, what is kept, and that the next message works.

The whole stack from services to sockets, against a server that breaks in one way at a time. The
rows are in docs/promises.md.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import FAKE_KEY_ENV
from tests.providers.assistants_peer import (
    AssistantsPeer,
    Break,
    Calls,
    End,
    Item,
    Raw,
    Say,
    frame,
)
from tests.providers.http_peer import Reply, Request
from tests.test_wiring import App
from tui.config.paths import resolve_paths
from tui.core.events import Envelope, RetryScheduled
from tui.core.models import Outcome, ToolState
from tui.core.settings import Limits, Profile, Settings
from tui.core.thread import Run
from tui.core.transcript import Transcript
from tui.engine import turn
from tui.providers.assistants import follow
from tui.tools.policy import ReadOnlyPolicy
from tui.wiring import start_backend

PROMISES = Path(__file__).parents[1] / "docs" / "promises.md"
CERTIFICATE = Path(__file__).parent / "providers" / "self_signed.pem"
MAX_RETRY_DELAY = 5.0


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody has to wait here."""
    monkeypatch.setattr(turn, "_RETRY_BASE", 0.01)
    monkeypatch.setattr(follow, "_POLL", 0.02)
    monkeypatch.setattr(follow, "_STOP_POLL", 0.02)


def profile(name: str, base_url: str, **more: Any) -> Profile:
    given = {"model": "m", "read_timeout": 0.4, "connect_timeout": 2.0, **more}
    return Profile(name=name, base_url=base_url, api_key_env=FAKE_KEY_ENV, **given)


@asynccontextmanager
async def running(*profiles: Profile) -> AsyncIterator[App]:
    settings = Settings(
        profiles={each.name: each for each in profiles},
        default_profile=profiles[0].name,
        limits=Limits(max_retry_delay=MAX_RETRY_DELAY),
    )
    backend = await asyncio.to_thread(
        start_backend,
        paths=resolve_paths(),
        settings=settings,
        policy=ReadOnlyPolicy(),
        hide=lambda _: None,
    )
    try:
        yield App(backend)
    finally:
        await asyncio.to_thread(backend.close)


@asynccontextmanager
async def talking(**more: Any) -> AsyncIterator[tuple[App, AssistantsPeer]]:
    peer = AssistantsPeer()
    async with peer.http, running(profile("peer", f"{peer.http.url}/v1", **more)) as app:
        yield app, peer


def said(run: Run) -> str:
    """Everything that a reader is told about the run."""
    words = [*run.notices, run.reason]
    words += [run.error.message, run.error.hint] if run.error else []
    return " ".join(words)


async def assert_the_next_message_works(
    app: App, peer: AssistantsPeer, *, profile: str | None = None
) -> None:
    """It is answered, nothing is refused on the way, and nothing stands twice on the server."""
    assert (await app.transcript()).active_run() is None
    assert active(peer) == []
    peer.intercept = None
    peer.script = [Say(("fine",)), End()]
    before = len(peer.http.statuses)
    run = await app.ask("next", profile=profile)
    assert run.outcome is Outcome.COMPLETED, said(run)
    assert (await app.transcript()).path()[-1].text == "fine"
    assert [entry for entry in peer.http.statuses[before:] if entry[1] == 400] == []
    for thread_id in peer.threads:
        told = [text for role, text in peer.texts(thread_id) if role == "user"]
        assert len(told) == len(set(told)), told
    assert active(peer) == []


def active(peer: AssistantsPeer) -> list[str]:
    """Runs that would make the server refuse a message."""
    over = ("completed", "failed", "cancelled", "incomplete", "expired")
    return [run["status"] for run in peer.runs.values() if run["status"] not in over]


def shown(transcript: Transcript) -> str:
    """The assistant's text and arguments on the path."""
    pieces = [message.text for message in transcript.path()[1:]]
    pieces += [str(call.arguments) for call in transcript.calls.values()]
    return "\n".join(pieces)


# --- what a server may answer instead of a stream -------------------------------------------------


@dataclass(frozen=True)
class Refusal:
    """``request`` (how its path ends) is answered like this, ``times`` over.

    ``stateless_hint`` is the hint where Chat Completions and Responses say another thing.
    """

    row: str
    reply: Callable[[], Reply]
    says: str
    hint: str
    request: str = "/runs"
    times: int = 9
    outcome: Outcome = Outcome.FAILED
    stateless_hint: str = ""


def refused(status: int, message: str = "no", code: str | None = None) -> Callable[[], Reply]:
    return lambda: Reply.error(status, message, code)


def page(status: int) -> Callable[[], Reply]:
    body = b"<!doctype html><html><body>Sign in</body></html>"
    return lambda: Reply(status, body, {"content-type": "text/html"})


def limited(seconds: int) -> Callable[[], Reply]:
    error = {"error": {"message": "slow down"}}
    return lambda: Reply.json(error, 429, retry_after=str(seconds))


REFUSALS = [
    Refusal("web page with 200", page(200), "a web page instead of a stream", "base_url"),
    Refusal("web page with 502", page(502), "server failed (127.0.0.1", "Wait a moment"),
    Refusal("401", refused(401), "does not accept the key", "Check the profile's key"),
    Refusal("403", refused(403), "key may not do this", "rights"),
    Refusal("404, wrong address", page(404), "nothing at this address", "base_url", "/assistants"),
    Refusal("409", refused(409), "busy with the same thread", "Wait a moment"),
    Refusal("429, long Retry-After", limited(3600), "slow down", "asks to wait 3600 s", times=1),
    Refusal("500", refused(500, "oops"), "answered 500): oops", "Wait a moment"),
    Refusal("503", refused(503), "answered 503", "Wait a moment"),
    Refusal(
        "model not found",
        refused(404, "The model 'm' does not exist", "model_not_found"),
        "'m' does not exist",
        "Set model",
        stateless_hint="such as first-model",
    ),
    Refusal(
        "context too long",
        refused(400, "too many tokens", "context_length_exceeded"),
        "too many tokens",
        "start a new thread",
        stateless_hint="larger context window",
    ),
    Refusal(
        "no credit",
        refused(429, "You exceeded your quota", "insufficient_quota"),
        "exceeded your quota",
        "plan and billing",
        times=1,
    ),
    Refusal("no credit, 402", refused(402, "Insufficient Balance"), "no credit left", "billing"),
    Refusal(
        "wrong key, told with 400",
        refused(400, "API key not valid. Please pass a valid API key."),
        "does not accept the key",
        "Check the profile's key",
    ),
    Refusal(
        "content filter",
        refused(400, "triggering Azure OpenAI's content management policy", "content_filter"),
        "content filter stopped it",
        "Rephrase",
    ),
    Refusal(
        "model without tools",
        refused(400, "library/gemma:2b does not support tools"),
        "cannot call tools",
        "tools = false",
    ),
    Refusal(
        "server still loading",
        refused(503, "Loading model"),
        "still loading the model",
        "Wait until it is ready",
    ),
    Refusal(
        "no such deployment",
        refused(404, "The API deployment for this resource does not exist.", "DeploymentNotFound"),
        "no deployment of this name",
        "name of the deployment",
    ),
    Refusal("405, wrong address", refused(405), "nothing at this address", "base_url"),
    Refusal("413", refused(413), "request is too large", "send less"),
]


@pytest.mark.parametrize("case", REFUSALS, ids=lambda case: case.row)
async def test_a_refusal_is_told_and_the_next_message_works(case: Refusal) -> None:
    async with talking() as (app, peer):
        left = case.times

        async def refuse(request: Request) -> Reply | None:
            nonlocal left
            creates = request.method == "POST" or request.path.endswith("/assistants")
            if not (left and creates and request.path.endswith(case.request)):
                return None
            left -= 1
            return case.reply()

        peer.intercept = refuse
        run = await app.ask("go")
        assert run.outcome is case.outcome
        assert case.says in said(run)
        assert run.error is not None
        assert case.hint in run.error.hint
        await assert_the_next_message_works(app, peer)


async def test_a_short_retry_after_is_waited_for_in_sight() -> None:
    async with talking() as (app, peer):
        peer.script = [Say(("fine",)), End()]
        replies = [Reply.json({}, 429, retry_after_ms="20")]

        async def refuse(request: Request) -> Reply | None:
            return replies.pop() if replies and request.path.endswith("/runs") else None

        peer.intercept = refuse
        subscription = await app.services.run_log.subscribe("t")
        run = await app.ask("go")
        events = [item.event for item in subscription.feed.drain() if isinstance(item, Envelope)]
        subscription.feed.close()
        assert run.outcome is Outcome.COMPLETED
        (retry,) = [event for event in events if isinstance(event, RetryScheduled)]
        assert retry.delay == 0.02
        assert "rate limit" in retry.reason
        await assert_the_next_message_works(app, peer)


# --- connections that cannot be had ---------------------------------------------------------------


async def test_refused_then_back() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        peer = AssistantsPeer(listen=bound)
        url = f"http://127.0.0.1:{bound.getsockname()[1]}/v1"
        async with running(profile("peer", url)) as app:
            run = await app.ask("go")
            assert run.outcome is Outcome.FAILED
            assert "Nothing answers at 127.0.0.1" in said(run)
            assert "Is the server running" in said(run)
            async with peer.http:
                await assert_the_next_message_works(app, peer)


async def test_a_host_that_does_not_exist() -> None:
    peer = AssistantsPeer()
    wrong = profile("wrong", "http://tickertape.invalid/v1")
    async with peer.http, running(wrong, profile("right", f"{peer.http.url}/v1")) as app:
        run = await app.ask("go")
        assert run.outcome is Outcome.FAILED
        assert "There is no host tickertape.invalid" in said(run)
        assert "Check base_url" in said(run)
        await assert_the_next_message_works(app, peer, profile="right")


async def test_a_certificate_that_nobody_vouches_for() -> None:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(CERTIFICATE)
    peer, secured = AssistantsPeer(), AssistantsPeer(tls=tls)
    async with peer.http, secured.http:
        wrong = profile("wrong", f"{secured.http.url}/v1")
        async with running(wrong, profile("right", f"{peer.http.url}/v1")) as app:
            run = await app.ask("go")
            assert run.outcome is Outcome.FAILED
            assert "signed by nobody that this machine trusts" in said(run)
            assert "SSL_CERT_FILE" in said(run)
            assert secured.http.requests == []
            await assert_the_next_message_works(app, peer, profile="right")


# --- streams that break or lie --------------------------------------------------------------------

LOST, EARLY = "The connection was lost. Asking", "The stream ended too early. Asking"
REST: tuple[Item, ...] = (Say(("after",)), End())


def failed(code: str, message: str) -> End:
    return End("failed", {"last_error": {"code": code, "message": message}})


@dataclass(frozen=True)
class Stream:
    """The first run's script; ``keeps`` is what must be on the screen when it is over."""

    row: str
    script: tuple[Item, ...]
    outcome: Outcome = Outcome.COMPLETED
    says: tuple[str, ...] = ()
    keeps: tuple[str, ...] = ("before", "after")
    more: dict[str, Any] = field(default_factory=dict)


BEFORE = Say(("be", "fore"))
HALF = {
    "id": "step_half",
    "delta": {
        "step_details": {
            "type": "tool_calls",
            "tool_calls": [
                {
                    "index": 0,
                    "id": "call_half",
                    "type": "function",
                    "function": {"name": "calculate", "arguments": '{"expression": "17*'},
                }
            ],
        }
    },
}
HUGE = b"event: thread.message.delta\ndata: " + b"x" * (17 * 1024 * 1024)
NESTED = frame("error", {"error": {"code": "server_error", "message": "overheated"}})
FLAT = frame("error", {"code": "server_error", "message": "overheated"})

STREAMS = [
    Stream("reset", (BEFORE, Break("reset"), *REST), says=(LOST,)),
    Stream("closed without an end", (BEFORE, Break("abort"), *REST), says=(LOST,)),
    Stream("truncated", (BEFORE, Break("close"), *REST), says=(EARLY,)),
    Stream("stall", (BEFORE, Break("hang"), *REST), says=(LOST,)),
    Stream(
        "run still active after all patience",
        (BEFORE, Break("abort")),
        Outcome.DISCONNECTED,
        (LOST, "broke", "What arrived is kept"),
        ("before",),
    ),
    Stream("malformed JSON", (BEFORE, Raw(b"event: thread.message.delta\ndata: {x\n\n"), *REST)),
    Stream("unknown event", (BEFORE, Raw(frame("thread.moon.rose", {"full": True})), *REST)),
    Stream(
        "last event unterminated",
        (
            BEFORE,
            Say(("after",)),
            Raw(b'event: thread.run.completed\ndata: {"status": "completed"}'),
            Break("close"),
            End(),
        ),
    ),
    Stream(
        "last event cut off",
        (
            BEFORE,
            Say(("after",)),
            Raw(b'event: thread.run.completed\ndata: {"st'),
            Break("close"),
            End(),
        ),
        says=(EARLY,),
    ),
    Stream(
        "event of 16 MB and over",
        (BEFORE, Raw(HUGE), Break("abort")),
        Outcome.DISCONNECTED,
        ("16,777,216 bytes", "stream was left"),
        ("before",),
    ),
    Stream(
        "error event, nested", (BEFORE, Raw(NESTED)), Outcome.FAILED, ("overheated",), ("before",)
    ),
    Stream("error event, flat", (BEFORE, Raw(FLAT)), Outcome.FAILED, ("overheated",), ("before",)),
    Stream(
        "run failed",
        (BEFORE, failed("server_error", "the model fell over")),
        Outcome.FAILED,
        ("the model fell over", "another model"),
        ("before",),
    ),
    Stream(
        "run failed while arguments streamed",
        (
            BEFORE,
            Raw(frame("thread.run.step.delta", HALF)),
            failed("rate_limit_exceeded", "too fast"),
        ),
        Outcome.FAILED,
        ("too fast", "quota"),
        ("before", '{"expression": "17*'),
    ),
    Stream("run expired", (BEFORE, End("expired")), Outcome.EXPIRED, ("retry",), ("before",)),
    Stream(
        "run cancelled elsewhere",
        (BEFORE, End("cancelled")),
        Outcome.CANCELLED,
        ("stopped on the server, not from here",),
        ("before",),
    ),
    Stream(
        "arguments cut off, run finished",
        (
            Raw(frame("thread.run.step.delta", HALF)),
            Break("abort"),
            failed("server_error", "fell over"),
        ),
        Outcome.FAILED,
        (LOST, "fell over"),
        ('{"expression": "17*',),
    ),
]


@pytest.mark.parametrize("case", STREAMS, ids=lambda case: case.row)
async def test_a_broken_stream_is_told_kept_and_settled(case: Stream) -> None:
    async with talking(**case.more) as (app, peer):
        peer.script = list(case.script)
        run = await app.ask("go")
        assert run.outcome is case.outcome, said(run)
        for words in case.says:
            assert words in said(run)
        if case.outcome not in (Outcome.COMPLETED, Outcome.CANCELLED):
            assert run.error is not None
            assert run.error.hint
        transcript = await app.transcript()
        for text in case.keeps:
            assert shown(transcript).count(text) == 1
        await assert_the_next_message_works(app, peer)


# --- answers that get lost ------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ["close", "reset"])
@pytest.mark.parametrize("arrived", [True, False], ids=["heard", "not heard"])
@pytest.mark.parametrize("request_path", ["/threads", "/messages", "/runs"])
async def test_a_lost_answer_doubles_nothing(request_path: str, arrived: bool, ending: str) -> None:
    """Whether the server heard it or not: one message, one run, one answer."""
    async with talking() as (app, peer):
        peer.script = [Say(("one",)), End()]
        if request_path == "/messages":
            await app.ask("first")
            peer.script = [Say(("one",)), End()]
        lost = False

        async def lose(request: Request) -> Reply | None:
            nonlocal lost
            if lost or request.method != "POST" or not request.path.endswith(request_path):
                return None
            lost = True
            if arrived:
                peer.intercept = None
                reply = await peer._handle(request)
                peer.intercept = lose
                if reply.stream is not None:
                    async for _ in reply.stream:
                        pass
            return Reply.none(ending)  # type: ignore[arg-type]  # a literal, by parametrize

        peer.intercept = lose
        run = await app.ask("go")
        assert lost
        assert run.outcome is Outcome.COMPLETED, said(run)
        assert (await app.transcript()).path()[-1].text == "one"
        told = [text for thread in peer.threads for role, text in peer.texts(thread)]
        assert told.count("go") == (2 if request_path == "/threads" and arrived else 1)
        assert len(peer.runs) == (2 if request_path == "/messages" else 1)
        await assert_the_next_message_works(app, peer)


CALL = Calls((("calculate", ('{"expression":', ' "17*23"}')),))


@pytest.mark.parametrize("arrived", [True, False], ids=["heard", "not heard"])
async def test_outputs_whose_answer_is_lost_are_taken_once(arrived: bool) -> None:
    async with talking() as (app, peer):
        peer.script = [CALL, Say(("done",)), End()]
        lost = False

        async def lose(request: Request) -> Reply | None:
            nonlocal lost
            if lost or not request.path.endswith("/submit_tool_outputs"):
                return None
            lost = True
            if arrived:
                reply = peer._submit(peer.runs[request.path.split("/")[-2]], request.body)
                assert reply.stream is not None
                async for _ in reply.stream:
                    pass
            return Reply.none("reset")

        peer.intercept = lose
        run = await app.ask("go")
        assert run.outcome is Outcome.COMPLETED, said(run)
        assert len(peer.outputs) == 1
        (call,) = (await app.transcript()).calls.values()
        assert (call.state, str(call.output)) == (ToolState.DONE, "391")
        await assert_the_next_message_works(app, peer)


@pytest.mark.parametrize("status", [401, 500])
async def test_outputs_that_are_refused_for_good(status: int) -> None:
    async with talking() as (app, peer):
        peer.script = [BEFORE, CALL]

        async def refuse(request: Request) -> Reply | None:
            return Reply.error(status) if request.path.endswith("outputs") else None

        peer.intercept = refuse
        run = await app.ask("go")
        assert run.outcome is Outcome.FAILED
        assert f"answered {status}" in said(run)
        transcript = await app.transcript()
        assert [str(call.output) for call in transcript.calls.values()] == ["391"]
        assert shown(transcript).count("before") == 1
        assert [each["status"] for each in peer.runs.values()] == ["cancelled"]
        await assert_the_next_message_works(app, peer)


# --- deleted or ended elsewhere -------------------------------------------------------------------


async def test_outputs_submitted_too_late() -> None:
    async with talking() as (app, peer):
        peer.script = [BEFORE, CALL]

        async def expire(request: Request) -> Reply | None:
            if request.path.endswith("/submit_tool_outputs"):
                peer.runs[request.path.split("/")[-2]]["status"] = "expired"
            return None

        peer.intercept = expire
        run = await app.ask("go")
        assert run.outcome is Outcome.EXPIRED
        assert "expired" in said(run)
        assert "ten minutes" in said(run)
        transcript = await app.transcript()
        assert [str(call.output) for call in transcript.calls.values()] == ["391"]
        assert shown(transcript).count("before") == 1
        await assert_the_next_message_works(app, peer)


def deletion(peer: AssistantsPeer, where: str) -> Callable[[Request], Awaitable[Reply | None]]:
    """Deletes the thread as soon as a request comes whose path has this in it."""
    pending = [where]

    async def delete(request: Request) -> Reply | None:
        if pending and pending[0] in request.path:
            pending.pop()
            peer.threads.clear()
            peer.runs.clear()
        return None

    return delete


async def test_a_thread_that_is_deleted_elsewhere_while_it_answers() -> None:
    async with talking() as (app, peer):
        peer.script = [BEFORE, Break("abort")]
        peer.intercept = deletion(peer, "/runs/run")
        run = await app.ask("go")
        assert run.outcome is Outcome.DISCONNECTED
        assert run.error is not None
        assert "What arrived is kept" in run.error.hint
        assert shown(await app.transcript()).count("before") == 1
        await assert_the_next_message_works(app, peer)


async def test_a_thread_that_is_deleted_elsewhere_while_a_tool_runs() -> None:
    """The tool does not run again: what it said goes along into a new thread."""
    async with talking() as (app, peer):
        peer.script = [BEFORE, CALL, *REST]
        peer.intercept = deletion(peer, "/submit_tool_outputs")
        run = await app.ask("go")
        assert run.outcome is Outcome.COMPLETED, said(run)
        assert "no longer had this run" in said(run)
        transcript = await app.transcript()
        assert shown(transcript).count("before") == shown(transcript).count("after") == 1
        assert [str(call.output) for call in transcript.calls.values()] == ["391"]
        (thread_id,) = peer.threads
        assert "output: 391]" in peer.texts(thread_id)[2][1]
        await assert_the_next_message_works(app, peer)


async def test_a_thread_that_is_deleted_elsewhere_between_messages() -> None:
    async with talking() as (app, peer):
        peer.script = [BEFORE, End()]
        await app.ask("go")
        peer.threads.clear()
        await assert_the_next_message_works(app, peer)
        run = (await app.transcript()).latest_run()
        assert run is not None
        assert "no longer has this conversation" in said(run)
        (thread_id,) = peer.threads
        assert [text for _, text in peer.texts(thread_id)] == ["go", "before", "next", "fine"]


async def test_an_assistant_that_is_deleted() -> None:
    async with talking() as (app, peer):
        peer.script = [BEFORE, End()]
        await app.ask("go")
        peer.assistants.clear()
        await assert_the_next_message_works(app, peer)
        run = (await app.transcript()).latest_run()
        assert run is not None
        assert "assistant that answered here is gone" in said(run)
        assert len(peer.threads) == 1


async def test_an_assistant_of_the_profile_that_is_deleted() -> None:
    async with talking(assistant_id="asst_named") as (app, peer):
        run = await app.ask("go")
        assert run.outcome is Outcome.FAILED
        assert "no assistant asst_named" in said(run)
        assert "Check assistant_id" in said(run)
        peer.assistants["asst_named"] = {"id": "asst_named", "tools": []}
        await assert_the_next_message_works(app, peer)


# --- the table ------------------------------------------------------------------------------------


def test_every_fault_has_its_row() -> None:
    text = PROMISES.read_text(encoding="utf-8")
    table = text.partition("## Faults of the wire")[2].partition("\n## ")[0]
    rows = [line.split("|")[1].strip() for line in table.splitlines() if line.startswith("| ")]
    for row in [*(case.row for case in REFUSALS), *(case.row for case in STREAMS)]:
        assert row in rows
