"""The models that a server offers, and how long a conversation each of them can take."""

from __future__ import annotations

from collections.abc import Sequence

from tui.core.models import JsonObject, ModelInfo
from tui.providers.fields import count, obj, objects, text
from tui.providers.transport import Transport

# How servers spell it: vLLM, OpenRouter and Groq and LM Studio, llama.cpp (in ``meta``).
_WINDOW = ("max_model_len", "context_length", "context_window", "max_context_length", "n_ctx")


async def list_models(transport: Transport) -> Sequence[ModelInfo]:
    """The server's models in its own order. Raises ProviderError."""
    found = await transport.json(lambda client: client.models.with_streaming_response.list())
    # Ollama's and llama.cpp's own list is called ``models``.
    listed = objects(found, "data") or objects(found, "models")
    models = (_decode_model(model) for model in listed)
    return tuple(model for model in models if model.id)


def _decode_model(model: JsonObject) -> ModelInfo:
    sources = (model, obj(model, "meta"), obj(model, "top_provider"))
    windows = (count(source, name) for source in sources for name in _WINDOW)
    return ModelInfo(
        id=text(model, "id") or text(model, "name"),
        context_window=next(filter(None, windows), None),
    )
