"""What servers of every make say when they refuse, and what a reader is told instead."""

from __future__ import annotations

import base64
import json
import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.core.errors import ProviderError
from tui.core.settings import Profile
from tui.providers.addresses import address_hint
from tui.providers.failures import Answerer, not_a_stream, status_error
from tui.providers.redaction import Secrets
from tui.providers.words import run_problem

KEY = "sk-Zq81-secret-0123456789"
NOBODY = Secrets.of(None, {})


def refused(status: int, body: Any, *, secrets: Secrets = NOBODY) -> ProviderError:
    said = body if isinstance(body, str) else json.dumps(body)
    return status_error(status, {}, said, Answerer(host="host", secrets=secrets))


def nested(message: str, **more: Any) -> dict[str, Any]:
    return {"error": {"message": message, **more}}


CONTEXT: list[tuple[str, int, Any, int | None]] = [
    (
        "OpenAI",
        400,
        nested(
            "This model's maximum context length is 8192 tokens. However, your messages resulted "
            "in 9,012 tokens. Please reduce the length of the messages.",
            code="context_length_exceeded",
        ),
        8192,
    ),
    (
        "OpenAI Responses",
        400,
        nested(
            "Your input exceeds the context window of this model. Please adjust your input and "
            "try again.",
            code="context_length_exceeded",
        ),
        None,
    ),
    (
        "vLLM",
        400,
        {
            "object": "error",
            "message": "This model's maximum context length is 4096 tokens. However, you requested "
            "5000 tokens in the messages, Please reduce the length of the messages.",
            "type": "BadRequestError",
            "code": 400,
        },
        4096,
    ),
    (
        "vLLM, prompt",
        400,
        nested(
            "The decoder prompt (length 6000) is longer than the maximum model length of 4096. "
            "Make sure that `max_model_len` is no smaller.",
            type="BadRequestError",
            code=400,
        ),
        4096,
    ),
    (
        "llama.cpp",
        400,
        nested(
            "the request exceeds the available context size, try increasing it",
            code=400,
            type="exceed_context_size_error",
            n_prompt_tokens=5000,
            n_ctx=2048,
        ),
        2048,
    ),
    (
        "llama.cpp, in words",
        500,
        nested("request (5000 tokens) exceeds the available context size (2048 tokens)", code=500),
        2048,
    ),
    (
        "LM Studio",
        400,
        {
            "error": "Trying to keep the first 5000 tokens when context the overflows. However, "
            "the model is loaded with context length of only 4096 tokens, which is not enough."
        },
        4096,
    ),
    (
        "Ollama",
        400,
        nested("the input length exceeds the context length", type="api_error"),
        None,
    ),
    (
        "OpenRouter",
        400,
        nested(
            "This endpoint's maximum context length is 131072 tokens. However, you requested about "
            "140000 tokens (139000 of text input, 1000 in the output).",
            code=400,
        ),
        131072,
    ),
    (
        "Anthropic",
        400,
        nested("prompt is too long: 208310 tokens > 200000 maximum", code="invalid_request_error"),
        200000,
    ),
    (
        "Anthropic, with its answer",
        400,
        nested(
            "input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000, decrease "
            "input length or `max_tokens` and try again"
        ),
        200000,
    ),
    (
        "Gemini",
        400,
        [
            nested(
                "The input token count (1200000) exceeds the maximum number of tokens allowed "
                "(1048576).",
                code=400,
                status="INVALID_ARGUMENT",
            )
        ],
        1048576,
    ),
    (
        "Mistral",
        400,
        {
            "object": "error",
            "message": "Prompt contains 40000 tokens and 0 draft tokens, too large for model with "
            "32768 maximum context length",
            "type": "invalid_request_prompt",
            "code": "3051",
        },
        32768,
    ),
    (
        "Groq",
        400,
        nested(
            "Please reduce the length of the messages or completion.",
            type="invalid_request_error",
            code="context_length_exceeded",
        ),
        None,
    ),
    (
        "xAI",
        400,
        {
            "code": "Client specified an invalid argument",
            "error": "This model's maximum prompt length is 131072 but the request contains 537812 "
            "tokens.",
        },
        131072,
    ),
]


@pytest.mark.parametrize(("server", "status", "body", "window"), CONTEXT, ids=lambda case: case)
def test_a_conversation_that_is_too_long(
    server: str, status: int, body: Any, window: int | None
) -> None:
    error = refused(status, body)
    assert (error.code, error.context_window) == ("context_length_exceeded", window)
    assert error.message.startswith("The conversation is too long for the model (host answered")
    assert not error.retryable


KEYED = ("unauthorized", "Check the profile's key")
MODEL = ("model_not_found", "Set model in the profile")
CREDIT = ("insufficient_quota", "plan")
FILTER = ("content_filter", "Rephrase")
TOOLS = ("tools_unsupported", "tools = false")

