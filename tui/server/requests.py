"""Bodies and query parameters of requests, checked."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, NoReturn

from starlette.requests import Request

from tui.core.ports import Page
from tui.server.errors import ApiError, bad_request
from tui.server.fields import Fields

_SURROGATE_ESCAPE = re.compile(rb"\\u[dD][89a-fA-F]")


async def read_fields(request: Request, limit: int) -> Fields:
    """The JSON object of the body; no body is an empty one. ``limit`` is in bytes.

    Raises ApiError: 413 when it is too large, 415 when it is not JSON, 400 when it is bad JSON.
    """
    raw = await _read(request, limit)
    if not raw.strip():
        return Fields({})
    if "json" not in request.headers.get("content-type", ""):
        # Also keeps web pages out: a browser sends JSON to a foreign origin only if invited.
        raise ApiError(415, "Unsupported content type. Send the body as application/json.")
    return Fields(_decode_object(raw))


async def _read(request: Request, limit: int) -> bytes:
    if int(request.headers.get("content-length") or 0) > limit:
        raise _too_large(limit)
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise _too_large(limit)
        chunks.append(chunk)
    return b"".join(chunks)


def _too_large(limit: int) -> ApiError:
    return ApiError(413, f"The request body is larger than {limit} bytes.")


def _decode_object(raw: bytes) -> dict[str, Any]:
    try:
        body = json.loads(raw, parse_constant=_refuse_constant)
        if _SURROGATE_ESCAPE.search(raw):
            # Half a surrogate pair could be neither stored nor sent back.
            json.dumps(body, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise bad_request("We could not parse the JSON body of your request.") from None
    if not isinstance(body, dict):
        raise bad_request("The body of the request has to be a JSON object.")
    return body


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def decode_page(query: Mapping[str, str]) -> Page:
    """``limit`` (1 to 100, default 20), ``order``, ``after`` and ``before``."""
    order = query.get("order", "desc")
    if order not in ("asc", "desc"):
        raise bad_request(
            f"Invalid 'order': '{order}'. Supported values are: 'asc', 'desc'.", param="order"
        )
    return Page(
        limit=_decode_limit(query.get("limit", "20")),
        descending=order == "desc",
        after=query.get("after") or None,
        before=query.get("before") or None,
    )


def _decode_limit(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10 and 1 <= int(text) <= 100):
        raise bad_request(
            f"Invalid 'limit': expected a whole number from 1 to 100, got '{text}'.", param="limit"
        )
    return int(text)
