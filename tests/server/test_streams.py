"""What a streamed run looks like on the wire, event by event."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.server.conftest import Peer
from tests.server.scripted import Step, call, end, failed, say, used
from tui.core import events as e
from tui.core.errors import ProviderError
from tui.core.models import Outcome, PartFinal, PartKind, ToolOrigin, ToolRef

TEXT_RUN = [
    "thread.run.created",
    "thread.run.queued",
    "thread.run.in_progress",
    "thread.run.step.created",
    "thread.run.step.in_progress",
    "thread.message.created",
    "thread.message.in_progress",
    "thread.message.delta",
    "thread.message.delta",
    "thread.message.completed",
    "thread.run.step.completed",
    "thread.run.completed",
    "done",
]


def names(events: list[tuple[str, Any]]) -> list[str]:
    return [name for name, _ in events]


def last(events: list[tuple[str, Any]], name: str) -> Any:
    return [data for each, data in events if each == name][-1]


def texts(events: list[tuple[str, Any]]) -> list[Any]:
    deltas = [data for name, data in events if name == "thread.message.delta"]
    return [content for data in deltas for content in data["delta"]["content"]]


def run(peer: Peer, *steps: Step, **fields: Any) -> list[tuple[str, Any]]:
    """The events of one run whose model takes these steps in its only turn."""
    assistant = peer.assistant(lambda *_: steps)
    body = {"assistant_id": assistant, **fields}
    return peer.stream(f"/threads/{peer.thread('hello')}/runs", body)


def test_a_text_run_has_the_events_of_the_hosted_service(peer: Peer) -> None:
    events = run(peer, *say("Hel", "lo"), used(10, 2), end())
    assert names(events) == TEXT_RUN
    assert texts(events) == [
        {"index": 0, "type": "text", "text": {"value": "Hel", "annotations": []}},
        {"index": 0, "type": "text", "text": {"value": "lo"}},
    ]
    message = last(events, "thread.message.completed")
    assert message["content"] == [{"type": "text", "text": {"value": "Hello", "annotations": []}}]
    usage = {
        "prompt_tokens": 10,
        "completion_tokens": 2,
        "total_tokens": 12,
        "prompt_token_details": {"cached_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0},
    }
    assert last(events, "thread.run.step.completed")["usage"] == usage
    finished = last(events, "thread.run.completed")
    assert finished["usage"] == usage
    assert finished["expires_at"] is None
    assert finished["completed_at"] >= finished["started_at"] >= finished["created_at"]
    assert events[-1] == ("done", "[DONE]")


def test_the_thread_comes_first_when_it_is_created_with_the_run(peer: Peer) -> None:
    assistant = peer.assistant(lambda *_: [*say("Hel", "lo"), end()])
    thread = {"messages": [{"role": "user", "content": "hi"}], "metadata": {"a": "b"}}
    events = peer.stream("/threads/runs", {"assistant_id": assistant, "thread": thread})
    assert names(events) == ["thread.created", *TEXT_RUN]
    assert events[0][1]["metadata"] == {"a": "b"}
    assert events[1][1]["thread_id"] == events[0][1]["id"]


def test_calls_stream_and_complete_at_the_start_of_the_next_stream(peer: Peer) -> None:
    asked = call(("c1", "add", '{"x":1,"y":22}'), ("c2", "sub", '{"x":333}'))
    later = [*say("Hel", "lo"), used(50, 12), end()]

    def script(request: object, given: object, turn: int) -> list[Step]:
        return [*asked[:-1], used(20, 5), asked[-1]] if turn == 1 else later

    thread = peer.thread("add")
    first = peer.stream(f"/threads/{thread}/runs", {"assistant_id": peer.assistant(script)})
    assert names(first) == [
        *TEXT_RUN[:5],
        *["thread.run.step.delta"] * 8,
        "thread.run.requires_action",
        "done",
    ]
    deltas = [
        delta
        for name, data in first
        if name == "thread.run.step.delta"
        for delta in data["delta"]["step_details"]["tool_calls"]
    ]
    assert deltas[0] == {
        "index": 0,
        "id": "c1",
        "type": "function",
        "function": {"name": "add", "arguments": "", "output": None},
    }
    assert deltas[1]["id"] == "c2"
    assert deltas[2] == {"index": 0, "type": "function", "function": {"arguments": '{"x":'}}
    assert [delta["index"] for delta in deltas] == [0, 1] * 4
    waiting = last(first, "thread.run.requires_action")
    assert waiting["required_action"] == {
        "type": "submit_tool_outputs",
        "submit_tool_outputs": {
            "tool_calls": [
                {
                    "id": "c1",
                    "type": "function",
                    "function": {"name": "add", "arguments": '{"x":1,"y":22}'},
                },
                {
                    "id": "c2",
                    "type": "function",
                    "function": {"name": "sub", "arguments": '{"x":333}'},
                },
            ]
        },
    }
    path = f"/threads/{thread}/runs/{waiting['id']}"
    outputs = [
        {"tool_call_id": "c2", "output": "two"},
        {"tool_call_id": "c1", "output": "one"},
    ]
    second = peer.stream(f"{path}/submit_tool_outputs", {"tool_outputs": outputs})
    assert names(second) == ["thread.run.step.completed", *TEXT_RUN[1:]]
    step = second[0][1]
    assert step["id"] == first[3][1]["id"]
    calls = step["step_details"]["tool_calls"]
    assert [each["function"]["output"] for each in calls] == ["one", "two"]
    assert step["usage"]["total_tokens"] == 25
    assert last(second, "thread.run.step.completed")["usage"]["total_tokens"] == 37
    assert last(second, "thread.run.completed")["usage"]["total_tokens"] == 62
    assert last(second, "thread.run.completed")["required_action"] is None


def test_text_before_calls_is_completed_before_they_begin(peer: Peer) -> None:
    events = run(peer, *say("one ", "moment"), *call(("c", "f", "{}")))
    after_text = names(events)[len(TEXT_RUN) - 4 :]
    assert after_text == [
        "thread.message.completed",
        "thread.run.step.completed",
        "thread.run.step.created",
        "thread.run.step.in_progress",
        "thread.run.step.delta",
        "thread.run.step.delta",
        "thread.run.step.delta",
        "thread.run.requires_action",
        "done",
    ]


def test_a_refusal_is_told_as_one(peer: Peer) -> None:
    events = run(peer, *say("No", " way", kind=PartKind.REFUSAL), end())
    assert texts(events)[1] == {"index": 0, "type": "refusal", "refusal": " way"}
    message = last(events, "thread.message.completed")
    assert message["content"] == [{"type": "refusal", "refusal": "No way"}]


def test_reasoning_has_no_place_in_the_protocol(peer: Peer) -> None:
    thought = say("secret thought", kind=PartKind.REASONING, name="r")
    events = run(peer, *thought, *say("Hel", "lo"), end())
    assert names(events) == TEXT_RUN
    assert "secret thought" not in str(events)


def test_annotations_are_added_to_their_text(peer: Peer) -> None:
    noted = {"type": "file_citation", "text": "[1]", "start_index": 0, "end_index": 3}
    steps = say("see [1]")
    steps.insert(3, e.AnnotationAdded(part_id="m:0", annotation=noted))
    events = run(peer, *steps, end())
    delta = {"index": 0, "type": "text", "text": {"annotations": [{"index": 0, **noted}]}}
    assert texts(events)[1] == delta
    content = last(events, "thread.message.completed")["content"]
    assert content[0]["text"]["annotations"] == [noted]


def test_a_call_that_the_provider_runs_itself_has_no_place_in_the_protocol(peer: Peer) -> None:
    ref = ToolRef(name="search", call_id="h", origin=ToolOrigin.HOSTED)
    hosted: list[Step] = [
        e.MessageStarted(message_id="t"),
        e.PartStarted(message_id="t", part_id="t:0", index=0, kind=PartKind.TOOL_CALL, tool=ref),
        e.PartFinished(part_id="t:0", final=PartFinal(arguments='{"q":1}', output="found")),
        e.MessageFinished(message_id="t"),
    ]
    events = run(peer, *hosted, *say("Hel", "lo"), end())
    # As a function's it would be taken for the client's, by the client and by the next run.
    assert names(events) == TEXT_RUN
    assert "found" not in str(events)


def test_a_call_without_any_delta_is_told_whole(peer: Peer) -> None:
    events = run(peer, call(("c", "f", '{"a":1}'))[-1])
    deltas = [d["delta"]["step_details"] for n, d in events if n == "thread.run.step.delta"]
    assert [d["tool_calls"][0]["function"]["arguments"] for d in deltas] == ["", '{"a":1}']


def test_a_final_text_supplies_what_was_not_streamed(peer: Peer) -> None:
    steps = say("Hel")
    steps[3] = e.PartFinished(part_id="m:0", final=PartFinal(text="Hello"))
    events = run(peer, *steps, end())
    assert [content["text"]["value"] for content in texts(events)] == ["Hel", "lo"]


def test_a_final_text_corrects_what_was_streamed(peer: Peer) -> None:
    steps = say("Hullo")
    steps[3] = e.PartFinished(part_id="m:0", final=PartFinal(text="Hello"))
    events = run(peer, *steps, end())
    assert [content["text"]["value"] for content in texts(events)] == ["Hullo"]
    content = last(events, "thread.message.completed")["content"]
    assert content[0]["text"]["value"] == "Hello"


@pytest.mark.parametrize(
    ("ending", "code", "message"),
    [
        (failed("rate_limit_exceeded", "Slow down."), "rate_limit_exceeded", "Slow down."),
        (failed("invalid_prompt", "Not that."), "invalid_prompt", "Not that."),
        (failed("whatever", "It broke."), "server_error", "It broke."),
        (ProviderError("No route.", retryable=True), "server_error", "No route."),
        (ProviderError("Lost.", sent=True), "server_error", "Lost."),
    ],
)
def test_a_failure_behind_the_server_fails_the_run(
    peer: Peer, ending: Step, code: str, message: str
) -> None:
    steps = [ending] if isinstance(ending, ProviderError) else [*say("Hel", "lo")[:-2], ending]
    events = run(peer, *steps)
    failure = last(events, "thread.run.failed")
    assert failure["last_error"] == {"code": code, "message": message}
    assert failure["failed_at"]
    assert events[-1] == ("done", "[DONE]")
    if not isinstance(ending, ProviderError):
        assert names(events)[-4:-1] == [
            "thread.message.incomplete",
            "thread.run.step.failed",
            "thread.run.failed",
        ]
        incomplete = last(events, "thread.message.incomplete")
        assert incomplete["incomplete_details"] == {"reason": "run_failed"}
        assert incomplete["content"][0]["text"]["value"] == "Hello"


@pytest.mark.parametrize(
    ("reason", "of_run", "of_message"),
    [
        ("max_completion_tokens", "max_completion_tokens", "max_tokens"),
        ("length", "max_completion_tokens", "max_tokens"),
        ("content_filter", "content_filter", "content_filter"),
    ],
)
def test_a_run_that_stops_early_is_incomplete(
    peer: Peer, reason: str, of_run: str, of_message: str
) -> None:
    events = run(peer, *say("Hel")[:-2], end(Outcome.INCOMPLETE, reason))
    assert last(events, "thread.run.incomplete")["incomplete_details"] == {"reason": of_run}
    message = last(events, "thread.message.incomplete")
    assert message["incomplete_details"] == {"reason": of_message}


def test_a_model_that_breaks_inside_fails_the_run(peer: Peer) -> None:
    def script(*_: object) -> list[Step]:
        raise RuntimeError("a bug")

    assistant = peer.assistant(script)
    body = {"assistant_id": assistant}
    events = peer.stream(f"/threads/{peer.thread('hi')}/runs", body)
    assert last(events, "thread.run.failed")["last_error"]["code"] == "server_error"


def test_a_poll_sees_what_the_stream_told(peer: Peer) -> None:
    asked = [*say("a ", "b"), *call(("c", "f", '{"x":1}'))]
    thread = peer.thread("go")
    path = f"/threads/{thread}/runs"
    events = peer.stream(path, {"assistant_id": peer.assistant(lambda *_: asked)})
    waiting = last(events, "thread.run.requires_action")
    assert peer.http.get(f"{path}/{waiting['id']}").json() == waiting
    steps = peer.http.get(f"{path}/{waiting['id']}/steps?order=asc").json()["data"]
    assert steps[0] == last(events, "thread.run.step.completed")
    assert steps[1]["status"] == "in_progress"
    assert steps[1]["step_details"]["tool_calls"][0]["function"]["arguments"] == '{"x":1}'
    newest = peer.http.get(f"/threads/{thread}/messages?limit=1").json()["data"][0]
    assert newest == last(events, "thread.message.completed")


def test_line_breaks_of_unicode_and_controls_do_not_break_lines(peer: Peer) -> None:
    text = "a\u2028b\u2029c\x85d\ne\r\x1b[31m\x00 żółw 🐢"
    assistant = peer.assistant(lambda *_: [*say(text), end()])
    body = {"assistant_id": assistant, "stream": True}
    raw = peer.post(f"/threads/{peer.thread('hi')}/runs", body).content
    assert all(line.startswith(("event: ", "data: ")) for line in raw.decode().splitlines() if line)
    assert "żółw 🐢".encode() in raw
    assert text in [
        part["text"]["value"]
        for line in raw.decode().splitlines()
        if line.startswith("data: {") and "message.delta" in line
        for part in json.loads(line[6:])["delta"]["content"]
    ]


def _accumulated(events: list[tuple[str, Any]]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What a client makes of deltas alone: texts by message and arguments by step and index."""
    messages: dict[str, Any] = {}
    calls: dict[str, Any] = {}
    for name, data in events:
        if name == "thread.message.delta":
            for content in data["delta"]["content"]:
                parts = messages.setdefault(data["id"], {})
                value = content["text"]["value"]
                parts[content["index"]] = parts.get(content["index"], "") + value
        elif name == "thread.run.step.delta":
            for each in data["delta"]["step_details"]["tool_calls"]:
                held = calls.setdefault(data["id"], {}).setdefault(each["index"], "")
                calls[data["id"]][each["index"]] = held + each["function"]["arguments"]
    return messages, calls


