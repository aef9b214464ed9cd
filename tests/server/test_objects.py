"""Every kind of object, from its creation to its deletion."""

from __future__ import annotations

from typing import Any

from tests.server.conftest import Peer
from tests.server.scripted import Hold, call, end, say
from tui.core.models import JsonObject

RUN_FIELDS = {
    "id",
    "object",
    "created_at",
    "assistant_id",
    "thread_id",
    "status",
    "started_at",
    "expires_at",
    "cancelled_at",
    "failed_at",
    "completed_at",
    "required_action",
    "last_error",
    "model",
    "instructions",
    "tools",
    "tool_resources",
    "metadata",
    "temperature",
    "top_p",
    "reasoning_effort",
    "max_completion_tokens",
    "max_prompt_tokens",
    "truncation_strategy",
    "incomplete_details",
    "usage",
    "response_format",
    "tool_choice",
    "parallel_tool_calls",
}
MESSAGE_FIELDS = {
    "id",
    "object",
    "created_at",
    "assistant_id",
    "thread_id",
    "run_id",
    "status",
    "incomplete_details",
    "incomplete_at",
    "completed_at",
    "role",
    "content",
    "attachments",
    "metadata",
}


def ok(response: Any) -> JsonObject:
    assert response.status_code == 200, response.text
    body: JsonObject = response.json()
    return body


def finished_run(peer: Peer, thread: str, **fields: Any) -> JsonObject:
    assistant = peer.assistant(lambda *_: [*say("Hel", "lo"), end()])
    path = f"/threads/{thread}/runs"
    events = peer.stream(path, {"assistant_id": assistant, **fields})
    run_id = events[0][1]["id"]
    return ok(peer.http.get(f"{path}/{run_id}"))


def test_an_assistant_from_creation_to_deletion(peer: Peer) -> None:
    function = {"name": "f", "strict": True, "parameters": {}}
    tools = [{"type": "function", "function": function}]
    given = {
        "model": "gpt-4o",
        "name": "Żółw",
        "description": "d",
        "instructions": "i",
        "tools": tools,
        "metadata": {"k": "v"},
        "temperature": 0.5,
        "top_p": 1,
        "response_format": {"type": "json_object"},
        "tool_resources": {"file_search": {"vector_store_ids": []}},
        "reasoning_effort": "low",
    }
    made = ok(peer.post("/assistants", given))
    assert (
        made == {"id": made["id"], "object": "assistant", "created_at": made["created_at"]} | given
    )
    assert made["id"].startswith("asst_")
    path = f"/assistants/{made['id']}"
    assert ok(peer.http.get(path)) == made
    changed = ok(peer.post(path, {"name": None, "instructions": "j"}))
    assert changed == made | {"name": None, "instructions": "j"}
    assert ok(peer.http.get(path)) == changed
    assert ok(peer.http.delete(path)) == {
        "id": made["id"],
        "object": "assistant.deleted",
        "deleted": True,
    }
    assert peer.http.get(path).status_code == 404
    assert peer.http.delete(path).status_code == 404


def test_assistants_are_listed_newest_first(peer: Peer) -> None:
    made = [ok(peer.post("/assistants", {"model": "m"}))["id"] for _ in range(3)]
    page = ok(peer.http.get("/assistants?limit=3"))
    assert [each["id"] for each in page["data"]] == made[::-1]
    assert (page["first_id"], page["last_id"]) == (made[2], made[0])


def test_a_thread_from_creation_to_deletion(peer: Peer) -> None:
    messages = [{"role": "user", "content": "one"}, {"role": "assistant", "content": "two"}]
    made = ok(peer.post("/threads", {"messages": messages, "metadata": {"k": "v"}}))
    assert made["object"] == "thread"
    path = f"/threads/{made['id']}"
    assert ok(peer.post(path, {"metadata": {"k": "w"}})) == made | {"metadata": {"k": "w"}}
    assert ok(peer.http.get(path))["metadata"] == {"k": "w"}
    assert len(ok(peer.http.get(f"{path}/messages"))["data"]) == 2
    run = finished_run(peer, made["id"])
    assert ok(peer.http.delete(path))["object"] == "thread.deleted"
    for gone in (path, f"{path}/messages", f"{path}/runs", f"{path}/runs/{run['id']}"):
        assert peer.http.get(gone).status_code == 404


