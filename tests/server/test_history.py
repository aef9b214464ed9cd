"""What the model behind the server is given of a thread."""

from __future__ import annotations

from typing import Any

from tests.server.conftest import Peer
from tests.server.scripted import Step, call, end, outputs_of, say
from tui.core.models import HistoryCall, HistoryMessage, Outcome, Role, ToolSpec
from tui.core.ports import RunRequest, ToolResults, TurnInput


def request_of(peer: Peer, thread: str, fields: Any = None, **assistant: Any) -> RunRequest:
    """The request that a new run in the thread makes."""
    body = {"assistant_id": peer.assistant(lambda *_: [end()], **assistant), **(fields or {})}
    peer.stream(f"/threads/{thread}/runs", body)
    return peer.provider.requests[-1]


def brief(history: tuple[HistoryMessage, ...]) -> list[tuple[str, str]]:
    return [(message.role.value, message.text) for message in history]


def test_messages_in_order(peer: Peer) -> None:
    thread = peer.thread("one", "two")
    parts = [
        {"type": "text", "text": "see "},
        {"type": "text", "text": "this"},
    ]
    peer.post(f"/threads/{thread}/messages", {"role": "assistant", "content": parts})
    extra = {
        "additional_messages": [{"role": "user", "content": "three"}],
        "additional_instructions": "And quickly.",
    }
    request = request_of(peer, thread, extra, instructions="Be kind.")
    assert request.thread_id == thread
    assert brief(request.history) == [
        ("user", "one"),
        ("user", "two"),
        ("assistant", "see this"),
        ("user", "three"),
    ]
    assert request.instructions == "Be kind."
    assert request.additional_instructions == "And quickly."


def test_a_long_thread_is_given_whole(peer: Peer) -> None:
    texts = [str(number) for number in range(230)]
    assert [text for _, text in brief(request_of(peer, peer.thread(*texts)).history)] == texts


def test_only_the_last_messages_when_asked(peer: Peer) -> None:
    thread = peer.thread("one", "two", "three")
    strategy = {"truncation_strategy": {"type": "last_messages", "last_messages": 2}}
    request = request_of(peer, thread, strategy)
    assert brief(request.history) == [("user", "two"), ("user", "three")]


def test_deleted_messages_are_not_told(peer: Peer) -> None:
    thread = peer.thread("one", "two")
    newest = peer.http.get(f"/threads/{thread}/messages").json()["first_id"]
    peer.http.delete(f"/threads/{thread}/messages/{newest}")
    assert brief(request_of(peer, thread).history) == [("user", "one")]


def test_tools_options_and_instructions(peer: Peer) -> None:
    function = {"name": "f", "description": "d", "parameters": {"type": "object"}, "strict": True}
    tools = [
        {"type": "function", "function": function},
        {"type": "function", "function": {"name": "g"}},
    ]
    asked = {
        "instructions": "only this",
        "temperature": 0.0,
        "max_completion_tokens": 9,
        "parallel_tool_calls": False,
        "tool_choice": "required",
        "response_format": {"type": "json_object"},
        "reasoning_effort": "low",
    }
    request = request_of(peer, peer.thread("x"), asked, tools=tools, top_p=0.5)
    assert request.instructions == "only this"
    assert request.tools == (
        ToolSpec(name="f", description="d", parameters={"type": "object"}, strict=True),
        ToolSpec(name="g"),
    )
    assert request.options == {
        "temperature": 0.0,
        "top_p": 0.5,
        "max_completion_tokens": 9,
        "parallel_tool_calls": False,
        "tool_choice": "required",
        "response_format": {"type": "json_object"},
        "reasoning_effort": "low",
    }


def test_options_nobody_set_are_not_passed_on(peer: Peer) -> None:
    assert request_of(peer, peer.thread("x")).options == {}


def test_the_model_of_the_run_wins(peer: Peer) -> None:
    other = peer.assistant(lambda *_: [end()])
    chosen = peer.provider
    model = peer.http.get(f"/assistants/{other}").json()["model"]
    assistant = peer.assistant(lambda *_: [end(Outcome.FAILED)])
    body = {"assistant_id": assistant, "model": model}
    peer.stream(f"/threads/{peer.thread('x')}/runs", body)
    assert chosen.requests[0].model == model


def test_the_tool_steps_of_earlier_runs_are_told_where_they_happened(peer: Peer) -> None:
    def script(request: RunRequest, given: TurnInput, turn: int) -> list[Step]:
        if turn == 1:
            return [*say("let me see"), *call(("c1", "f", '{"a":1}'), ("c2", "g", "{}"))]
        assert outputs_of(given) == {"c1": "one", "c2": ""}
        return [*say("it is one", name="m2"), end()]

    thread = peer.thread("what is it?")
    path = f"/threads/{thread}/runs"
    events = peer.stream(path, {"assistant_id": peer.assistant(script)})
    outputs = [{"tool_call_id": "c1", "output": "one"}, {"tool_call_id": "c2"}]
    run_id = events[0][1]["id"]
    peer.stream(f"{path}/{run_id}/submit_tool_outputs", {"tool_outputs": outputs})
    assert isinstance(peer.provider.given[1], ToolResults)
    peer.post(f"/threads/{thread}/messages", {"role": "user", "content": "sure?"})
    history = request_of(peer, thread).history
    assert brief(history) == [
        ("user", "what is it?"),
        ("assistant", "let me see"),
        ("assistant", ""),
        ("assistant", "it is one"),
        ("user", "sure?"),
    ]
    assert history[2].role is Role.ASSISTANT
    assert history[2].calls == (
        HistoryCall(call_id="c1", name="f", arguments='{"a":1}', output="one"),
        HistoryCall(call_id="c2", name="g", arguments="{}", output=""),
    )


def test_a_call_that_was_never_answered_is_not_told(peer: Peer) -> None:
    asked = [*say("let me see"), *call(("c1", "f", "{}"))]
    thread = peer.thread("what is it?")
    path = f"/threads/{thread}/runs"
    events = peer.stream(path, {"assistant_id": peer.assistant(lambda *_: asked)})
    run_id = events[0][1]["id"]
    peer.post(f"{path}/{run_id}/cancel")
    peer.client.beta.threads.runs.poll(run_id, thread_id=thread, poll_interval_ms=5)
    history = request_of(peer, thread).history
    assert brief(history) == [("user", "what is it?"), ("assistant", "let me see")]