_FRAGMENTS = st.lists(st.text(max_size=6), min_size=1, max_size=4)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    said=st.lists(_FRAGMENTS, max_size=3),
    called=st.lists(st.text(max_size=12), max_size=3),
    picks=st.lists(st.integers(0, 3), min_size=8, max_size=8),
)
def test_deltas_add_up_to_the_finished_objects(
    peer: Peer, said: list[list[str]], called: list[str], picks: list[int]
) -> None:
    """However a model interleaves texts and calls, in one message or several."""
    queues = [say(*fragments, name=f"m{n}") for n, fragments in enumerate(said)]
    ending: Step = end()
    if called:
        *steps, ending = call(*((f"c{n}", "f", text) for n, text in enumerate(called)))
        queues.append(steps)
    mixed: list[Step] = []
    while queues:
        pick = picks[len(mixed) % len(picks)]
        mixed.append(queues[pick % len(queues)].pop(0))
        queues = [each for each in queues if each]
    events = run(peer, *mixed, ending)
    messages, calls = _accumulated(events)
    for name, data in events:
        if name == "thread.message.completed":
            whole = {i: part["text"]["value"] for i, part in enumerate(data["content"])}
            assert messages.get(data["id"], {}) == {i: t for i, t in whole.items() if t}
    if called:
        waiting = last(events, "thread.run.requires_action")
        needed = waiting["required_action"]["submit_tool_outputs"]["tool_calls"]
        assert [each["function"]["arguments"] for each in needed] == called
        assert list(calls[next(iter(calls))].values()) == called
    whole_text = sorted("".join(f) for f in said if "".join(f))
    assert sorted(t for parts in messages.values() for t in parts.values()) == whole_text
