"""Programs written for the hosted service with the official Python SDK, styles as documented."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import openai
import pytest
from openai import AssistantEventHandler, AsyncAssistantEventHandler
from openai.types.beta.threads import Run, Text, TextDelta
from openai.types.beta.threads.runs import ToolCall, ToolCallDelta
from typing_extensions import override

from tests.server.conftest import Peer
from tests.server.scripted import Hold, Step, call, end, in_turn, outputs_of, say, used
from tui.core.ports import RunRequest, TurnInput

ADD = {
    "type": "function",
    "function": {
        "name": "add",
        "description": "Adds.",
        "parameters": {
            "type": "object",
            "properties": {"x": {"type": "integer"}, "y": {"type": "integer"}},
        },
    },
}
ANSWER = "3 + 7 is 10; then 10 + 10 is 20"


def adding(request: RunRequest, given: TurnInput, turn: int) -> Sequence[Step]:
    """Two rounds of parallel calls, each using the last one's outputs, then words."""
    if turn == 1:
        return in_turn(("a1", "add", '{"x": 1, "y": 2}'), ("a2", "add", '{"x": 3, "y": 4}'))
    outputs = outputs_of(given)
    if turn == 2:
        assert outputs == {"a1": "3", "a2": "7"}
        return in_turn(
            ("b1", "add", json.dumps({"x": int(outputs["a1"]), "y": int(outputs["a2"])})),
            ("b2", "add", '{"x": 10, "y": 10}'),
            name="t2",
        )
    text = f"3 + 7 is {outputs['b1']}; then 10 + 10 is {outputs['b2']}"
    return [*say(text[:9], text[9:]), used(90, 30), end()]


def outputs_for(run: Run) -> Any:
    assert run.required_action is not None
    return [
        {"tool_call_id": each.id, "output": str(sum(json.loads(each.function.arguments).values()))}
        for each in run.required_action.submit_tool_outputs.tool_calls
    ]


def answer_of(client: openai.OpenAI, thread: str) -> str:
    content = client.beta.threads.messages.list(thread).data[0].content[0]
    assert content.type == "text"
    return content.text.value


def test_event_handler_style(peer: Peer) -> None:
    client = peer.client
    seen: list[str] = []

    class Handler(AssistantEventHandler):
        @override
        def on_event(self, event: Any) -> None:
            if event.event == "thread.run.requires_action":
                self.submit(event.data)

        def submit(self, run: Run) -> None:
            with client.beta.threads.runs.submit_tool_outputs_stream(
                thread_id=run.thread_id,
                run_id=run.id,
                tool_outputs=outputs_for(run),
                event_handler=Handler(),
            ) as stream:
                stream.until_done()

        @override
        def on_tool_call_created(self, tool_call: ToolCall) -> None:
            seen.append(f"created {tool_call.id}")

        @override
        def on_tool_call_done(self, tool_call: ToolCall) -> None:
            assert tool_call.type == "function"
            seen.append(f"done {tool_call.id} {tool_call.function.arguments}")

        @override
        def on_text_created(self, text: Text) -> None:
            seen.append("text")

        @override
        def on_text_delta(self, delta: TextDelta, snapshot: Text) -> None:
            seen.append(f"+{delta.value}")

        @override
        def on_text_done(self, text: Text) -> None:
            seen.append(f"={text.value}")

    thread = peer.thread("please add")
    with client.beta.threads.runs.stream(
        thread_id=thread,
        assistant_id=peer.assistant(adding, tools=[ADD]),
        event_handler=Handler(),
    ) as stream:
        stream.until_done()
    assert answer_of(client, thread) == ANSWER
    assert [each for each in seen if each.startswith("created")] == [
        "created a1",
        "created a2",
        "created b1",
        "created b2",
    ]
    words = [each for each in seen if not each.startswith(("created", "done"))]
    assert words == ["text", f"+{ANSWER[:9]}", f"+{ANSWER[9:]}", f"={ANSWER}"]
    assert 'done b2 {"x": 10, "y": 10}' in seen


