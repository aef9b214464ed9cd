"""What every Provider promises, whatever protocol it speaks.

To add one: write a subject (how to make it answer a scenario) and list it in ``SUBJECTS``.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial

import pytest

from tests.providers.assistants_peer import (
    AssistantsPeer,
    Break,
    Calls,
    End,
    Item,
    Pause,
    Say,
)
from tests.providers.chat_peer import ChatPeer
from tests.providers.conversation import Conversation, until
from tests.providers.responses_peer import ResponsesPeer
from tui.core.events import ArgumentsDelta, TextDelta, TurnFinished
from tui.core.models import Outcome, PartKind, ToolSpec
from tui.core.ports import NewMessages, Provider, ResponseOpened, Resume, WireReceived
from tui.core.settings import Profile, SandboxSettings
from tui.providers.registry import create
from tui.sandbox.provider import SandboxProvider
from tui.server.app import create_app
from tui.server.embedded import EmbeddedServer
from tui.server.memory import MemoryAssistantStore

TOOLS = [ToolSpec(name=name, description="test") for name in ("alpha", "beta", "gamma")]


@dataclass
class Subject:
    """A provider, and ``play``: make its model do this; returns what the user has to say for it.

    ``wire``: its bytes cross a network, so streams can break and raw events are shown.
    """

    provider: Provider
    play: Callable[[Sequence[Item]], str]
    wire: bool = True


@asynccontextmanager
async def scripted_server() -> AsyncIterator[Subject]:
    """The Assistants protocol against a server that follows a script exactly."""
    peer = AssistantsPeer()

    def play(items: Sequence[Item]) -> str:
        peer.script = list(items)
        return "go"

    async with peer.http:
        profile = Profile(name="p", base_url=f"{peer.http.url}/v1", model="m", read_timeout=10.0)
        provider = create(profile, api_key="sk-contract-test")
        yield Subject(provider, play)
        await provider.close()


@asynccontextmanager
async def chat_server() -> AsyncIterator[Subject]:
    """Chat Completions against a server that follows a script exactly."""
    peer = ChatPeer()

    def play(items: Sequence[Item]) -> str:
        peer.script = list(items)
        return "go"

    async with peer.http:
        url = f"{peer.http.url}/v1"
        profile = Profile(name="p", protocol="chat", base_url=url, model="m", read_timeout=10.0)
        provider = create(profile, api_key="sk-contract-test")
        yield Subject(provider, play)
        await provider.close()


@asynccontextmanager
async def responses_server(*, stateful: bool = False) -> AsyncIterator[Subject]:
    """The Responses protocol against a server that follows a script exactly."""
    peer = ResponsesPeer()

    def play(items: Sequence[Item]) -> str:
        peer.script = list(items)
        return "go"

    async with peer.http:
        profile = Profile(
            name="p",
            protocol="responses",
            base_url=f"{peer.http.url}/v1",
            model="m",
            stateful=stateful,
            read_timeout=10.0,
        )
        provider = create(profile, api_key="sk-contract-test")
        yield Subject(provider, play)
        await provider.close()


@asynccontextmanager
async def own_server() -> AsyncIterator[Subject]:
    """The Assistants protocol against the server we ship, with the sandbox behind it."""
    app = create_app(
        provider=SandboxProvider(SandboxSettings(rate=0)),
        store=MemoryAssistantStore(),
        api_key="sk-contract-test",
        models=["sandbox"],
    )
    server = EmbeddedServer(app)
    url = await asyncio.to_thread(server.start)
    profile = Profile(name="p", base_url=url, model="sandbox", read_timeout=10.0)
    provider = create(profile, api_key="sk-contract-test")
    yield Subject(provider, scenario)
    await provider.close()
    await asyncio.to_thread(server.stop)


@asynccontextmanager
async def sandbox() -> AsyncIterator[Subject]:
    """The sandbox itself, as the server sees it."""
    provider = SandboxProvider(SandboxSettings(rate=0))
    yield Subject(provider, scenario, wire=False)
    await provider.close()


Maker = Callable[[], AbstractAsyncContextManager[Subject]]
SUBJECTS: dict[str, Maker] = {
    "assistants, scripted server": scripted_server,
    "assistants, own server": own_server,
    "chat, scripted server": chat_server,
    "responses, scripted server": responses_server,
    "responses with server state": partial(responses_server, stateful=True),
    "sandbox": sandbox,
}


def scenario(items: Sequence[Item]) -> str:
    """The script as a message that the sandbox follows."""
    steps = "\n".join(step for item in items for step in _steps(item))
    return f"```sandbox\n{steps}\n```\n"


def _steps(item: Item) -> list[str]:
    if isinstance(item, Say):
        return [f"[[step]]\nsay = {json.dumps(''.join(item.pieces), ensure_ascii=False)}"]
    if isinstance(item, Calls):
        calls = ", ".join(
            f"{{ name = '{name}', arguments = {json.dumps(''.join(pieces))} }}"
            for name, pieces in item.calls
        )
        return [f"[[step]]\ncall = [{calls}]"]
    if isinstance(item, Pause):
        return ["[[step]]\nwait = 60"]
    if isinstance(item, Break):
        kind = {"abort": "disconnect", "close": "truncate", "hang": "stall"}[item.ending]
        return [f"[[step]]\nfail = '{kind}'"]
    if isinstance(item, End) and item.status == "failed":
        message = item.fields["last_error"]["message"]
        return [f"[[step]]\nfail = {{ kind = 'run_failed', message = {json.dumps(message)} }}"]
    return []


@pytest.fixture(params=SUBJECTS)
async def subject(request: pytest.FixtureRequest) -> AsyncIterator[Subject]:
    async with SUBJECTS[request.param]() as made:
        yield made


@pytest.fixture
def over_a_wire(subject: Subject) -> Subject:
    if not subject.wire:
        pytest.skip("nothing to break: it is called directly")
    return subject


@pytest.fixture
def talk(subject: Subject) -> Conversation:
    return Conversation(subject.provider, tools=TOOLS)


async def test_text(subject: Subject, talk: Conversation) -> None:
    text = "Grüße aus *Tōkyō* 😀"
    end = await talk.answer(subject.play([Say(("Grüße aus ", "*Tōkyō*", " 😀")), End()]))
    assert end.outcome is Outcome.COMPLETED
    assert end.needs == ()
    assert talk.text == text
    message = talk.transcript.path()[-1]
    assert message.complete
    assert [(part.kind, part.finished) for part in message.parts] == [(PartKind.TEXT, True)]
    streamed = "".join(s.text for s in talk.signals if isinstance(s, TextDelta))
    assert streamed == text
    assert talk.run.usage is not None
    assert talk.run.usage.total_tokens > 0


async def test_one_call(subject: Subject, talk: Conversation) -> None:
    arguments = '{"city": "Łódź", "n": [1, 2]}'
    script: list[Item] = [
        Calls((("alpha", (arguments[:5], arguments[5:])),)),
        Say(("done",)),
        End(),
    ]
    async with subject.provider.open(talk.say(subject.play(script))) as session:
        end = await talk.turn(session, NewMessages())
        assert end.outcome is Outcome.REQUIRES_ACTION
        (need,) = end.needs
        (call,) = talk.transcript.calls_of(talk.run_id)
        assert (need.name, need.call_id, need.arguments) == ("alpha", call.call_id, arguments)
        assert str(call.arguments) == arguments
        end = await talk.turn(session, talk.results(end, "the output"))
    assert end.outcome is Outcome.COMPLETED
    assert str(call.output) == "the output"
    assert talk.text == "done"


async def test_parallel_calls_stay_apart(subject: Subject, talk: Conversation) -> None:
    calls = (
        ("alpha", ('{"a":', " 1", "}")),
        ("beta", ("{", '"b":', ' "x{y}"', "}")),
        ("gamma", ("{}",)),
    )
    script: list[Item] = [Calls(calls), Say(("done",)), End()]
    async with subject.provider.open(talk.say(subject.play(script))) as session:
        end = await talk.turn(session, NewMessages())
        expected = [(name, "".join(pieces)) for name, pieces in calls]
        assert [(need.name, need.arguments) for need in end.needs] == expected
        assert len({need.call_id for need in end.needs}) == 3
        streamed: dict[str, str] = {}
        for signal in talk.signals:
            if isinstance(signal, ArgumentsDelta):
                streamed[signal.part_id] = streamed.get(signal.part_id, "") + signal.fragment
        assert sorted(streamed.values()) == sorted(arguments for _, arguments in expected)
        end = await talk.turn(session, talk.results(end))
    assert end.outcome is Outcome.COMPLETED
    outputs = [str(call.output) for call in talk.transcript.calls_of(talk.run_id)]
    assert outputs == ["output of alpha", "output of beta", "output of gamma"]


async def test_several_rounds_are_one_run(subject: Subject, talk: Conversation) -> None:
    script: list[Item] = [
        Calls((("alpha", ("{}",)), ("beta", ("{}",)))),
        Calls((("gamma", ('{"x":1}',)),)),
        Calls((("alpha", ('{"y":2}',)),)),
        Say(("all ", "done")),
        End(),
    ]
    end = await talk.answer(subject.play(script))
    assert end.outcome is Outcome.COMPLETED
    calls = talk.transcript.calls_of(talk.run_id)
    assert [call.name for call in calls] == ["alpha", "beta", "gamma", "alpha"]
    assert len({call.call_id for call in calls}) == 4
    assert all(call.finished for call in calls)
    assert talk.text == "all done"


async def test_a_conversation_goes_on(subject: Subject, talk: Conversation) -> None:
    await talk.answer(subject.play([Say(("one",)), End()]))
    await talk.answer(subject.play([Say(("two",)), End()]))
    texts = [message.text for message in talk.transcript.path()]
    assert [text for text in texts if "sandbox" not in text and text != "go"] == ["one", "two"]


async def test_cancel_stops_and_the_next_message_works(
    subject: Subject, talk: Conversation
) -> None:
    script: list[Item] = [Say(("begun",)), Pause(asyncio.Event()), Say(("never",)), End()]
    async with subject.provider.open(talk.say(subject.play(script))) as session:
        turn = asyncio.ensure_future(talk.turn(session, NewMessages()))
        while not any(isinstance(signal, TextDelta) for signal in talk.signals):
            await asyncio.sleep(0)
        turn.cancel()
        await asyncio.gather(turn, return_exceptions=True)
        async with asyncio.timeout(5):
            assert await session.cancel() is Outcome.CANCELLED
            assert await session.cancel() is Outcome.CANCELLED
    assert talk.text.startswith("beg")
    end = await talk.answer(subject.play([Say(("fresh",)), End()]))
    assert end.outcome is Outcome.COMPLETED
    assert talk.text == "fresh"


async def test_cancel_at_required_action(subject: Subject, talk: Conversation) -> None:
    script: list[Item] = [Calls((("alpha", ("{}",)),)), Say(("never",)), End()]
    async with subject.provider.open(talk.say(subject.play(script))) as session:
        assert (await talk.turn(session, NewMessages())).needs
        assert await session.cancel() is Outcome.CANCELLED
    end = await talk.answer(subject.play([Say(("fresh",)), End()]))
    assert end.outcome is Outcome.COMPLETED


async def test_cancel_after_the_end_says_how_it_ended(subject: Subject, talk: Conversation) -> None:
    async with subject.provider.open(talk.say(subject.play([Say(("all",)), End()]))) as session:
        await talk.turn(session, NewMessages())
        assert await session.cancel() is Outcome.COMPLETED


async def test_cancel_before_the_first_turn(subject: Subject, talk: Conversation) -> None:
    async with subject.provider.open(talk.say("hello")) as session:
        assert await session.cancel() is Outcome.CANCELLED


async def test_a_failure_says_what_and_what_to_do(subject: Subject, talk: Conversation) -> None:
    error = {"code": "server_error", "message": "the model fell over"}
    end = await talk.answer(subject.play([Say(("part",)), End("failed", {"last_error": error})]))
    assert end.outcome is Outcome.FAILED
    assert end.error is not None
    assert "the model fell over" in end.error.message
    assert end.error.hint
    assert talk.text == "part"


BROKEN = pytest.mark.parametrize(
    ("broken", "outcome"),
    [(Break("abort"), Outcome.DISCONNECTED), (Break("close"), Outcome.TRUNCATED)],
)


@BROKEN
async def test_a_broken_stream_is_reported_and_kept(
    over_a_wire: Subject, talk: Conversation, broken: Break, outcome: Outcome
) -> None:
    script: list[Item] = [Say(("before",)), broken, Say(("after",)), End()]
    async with over_a_wire.provider.open(talk.say(over_a_wire.play(script))) as session:
        end = await talk.turn(session, NewMessages())
        assert end.outcome is outcome
        assert end.error is not None
        assert end.error.hint
        assert "before" in "".join(m.text for m in talk.transcript.path()[1:])


@BROKEN
async def test_a_run_that_the_server_holds_goes_on_after_a_broken_stream(
    over_a_wire: Subject, talk: Conversation, broken: Break, outcome: Outcome
) -> None:
    if not over_a_wire.provider.capabilities.server_state:
        pytest.skip("its server keeps nothing")
    script: list[Item] = [Say(("before",)), broken, Say(("after",)), End()]
    async with over_a_wire.provider.open(talk.say(over_a_wire.play(script))) as session:
        assert (await talk.turn(session, NewMessages())).outcome is outcome
        end = await talk.turn(session, Resume())
    assert end.outcome is Outcome.COMPLETED
    shown = "".join(message.text for message in talk.transcript.path()[1:])
    assert shown.count("before") == 1
    assert shown.endswith("after")


@BROKEN
async def test_a_server_that_keeps_nothing_is_asked_anew_after_a_broken_stream(
    over_a_wire: Subject, talk: Conversation, broken: Break, outcome: Outcome
) -> None:
    if over_a_wire.provider.capabilities.server_state:
        pytest.skip("its server knows what became of the run")
    script: list[Item] = [Say(("before",)), broken]
    async with over_a_wire.provider.open(talk.say(over_a_wire.play(script))) as session:
        assert (await talk.turn(session, NewMessages())).outcome is outcome
        assert await session.cancel() is outcome
    end = await talk.answer(over_a_wire.play([Say(("fresh",)), End()]))
    assert end.outcome is Outcome.COMPLETED
    assert [message.text for message in talk.transcript.path()][1::2] == ["before", "fresh"]


async def test_a_run_begun_elsewhere_goes_on_in_a_new_session(
    subject: Subject, talk: Conversation
) -> None:
    """Where the server keeps nothing, the history with calls and outputs is all it takes."""
    if subject.provider.capabilities.server_state or not subject.wire:
        pytest.skip("its server holds the run")
    script: list[Item] = [Calls((("alpha", ("{}",)), ("beta", ("{}",)))), Say(("done",)), End()]
    request = talk.say(subject.play(script))
    async with subject.provider.open(request) as session:
        talk.results(await talk.turn(session, NewMessages()))
    request = replace(request, history=talk.transcript.history())
    async with subject.provider.open(request) as session:
        end = await talk.turn(session, NewMessages())
    assert end.outcome is Outcome.COMPLETED
    assert talk.text == "done"
    assert len(talk.transcript.path()) == 3


async def test_raw_events_are_numbered_over_the_whole_run(
    over_a_wire: Subject, talk: Conversation
) -> None:
    script: list[Item] = [Calls((("alpha", ("{}",)),)), Say(("done",)), End()]
    await talk.answer(over_a_wire.play(script))
    raw = [signal for signal in talk.signals if isinstance(signal, WireReceived)]
    assert [event.index for event in raw] == list(range(len(raw)))
    assert [event.mono for event in raw] == sorted(event.mono for event in raw)
    assert sum(isinstance(signal, ResponseOpened) for signal in talk.signals) == 2
    assert isinstance(talk.signals[-1], TurnFinished)


async def test_the_continuation_is_a_new_object_when_it_changed(
    subject: Subject, talk: Conversation
) -> None:
    async with subject.provider.open(talk.say(subject.play([Say(("x",)), End()]))) as session:
        first = session.continuation
        copy = dict(first)
        await talk.turn(session, NewMessages())
        assert first == copy
        assert session.continuation is session.continuation
        if subject.provider.capabilities.server_state:
            assert session.continuation
            assert session.continuation is not first


async def test_two_conversations_at_once_do_not_meet(subject: Subject) -> None:
    first = Conversation(subject.provider, tools=TOOLS, runs="first")
    text = subject.play([Say(("same",)), End(), Say(("same",)), End()])
    second = Conversation(subject.provider, tools=TOOLS, runs="second")
    ends = await asyncio.gather(first.answer(text), second.answer(text))
    assert [end.outcome for end in ends] == [Outcome.COMPLETED] * 2
    assert first.transcript.messages.keys() & second.transcript.messages.keys() <= {"user-1"}


async def test_closing_twice_is_harmless(subject: Subject, talk: Conversation) -> None:
    await talk.answer(subject.play([Say(("x",)), End()]))
    await subject.provider.close()
    await subject.provider.close()


async def test_leaving_in_the_middle_of_a_turn_gives_everything_back(
    subject: Subject, talk: Conversation
) -> None:
    script: list[Item] = [Say(("a",)), Pause(asyncio.Event())]
    async with subject.provider.open(talk.say(subject.play(script))) as session:
        await until(session.turn(NewMessages()), TextDelta)
        await session.cancel()
