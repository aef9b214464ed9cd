"""The table of faults for Chat Completions and Responses, whose servers keep nothing of a run.

The same stack, faults and questions as in ``test_faults_of_the_wire``: what is shown, what is
kept, and that the next message works. What differs is that a broken stream cannot be followed up.
"""

from __future__ import annotations

import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias

import pytest

from tests.providers import chat_peer, responses_peer
from tests.providers.assistants_peer import Break, Calls, End, Item, Raw, Say
from tests.providers.chat_peer import ChatPeer
from tests.providers.http_peer import HttpPeer, Reply, Request
from tests.providers.responses_peer import ResponsesPeer
from tests.test_faults_of_the_wire import (
    PROMISES,
    REFUSALS,
    Refusal,
    profile,
    running,
    said,
    shown,
)
from tests.test_wiring import App
from tui.core.events import Envelope, RetryScheduled
from tui.core.models import Outcome, ToolState
from tui.engine import turn

Peer: TypeAlias = ChatPeer | ResponsesPeer


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody has to wait here."""
    monkeypatch.setattr(turn, "_RETRY_BASE", 0.01)


@dataclass(frozen=True)
class Wire:
    """How a protocol spells what the rows below are about."""

    protocol: str
    peer: Callable[[], Peer]
    endpoint: str
    malformed: bytes
    unknown: bytes
    whole_end: bytes
    cut_end: bytes
    nested_error: bytes
    flat_error: bytes
    half_a_call: tuple[bytes, ...]
    filtered: tuple[Item, ...]


ERROR = {"code": "server_error", "message": "overheated"}
HALF = '{"expression": "17*'
CHAT = Wire(
    protocol="chat",
    peer=ChatPeer,
    endpoint="/chat/completions",
    malformed=b"data: {x\n\n",
    unknown=chat_peer.frame({"object": "chat.moon.rose", "choices": []}),
    whole_end=chat_peer.chunk("stop").rstrip(b"\n"),
    cut_end=b'data: {"choices": [{"index": 0, "finish_rea',
    nested_error=chat_peer.frame({"error": ERROR}),
    flat_error=chat_peer.frame({"error": "overheated"}),
    half_a_call=(
        chat_peer.chunk(
            tool_calls=[
                {
                    "index": 0,
                    "id": "c_half",
                    "type": "function",
                    "function": {"name": "calculate", "arguments": HALF},
                }
            ]
        ),
    ),
    filtered=(Raw(chat_peer.chunk("content_filter") + chat_peer.DONE), Break("close")),
)
CALL_ITEM = {"type": "function_call", "id": "fc_half", "call_id": "c_half", "name": "calculate"}
RESPONSES = Wire(
    protocol="responses",
    peer=ResponsesPeer,
    endpoint="/responses",
    malformed=b"event: response.output_text.delta\ndata: {x\n\n",
    unknown=responses_peer.frame("response.moon.rose", full=True),
    whole_end=responses_peer.frame("response.completed", response={"status": "completed"}).rstrip(
        b"\n"
    ),
    cut_end=b'event: response.completed\ndata: {"type": "response.comp',
    nested_error=responses_peer.frame("error", error=ERROR),
    flat_error=responses_peer.frame("error", **ERROR),
    half_a_call=(
        responses_peer.frame(
            "response.output_item.added", output_index=1, item={**CALL_ITEM, "arguments": ""}
        ),
        responses_peer.frame(
            "response.function_call_arguments.delta",
            item_id="fc_half",
            output_index=1,
            delta=HALF,
        ),
    ),
    filtered=(End("incomplete", {"incomplete_details": {"reason": "content_filter"}}),),
)
WIRES = pytest.mark.parametrize("wire", [CHAT, RESPONSES], ids=lambda wire: wire.protocol)


@asynccontextmanager
async def talking(wire: Wire, **more: Any) -> AsyncIterator[tuple[App, Peer]]:
    peer = wire.peer()
    async with peer.http:
        ours = profile("peer", f"{peer.http.url}/v1", protocol=wire.protocol, **more)
        async with running(ours) as app:
            yield app, peer


async def assert_the_next_message_works(
    app: App, peer: Peer, *, kept: str = "", profile: str | None = None
) -> None:
    """It is answered, nothing is refused, nothing is told twice, what was kept goes along."""
    assert (await app.transcript()).active_run() is None
    peer.intercept = None
    peer.script = [Say(("fine",)), End()]
    before = len(peer.http.statuses)
    run = await app.ask("next", profile=profile)
    assert run.outcome is Outcome.COMPLETED, said(run)
    assert (await app.transcript()).path()[-1].text == "fine"
    assert [entry for entry in peer.http.statuses[before:] if entry[1] >= 400] == []
    told = json.dumps(peer.bodies[-1])
    assert told.count('next"') == 1  # one that got no answer may be told in one message with it
    assert kept in told
    assert told.count('"go') == 1


# --- what a server may answer instead of a stream -------------------------------------------------


@WIRES
@pytest.mark.parametrize("case", REFUSALS, ids=lambda case: case.row)
async def test_a_refusal_is_told_and_the_next_message_works(case: Refusal, wire: Wire) -> None:
    async with talking(wire) as (app, peer):
        left = case.times

        async def refuse(request: Request) -> Reply | None:
            nonlocal left
            if not left or request.method != "POST":
                return None
            left -= 1
            return case.reply()

        peer.intercept = refuse
        run = await app.ask("go")
        assert run.outcome is case.outcome
        assert case.says in said(run)
        assert run.error is not None
        assert (case.stateless_hint or case.hint) in run.error.hint
        await assert_the_next_message_works(app, peer)


@WIRES
async def test_a_short_retry_after_is_waited_for_in_sight(wire: Wire) -> None:
    async with talking(wire) as (app, peer):
        peer.script = [Say(("fine",)), End()]
        replies = [Reply.json({}, 429, retry_after_ms="20")]

        async def refuse(request: Request) -> Reply | None:
            return replies.pop() if replies else None

        peer.intercept = refuse
        subscription = await app.services.run_log.subscribe("t")
        run = await app.ask("go")
        events = [item.event for item in subscription.feed.drain() if isinstance(item, Envelope)]
        subscription.feed.close()
        assert run.outcome is Outcome.COMPLETED
        (retry,) = [event for event in events if isinstance(event, RetryScheduled)]
        assert retry.delay == 0.02
        await assert_the_next_message_works(app, peer)


@WIRES
async def test_refused_then_back(wire: Wire) -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        peer = wire.peer()
        url = f"http://127.0.0.1:{bound.getsockname()[1]}/v1"
        async with running(profile("peer", url, protocol=wire.protocol)) as app:
            run = await app.ask("go")
            assert run.outcome is Outcome.FAILED
            assert "Nothing answers at 127.0.0.1" in said(run)
            assert "Is the server running" in said(run)
            peer.http = HttpPeer(peer._handle, listen=bound)
            async with peer.http:
                await assert_the_next_message_works(app, peer)


@WIRES
@pytest.mark.parametrize("wrong", ["", "/v1/v1", "/api", "/v1{endpoint}"])
async def test_a_wrong_address_is_answered_with_the_right_one(wire: Wire, wrong: str) -> None:
    peer = wire.peer()
    async with peer.http:
        right = f"{peer.http.url}/v1"
        url = peer.http.url + wrong.format(endpoint=wire.endpoint)
        profiles = (
            profile("wrong", url, protocol=wire.protocol),
            profile("right", right, protocol=wire.protocol),
        )

        async def strict(request: Request) -> Reply | None:
            there = ("GET /v1/models", f"POST /v1{wire.endpoint}")
            return None if request.line in there else Reply.error(404, "no such address")

        peer.intercept = strict
        async with running(*profiles) as app:
            run = await app.ask("go")
            assert run.outcome is Outcome.FAILED
            assert "has nothing at this address" in said(run)
            assert f'Try base_url = "{right}"' in said(run)
            await assert_the_next_message_works(app, peer, profile="right")


# --- streams that break or lie --------------------------------------------------------------------

BEFORE, AFTER = Say(("be", "fore")), Say(("after",))
HUGE = b"data: " + b"x" * (17 * 1024 * 1024)


@dataclass(frozen=True)
class Stream:
    """What the model's stream does; ``keeps`` must be on the screen when it is over."""

    row: str
    script: Callable[[Wire], tuple[Item, ...]]
    outcome: Outcome
    says: tuple[str, ...] = ()
    keeps: tuple[str, ...] = ("before",)


