"""Everything the server refuses: status code, the API's JSON shape, and words that help."""

from __future__ import annotations

from typing import Any

import httpx2
import openai
import pytest

from tests.server.conftest import BODY_LIMIT, KEY, Peer
from tests.server.scripted import Hold, Step, call, end, say
from tui.core.models import JsonObject


def refused(response: httpx2.Response, status: int) -> JsonObject:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/json"
    assert response.headers["x-request-id"].startswith("req_")
    error: JsonObject = response.json()["error"]
    assert error.keys() == {"message", "type", "param", "code"}
    assert KEY not in response.text
    return error


@pytest.fixture
def thread(peer: Peer) -> str:
    return peer.thread("hi")


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({}, None),
        ({"authorization": "Bearer"}, None),
        ({"authorization": f"Basic {KEY}"}, None),
        ({"authorization": "Bearer wrong"}, "invalid_api_key"),
        ({"authorization": f"Bearer {KEY}x"}, "invalid_api_key"),
        ({"authorization": f"Bearer {KEY[:-1]}"}, "invalid_api_key"),
        ({"api-key": "wrong"}, "invalid_api_key"),
        ({"authorization": "Bearer kl\u00fccz".encode("latin-1")}, "invalid_api_key"),
    ],
)
@pytest.mark.parametrize("path", ["/models", "/threads/x", "/no/such/path"])
def test_without_the_key_nothing_is_answered(
    url: str, headers: dict[str, Any], code: str | None, path: str
) -> None:
    assert refused(httpx2.get(url + path, headers=headers), 401)["code"] == code


def test_the_key_in_either_header(url: str) -> None:
    for headers in ({"authorization": f"Bearer {KEY}"}, {"api-key": KEY}):
        assert httpx2.get(f"{url}/models", headers=headers).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "message"),
    [
        ("GET", "/assistants/x", "No assistant found with id 'x'."),
        ("POST", "/assistants/x", "No assistant found with id 'x'."),
        ("DELETE", "/assistants/x", "No assistant found with id 'x'."),
        ("GET", "/threads/x", "No thread found with id 'x'."),
        ("POST", "/threads/x", "No thread found with id 'x'."),
        ("DELETE", "/threads/x", "No thread found with id 'x'."),
        ("GET", "/threads/x/messages", "No thread found with id 'x'."),
        ("GET", "/threads/x/runs", "No thread found with id 'x'."),
        ("GET", "/threads/x/runs/y/steps", "No thread found with id 'x'."),
        ("GET", "/threads/{t}/messages/y", "No message found with id 'y'."),
        ("POST", "/threads/{t}/messages/y", "No message found with id 'y'."),
        ("DELETE", "/threads/{t}/messages/y", "No message found with id 'y'."),
        ("GET", "/threads/{t}/runs/y", "No run found with id 'y'."),
        ("POST", "/threads/{t}/runs/y/cancel", "No run found with id 'y'."),
        ("GET", "/threads/{t}/runs/y/steps", "No run found with id 'y'."),
        ("GET", "/threads/{t}/messages?after=z", "No message found with id 'z'."),
        ("GET", "/assistants?before=z", "No assistant found with id 'z'."),
        ("GET", "/nothing", "Invalid URL (GET /v1/nothing)"),
        ("GET", "/threads/", "Invalid URL (GET /v1/threads/)"),
    ],
)
def test_unknown_things(peer: Peer, thread: str, method: str, path: str, message: str) -> None:
    body: JsonObject | None = {} if method == "POST" else None
    response = peer.http.request(method, path.format(t=thread), json=body)
    assert refused(response, 404)["message"] == message


def test_an_object_of_another_thread_is_unknown(peer: Peer, thread: str) -> None:
    other = peer.http.get(f"/threads/{peer.thread('x')}/messages").json()["first_id"]
    refused(peer.http.get(f"/threads/{thread}/messages/{other}"), 404)
    assistant = peer.assistant(lambda *_: [*say("hi"), end()])
    events = peer.stream(f"/threads/{thread}/runs", {"assistant_id": assistant})
    run, step = events[0][1]["id"], events[3][1]["id"]
    refused(peer.http.get(f"/threads/{peer.thread()}/runs/{run}"), 404)
    later = peer.stream(f"/threads/{thread}/runs", {"assistant_id": assistant})[0][1]["id"]
    error = refused(peer.http.get(f"/threads/{thread}/runs/{later}/steps/{step}"), 404)
    assert error["message"] == f"No run step found with id '{step}'."


