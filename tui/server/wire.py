"""JSON and server-sent events as bytes, safe for every reader of lines."""

from __future__ import annotations

import json
from typing import Any

DONE = b"event: done\ndata: [DONE]\n\n"

# JSON allows these raw, but some clients split lines at them.
_LINE_BREAKS = str.maketrans({"\x85": "\\u0085", "\u2028": "\\u2028", "\u2029": "\\u2029"})


def encode_json(data: Any) -> bytes:
    """Compact UTF-8 JSON on one line."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    # A model may send half of a surrogate pair, which UTF-8 cannot hold.
    return text.translate(_LINE_BREAKS).encode("utf-8", "replace")


def encode_frame(name: str, data: Any) -> bytes:
    """One server-sent event with JSON data."""
    return b"event: %b\ndata: %b\n\n" % (name.encode(), encode_json(data))
