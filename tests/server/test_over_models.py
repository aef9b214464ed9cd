"""Assistants programs on models that speak Chat Completions or Responses."""

from __future__ import annotations

import asyncio
from typing import Any

import openai
import pytest

from tests.providers.assistants_peer import Calls, End, Intercept, Pause, Raw, Say
from tests.providers.chat_peer import chunk
from tests.providers.http_peer import Reply, Request
from tests.providers.responses_peer import frame, whole
from tests.server.over import UPSTREAM_KEY, Over, Protocol, over

BOTH = pytest.mark.parametrize("protocol", ["chat", "responses"])
ADD: Any = {
    "type": "function",
    "function": {
        "name": "add",
        "description": "Adds.",
        "parameters": {"type": "object", "properties": {"x": {"type": "integer"}}},
    },
}
ONE = Calls((("add", ('{"x":', " 1}")),))
TWO = Calls((("add", ('{"x":', " 1}")), ("add", ('{"x":', " 2}"))))


def said(body: dict[str, Any]) -> list[tuple[str, Any]]:
    """The conversation as a request tells it: (role or kind, text or output)."""
    if "messages" in body:
        return [(each["role"], each["content"]) for each in body["messages"]]
    told = []
    for item in body["input"]:
        kind = item.get("type", "message")
        if kind == "message":
            content = item["content"]
            text = content if isinstance(content, str) else "".join(c["text"] for c in content)
            told.append((item["role"], text))
        else:
            told.append((kind, item.get("output")))
    return told


async def text_of(server: Over, thread: str) -> str:
    newest = (await server.client.beta.threads.messages.list(thread)).data[0]
    assert newest.content[0].type == "text"
    return newest.content[0].text.value


@BOTH
async def test_text_streams_and_the_thread_is_told_again(protocol: Protocol) -> None:
    async with over(protocol) as server:
        server.peer.script = [Say(("Hel", "lo ", "you")), End(), Say(("Good",)), End()]
        thread, assistant = await server.thread("hi"), await server.assistant(instructions="Short.")
        runs = server.client.beta.threads.runs
        async with runs.stream(thread_id=thread, assistant_id=assistant) as stream:
            deltas = [text async for text in stream.text_deltas]
            run = await stream.get_final_run()
        assert deltas == ["Hel", "lo ", "you"]
        assert run.status == "completed"
        assert run.usage is not None
        assert (run.usage.prompt_tokens, run.usage.completion_tokens) == (7, 5)
        await server.client.beta.threads.messages.create(thread, role="user", content="how?")
        await server.run(thread)
        assert await text_of(server, thread) == "Good"
    assert server.bodies[0]["model"] == "the-model"
    assert said(server.bodies[1])[-3:] == [
        ("user", "hi"),
        ("assistant", "Hello you"),
        ("user", "how?"),
    ]


@BOTH
async def test_calls_go_to_the_client_round_by_round(protocol: Protocol) -> None:
    async with over(protocol) as server:
        server.peer.script = [TWO, ONE, Say(("that is 3",)), End(), Say(("yes",)), End()]
        run = await server.run(thread := await server.thread("add"), tools=[ADD])
        calls = run.required_action.submit_tool_outputs.tool_calls
        assert [call.function.arguments for call in calls] == ['{"x": 1}', '{"x": 2}']
        run = await server.submit(run, "one", "two")
        assert run.status == "requires_action"
        run = await server.submit(run, "three")
        assert run.status == "completed"
        assert run.usage.total_tokens == 36
        steps = (await server.client.beta.threads.runs.steps.list(run.id, thread_id=thread)).data
        assert [step.type for step in steps] == ["message_creation", "tool_calls", "tool_calls"]
        await server.client.beta.threads.messages.create(thread, role="user", content="sure?")
        await server.run(thread)
    outputs = [text for kind, text in said(server.bodies[2]) if kind not in ("user", "assistant")]
    assert [text for text in outputs if text] == ["one", "two", "three"]
    retold = said(server.bodies[3])
    assert [text for _, text in retold if text] == [
        "add",
        "one",
        "two",
        "three",
        "that is 3",
        "sure?",
    ]


