"""Where servers put a model's thoughts, for there is no standard, and how they want them back."""

from __future__ import annotations

from typing import Any

from tui.core.models import JsonObject
from tui.providers.fields import Joiner, objects, raw_text, well_formed

# DeepSeek, xAI, llama.cpp, vLLM; Groq, Ollama, OpenRouter, newer vLLM.
_FIELDS = ("reasoning_content", "reasoning")
# OpenRouter: pieces of typed objects, some signed or encrypted.
_DETAILS = "reasoning_details"
_JOINED = frozenset({"text", "summary", "data"})


class Thoughts:
    """What one round brought, kept as it was called."""

    def __init__(self) -> None:
        self._fields: dict[str, Joiner] = {}
        self._details: list[JsonObject] = []

    def take(self, delta: JsonObject) -> str:
        """The thought in this piece; a server that spells it in several ways is heard once."""
        details = objects(delta, _DETAILS)
        for detail in details:
            self._take_detail(detail)
        for name in _FIELDS:
            if isinstance(delta.get(name), str) and (piece := delta[name]):
                self._fields.setdefault(name, Joiner()).take(piece)
                return str(piece)
        return "".join(raw_text(each, "text") or raw_text(each, "summary") for each in details)

    def encode(self) -> JsonObject:
        """The fields of the assistant message that thought this."""
        encoded: JsonObject = {name: said.joined for name, said in self._fields.items()}
        if self._details:
            encoded[_DETAILS] = well_formed(self._details)
        return encoded

    def _take_detail(self, detail: JsonObject) -> None:
        last = self._details[-1] if self._details else {}
        same = all(last.get(key) == detail.get(key) for key in ("type", "index"))
        if not last or not same:
            self._details.append(dict(detail))
            return
        for key, value in detail.items():
            if value is not None:
                last[key] = _longer(last.get(key), value) if key in _JOINED else value


def _longer(before: Any, piece: Any) -> Any:
    return before + piece if isinstance(before, str) and isinstance(piece, str) else piece