BROKE = ("The connection to 127.0.0.1", "broke", "What arrived is kept")
EARLY = ("stream ended without saying how", "What arrived is kept")
STREAMS = [
    Stream("reset", lambda _: (BEFORE, Break("reset")), Outcome.DISCONNECTED, BROKE),
    Stream(
        "closed without an end", lambda _: (BEFORE, Break("abort")), Outcome.DISCONNECTED, BROKE
    ),
    Stream("truncated", lambda _: (BEFORE, Break("close")), Outcome.TRUNCATED, EARLY),
    Stream(
        "stall",
        lambda _: (BEFORE, Break("hang")),
        Outcome.DISCONNECTED,
        ("was silent for 0.4 s", "read_timeout"),
    ),
    Stream(
        "malformed JSON",
        lambda wire: (BEFORE, Raw(wire.malformed), AFTER, End()),
        Outcome.COMPLETED,
        keeps=("before", "after"),
    ),
    Stream(
        "unknown event",
        lambda wire: (BEFORE, Raw(wire.unknown), AFTER, End()),
        Outcome.COMPLETED,
        keeps=("before", "after"),
    ),
    Stream(
        "last event unterminated",
        lambda wire: (BEFORE, Raw(wire.whole_end), Break("close")),
        Outcome.COMPLETED,
    ),
    Stream(
        "last event cut off",
        lambda wire: (BEFORE, Raw(wire.cut_end), Break("close")),
        Outcome.TRUNCATED,
        EARLY,
    ),
    Stream(
        "event of 16 MB and over",
        lambda _: (BEFORE, Raw(HUGE), Break("abort")),
        Outcome.DISCONNECTED,
        ("16,777,216 bytes", "stream was left"),
    ),
    Stream(
        "error event, nested",
        lambda wire: (BEFORE, Raw(wire.nested_error)),
        Outcome.FAILED,
        ("overheated",),
    ),
    Stream(
        "error event, flat",
        lambda wire: (BEFORE, Raw(wire.flat_error)),
        Outcome.FAILED,
        ("overheated",),
    ),
    Stream(
        "run failed",
        lambda _: (BEFORE, End("failed", {"last_error": ERROR})),
        Outcome.FAILED,
        ("overheated", "server_error"),
    ),
    Stream(
        "run failed while arguments streamed",
        lambda wire: (BEFORE, *map(Raw, wire.half_a_call), Raw(wire.nested_error)),
        Outcome.FAILED,
        ("overheated",),
        ("before", HALF),
    ),
    Stream(
        "arguments cut off",
        lambda wire: (BEFORE, *map(Raw, wire.half_a_call), Break("abort")),
        Outcome.DISCONNECTED,
        BROKE,
        ("before", HALF),
    ),
    Stream(
        "content filter in mid-answer",
        lambda wire: (BEFORE, *wire.filtered),
        Outcome.INCOMPLETE,
        ("content filter",),
    ),
    Stream(
        "limit of tokens reached",
        lambda _: (
            BEFORE,
            End("incomplete", {"incomplete_details": {"reason": "max_output_tokens"}}),
        ),
        Outcome.INCOMPLETE,
        ("tokens was reached",),
    ),
]