@BOTH
async def test_every_option_reaches_the_model(protocol: Protocol) -> None:
    schema = {"name": "n", "schema": {"type": "object"}, "strict": True}
    async with over(protocol) as server:
        server.peer.script = [Say(("{}",)), End()]
        await server.run(
            tools=[ADD],
            temperature=0.25,
            top_p=0.5,
            max_completion_tokens=77,
            parallel_tool_calls=False,
            tool_choice={"type": "function", "function": {"name": "add"}},
            response_format={"type": "json_schema", "json_schema": schema},
            extra_body={"reasoning_effort": "low"},
            instructions="Only this.",
            additional_instructions="And that.",
        )
    body = server.bodies[0]
    common = {"temperature": 0.25, "top_p": 0.5, "parallel_tool_calls": False}
    assert common.items() <= body.items()
    if protocol == "chat":
        assert body["messages"][0] == {"role": "system", "content": "Only this.\n\nAnd that."}
        assert body["max_completion_tokens"] == 77
        assert body["tool_choice"] == {"type": "function", "function": {"name": "add"}}
        assert body["response_format"]["json_schema"] == schema
        assert body["reasoning_effort"] == "low"
        assert body["tools"][0]["function"]["name"] == "add"
    else:
        assert body["instructions"] == "Only this.\n\nAnd that."
        assert body["max_output_tokens"] == 77
        assert body["tool_choice"] == {"type": "function", "name": "add"}
        assert body["text"]["format"] == {"type": "json_schema", **schema}
        assert body["reasoning"]["effort"] == "low"
        assert body["tools"][0]["name"] == "add"


@BOTH
async def test_limits_count_over_the_run_and_a_forced_call_is_forced_once(
    protocol: Protocol,
) -> None:
    limit = "max_completion_tokens" if protocol == "chat" else "max_output_tokens"
    async with over(protocol) as server:
        server.peer.script = [ONE, ONE, ONE]  # each uses 7 tokens of prompt and makes 5
        run = await server.run(tools=[ADD], max_completion_tokens=12, tool_choice="required")
        for _ in range(2):
            run = await server.submit(run, "more")
        assert run.status == "incomplete"
        assert run.incomplete_details.reason == "max_completion_tokens"
        server.peer.script = [ONE]
        run = await server.run(tools=[ADD], max_prompt_tokens=7)
        assert run.incomplete_details.reason == "max_prompt_tokens"
    assert [body.get(limit) for body in server.bodies] == [12, 7, 2, None]
    assert [body.get("tool_choice", "auto") for body in server.bodies[:3]] == [
        "required",
        "auto",
        "auto",
    ]


@BOTH
async def test_an_answer_that_was_cut_short_is_incomplete(protocol: Protocol) -> None:
    async with over(protocol) as server:
        server.peer.script = [Say(("half",)), End("incomplete")]
        thread = await server.thread("hi")
        run = await server.run(thread)
        assert run.status == "incomplete"
        assert run.incomplete_details.reason == "max_completion_tokens"
        message = (await server.client.beta.threads.messages.list(thread)).data[0]
        assert message.status == "incomplete"
        assert message.incomplete_details is not None
        assert message.incomplete_details.reason == "max_tokens"


@BOTH
async def test_truncation_leaves_out_the_oldest(protocol: Protocol) -> None:
    long = "many words " * 100
    async with over(protocol) as server:
        thread = await server.thread(long, long, "newest")
        for fields in (
            {},
            {"truncation_strategy": {"type": "last_messages", "last_messages": 2}},
            {"max_prompt_tokens": 450},
            {"max_prompt_tokens": 100},
        ):
            server.peer.script = [Say(("ok",)), End()]
            await server.run(thread, **fields)
            await server.client.beta.threads.messages.delete(
                (await server.client.beta.threads.messages.list(thread)).data[0].id,
                thread_id=thread,
            )
    seen = [[text for role, text in said(body) if role == "user"] for body in server.bodies]
    assert ["".join(texts).count("many") for texts in seen] == [200, 100, 100, 0]
    assert all("newest" in texts[-1] for texts in seen)