def test_a_thread_without_a_body(peer: Peer) -> None:
    assert ok(peer.http.post("/threads"))["metadata"] == {}


def test_a_message_from_creation_to_deletion(peer: Peer) -> None:
    path = f"/threads/{peer.thread()}/messages"
    content = [{"type": "text", "text": "look: "}, {"type": "text", "text": "here"}]
    given = {"role": "user", "content": content, "attachments": []}
    made = ok(peer.post(path, {**given, "metadata": {"k": "v"}}))
    assert made.keys() == MESSAGE_FIELDS
    assert made["content"] == [
        {"type": "text", "text": {"value": "look: ", "annotations": []}},
        {"type": "text", "text": {"value": "here", "annotations": []}},
    ]
    assert made["attachments"] == []
    one = f"{path}/{made['id']}"
    assert ok(peer.post(one, {"metadata": {"k": "w"}})) == made | {"metadata": {"k": "w"}}
    assert ok(peer.http.get(one))["metadata"] == {"k": "w"}
    assert ok(peer.http.delete(one))["object"] == "thread.message.deleted"
    assert peer.http.get(one).status_code == 404
    assert ok(peer.http.get(path))["data"] == []


def test_messages_are_paged(peer: Peer) -> None:
    thread = peer.thread(*"abcdef")
    path = f"/threads/{thread}/messages"

    def page(query: str) -> tuple[str, bool]:
        body = ok(peer.http.get(f"{path}?{query}"))
        texts = [each["content"][0]["text"]["value"] for each in body["data"]]
        return "".join(texts), body["has_more"]

    everything = ok(peer.http.get(path))
    ids = {each["content"][0]["text"]["value"]: each["id"] for each in everything["data"]}
    assert page("") == ("fedcba", False)
    assert page("order=asc&limit=4") == ("abcd", True)
    assert page(f"order=asc&limit=4&after={ids['d']}") == ("ef", False)
    assert page(f"limit=2&before={ids['c']}") == ("ed", True)
    assert page(f"after={ids['f']}&before={ids['b']}") == ("edc", False)
    listed = peer.client.beta.threads.messages.list(thread, limit=2, order="asc")
    assert [each.id for each in listed] == [ids[name] for name in "abcdef"]


def test_messages_of_one_run(peer: Peer) -> None:
    thread = peer.thread("hi")
    first, second = finished_run(peer, thread), finished_run(peer, thread)
    body = ok(peer.http.get(f"/threads/{thread}/messages?run_id={first['id']}"))
    assert [each["run_id"] for each in body["data"]] == [first["id"]]
    runs = ok(peer.http.get(f"/threads/{thread}/runs"))
    assert [each["id"] for each in runs["data"]] == [second["id"], first["id"]]


def test_a_run_has_every_field_and_what_was_asked_of_it(peer: Peer) -> None:
    asked = {
        "instructions": "be brief",
        "temperature": 0.1,
        "top_p": 0.9,
        "max_completion_tokens": 100,
        "max_prompt_tokens": 1000,
        "tools": [{"type": "function", "function": {"name": "f"}}],
        "tool_choice": {"type": "function", "function": {"name": "f"}},
        "parallel_tool_calls": False,
        "truncation_strategy": {"type": "last_messages", "last_messages": 2},
        "response_format": {"type": "text"},
        "metadata": {"k": "v"},
        "reasoning_effort": "high",
    }
    run = finished_run(peer, peer.thread("hi"), **asked)
    assert run.keys() == RUN_FIELDS
    assert {name: run[name] for name in asked} == asked