ELSE: list[tuple[str, int, Any, tuple[str, str]]] = [
    ("OpenAI", 401, nested("Incorrect API key provided: sk-a", code="invalid_api_key"), KEYED),
    (
        "Gemini",
        400,
        [
            nested(
                "API key not valid. Please pass a valid API key.",
                code=400,
                status="INVALID_ARGUMENT",
            )
        ],
        KEYED,
    ),
    (
        "xAI",
        400,
        {
            "code": "Client specified an invalid argument",
            "error": "Incorrect API key provided: Xd***.",
        },
        KEYED,
    ),
    ("Anthropic", 401, nested("invalid x-api-key", type="authentication_error"), KEYED),
    ("OpenRouter", 401, nested("No auth credentials found", code=401), KEYED),
    ("Mistral", 401, {"detail": "Unauthorized"}, KEYED),
    (
        "OpenAI",
        404,
        nested(
            "The model `gpt-9` does not exist or you do not have access to it.",
            code="model_not_found",
        ),
        MODEL,
    ),
    (
        "Ollama",
        404,
        nested('model "qwen9" not found, try pulling it first', type="not_found_error"),
        MODEL,
    ),
    (
        "vLLM",
        404,
        {
            "object": "error",
            "message": "The model `x` does not exist.",
            "type": "NotFoundError",
            "code": 404,
        },
        MODEL,
    ),
    ("OpenRouter", 400, nested("x/y is not a valid model ID", code=400), MODEL),
    (
        "DeepSeek",
        400,
        nested("Model Not Exist", type="invalid_request_error", code="invalid_request_error"),
        MODEL,
    ),
    (
        "Mistral",
        400,
        {"object": "error", "message": "Invalid model: x", "type": "invalid_model", "code": "1500"},
        MODEL,
    ),
    (
        "Gemini",
        404,
        [nested("models/x is not found for API version v1main", code=404, status="NOT_FOUND")],
        MODEL,
    ),
    (
        "LM Studio",
        404,
        nested("No models loaded. Please load a model in the developer page."),
        MODEL,
    ),
    (
        "Azure",
        404,
        nested("The API deployment for this resource does not exist.", code="DeploymentNotFound"),
        ("deployment_not_found", "name of the deployment"),
    ),
    (
        "OpenAI",
        429,
        nested(
            "You exceeded your current quota", type="insufficient_quota", code="insufficient_quota"
        ),
        CREDIT,
    ),
    ("DeepSeek", 402, nested("Insufficient Balance", code="invalid_request_error"), CREDIT),
    ("OpenRouter", 402, nested("This request requires more credits", code=402), CREDIT),
    (
        "Anthropic",
        400,
        nested("Your credit balance is too low to access the Anthropic API."),
        CREDIT,
    ),
    (
        "xAI",
        403,
        {"code": "forbidden", "error": "Your newly created team has no credits yet."},
        CREDIT,
    ),
    (
        "Azure",
        400,
        nested(
            "It was filtered due to Azure OpenAI's content management policy.",
            code="content_filter",
            status=400,
        ),
        FILTER,
    ),
    ("xAI", 403, {"code": "forbidden", "error": "Content violates usage guidelines."}, FILTER),
    ("Ollama", 400, nested("registry.ollama.ai/library/gemma:2b does not support tools"), TOOLS),
    (
        "llama.cpp",
        500,
        nested("tools param requires --jinja flag", code=500, type="server_error"),
        TOOLS,
    ),
    ("vLLM", 400, nested('"auto" tool choice requires --enable-auto-tool-choice and more'), TOOLS),
    ("OpenRouter", 404, nested("No endpoints found that support tool use.", code=404), TOOLS),
    ("Groq", 400, nested("`tools` is not supported with this model"), TOOLS),
    (
        "vLLM",
        400,
        nested(
            "'max_tokens' or 'max_completion_tokens' is too large: 9999. "
            "This model's maximum context length is 4096 tokens"
        ),
        ("answer_limit_too_large", "max_completion_tokens"),
    ),
]


@pytest.mark.parametrize(
    ("server", "status", "body", "means"), ELSE, ids=lambda case: str(case)[:20]
)
def test_what_a_server_means(server: str, status: int, body: Any, means: tuple[str, str]) -> None:
    error = refused(status, body)
    code, hint = means
    assert error.code == code
    assert hint in error.hint
    assert f"host answered {status}" in error.message
    assert not error.retryable
    assert not error.sent


def test_a_server_that_loads_its_model_is_asked_again() -> None:
    error = refused(503, nested("Loading model", code=503, type="unavailable_error"))
    assert (error.code, error.retryable) == ("model_loading", True)
    assert "still loading the model" in error.message


@pytest.mark.parametrize(
    "body",
    [
        nested("Rate limit reached for gpt-9 in organization o on tokens per min", code="x"),
        # Gemini says so of limits per minute too: waiting helps.
        [nested("You exceeded your current quota, please check your plan", code=429)],
        nested("Request too large for model m: your model's maximum context length is 8192"),
    ],
)
def test_a_rate_limit_stays_one(body: Any) -> None:
    error = refused(429, body)
    assert error.retryable
    assert error.message.startswith("The rate limit or the quota is used up")


@pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503, 529])
def test_what_may_pass_is_asked_again(status: int) -> None:
    assert refused(status, nested("so it is")).retryable


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 405, 413, 422])
def test_what_stays_is_not(status: int) -> None:
    assert not refused(status, nested("so it is")).retryable