@BOTH
async def test_a_conversation_that_does_not_fit_is_asked_again_shorter(protocol: Protocol) -> None:
    async with over(protocol) as server:

        async def full(request: Request) -> Reply | None:
            if request.method == "POST" and "first" in request.raw.decode():
                words = "This model's maximum context length is 100 tokens."
                return Reply.error(400, words, "context_length_exceeded")
            return None

        server.peer.intercept = full
        server.peer.script = [Say(("ok",)), End()]
        run = await server.run(await server.thread("first " * 60, "second"))
        assert run.status == "completed"
        run = await server.run(await server.thread("first"))
        assert (run.status, run.last_error.code) == ("failed", "invalid_prompt")


@BOTH
@pytest.mark.parametrize(
    ("reply", "code", "words"),
    [
        (Reply.error(401, f"Wrong key {UPSTREAM_KEY}."), "server_error", "server's own key"),
        (Reply.error(404, "no model", "model_not_found"), "server_error", "no such model"),
        (Reply.error(429, "slow down"), "rate_limit_exceeded", "slow down"),
        (Reply.error(402, "pay"), "rate_limit_exceeded", "pay"),
        (Reply.error(500, "broken"), "server_error", "broken"),
        (Reply(200, b"<html>", {"content-type": "text/html"}), "server_error", "cannot reach"),
    ],
    ids=["key", "model", "rate", "credit", "fault", "page"],
)
async def test_a_failure_of_the_model_fails_the_run(
    protocol: Protocol, reply: Reply, code: str, words: str
) -> None:
    async with over(protocol) as server:

        async def refuse(request: Request) -> Reply | None:
            return reply if request.method == "POST" else None

        server.peer.intercept = refuse
        run = await server.run()
        assert (run.status, run.last_error.code) == ("failed", code)
        assert words in run.last_error.message
        assert UPSTREAM_KEY not in run.model_dump_json()
        assert server.peer.http.url.removeprefix("http://") not in run.model_dump_json()


@BOTH
async def test_a_cancelled_run_hangs_up_and_frees_the_thread(protocol: Protocol) -> None:
    async with over(protocol) as server:
        never = asyncio.Event()
        server.peer.script = [Say(("begun",)), Pause(never)]
        thread, assistant = await server.thread("hi"), await server.assistant()
        runs = server.client.beta.threads.runs
        stream = await runs.create(thread, assistant_id=assistant, stream=True)
        names = []
        async for event in stream:
            names.append(event.event)
            if event.event == "thread.message.delta":
                active = (await runs.list(thread)).data[0]
                await runs.cancel(active.id, thread_id=thread)
        assert names[-1] == "thread.run.cancelled"
        server.peer.script = [Say(("again",)), End()]
        assert (await server.run(thread)).status == "completed"
        assert await text_of(server, thread) == "again"


@BOTH
async def test_models_are_those_of_the_provider_and_a_run_may_name_any(protocol: Protocol) -> None:
    async with over(protocol) as server:
        assert [each.id async for each in server.client.models.list()] == ["first-model"]
        assert (await server.client.models.retrieve("first-model")).id == "first-model"
        for model in ("mine", "default", "other"):
            server.peer.script = [Say(("ok",)), End()]
            assert (await server.run(model=model)).model == model
        listed = [line for line in server.peer.http.lines if line == "GET /v1/models"]
        assert len(listed) == 1
    assert [body["model"] for body in server.bodies] == ["the-model", "the-model", "other"]


@BOTH
async def test_a_model_without_tools_says_so(protocol: Protocol) -> None:
    async with over(protocol, tools=False) as server:
        with pytest.raises(openai.BadRequestError, match="cannot call tools"):
            await server.run(tools=[ADD])