def test_a_run_takes_what_it_is_not_told_from_its_assistant(peer: Peer) -> None:
    fields = {
        "instructions": "be kind",
        "temperature": 0.3,
        "tools": [{"type": "function", "function": {"name": "f"}}],
        "metadata": {"of": "the assistant"},
    }
    assistant = peer.assistant(lambda *_: [*say("hi"), end()], **fields)
    body = {"assistant_id": assistant, "instructions": None, "metadata": {"of": "the run"}}
    run = peer.stream(f"/threads/{peer.thread('hi')}/runs", body)[0][1]
    assert (run["instructions"], run["temperature"]) == ("be kind", 0.3)
    assert run["tools"] == fields["tools"]
    assert run["metadata"] == {"of": "the run"}
    changed = {"assistant_id": assistant, "tools": [], "instructions": "be quick"}
    run = peer.stream(f"/threads/{peer.thread('hi')}/runs", changed)[0][1]
    assert (run["tools"], run["instructions"]) == ([], "be quick")


def test_metadata_changes_of_an_active_run_last(peer: Peer) -> None:
    thread = peer.thread("hi")

    def script(request: object, given: object, turn: int) -> list[Any]:
        return call(("c", "f", "{}")) if turn == 1 else [*say("ok"), end()]

    path = f"/threads/{thread}/runs"
    events = peer.stream(path, {"assistant_id": peer.assistant(script)})
    one = f"{path}/{events[0][1]['id']}"
    assert ok(peer.post(one, {"metadata": {"k": "v"}}))["status"] == "requires_action"
    outputs = {"tool_outputs": [{"tool_call_id": "c", "output": "o"}]}
    peer.stream(f"{one}/submit_tool_outputs", outputs)
    run = ok(peer.http.get(one))
    assert (run["status"], run["metadata"]) == ("completed", {"k": "v"})


def test_what_clients_do_to_a_message_being_written_lasts(peer: Peer) -> None:
    steps = [*say("a", "b")[:3], Hold("changed"), *say("a", "b")[3:], *say("c", name="n"), end()]
    thread = peer.thread()
    path = f"/threads/{thread}/messages"
    assistant = peer.assistant(lambda *_: steps)
    peer.post(f"/threads/{thread}/runs", {"assistant_id": assistant})
    while not (found := ok(peer.http.get(path))["data"]):
        pass
    one = f"{path}/{found[0]['id']}"
    assert ok(peer.post(one, {"metadata": {"k": "v"}}))["status"] == "in_progress"
    peer.provider.release("changed")
    while ok(peer.http.get(f"/threads/{thread}/runs"))["data"][0]["status"] != "completed":
        pass
    message = ok(peer.http.get(one))
    assert (message["status"], message["metadata"]) == ("completed", {"k": "v"})
    assert message["content"][0]["text"]["value"] == "ab"


def test_a_message_deleted_while_it_is_written_stays_deleted(peer: Peer) -> None:
    steps = [*say("a")[:3], Hold("deleted"), *say("a")[3:], end()]
    thread = peer.thread()
    path = f"/threads/{thread}/messages"
    assistant = peer.assistant(lambda *_: steps)
    peer.post(f"/threads/{thread}/runs", {"assistant_id": assistant})
    while not (found := ok(peer.http.get(path))["data"]):
        pass
    ok(peer.http.delete(f"{path}/{found[0]['id']}"))
    peer.provider.release("deleted")
    while ok(peer.http.get(f"/threads/{thread}/runs"))["data"][0]["status"] != "completed":
        pass
    assert ok(peer.http.get(path))["data"] == []


def test_models(peer: Peer) -> None:
    assert [each["id"] for each in ok(peer.http.get("/models"))["data"]] == [
        "sandbox",
        "org/other",
    ]
    assert ok(peer.http.get("/models/org/other"))["object"] == "model"
    missing = peer.http.get("/models/none")
    assert missing.status_code == 404
    assert missing.json()["error"]["code"] == "model_not_found"


def test_metadata_up_to_the_limits(peer: Peer) -> None:
    metadata = {f"{n:064}": "v" * 512 for n in range(16)}
    assert ok(peer.post("/threads", {"metadata": metadata}))["metadata"] == metadata