@WIRES
@pytest.mark.parametrize("case", STREAMS, ids=lambda case: case.row)
async def test_a_broken_stream_is_told_and_kept(case: Stream, wire: Wire) -> None:
    async with talking(wire) as (app, peer):
        peer.script = list(case.script(wire))
        run = await app.ask("go")
        assert run.outcome is case.outcome, said(run)
        for words in case.says:
            assert words in said(run)
        transcript = await app.transcript()
        for text in case.keeps:
            assert shown(transcript).count(text) == 1
        assert len(peer.bodies) == 1, "what was shown is not asked for again"
        await assert_the_next_message_works(app, peer, kept="before")


@WIRES
@pytest.mark.parametrize("ending", ["close", "abort", "reset"])
async def test_an_answer_that_never_began_is_asked_for_again(wire: Wire, ending: Any) -> None:
    async with talking(wire) as (app, peer):
        peer.script = [Say(("one",)), End()]
        lost = 0

        async def lose(request: Request) -> Reply | None:
            nonlocal lost
            lost += 1
            return Reply.none(ending) if lost == 1 else None

        peer.intercept = lose
        run = await app.ask("go")
        assert run.outcome is Outcome.COMPLETED, said(run)
        assert (await app.transcript()).path()[-1].text == "one"
        assert len(peer.bodies) == 2
        await assert_the_next_message_works(app, peer)


