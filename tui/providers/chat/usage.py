"""Token counts of a chunk: as the protocol says them, or as llama.cpp measured them."""

from __future__ import annotations

from tui.core.models import JsonObject, Usage
from tui.providers.fields import count, obj


def decode_usage(chunk: JsonObject) -> Usage | None:
    """The counts of this round so far, or None when the chunk has none."""
    if usage := obj(chunk, "usage") or obj(chunk, "x_groq", "usage"):
        prompt, completion = count(usage, "prompt_tokens"), count(usage, "completion_tokens")
        # DeepSeek counts cache hits beside the details.
        cached = count(obj(usage, "prompt_tokens_details"), "cached_tokens")
        return Usage(
            input_tokens=prompt,
            output_tokens=completion,
            total_tokens=count(usage, "total_tokens") or prompt + completion,
            cached_tokens=cached or count(usage, "prompt_cache_hit_tokens"),
            reasoning_tokens=count(obj(usage, "completion_tokens_details"), "reasoning_tokens"),
        )
    if timings := obj(chunk, "timings"):
        cached = count(timings, "cache_n")
        prompt, completion = count(timings, "prompt_n") + cached, count(timings, "predicted_n")
        return Usage(
            input_tokens=prompt,
            output_tokens=completion,
            total_tokens=prompt + completion,
            cached_tokens=cached,
        )
    return None