async def test_thoughts_and_hosted_tools_have_no_place_in_the_protocol() -> None:
    thought = {
        "id": "rs",
        "type": "reasoning",
        "content": [{"type": "reasoning_text", "text": "h"}],
    }
    search = {"id": "ws", "type": "web_search_call", "status": "completed", "action": {}}
    async with over("responses") as server:
        server.peer.script = [Raw(whole(thought)), Raw(whole(search, 1)), Say(("found",)), End()]
        run = await server.run(thread := await server.thread("search"))
        assert run.status == "completed"
        steps = (await server.client.beta.threads.runs.steps.list(run.id, thread_id=thread)).data
        assert [step.type for step in steps] == ["message_creation"]
        assert await text_of(server, thread) == "found"


async def test_a_refusal_is_a_refusal() -> None:
    async with over("chat") as server:
        server.peer.script = [Raw(chunk(reasoning_content="hm")), Raw(chunk(refusal="No.")), End()]
        await server.run(thread := await server.thread("do it"))
        message = (await server.client.beta.threads.messages.list(thread)).data[0]
        assert [part.model_dump() for part in message.content] == [
            {"type": "refusal", "refusal": "No."}
        ]


async def test_what_only_a_person_may_allow_is_not_allowed() -> None:
    asked = {
        "id": "mcpr",
        "type": "mcp_approval_request",
        "name": "delete_all",
        "arguments": "{}",
        "server_label": "files",
    }
    async with over("responses") as server:
        completed = frame("response.completed", response={"status": "completed", "output": [asked]})
        server.peer.script = [Raw(whole(asked)), Raw(completed)]
        server.peer.intercept = _then_say("I may not.")
        run = await server.run(thread := await server.thread("delete"))
        assert run.status == "completed"
        assert run.required_action is None
        assert await text_of(server, thread) == "I may not."
    answer = server.bodies[1]["input"][-1]
    assert (answer["type"], answer["approve"]) == ("mcp_approval_response", False)


def _then_say(text: str) -> Intercept:
    """From the second request on the model says this."""
    asked = 0

    async def intercept(request: Request) -> Reply | None:
        nonlocal asked
        asked += 1
        item = {"id": "m", "type": "message", "content": [{"type": "output_text", "text": text}]}
        completed = frame("response.completed", response={"status": "completed", "output": [item]})
        return Reply.sse(whole(item), completed) if asked > 1 else None

    return intercept


async def test_outputs_that_are_too_long_push_the_oldest_messages_out() -> None:
    async with over("chat") as server:
        server.peer.script = [ONE, Say(("ok",)), End()]
        window = "This model's maximum context length is 1000 tokens."

        async def small(request: Request) -> Reply | None:
            full = request.raw.count(b"old ") and request.raw.count(b"new ")
            return Reply.error(400, window, "context_length_exceeded") if full else None

        server.peer.intercept = small
        thread = await server.thread("old " * 500)
        answer: Any = {"role": "assistant", "content": "fine"}
        await server.client.beta.threads.messages.create(thread, **answer)
        await server.client.beta.threads.messages.create(thread, role="user", content="add")
        run = await server.run(thread, tools=[ADD], max_completion_tokens=50)
        run = await server.submit(run, "new " * 300)
        assert run.status == "completed"
    assert [role for role, _ in said(server.bodies[-1])] == ["user", "assistant", "tool"]
    assert server.bodies[-1]["messages"][-1]["content"] == "new " * 300
    limits = [body["max_completion_tokens"] for body in server.bodies]
    assert limits == [50, 45, 45]  # the first round made 5; asking again gives nothing back


async def test_models_are_the_profiles_while_the_server_does_not_tell() -> None:
    async with over("chat") as server:

        async def refuse(_request: Request) -> Reply | None:
            return Reply.error(500)

        server.peer.intercept = refuse
        assert [each.id async for each in server.client.models.list()] == ["the-model"]