def test_what_a_provider_behind_a_provider_said() -> None:
    raw = '{"error":{"message":"too hot"}}'
    error = refused(502, nested("Provider returned error", metadata={"raw": raw}))
    assert "too hot" in error.message


def test_details_of_a_validation() -> None:
    body = {"detail": [{"loc": ["body", "messages"], "msg": "field required"}]}
    assert "field required" in refused(422, body).message


UNSAFE = {"Cc", "Cs", "Zl", "Zp"}


@given(st.integers(300, 599), st.text(max_size=200))
def test_any_body_is_told_in_one_line(status: int, body: str) -> None:
    error = refused(status, body)
    assert error.hint
    assert not UNSAFE & set(map(unicodedata.category, error.message))


JSON = st.recursive(
    st.none() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["error", "message", "code", "type", "detail", "metadata", "raw", "n_ctx"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(JSON)
def test_any_json_is_told(body: Any) -> None:
    assert refused(400, body).message.startswith("The")


def test_an_error_within_a_stream_means_the_same() -> None:
    problem = run_problem("invalid_request_error", "prompt is too long: 9 > 8", fallback="f")
    assert problem.code == "context_length_exceeded"
    assert run_problem("", "", fallback="It failed.").message == "It failed."
    assert run_problem("odd_code", "odd", fallback="").message == "odd (odd_code)"


def test_an_error_with_status_200_means_the_same() -> None:
    body = json.dumps(nested("Insufficient credits", code=402))
    error = not_a_stream(body, Answerer(host="h", secrets=NOBODY))
    assert (error.code, error.sent) == ("insufficient_quota", False)


# --- addresses ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given_url", "better"),
    [
        ("http://localhost:8080", "http://localhost:8080/v1"),
        ("http://localhost:8080/", "http://localhost:8080/v1"),
        ("http://localhost:8080/v1/v1", "http://localhost:8080/v1"),
        ("http://h/v1/chat/completions", "http://h/v1"),
        ("http://h/v1/responses/", "http://h/v1"),
        ("http://localhost:11434/api", "http://localhost:11434/v1"),
        ("http://localhost:11434/api/chat", "http://localhost:11434/v1"),
        ("https://n.openai.azure.com", "https://n.openai.azure.com/openai/v1"),
        ("https://openrouter.ai/v1", "https://openrouter.ai/api/v1"),
        ("https://user:pw123@h.example", "https://h.example/v1"),
    ],
)
def test_a_wrong_address_is_corrected(given_url: str, better: str) -> None:
    hint = address_hint(Profile(name="p", protocol="chat", base_url=given_url))
    assert f'base_url = "{better}"' in hint
    assert "pw123" not in hint


@pytest.mark.parametrize(
    "url",
    [
        "http://h/v1",
        "https://openrouter.ai/api/v1",
        "https://n.openai.azure.com/openai/v1/",
        "https://h/gateway",
    ],
)
def test_an_address_that_looks_right_is_to_be_checked(url: str) -> None:
    hint = address_hint(Profile(name="p", protocol="chat", base_url=url))
    assert "Check base_url" in hint


def test_the_hosted_assistants_are_gone() -> None:
    hint = address_hint(Profile(name="p", base_url="https://api.openai.com/v1"))
    assert "responses" in hint


# --- keys -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "shown",
    [
        KEY,
        f"Bearer {KEY}",
        "sk-Zq81-*********6789",
        "sk-Zq81-...6789",
        base64.b64encode(KEY.encode()).decode(),
        json.dumps({"api_key": KEY}),
    ],
)
def test_a_key_is_blotted_out_however_it_is_shown(shown: str) -> None:
    secrets = Secrets.of(KEY, {})
    text = secrets.redact(f"You gave {shown} here.")
    assert "[key removed]" in text
    assert text.endswith(" here.")
    for piece in (KEY[:8], base64.b64encode(KEY.encode()).decode()[:20], "6789"):
        assert piece not in text


def test_json_around_a_key_stays_json() -> None:
    secrets = Secrets.of(KEY, {})
    assert json.loads(secrets.redact(json.dumps({"said": KEY}))) == {"said": "[key removed]"}


@pytest.mark.parametrize("dummy", ["ollama", "lm-studio", "not-needed", "none", "EMPTY"])
def test_a_word_in_place_of_a_key_does_not_spoil_answers(dummy: str) -> None:
    text = f"{dummy} is what people write"
    assert Secrets.of(dummy, {}).redact(text) == text


def test_credentials_of_hosted_tools_are_keys_too() -> None:
    """Servers repeat the tools of a request in what they answer."""
    tools = [
        {"type": "mcp", "server_label": "known-label-1234567", "authorization": "tkn-1-abcdefgh"},
        {"type": "mcp", "headers": {"X-Api-Key": "Token tkn-2-abcdefgh"}},
    ]
    redacted = Secrets.of(None, {}, tools).redact(json.dumps(tools))
    assert "abcdefgh" not in redacted
    assert "known-label-1234567" in redacted
