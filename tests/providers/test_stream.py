"""Leaving a stream: bounded, and never the reason why a run fails."""

from __future__ import annotations

import asyncio

import pytest

from tui.providers import stream


class _Opened:
    """A response whose connection does not close, or cannot at this moment."""

    def __init__(self, error: Exception | None = None) -> None:
        self._error = error

    async def close(self) -> None:
        if self._error is not None:
            raise self._error
        await asyncio.Event().wait()


@pytest.mark.parametrize("error", [None, RuntimeError("asynchronous generator is running")])
async def test_a_connection_that_does_not_close_is_left(
    error: Exception | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "_CLOSE_SECONDS", 0.01)
    async with asyncio.timeout(5):
        await stream.hang_up(_Opened(error))