async def test_async_event_handler_style(peer: Peer, async_client: openai.AsyncOpenAI) -> None:
    client = async_client
    fragments: list[str] = []
    final: list[str] = []

    class Handler(AsyncAssistantEventHandler):
        @override
        async def on_event(self, event: Any) -> None:
            if event.event == "thread.run.requires_action":
                async with client.beta.threads.runs.submit_tool_outputs_stream(
                    thread_id=event.data.thread_id,
                    run_id=event.data.id,
                    tool_outputs=outputs_for(event.data),
                    event_handler=Handler(),
                ) as stream:
                    await stream.until_done()

        @override
        async def on_tool_call_delta(self, delta: ToolCallDelta, snapshot: ToolCall) -> None:
            assert delta.type == "function"
            assert delta.function is not None
            fragments.append(delta.function.arguments or "")

        @override
        async def on_text_done(self, text: Text) -> None:
            final.append(text.value)

    async with client.beta.threads.runs.stream(
        thread_id=peer.thread("please add"),
        assistant_id=peer.assistant(one_call_at_a_time, tools=[ADD]),
        event_handler=Handler(),
    ) as stream:
        await stream.until_done()
    # The helper calls back for the first call of a step only from its second delta on.
    assert "".join(fragments) == '{"x": 1, "y": 2}'
    assert final == ["it is 3"]


def one_call_at_a_time(request: RunRequest, given: TurnInput, turn: int) -> Sequence[Step]:
    if turn == 1:
        return call(("only", "add", '{"x": 1, "y": 2}'))
    return [*say(f"it is {outputs_of(given)['only']}"), end()]


def test_iterator_style(peer: Peer) -> None:
    client = peer.client
    thread = peer.thread("please add")
    stream = client.beta.threads.runs.create(
        thread_id=thread, assistant_id=peer.assistant(adding, tools=[ADD]), stream=True
    )
    rounds, text = 0, ""
    while True:
        again: Run | None = None
        for event in stream:
            if event.event == "thread.message.delta":
                for part in event.data.delta.content or ():
                    assert part.type == "text"
                    assert part.text is not None
                    text += part.text.value or ""
            elif event.event == "thread.run.requires_action":
                again = event.data
        if again is None:
            break
        rounds += 1
        stream = client.beta.threads.runs.submit_tool_outputs(
            again.id, thread_id=thread, tool_outputs=outputs_for(again), stream=True
        )
    assert (rounds, text) == (2, ANSWER)


async def test_async_iterator_style_that_breaks_off_at_requires_action(
    peer: Peer, async_client: openai.AsyncOpenAI
) -> None:
    runs = async_client.beta.threads.runs
    thread = peer.thread("please add")
    assistant = peer.assistant(adding, tools=[ADD])
    stream = await runs.create(thread_id=thread, assistant_id=assistant, stream=True)
    for _ in range(2):
        waiting: Run | None = None
        async for event in stream:
            if event.event == "thread.run.requires_action":
                waiting = event.data
                break  # the stream's own end is never read
        await stream.close()
        assert waiting is not None
        stream = await runs.submit_tool_outputs(
            waiting.id, thread_id=thread, tool_outputs=outputs_for(waiting), stream=True
        )
    assert [event.event async for event in stream][-1] == "thread.run.completed"


def test_polling_style(peer: Peer) -> None:
    runs = peer.client.beta.threads.runs
    thread = peer.thread("please add")
    run = runs.create_and_poll(
        thread_id=thread,
        assistant_id=peer.assistant(adding, tools=[ADD]),
        poll_interval_ms=5,
    )
    rounds = 0
    while run.status == "requires_action":
        rounds += 1
        run = runs.submit_tool_outputs_and_poll(
            run_id=run.id, thread_id=thread, tool_outputs=outputs_for(run), poll_interval_ms=5
        )
    assert (run.status, rounds) == ("completed", 2)
    assert run.usage is not None
    assert run.usage.total_tokens == 120
    assert answer_of(peer.client, thread) == ANSWER
    steps = runs.steps.list(run.id, thread_id=thread, order="asc").data
    assert [step.type for step in steps] == ["tool_calls", "tool_calls", "message_creation"]
    assert {step.status for step in steps} == {"completed"}
    one = runs.steps.retrieve(steps[0].id, thread_id=thread, run_id=run.id)
    assert one.step_details.type == "tool_calls"
    first = one.step_details.tool_calls[0]
    assert first.type == "function"
    assert first.function.output == "3"