@WIRES
async def test_a_server_that_was_silent_is_not_asked_again(wire: Wire) -> None:
    async with talking(wire) as (app, peer):

        async def silent(request: Request) -> Reply | None:
            return Reply.none("hang") if request.method == "POST" else None

        peer.intercept = silent
        run = await app.ask("go")
        assert run.outcome is Outcome.DISCONNECTED
        assert "was silent for 0.4 s" in said(run)
        assert "read_timeout" in said(run)
        assert len(peer.bodies) == 1
        await assert_the_next_message_works(app, peer)


# --- tools ----------------------------------------------------------------------------------------

CALL = Calls((("calculate", ('{"expression":', ' "17*23"}')),))


@WIRES
@pytest.mark.parametrize("status", [401, 500])
async def test_outputs_that_are_refused_for_good(wire: Wire, status: int) -> None:
    async with talking(wire) as (app, peer):
        peer.script = [BEFORE, CALL]

        async def refuse(request: Request) -> Reply | None:
            return Reply.error(status) if b"391" in request.raw else None

        peer.intercept = refuse
        run = await app.ask("go")
        assert run.outcome is Outcome.FAILED
        assert f"answered {status}" in said(run)
        transcript = await app.transcript()
        (call,) = transcript.calls.values()
        assert (call.state, str(call.output)) == (ToolState.DONE, "391")
        assert shown(transcript).count("before") == 1
        await assert_the_next_message_works(app, peer, kept="391")


@WIRES
async def test_outputs_whose_answer_is_lost_are_sent_again_and_no_tool_runs_twice(
    wire: Wire,
) -> None:
    async with talking(wire) as (app, peer):
        peer.script = [CALL, Say(("done",)), End()]
        lost = 0

        async def lose(request: Request) -> Reply | None:
            nonlocal lost
            lost += b"391" in request.raw
            return Reply.none("reset") if b"391" in request.raw and lost == 1 else None

        peer.intercept = lose
        run = await app.ask("go")
        assert run.outcome is Outcome.COMPLETED, said(run)
        (call,) = (await app.transcript()).calls.values()
        assert (call.state, str(call.output)) == (ToolState.DONE, "391")
        await assert_the_next_message_works(app, peer, kept="391")


@WIRES
async def test_a_conversation_that_is_too_long_goes_out_shorter(wire: Wire) -> None:
    async with talking(wire) as (app, peer):
        peer.script = [Say(("one",)), End()]
        await app.ask("oldest " * 200)
        peer.script = [Say(("two",)), End()]
        complaint = {
            "error": {
                "message": "request (900 tokens) exceeds the available context size (300 tokens)",
                "type": "exceed_context_size_error",
                "n_ctx": 300,
            }
        }

        async def refuse(request: Request) -> Reply | None:
            return Reply.json(complaint, 400) if b"oldest" in request.raw else None

        peer.intercept = refuse
        run = await app.ask("go")
        assert run.outcome is Outcome.COMPLETED, said(run)
        assert b"oldest" not in peer.http.requests[-1].raw
        await assert_the_next_message_works(app, peer, kept="two")


# --- the table ------------------------------------------------------------------------------------


def test_every_fault_has_its_row() -> None:
    text = PROMISES.read_text(encoding="utf-8")
    table = text.partition("## Faults of servers without memory")[2].partition("\n## ")[0]
    rows = [line.split("|")[1].strip() for line in table.splitlines() if line.startswith("| ")]
    for row in [*(case.row for case in REFUSALS), *(case.row for case in STREAMS)]:
        assert row in rows
