"""The models that a server offers, and how long a conversation each of them can take."""

from __future__ import annotations

import asyncio
import difflib
from collections.abc import Sequence

from tui.core.errors import ProviderError
from tui.core.models import JsonObject, ModelInfo
from tui.core.ports import RunRequest
from tui.core.settings import Profile
from tui.providers.fields import count, obj, objects, text
from tui.providers.transport import Transport
from tui.providers.way_out import on_this_machine
from tui.providers.words import plain

# How servers spell it: vLLM, OpenRouter and Groq and LM Studio, llama.cpp (in ``meta``).
_WINDOW = ("max_model_len", "context_length", "context_window", "max_context_length", "n_ctx")

_NAMES_SECONDS = 2.0
_NAMES = 3


async def list_models(transport: Transport) -> Sequence[ModelInfo]:
    """The server's models in its own order. Raises ProviderError."""
    found = await transport.json(lambda client: client.models.with_streaming_response.list())
    # Ollama's and llama.cpp's own list is called ``models``.
    listed = objects(found, "data") or objects(found, "models")
    models = (_decode_model(model) for model in listed)
    return tuple(model for model in models if model.id)


async def chosen_model(transport: Transport, profile: Profile, request: RunRequest) -> str:
    """The model to ask: the thread's, the profile's, or the first of a server on this machine.

    Raises ProviderError; its code is ``no_model`` when there is none to choose.
    """
    if model := request.model or profile.model:
        return model
    if on_this_machine(profile.base_url) and (models := await list_models(transport)):
        return models[0].id
    raise ProviderError(
        f"No model is chosen for the profile {profile.name!r}.",
        hint="Choose one of the server's models, or set model in the profile.",
        code="no_model",
    )


async def with_near_names(error: ProviderError, transport: Transport, model: str) -> ProviderError:
    """``error``, or, if it says that there is no such model, one that says which there are."""
    # Some servers only say so in words, and a wrong address does not know the model's name.
    unsaid = error.code == "not_found" and model in error.message
    if error.code != "model_not_found" and not unsaid:
        return error
    try:
        async with asyncio.timeout(_NAMES_SECONDS):
            names = [each.id for each in await list_models(transport)]
    except (ProviderError, TimeoutError):
        return error  # the first error says more than why there is no list
    listed = nearest(model, names)
    hint = f"Choose one that the server has, such as {listed}." if listed else error.hint
    return ProviderError(error.message, hint=hint, code="model_not_found", status=error.status)


def nearest(model: str, names: Sequence[str]) -> str:
    """A few of ``names``, those most like ``model`` if any are, as one line."""
    near = difflib.get_close_matches(model, names, n=_NAMES, cutoff=0.4) or names[:_NAMES]
    return plain(", ".join(near))


def _decode_model(model: JsonObject) -> ModelInfo:
    sources = (model, obj(model, "meta"), obj(model, "top_provider"))
    windows = (count(source, name) for source in sources for name in _WINDOW)
    return ModelInfo(
        id=text(model, "id") or text(model, "name"),
        context_window=next(filter(None, windows), None),
    )