def test_an_unknown_assistant_is_named_as_the_one_at_fault(peer: Peer, thread: str) -> None:
    error = refused(peer.post(f"/threads/{thread}/runs", {"assistant_id": "asst_x"}), 404)
    assert error["message"] == "No assistant found with id 'asst_x'."
    assert error["param"] == "assistant_id"
    before = peer.http.get(f"/threads/{thread}/messages").json()
    body = {"assistant_id": "asst_x", "additional_messages": [{"role": "user", "content": "a"}]}
    refused(peer.post(f"/threads/{thread}/runs", body), 404)
    assert peer.http.get(f"/threads/{thread}/messages").json() == before


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT", "/assistants"),
        ("DELETE", "/threads"),
        ("GET", "/threads/runs/x/y"),
        ("PATCH", "/models"),
    ],
)
def test_methods_that_are_not_there(peer: Peer, method: str, path: str) -> None:
    response = peer.http.request(method, path)
    if path == "/threads/runs/x/y":
        refused(response, 404)
    else:
        refused(response, 405)
        assert response.headers["allow"]


@pytest.mark.parametrize(
    ("path", "body", "param"),
    [
        ("/assistants", {}, "model"),
        ("/assistants", {"model": ""}, "model"),
        ("/assistants", {"model": 5}, "model"),
        ("/assistants", {"model": "m", "name": "n" * 257}, "name"),
        ("/assistants", {"model": "m", "temperature": 3}, "temperature"),
        ("/assistants", {"model": "m", "temperature": True}, "temperature"),
        ("/assistants", {"model": "m", "top_p": "1"}, "top_p"),
        ("/assistants", {"model": "m", "tools": {}}, "tools"),
        ("/assistants", {"model": "m", "tools": [1]}, "tools[0]"),
        ("/assistants", {"model": "m", "tools": [None]}, "tools[0]"),
        ("/assistants", {"model": "m", "tools": [{}]}, "tools[0].type"),
        ("/assistants", {"model": "m", "tools": [{"type": "magic"}]}, "tools[0].type"),
        ("/assistants", {"model": "m", "tools": [{"type": "function"}]}, "tools[0].function"),
        (
            "/assistants",
            {"model": "m", "tools": [{"type": "function", "function": {"name": "a b"}}]},
            "tools[0].function.name",
        ),
        ("/assistants", {"model": "m", "tools": [{"type": "file_search"}] * 129}, "tools"),
        ("/assistants", {"model": "m", "response_format": "json"}, "response_format"),
        ("/assistants", {"model": "m", "response_format": {}}, "response_format.type"),
        ("/threads", {"metadata": {str(n): "v" for n in range(17)}}, "metadata"),
        ("/threads", {"metadata": {"k" * 65: "v"}}, "metadata"),
        ("/threads", {"metadata": {"k": "v" * 513}}, "metadata"),
        ("/threads", {"metadata": {"k": 1}}, "metadata.k"),
        ("/threads", {"metadata": []}, "metadata"),
        ("/threads", {"messages": "hi"}, "messages"),
        ("/threads", {"messages": [{"role": "user"}]}, "messages[0].content"),
        ("/threads", {"messages": [{"content": "x"}]}, "messages[0].role"),
        ("/threads/{t}/messages", {"role": "system", "content": "x"}, "role"),
        ("/threads/{t}/messages", {"role": "user", "content": ""}, "content"),
        ("/threads/{t}/messages", {"role": "user", "content": []}, "content"),
        ("/threads/{t}/messages", {"role": "user", "content": 5}, "content"),
        ("/threads/{t}/messages", {"role": "user", "content": [{"type": "x"}]}, "content[0].type"),
        (
            "/threads/{t}/messages",
            {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]},
            "content[0].type",
        ),
        (
            "/threads",
            {"messages": [{"role": "user", "content": "x", "attachments": [{"file_id": "f"}]}]},
            "messages[0].attachments",
        ),
        (
            "/threads",
            {"tool_resources": {"file_search": {"vector_store_ids": ["vs_1"]}}},
            "tool_resources",
        ),
        ("/threads", {"tool_resources": {"file_search": "vs_1"}}, "tool_resources"),
        ("/assistants", {"model": "m", "tools": [{"type": "file_search"}]}, "tools[0].type"),
        (
            "/assistants",
            {"model": "m", "response_format": {"type": "json_schema"}},
            "response_format.json_schema",
        ),
        (
            "/threads/{t}/runs",
            {"assistant_id": "{a}", "tools": [{"type": "code_interpreter"}]},
            "tools[0].type",
        ),
        (
            "/threads/{t}/runs",
            {"assistant_id": "{a}", "tool_choice": {"type": "file_search"}},
            "tool_choice.type",
        ),
        ("/threads/{t}/runs", {"assistant_id": "{a}", "tool_choice": "required"}, "tool_choice"),
        (
            "/threads/{t}/runs",
            {"assistant_id": "{a}", "tool_choice": {"type": "function", "function": {"name": "g"}}},
            "tool_choice",
        ),
        ("/threads/{t}/runs", {}, "assistant_id"),
        ("/threads/{t}/runs", {"assistant_id": "{a}", "stream": "yes"}, "stream"),
        ("/threads/{t}/runs", {"assistant_id": "{a}", "tool_choice": "any"}, "tool_choice"),
        ("/threads/{t}/runs", {"assistant_id": "{a}", "tool_choice": {}}, "tool_choice.type"),
        (
            "/threads/{t}/runs",
            {"assistant_id": "{a}", "max_completion_tokens": 0},
            "max_completion_tokens",
        ),
        (
            "/threads/{t}/runs",
            {"assistant_id": "{a}", "max_completion_tokens": 1.5},
            "max_completion_tokens",
        ),
        (
            "/threads/{t}/runs",
            {"assistant_id": "{a}", "truncation_strategy": {"type": "last_messages"}},
            "truncation_strategy.last_messages",
        ),
        (
            "/threads/{t}/runs",
            {"assistant_id": "{a}", "additional_messages": [{"role": "user"}]},
            "additional_messages[0].content",
        ),
        ("/threads/runs", {"assistant_id": "{a}", "thread": 1}, "thread"),
        (
            "/threads/runs",
            {"assistant_id": "{a}", "thread": {"messages": [{}]}},
            "thread.messages[0].role",
        ),
    ],
)
def test_fields_that_are_not_what_they_have_to_be(
    peer: Peer, thread: str, path: str, body: JsonObject, param: str
) -> None:
    if body.get("assistant_id") == "{a}":
        body = body | {"assistant_id": peer.assistant(lambda *_: [end()])}
    error = refused(peer.post(path.format(t=thread), body), 400)
    assert error["param"] == param
    assert error["type"] == "invalid_request_error"
    assert param in error["message"]
    # Nothing was done by halves: the thread can be used.
    assert len(peer.http.get(f"/threads/{thread}/messages").json()["data"]) == 1


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "limit=x", "limit=-1", "order=up"])
def test_pages_that_cannot_be(peer: Peer, thread: str, query: str) -> None:
    error = refused(peer.http.get(f"/threads/{thread}/messages?{query}"), 400)
    assert error["param"] == query.split("=")[0]


