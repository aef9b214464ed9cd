"""Errors in the shape of the API: status, message, type, param and code."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from tui.server.wire import encode_json


class ApiError(Exception):
    """An answer other than success. ``param`` names the field of the request that is at fault."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        param: str | None = None,
        code: str | None = None,
        kind: str = "invalid_request_error",
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.param = param
        self.code = code
        self.kind = kind


def bad_request(message: str, *, param: str | None = None, code: str | None = None) -> ApiError:
    """The request cannot be carried out as it is."""
    return ApiError(400, message, param=param, code=code)


def not_found(noun: str, object_id: str, *, param: str | None = None) -> ApiError:
    """There is no such object; ``param`` is set when the request body named it."""
    return ApiError(404, f"No {noun} found with id '{object_id}'.", param=param)


def encode_error(error: ApiError) -> bytes:
    """The body of an error response."""
    return encode_json(
        {
            "error": {
                "message": error.message,
                "type": error.kind,
                "param": error.param,
                "code": error.code,
            }
        }
    )


def error_response(error: ApiError, headers: dict[str, str] | None = None) -> Response:
    """An error as a response."""
    return Response(
        encode_error(error),
        status_code=error.status,
        headers=headers,
        media_type="application/json",
    )


async def answer_api_error(_request: Request, error: Exception) -> Response:
    """Exception handler for ApiError."""
    assert isinstance(error, ApiError)
    return error_response(error)


async def answer_http_error(request: Request, error: Exception) -> Response:
    """Exception handler for what the router itself refuses: unknown paths and methods."""
    assert isinstance(error, HTTPException)
    where = f"({request.method} {request.url.path})"
    if error.status_code == 404:
        message = f"Invalid URL {where}"
    elif error.status_code == 405:
        message = f"Not allowed to {request.method} on {request.url.path}."
    else:
        message = f"{error.detail} {where}"
    headers = dict(error.headers) if error.headers else None
    return error_response(ApiError(error.status_code, message), headers)


async def answer_crash(_request: Request, _error: Exception) -> Response:
    """Exception handler for our own mistakes; the log has the details."""
    message = "The server had an error while processing your request."
    return error_response(ApiError(500, message, kind="server_error"))
