"""How values of core sit in columns: text that may not be valid Unicode, and JSON."""

from __future__ import annotations

import json
from typing import Any

from tui.core import codec
from tui.core.text import GrowingText


def encode_text(text: str | GrowingText) -> str | bytes:
    """Text for a column of type ANY: bytes when it holds half a surrogate pair, as servers send."""
    plain = str(text)
    try:
        plain.encode()
    except UnicodeEncodeError:
        return plain.encode(errors="surrogatepass")
    return plain


def decode_text(value: str | bytes) -> str:
    """The inverse of ``encode_text``."""
    return value if isinstance(value, str) else value.decode(errors="surrogatepass")


def encode_json(value: Any) -> str | bytes | None:
    """A value of core as JSON for a column of type ANY; NULL for None and for empty lists."""
    if value is None or value == []:
        return None
    # Not in ASCII: as escapes two halves of a pair that came apart would be read as one character.
    return encode_text(json.dumps(codec.encode(value), separators=(",", ":"), ensure_ascii=False))


def decode_json(kind: Any, value: str | bytes | None) -> Any:
    """The inverse of ``encode_json`` for a type of core; None for NULL."""
    return None if value is None else codec.decode(kind, json.loads(decode_text(value)))
