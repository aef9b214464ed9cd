"""The Assistants provider against a real server on loopback: what it sends and understands."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.providers.assistants_peer import (
    AssistantsPeer,
    Break,
    Calls,
    End,
    Pause,
    Raw,
    Say,
    frame,
)
from tests.providers.conversation import Conversation, assistant, request, until, user
from tests.providers.http_peer import Reply, Request
from tui.core.errors import ProviderError
from tui.core.events import NoticeAdded, RunStatusChanged, TextDelta, TurnFinished
from tui.core.models import HistoryCall, HistoryMessage, Outcome, Role, ToolSpec
from tui.core.ports import Checkpoint, NewMessages, ResponseOpened, Resume, WireReceived
from tui.core.settings import Profile
from tui.providers.assistants.provider import AssistantsProvider

KEY = "sk-test-0123456789"
CREATE_THREAD = "POST /v1/threads"


@pytest.fixture
async def peer() -> AsyncIterator[AssistantsPeer]:
    found = AssistantsPeer()
    async with found.http:
        yield found


def profile(peer: AssistantsPeer, **more: object) -> Profile:
    settings: dict[str, object] = {"name": "peer", "model": "m", "read_timeout": 5.0, **more}
    return Profile(base_url=f"{peer.http.url}/v1", **settings)  # type: ignore[arg-type]  # test data


@pytest.fixture
async def provider(peer: AssistantsPeer) -> AsyncIterator[AssistantsProvider]:
    made = AssistantsProvider(profile(peer), KEY)
    yield made
    await made.close()


def posts(peer: AssistantsPeer) -> list[str]:
    return [line for line in peer.http.lines if line.startswith("POST")]


def notices(talk: Conversation) -> list[str]:
    return [s.text for s in talk.signals if isinstance(s, NoticeAdded)]


# --- thread, message, run -----------------------------------------------------------------------


async def test_a_new_thread_is_known_before_its_run_is_asked_for(
    peer: AssistantsPeer, provider: AssistantsProvider
) -> None:
    peer.script = [Say(("Hel", "lo")), End()]
    talk = Conversation(provider)
    end = await talk.answer("hi")
    assert end.outcome is Outcome.COMPLETED
    assert talk.text == "Hello"
    (thread_id,) = peer.threads
    assert posts(peer) == [
        "POST /v1/assistants",
        CREATE_THREAD,
        f"{CREATE_THREAD}/{thread_id}/runs",
    ]
    (sent,) = peer.http.requests[-2].body["messages"]
    body = peer.http.requests[-1].body
    assert sent == {
        "role": "user",
        "content": "hi",
        "metadata": {"tickertape_message_id": "user-1"},
    }
    assert body["stream"] is True
    assert body["metadata"] == {"tickertape_run_id": "run-1"}
    assert talk.run.usage is not None
    assert talk.run.usage.total_tokens == 12
    assert notices(talk) == []


async def test_the_next_message_is_posted_and_run_without_asking_anything(
    peer: AssistantsPeer, provider: AssistantsProvider
) -> None:
    peer.script = [Say(("one",)), End(), Say(("two",)), End()]
    talk = Conversation(provider)
    await talk.answer("first")
    before = len(peer.http.requests)
    await talk.answer("second")
    (thread_id,) = peer.threads
    assert peer.http.lines[before:] == [
        f"POST /v1/threads/{thread_id}/messages",
        f"POST /v1/threads/{thread_id}/runs",
    ]
    assert peer.texts(thread_id) == [
        ("user", "first"),
        ("assistant", "one"),
        ("user", "second"),
        ("assistant", "two"),
    ]


async def test_after_a_restart_it_looks_before_it_posts(peer: AssistantsPeer) -> None:
    peer.script = [Say(("one",)), End(), Say(("two",)), End()]
    first = AssistantsProvider(profile(peer), KEY)
    talk = Conversation(first)
    await talk.answer("first")
    await first.close()
    talk.provider = AssistantsProvider(profile(peer), KEY)
    await talk.answer("second")
    await talk.provider.close()
    (thread_id,) = peer.threads
    assert len(peer.texts(thread_id)) == 4
    assert len(peer.assistants) == 1
    assert notices(talk) == []


async def test_a_thread_that_the_server_lost_is_built_anew(
    peer: AssistantsPeer, provider: AssistantsProvider
) -> None:
    peer.script = [Say(("one",)), End(), Say(("two",)), End()]
    talk = Conversation(provider)
    await talk.answer("first")
    peer.threads.clear()
    end = await talk.answer("second")
    assert end.outcome is Outcome.COMPLETED
    (thread_id,) = peer.threads
    assert [text for _, text in peer.texts(thread_id)] == ["first", "one", "second", "two"]
    (notice,) = notices(talk)
    assert "no longer has" in notice
    assert talk.run.continuation is not None
    assert talk.run.continuation["thread_id"] == thread_id


async def test_a_server_that_forgot_everything_gets_a_new_assistant_too(
    peer: AssistantsPeer, provider: AssistantsProvider
) -> None:
    peer.script = [Say(("one",)), End(), Say(("two",)), End()]
    talk = Conversation(provider)
    await talk.answer("first")
    peer.threads.clear()
    peer.assistants.clear()
    assert (await talk.answer("second")).outcome is Outcome.COMPLETED
    assert len(peer.assistants) == 1


async def test_another_branch_is_not_mixed_into_the_remote_thread(
    peer: AssistantsPeer, provider: AssistantsProvider
) -> None:
    peer.script = [Say(("one",)), End(), Say(("again",)), End()]
    talk = Conversation(provider)
    await talk.answer("first")
    retry = request(user("user-1", "first"), run_id="r2", continuation=talk.run.continuation)
    async with provider.open(retry) as session:
        found = [signal async for signal in session.turn(NewMessages())]
    assert any(isinstance(s, NoticeAdded) and "branch" in s.text for s in found)
    old, new = peer.threads
    assert [text for _, text in peer.texts(new)] == ["first", "again"]
    assert [text for _, text in peer.texts(old)] == ["first", "one"]


async def test_a_branch_behind_the_remote_tip_is_noticed_after_a_restart(
    peer: AssistantsPeer, provider: AssistantsProvider
) -> None:
    """The continuation fits the path, but the remote thread went on along another branch."""
    peer.script = [Say(("one",)), End(), Say(("two",)), End(), Say(("other",)), End()]
    talk = Conversation(provider)
    await talk.answer("first")
    kept, path = talk.run.continuation, talk.transcript.history()
    await talk.answer("second")
    other = request(*path, user("user-x", "instead"), run_id="r3", continuation=kept)
    async with provider.open(other) as session:
        found = [signal async for signal in session.turn(NewMessages())]
    assert any(isinstance(s, NoticeAdded) for s in found)
    new = list(peer.threads)[-1]
    assert [text for _, text in peer.texts(new)] == ["first", "one", "instead", "other"]


async def test_messages_of_another_profile_go_along(
    peer: AssistantsPeer, provider: AssistantsProvider
) -> None:
    peer.script = [Say(("one",)), End(), Say(("three",)), End()]
    talk = Conversation(provider)
    await talk.answer("first")
    history = (
        *talk.transcript.history(),
        user("u2", "second"),
        assistant("elsewhere", "from another model"),
        user("u3", "third"),
    )
    more = request(*history, run_id="r2", continuation=talk.run.continuation)
    async with provider.open(more) as session:
        await until(session.turn(NewMessages()), TurnFinished)
    (thread_id,) = peer.threads
    assert peer.texts(thread_id)[2:] == [
        ("user", "second"),
        ("assistant", "from another model"),
        ("user", "third"),
        ("assistant", "three"),
    ]


async def test_a_long_history_is_sent_within_the_limits(
    peer: AssistantsPeer, provider: AssistantsProvider
) -> None:
    peer.script = [Say(("ok",)), End()]
    calls = (HistoryCall(call_id="c", name="f", arguments='{"x":1}', output="42"),)
    history = [user(f"m{n}", f"text {n}") for n in range(40)]
    history[20] = HistoryMessage(id="m20", role=Role.ASSISTANT, calls=calls)
    async with provider.open(request(*history)) as session:
        found = [signal async for signal in session.turn(NewMessages())]
    assert isinstance(found[-1], TurnFinished)
    (thread_id,) = peer.threads
    created = next(r for r in peer.http.requests if r.line == "POST /v1/threads")
    assert len(created.body["messages"]) == 32
    texts = [text for _, text in peer.texts(thread_id)]
    assert len(texts) == 41
    assert '[Called f with {"x":1}; output: 42]' in texts[20]
    assert any(isinstance(s, NoticeAdded) for s in found)


async def test_what_still_runs_on_the_thread_is_stopped_first(
    peer: AssistantsPeer, provider: AssistantsProvider
) -> None:
    peer.script = [Calls((("f", ("{}",)),)), Say(("fresh",)), End()]
    talk = Conversation(provider)
    async with provider.open(talk.say("first")) as session:
        await talk.turn(session, NewMessages())
    end = await talk.answer("second")
    assert end.outcome is Outcome.COMPLETED
    assert [run["status"] for run in peer.runs.values()] == ["cancelled", "completed"]
    assert any("stopped" in notice for notice in notices(talk))


# --- the assistant ------------------------------------------------------------------------------


async def test_two_runs_at_once_make_one_assistant(
    peer: AssistantsPeer, provider: AssistantsProvider
) -> None:
    peer.assistants["asst_other"] = {"id": "asst_other", "metadata": {}, "tools": []}
    peer.script = [Say(("a",)), End(), Say(("b",)), End()]
    await asyncio.gather(Conversation(provider).answer("x"), Conversation(provider).answer("y"))
    assert len(peer.assistants) == 2


async def test_two_first_starts_end_up_with_one_assistant(
    peer: AssistantsPeer, provider: AssistantsProvider
) -> None:
    peer.rival = True
    peer.script = [Say(("ok",)), End()]
    await Conversation(provider).answer("hi")
    assert list(peer.assistants) == ["asst_rival"]
    assert peer.http.requests[-1].body["assistant_id"] == "asst_rival"


async def test_our_assistant_is_found_again_on_a_later_page(
    peer: AssistantsPeer, provider: AssistantsProvider
) -> None:
    for number in range(3):
        peer.assistants[f"asst_x{number}"] = {"id": f"asst_x{number}", "metadata": {}}
    mine = {"id": "asst_mine", "metadata": {"tickertape": "assistant"}}
    peer.assistants["asst_mine"] = mine
    peer.script = [Say(("ok",)), End()]
    await Conversation(provider).answer("hi")
    assert peer.http.requests[-1].body["assistant_id"] == "asst_mine"
    assert len(peer.assistants) == 4


async def test_the_environment_names_the_assistant(
    peer: AssistantsPeer, provider: AssistantsProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_ASSISTANT_ID", "asst_env")
    peer.assistants["asst_env"] = {"id": "asst_env", "tools": []}
    peer.script = [Say(("ok",)), End()]
    await Conversation(provider).answer("hi")
    assert peer.http.lines[:2] == ["GET /v1/assistants/asst_env", CREATE_THREAD]


async def test_an_unknown_assistant_is_named_in_the_error(peer: AssistantsPeer) -> None:
    provider = AssistantsProvider(profile(peer, assistant_id="asst_gone"), KEY)
    with pytest.raises(ProviderError, match="asst_gone") as caught:
        await Conversation(provider).answer("hi")
    await provider.close()
    assert caught.value.hint
    assert not caught.value.retryable
    assert peer.http.lines == ["GET /v1/assistants/asst_gone"]


async def test_without_a_model_the_servers_first_one_is_taken(peer: AssistantsPeer) -> None:
    provider = AssistantsProvider(profile(peer, model=None), KEY)
    peer.script = [Say(("ok",)), End()]
    await Conversation(provider).answer("hi")
    await provider.close()
    (made,) = peer.assistants.values()
    assert made["model"] == "first-model"


SPEC = ToolSpec(name="f", description="does", parameters={"type": "object", "properties": {}})


@pytest.mark.parametrize(
    ("own", "declared"),
    [
        ([], ["function"]),
        ([{"type": "code_interpreter"}], ["code_interpreter", "function"]),
        ([{"type": "function", "function": {"name": "g"}}], None),
    ],
)
async def test_tools_are_declared_unless_the_assistant_has_its_own(
    peer: AssistantsPeer, own: list[dict[str, object]], declared: list[str] | None
) -> None:
    peer.assistants["asst_1"] = {"id": "asst_1", "tools": own}
    provider = AssistantsProvider(profile(peer, assistant_id="asst_1"), KEY)
    peer.script = [Say(("ok",)), End()]
    await Conversation(provider, tools=[SPEC]).answer("hi")
    await provider.close()
    tools = peer.http.requests[-1].body.get("tools")
    assert declared == (None if tools is None else [tool["type"] for tool in tools])


# --- tool rounds --------------------------------------------------------------------------------


async def test_all_outputs_of_a_round_go_in_one_request(
    peer: AssistantsPeer, provider: AssistantsProvider
) -> None:
    peer.script = [
        Calls((("f", ('{"a":', "1}")), ("g", ("{", '"b":2', "}")))),
        Calls((("h", ("{}",)),)),
        Say(("done",)),
        End(),
    ]
    talk = Conversation(provider)
    end = await talk.answer("go")
    assert end.outcome is Outcome.COMPLETED
    assert [[each["output"] for each in outputs] for outputs in peer.outputs] == [
        ["output of f", "output of g"],
        ["output of h"],
    ]
    calls = talk.transcript.calls_of("run-1")
    assert [(c.name, str(c.arguments)) for c in calls] == [
        ("f", '{"a":1}'),
        ("g", '{"b":2}'),
        ("h", "{}"),
    ]
    assert [s.index for s in talk.signals if isinstance(s, WireReceived)] == list(
        range(len(talk.wire_names))
    )
    assert sum(isinstance(s, ResponseOpened) for s in talk.signals) == 3


async def test_outputs_that_had_arrived_are_not_sent_again(
    peer: AssistantsPeer, provider: AssistantsProvider
) -> None:
    """The reply to the submission was lost; asking again finds the run finished."""
    peer.script = [Calls((("f", ("{}",)),)), Break("abort"), Say(("done",)), End()]
    talk = Conversation(provider)
    async with provider.open(talk.say("go")) as session:
        results = talk.results(await talk.turn(session, NewMessages()))
        assert (await talk.turn(session, results)).outcome is Outcome.DISCONNECTED
        end = await talk.turn(session, results)
    assert end.outcome is Outcome.COMPLETED
    assert talk.text == "done"
    assert len(peer.outputs) == 1


async def test_late_outputs_tell_what_became_of_the_run(
    peer: AssistantsPeer, provider: AssistantsProvider
) -> None:
    peer.script = [Calls((("f", ("{}",)),))]
    talk = Conversation(provider)
    async with provider.open(talk.say("go")) as session:
        results = talk.results(await talk.turn(session, NewMessages()))
        (run,) = peer.runs.values()
        run["status"] = "expired"
        end = await talk.turn(session, results)
    assert end.outcome is Outcome.EXPIRED
    assert end.error is not None
    assert end.error.hint


# --- streams that break -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ending", "outcome"),
    [("abort", Outcome.DISCONNECTED), ("close", Outcome.TRUNCATED), ("hang", Outcome.DISCONNECTED)],
)
async def test_a_broken_stream_is_settled_by_asking(
    peer: AssistantsPeer, ending: str, outcome: Outcome
) -> None:
    provider = AssistantsProvider(profile(peer, read_timeout=0.3), KEY)
    peer.script = [
        Say(("before",)),
        Break(ending),  # type: ignore[arg-type]  # a literal, by parametrize
        Say(("after",)),
        End(),
    ]
    talk = Conversation(provider)
    async with provider.open(talk.say("go")) as session:
        end = await talk.turn(session, NewMessages())
        assert end.outcome is outcome
        assert end.error is not None
        assert talk.text == "before"
        end = await talk.turn(session, Resume())
    await provider.close()
    assert end.outcome is Outcome.COMPLETED
    assert [m.text for m in talk.transcript.path()] == ["go", "before", "after"]


async def test_a_run_can_be_resumed_from_its_continuation(
    peer: AssistantsPeer, provider: AssistantsProvider
) -> None:
    peer.script = [Break("abort"), Calls((("f", ('{"x":1}',)),)), Say(("done",)), End()]
    talk = Conversation(provider)
    asked = talk.say("go")
    async with provider.open(asked) as session:
        await talk.turn(session, NewMessages())
    reopened = request(*asked.history, run_id="run-1", continuation=talk.run.continuation)
    async with provider.open(reopened) as session:
        end = await talk.turn(session, Resume())
        assert end.outcome is Outcome.REQUIRES_ACTION
        assert [(need.name, need.arguments) for need in end.needs] == [("f", '{"x":1}')]
        end = await talk.turn(session, talk.results(end))
    assert end.outcome is Outcome.COMPLETED
    assert talk.text == "done"


@pytest.mark.parametrize("asked_for", [False, True], ids=["before the run", "after the run"])
async def test_a_process_that_ends_while_it_asks_for_the_run_doubles_nothing(
    peer: AssistantsPeer, asked_for: bool
) -> None:
    """All that the next process knows is what was said at the checkpoint."""
    peer.script = [Say(("done",)), End()]
    talk = Conversation(AssistantsProvider(profile(peer), KEY))
    asked = talk.say("go")
    async with talk.provider.open(asked) as session:
        signals = session.turn(NewMessages())
        await until(signals, Checkpoint)
        assert not any(line.endswith("/runs") for line in posts(peer))
        kept = session.continuation
        if asked_for:
            await until(signals, ResponseOpened)
        await signals.aclose()  # type: ignore[attr-defined]  # a generator, as the engine knows
    await talk.provider.close()

    talk.provider = AssistantsProvider(profile(peer), KEY)
    peer.script = [Say(("done",)), End()]
    again = request(*asked.history, run_id=asked.run_id, continuation=kept)
    async with talk.provider.open(again) as session:
        if asked_for:
            (run,) = peer.runs.values()
            run["status"] = "completed"
            end = await talk.turn(session, Resume())
        else:
            with pytest.raises(ProviderError) as caught:
                await talk.turn(session, Resume())
            assert (caught.value.code, caught.value.sent) == ("run_not_found", False)
            end = await talk.turn(session, NewMessages())
    await talk.provider.close()
    assert end.outcome is Outcome.COMPLETED
    assert len(peer.runs) == len(peer.threads) == 1
    assert [text for role, text in peer.texts(kept["thread_id"]) if role == "user"] == ["go"]


async def test_outputs_are_looked_for_before_they_are_sent_again(
    peer: AssistantsPeer, provider: AssistantsProvider
) -> None:
    peer.script = [Calls((("f", ("{}",)),)), Break("abort"), Say(("done",)), End()]
    talk = Conversation(provider)
    async with provider.open(talk.say("go")) as session:
        results = talk.results(await talk.turn(session, NewMessages()))
        await talk.turn(session, results)
        before = len(peer.http.requests)
        end = await talk.turn(session, results)
    assert end.outcome is Outcome.COMPLETED
    assert [line for line in peer.http.lines[before:] if line.startswith("POST")] == []


async def test_a_deleted_run_is_not_found(
    peer: AssistantsPeer, provider: AssistantsProvider
) -> None:
    peer.script = [Say(("before",)), Break("abort")]
    talk = Conversation(provider)
    async with provider.open(talk.say("go")) as session:
        await talk.turn(session, NewMessages())
        peer.threads.clear()
        with pytest.raises(ProviderError, match="no longer has this run") as caught:
            await talk.turn(session, Resume())
    assert (caught.value.code, caught.value.sent) == ("run_not_found", False)


async def test_a_run_that_completed_behind_an_error_event_is_shown(
    peer: AssistantsPeer, provider: AssistantsProvider
) -> None:
    peer.script = [Raw(frame("error", {"message": "too slow"}))]
    talk = Conversation(provider)
    async with provider.open(talk.say("go")) as session:
        signals = session.turn(NewMessages())
        await until(signals, ResponseOpened)
        (run,) = peer.runs.values()

        async def complete(asked: Request) -> Reply | None:
            if asked.path.endswith("/cancel"):
                run["status"] = "completed"
            return None

        peer.intercept = complete
        end = await until(signals, TurnFinished)
    assert isinstance(end, TurnFinished)
    assert end.outcome is Outcome.COMPLETED


async def test_a_run_that_stays_queued_is_given_up_with_a_sentence(peer: AssistantsPeer) -> None:
    provider = AssistantsProvider(profile(peer, read_timeout=0.3), KEY)
    peer.script = [Break("abort")]
    talk = Conversation(provider)
    async with provider.open(talk.say("go")) as session:
        await talk.turn(session, NewMessages())
        end = await talk.turn(session, Resume())
    await provider.close()
    assert end.outcome is Outcome.DISCONNECTED
    assert end.error is not None
    assert "without a change" in end.error.message


async def test_the_last_word_counts_when_done_never_comes(
    peer: AssistantsPeer, provider: AssistantsProvider
) -> None:
    run = {"id": "run_1", "status": "completed"}
    cut = frame("thread.run.completed", run).rstrip(b"\n")
    peer.script = [Say(("all",)), Raw(cut), Break("abort")]
    assert (await Conversation(provider).answer("go")).outcome is Outcome.COMPLETED


async def test_a_stream_left_open_after_its_last_word_does_not_hold_up_the_answer(
    peer: AssistantsPeer, provider: AssistantsProvider
) -> None:
    done = frame("thread.run.completed", {"id": "r", "status": "completed"})
    peer.script = [Say(("all",)), Raw(done + frame("done", "[DONE]")), Break("hang")]
    async with asyncio.timeout(2):
        end = await Conversation(provider).answer("go")
    assert end.outcome is Outcome.COMPLETED


async def test_a_request_made_again_does_not_double_the_message(
    peer: AssistantsPeer, provider: AssistantsProvider
) -> None:
    peer.script = [Say(("one",)), End(), Say(("two",)), End()]
    talk = Conversation(provider)
    await talk.answer("first")
    (thread_id,) = peer.threads
    peer.refuse[f"POST /v1/threads/{thread_id}/runs"] = [Reply.error(429, "slow down")]
    async with provider.open(talk.say("second")) as session:
        with pytest.raises(ProviderError) as caught:
            await talk.turn(session, NewMessages())
        assert caught.value.retryable
        assert not caught.value.sent
        end = await talk.turn(session, NewMessages())
    assert end.outcome is Outcome.COMPLETED
    assert [text for _, text in peer.texts(thread_id)] == ["first", "one", "second", "two"]


async def test_messages_that_had_arrived_are_not_posted_again(
    peer: AssistantsPeer, provider: AssistantsProvider
) -> None:
    peer.script = [Say(("one",)), End(), Say(("two",)), End()]
    talk = Conversation(provider)
    await talk.answer("first")
    (thread_id,) = peer.threads
    more = (assistant("x", "from elsewhere"), user("y", "second"))
    history = (*talk.transcript.history(), *more)
    asked = request(*history, run_id="r2", continuation=talk.run.continuation)
    refused = [Reply.error(503, "busy")]
    handle = peer.http._handler

    async def refuse_the_last(request: Request) -> Reply:
        last = request.method == "POST" and request.body.get("content") == "second"
        return refused.pop() if last and refused else await handle(request)

    peer.http._handler = refuse_the_last
    async with provider.open(asked) as session:
        with pytest.raises(ProviderError):
            await until(session.turn(NewMessages()), TurnFinished)
        await until(session.turn(NewMessages()), TurnFinished)
    assert [text for _, text in peer.texts(thread_id)] == [
        "first",
        "one",
        "from elsewhere",
        "second",
        "two",
    ]


# --- cancel -------------------------------------------------------------------------------------


async def test_cancel_while_text_streams(
    peer: AssistantsPeer, provider: AssistantsProvider
) -> None:
    peer.script = [Say(("a", "b")), Pause(asyncio.Event())]
    talk = Conversation(provider)
    async with provider.open(talk.say("go")) as session:
        signals = session.turn(NewMessages())
        await until(signals, TextDelta)
        assert await session.cancel() is Outcome.CANCELLED
        assert await session.cancel() is Outcome.CANCELLED
        await signals.aclose()  # type: ignore[attr-defined]  # a generator, as the engine knows
    assert [run["status"] for run in peer.runs.values()] == ["cancelled"]
    assert sum(line.endswith("/cancel") for line in peer.http.lines) == 1


async def test_cancel_of_a_run_that_finished_first(
    peer: AssistantsPeer, provider: AssistantsProvider
) -> None:
    peer.script = [Say(("a",)), Break("hang"), End()]
    talk = Conversation(provider)
    async with provider.open(talk.say("go")) as session:
        signals = session.turn(NewMessages())
        await until(signals, TextDelta)
        (run,) = peer.runs.values()
        run["status"] = "completed"
        assert await session.cancel() is Outcome.COMPLETED
        await signals.aclose()  # type: ignore[attr-defined]  # a generator, as the engine knows
        end = await talk.turn(session, Resume())
    assert end.outcome is Outcome.COMPLETED


async def test_cancel_before_anything_was_sent(
    peer: AssistantsPeer, provider: AssistantsProvider
) -> None:
    async with provider.open(request(user("u", "x"))) as session:
        assert await session.cancel() is Outcome.CANCELLED
    assert peer.http.lines == []


async def test_cancel_while_the_request_is_on_its_way(
    peer: AssistantsPeer, provider: AssistantsProvider
) -> None:
    """The turn is abandoned before the server answered; its run is stopped all the same."""
    arrived, go_on = asyncio.Event(), asyncio.Event()
    handle = peer.http._handler

    async def slow(asked: object) -> Reply:
        reply = await handle(asked)  # type: ignore[arg-type]  # passed on as it is
        if getattr(asked, "line", "").endswith("/runs") and getattr(asked, "method", "") == "POST":
            arrived.set()
            await go_on.wait()
        return reply

    peer.http._handler = slow
    peer.script = [Pause(asyncio.Event())]
    async with provider.open(request(user("u", "x"))) as session:
        turn = asyncio.ensure_future(until(session.turn(NewMessages()), TurnFinished))
        await arrived.wait()
        turn.cancel()
        await asyncio.gather(turn, return_exceptions=True)
        cancelling = asyncio.ensure_future(session.cancel())
        go_on.set()
        assert await cancelling is Outcome.CANCELLED
    assert [run["status"] for run in peer.runs.values()] == ["cancelled"]


async def test_leaving_a_session_does_not_cancel(
    peer: AssistantsPeer, provider: AssistantsProvider
) -> None:
    peer.script = [Say(("a",)), Pause(asyncio.Event())]
    async with provider.open(request(user("u", "x"))) as session:
        await until(session.turn(NewMessages()), RunStatusChanged)
    assert not any(line.endswith("/cancel") for line in peer.http.lines)


# --- how runs end -------------------------------------------------------------------------------


async def test_a_failed_run_says_why(peer: AssistantsPeer, provider: AssistantsProvider) -> None:
    error = {"code": "rate_limit_exceeded", "message": "You exceeded \x1b[31m your quota"}
    peer.script = [Say(("part",)), End("failed", {"last_error": error})]
    end = await Conversation(provider).answer("go")
    assert end.outcome is Outcome.FAILED
    assert end.error is not None
    assert end.error.code == "rate_limit_exceeded"
    assert "your quota" in end.error.message
    assert "\x1b" not in end.error.message
    assert "quota" in end.error.hint


async def test_the_key_in_a_servers_words_is_blotted_out(
    peer: AssistantsPeer, provider: AssistantsProvider
) -> None:
    peer.script = [Raw(frame("error", {"error": {"message": f"bad key {KEY}"}}))]
    talk = Conversation(provider)
    end = await talk.answer("go")
    assert end.outcome is Outcome.FAILED
    assert "bad key" in str(talk.signals)
    assert KEY not in str(talk.signals)