def test_polling_goes_on_after_the_stream_was_broken_off(peer: Peer) -> None:
    runs = peer.client.beta.threads.runs
    thread = peer.thread("hi")
    assistant = peer.assistant(
        lambda *_: [*say("a")[:3], Hold("go on"), *say("b", name="n"), end()]
    )
    with runs.create(thread_id=thread, assistant_id=assistant, stream=True) as stream:
        run = next(iter(stream)).data
        assert isinstance(run, Run)
    peer.provider.release("go on")
    assert runs.poll(run.id, thread_id=thread, poll_interval_ms=5).status == "completed"


def test_create_and_run(peer: Peer) -> None:
    threads = peer.client.beta.threads
    assistant = peer.assistant(adding, tools=[ADD])
    thread: Any = {"messages": [{"role": "user", "content": "please add"}]}
    run = threads.create_and_run_poll(assistant_id=assistant, thread=thread, poll_interval_ms=5)
    assert run.status == "requires_action"
    with threads.create_and_run_stream(assistant_id=assistant, thread=thread) as stream:
        names = [event.event for event in stream]
        streamed = stream.get_final_run()
    assert names[0] == "thread.created"
    assert names[-1] == "thread.run.requires_action"
    assert streamed.thread_id != run.thread_id
    assert streamed.status == "requires_action"


def test_create_and_stream_helpers_agree(peer: Peer) -> None:
    assistant = peer.assistant(lambda *_: [*say("Hel", "lo"), end()])
    with peer.client.beta.threads.runs.stream(
        thread_id=peer.thread("hi"), assistant_id=assistant
    ) as stream:
        assert list(stream.text_deltas) == ["Hel", "lo"]
        assert stream.get_final_run().status == "completed"
        content = stream.get_final_messages()[0].content[0]
        assert content.type == "text"
        assert content.text.value == "Hello"
        assert stream.get_final_run_steps()[0].type == "message_creation"


def test_cancel_while_it_streams(peer: Peer) -> None:
    runs = peer.client.beta.threads.runs
    thread = peer.thread("hi")
    assistant = peer.assistant(lambda *_: [*say("never ", "ends")[:4], Hold("for ever")])
    names: list[str] = []
    with runs.create(thread_id=thread, assistant_id=assistant, stream=True) as stream:
        for event in stream:
            names.append(event.event)
            if event.event == "thread.message.delta" and names.count(event.event) == 2:
                run_id = runs.list(thread).data[0].id
                assert runs.cancel(run_id, thread_id=thread).status == "cancelling"
    assert names[-4:] == [
        "thread.run.cancelling",
        "thread.message.incomplete",
        "thread.run.step.cancelled",
        "thread.run.cancelled",
    ]
    assert peer.provider.cancelled == [run_id]
    message = peer.client.beta.threads.messages.list(thread).data[0]
    assert message.incomplete_details is not None
    assert message.incomplete_details.reason == "run_cancelled"
    assert message.content[0].type == "text"
    assert message.content[0].text.value == "never ends"
    # The thread is free again.
    peer.client.beta.threads.messages.create(thread, role="user", content="next")


def test_cancel_while_it_waits_for_outputs(peer: Peer) -> None:
    runs = peer.client.beta.threads.runs
    thread = peer.thread("please add")
    run = runs.create_and_poll(
        thread_id=thread, assistant_id=peer.assistant(adding), poll_interval_ms=5
    )
    runs.cancel(run.id, thread_id=thread)
    run = runs.poll(run.id, thread_id=thread, poll_interval_ms=5)
    assert (run.status, run.required_action) == ("cancelled", None)
    steps = runs.steps.list(run.id, thread_id=thread).data
    assert [step.status for step in steps] == ["cancelled"]
    with pytest.raises(openai.BadRequestError, match="Cannot cancel run with status 'cancelled'"):
        runs.cancel(run.id, thread_id=thread)


def test_azure_clients_find_the_same_api_under_their_own_path(peer: Peer, url: str) -> None:
    with openai.AzureOpenAI(
        azure_endpoint=url.removesuffix("/v1"),
        api_version="2024-05-01-preview",
        api_key=peer.client.api_key,
        max_retries=0,
    ) as azure:
        thread = azure.beta.threads.create(messages=[{"role": "user", "content": "hi"}])
        assistant = peer.assistant(lambda *_: [*say("Hel", "lo"), end()])
        run = azure.beta.threads.runs.create_and_poll(
            thread_id=thread.id, assistant_id=assistant, poll_interval_ms=5
        )
        assert run.status == "completed"
        assert [model.id for model in azure.models.list()] == ["sandbox", "org/other"]