@pytest.mark.parametrize(
    "raw",
    [
        b"{",
        b"\xff",
        b'{"metadata": NaN}',
        b"[" * 100_000,
        b'{"metadata": {"k": "\\ud800"}}',
        b'"text"',
        b"[]",
    ],
    ids=["cut short", "no UTF-8", "NaN", "deep", "half a surrogate pair", "string", "array"],
)
def test_bodies_that_are_no_json_object(peer: Peer, raw: bytes) -> None:
    headers = {"content-type": "application/json"}
    error = refused(peer.http.post("/threads", content=raw, headers=headers), 400)
    assert "JSON" in error["message"]


def test_a_form_is_not_json(peer: Peer) -> None:
    refused(peer.http.post("/threads", content=b"{}", headers={"content-type": "text/plain"}), 415)


def test_a_body_that_is_too_large(peer: Peer) -> None:
    text = "x" * BODY_LIMIT
    refused(peer.post("/threads", {"messages": [{"role": "user", "content": text}]}), 413)

    def endless() -> Any:
        yield b'{"a": "'
        for _ in range(BODY_LIMIT // 1000 + 1):
            yield b"x" * 1000

    headers = {"content-type": "application/json"}
    refused(peer.http.post("/threads", content=endless(), headers=headers), 413)


def test_an_active_run_keeps_its_thread_to_itself(peer: Peer, thread: str) -> None:
    assistant = peer.assistant(lambda *_: [Hold("until the test is over"), end()])
    path = f"/threads/{thread}/runs"
    run = peer.post(path, {"assistant_id": assistant}).json()
    assert run["status"] == "queued"
    body = {"assistant_id": assistant}
    error = refused(peer.post(path, body), 400)
    assert error["message"] == f"Thread {thread} already has an active run {run['id']}."
    message = {"role": "user", "content": "more"}
    error = refused(peer.post(f"/threads/{thread}/messages", message), 400)
    assert error["message"] == (
        f"Can't add messages to {thread} while a run {run['id']} is active."
    )
    refused(peer.post(path, body | {"additional_messages": [message]}), 400)
    with pytest.raises(openai.BadRequestError, match="already has an active run"):
        peer.client.beta.threads.runs.create(thread, assistant_id=assistant, stream=True)
    assert len(peer.http.get(f"/threads/{thread}/messages").json()["data"]) == 1
    peer.provider.release("until the test is over")


def test_outputs_that_do_not_fit(peer: Peer, thread: str) -> None:
    def script(request: object, given: object, turn: int) -> list[Step]:
        if turn == 1:
            return call(("c1", "f", "{}"), ("c2", "f", "{}"))
        return [Hold("second turn"), *say("done"), end()]

    events = peer.stream(f"/threads/{thread}/runs", {"assistant_id": peer.assistant(script)})
    path = f"/threads/{thread}/runs/{events[0][1]['id']}/submit_tool_outputs"

    def submit(*call_ids: str) -> httpx2.Response:
        outputs = [{"tool_call_id": each, "output": "o"} for each in call_ids]
        return peer.post(path, {"tool_outputs": outputs})

    error = refused(submit("c1"), 400)
    assert error["message"] == "Expected tool outputs for call_ids ['c1', 'c2'], got ['c1']"
    refused(submit("c1", "c2", "c3"), 400)
    refused(submit("c1", "unknown"), 400)
    refused(submit("c1", "c1", "c2"), 400)
    refused(submit(), 400)
    assert refused(peer.post(path, {}), 400)["param"] == "tool_outputs"
    wrong = {"tool_outputs": [{"tool_call_id": "c1", "output": 5}]}
    assert refused(peer.post(path, wrong), 400)["param"] == "tool_outputs[0].output"
    assert submit("c2", "c1").json()["status"] == "queued"
    error = refused(submit("c1", "c2"), 400)
    assert error["message"].endswith("do not accept tool outputs.")
    peer.provider.release("second turn")


def test_outputs_for_a_run_that_is_over(peer: Peer, thread: str) -> None:
    assistant = peer.assistant(lambda *_: [*say("hi"), end()])
    events = peer.stream(f"/threads/{thread}/runs", {"assistant_id": assistant})
    path = f"/threads/{thread}/runs/{events[0][1]['id']}"
    outputs = {"tool_outputs": [{"tool_call_id": "c", "output": "o"}]}
    error = refused(peer.post(f"{path}/submit_tool_outputs", outputs), 400)
    assert error["message"] == 'Runs in status "completed" do not accept tool outputs.'
    error = refused(peer.post(f"{path}/cancel"), 400)
    assert error["message"] == "Cannot cancel run with status 'completed'."
