"""What servers mean: the same few troubles, each spelled differently by every make of server.

The spellings were collected from the servers' sources and their users' reports; a row says whose
they are. Codes are OpenAI's where it has one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from tui.core.models import JsonObject
from tui.providers.fields import count, obj, objects, parse_object, text

RETRY_HINT = "Wait a moment and retry."
CONTEXT = "context_length_exceeded"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One trouble: its stable code, a sentence without full stop, what to do.

    It is recognised by one of ``codes`` (what the server calls it; its own code always counts) or
    by ``spelled`` in the server's message.
    """

    code: str
    message: str
    hint: str
    retryable: bool = False
    codes: tuple[str, ...] = ()
    spelled: str = ""

    def fits(self, said: Said) -> bool:
        """Whether this is what the server means."""
        if any(name in (self.code, *self.codes) for name in (said.code, *said.names)):
            return True
        return bool(self.spelled and re.search(self.spelled, said.message, re.IGNORECASE))


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a server says: in words, its code, other names for it, and all details."""

    message: str
    code: str = ""
    names: tuple[str, ...] = ()
    details: JsonObject = field(default_factory=dict)

    @property
    def window(self) -> int | None:
        """How many tokens the model takes, if the server says so."""
        told = count(self.details, "n_ctx")  # llama.cpp
        return told or next(_numbers(self.message), None)


_WINDOWS = (
    r"maximum (?:context|prompt|model) length (?:is|of) (?:only )?([\d,]+)",  # OpenAI, vLLM, xAI
    r"context (?:length|window|size)[^\d]{0,20}?\(?([\d,]+) tokens",  # llama.cpp, LM Studio
    r"tokens > ([\d,]+) maximum",  # Anthropic
    r"exceed context limit: [\d,]+ \+ [\d,]+ > ([\d,]+)",  # Anthropic
    r"number of tokens allowed \(([\d,]+)\)",  # Gemini
    r"model with ([\d,]+) maximum context",  # Mistral
    r"must be <= ([\d,]+)",  # text-generation-inference
)

KINDS = (
    Kind(
        code="tools_unsupported",
        message="The model cannot call tools",
        hint="Set tools = false in the profile, or take a model that can call tools.",
        spelled=(
            r"does not support (tools|tool use|function.call)"  # Ollama, DeepSeek
            r"|support tool use"  # OpenRouter: no endpoints found that ...
            r"|(`tools`|tools|tool calling|function calling) (is|are) not supported"  # Groq
        ),
    ),
    Kind(
        code="tools_unsupported",
        message="The server was not started for calling tools",
        hint=(
            "Start it with what it names (llama-server --jinja; vLLM --enable-auto-tool-choice), "
            "or set tools = false in the profile."
        ),
        spelled=r"requires? --jinja|unsupported param: tools|requires --enable-auto-tool-choice",
    ),
    Kind(
        code="answer_limit_too_large",
        message="The limit for the answer is larger than the model allows",
        hint="Lower max_completion_tokens in the profile's options.",
        spelled=r"max_(completion_|output_)?tokens\W* (or \W*max\w+\W* )?is too large",
    ),
    Kind(
        code=CONTEXT,
        message="The conversation is too long for the model",
        hint="Send less, or start a new thread. Where nothing else can: a model that takes more.",
        codes=("exceed_context_size_error", "context_window_exceeded"),
        spelled=(
            r"maximum (context|prompt|model) length|maximum context"  # OpenAI, vLLM, xAI
            r"|(exceeds?|exceeding|longer than|greater than|larger than|beyond|over)"
            r".{0,60}context.?(length|window|size|limit)"  # Responses, llama.cpp
            r"|loaded with context length of only"  # LM Studio
            r"|prompt is too long"  # Anthropic, Ollama
            r"|input token count .{0,30}exceeds"  # Gemini
            r"|reduce the length of the (messages|prompt|input)"  # Groq, DeepSeek
            r"|max_new_tokens` must be"  # text-generation-inference
        ),
    ),
    Kind(
        code="deployment_not_found",
        message="Azure has no deployment of this name",
        hint="Set model in the profile to the name of the deployment, not of the model.",
        codes=("DeploymentNotFound",),
        spelled=r"deployment for this resource does not exist",
    ),
    Kind(
        code="model_not_found",
        message="The server has no such model",
        hint="Set model in the profile to one that the server has.",
        codes=("invalid_model",),
        spelled=(
            r"\bmodel\b.{0,80}(does not exist|not found|not exist)"  # OpenAI, vLLM, Ollama
            r"|models/\S+ is not found"  # Gemini
            r"|not a valid model|invalid model|unknown model"  # OpenRouter, Mistral
            r"|no endpoints found for"  # OpenRouter
            r"|no models? (is |are )?loaded"  # LM Studio
        ),
    ),
    Kind(
        code="insufficient_quota",
        message="The account has no credit left",
        hint="Check the account's plan and billing, or switch the profile.",
        codes=("billing_hard_limit_reached", "billing_not_active"),
        spelled=(
            r"insufficient (balance|credit|quota|funds)"  # DeepSeek, OpenRouter
            r"|credit balance is too low"  # Anthropic
            r"|(no|any|all available|out of|requires more) credits"  # xAI, OpenRouter
        ),
    ),
    Kind(
        code="unauthorized",
        message="The server does not accept the key",
        hint="Check the profile's key.",
        codes=("invalid_api_key", "authentication_error"),
        spelled=(
            r"(incorrect|invalid|unknown|missing) (x-)?api.?key"  # OpenAI, xAI, Anthropic
            r"|api.?key (is )?(not valid|not found|expired|invalid)"  # Gemini
            r"|no auth credentials"  # OpenRouter
        ),
    ),
    Kind(
        code="content_filter",
        message="The provider's content filter stopped it",
        hint="Rephrase the message; the provider's filter does not let this one through.",
        codes=("content_policy_violation", "ResponsibleAIPolicyViolation"),
        spelled=r"content management policy|violates usage guidelines|requires moderation",
    ),
    Kind(
        code="model_loading",
        message="The server is still loading the model",
        hint="Wait until it is ready and retry.",
        retryable=True,
        spelled=r"^loading model|model .{0,80}(is )?(currently|still) loading",  # llama.cpp
    ),
    Kind(
        code="rate_limit_exceeded",
        message="The rate limit is reached",
        hint="Wait a moment and retry; if it stays, check the account's quota.",
        retryable=True,
    ),
    Kind(
        code="server_error",
        message="The server failed",
        hint="The fault is on the server's side: retry, or try another model.",
        retryable=True,
    ),
    Kind(
        code="invalid_prompt",
        message="The server refuses this prompt",
        hint="Rephrase it, or start a new thread.",
    ),
)


def recognise(said: Said) -> Kind | None:
    """What the server means, or None when its words are all there is."""
    return next((kind for kind in KINDS if kind.fits(said)), None)


def read_error(body: str) -> Said:
    """What an error body says, whatever its shape; a web page says only that it is one."""
    stripped = body.strip()
    # Gemini puts its errors into an array of one.
    data = parse_object(stripped) or parse_object(stripped.removeprefix("[").removesuffix("]"))
    if data is None:
        return Said(message="a web page" if stripped.startswith("<") else stripped)
    error = obj(data, "error") or obj(data, "response", "error") or data
    message = text(error, "message") or text(data, "error") or text(data, "detail")
    message = message or next((_misfit(item) for item in objects(data, "detail")), "")
    names = (text(error, "type"), text(error, "status"), text(obj(error, "innererror"), "code"))
    upstream = text(obj(error, "metadata"), "raw")  # OpenRouter: what the provider behind it said
    if upstream and upstream not in message:
        message = f"{message}: {upstream}"
    return Said(message=message, code=text(error, "code"), names=names, details=error)


def _misfit(item: JsonObject) -> str:
    """What pydantic says about one field of a request: where it is, and what is wrong with it."""
    place = item.get("loc")
    where = ".".join(map(str, place)) if isinstance(place, list) else ""
    return f"{where}: {text(item, 'msg')}" if where else text(item, "msg")


def _numbers(message: str) -> Iterator[int]:
    for pattern in _WINDOWS:
        for found in re.findall(pattern, message, re.IGNORECASE):
            yield int(found.replace(",", ""))
