"""One hierarchy of errors; each carries a sentence for the user and a hint what to do."""

from __future__ import annotations

from tui.core.models import Problem


class TickertapeError(Exception):
    """Anything Tickertape itself reports. ``str()`` is the sentence, ``hint`` the way out."""

    code = "error"

    def __init__(self, message: str, *, hint: str = "", code: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        if code:
            self.code = code

    @property
    def problem(self) -> Problem:
        """The same as a value that can be stored and shown."""
        return Problem(code=self.code, message=self.message, hint=self.hint)


class ConfigError(TickertapeError):
    """The configuration cannot be used as it is."""

    code = "config"


class StoreError(TickertapeError):
    """The local database cannot do what was asked."""

    code = "store"


class NotFoundError(TickertapeError):
    """There is no such thread, run or call."""

    code = "not_found"


class BusyError(TickertapeError):
    """The thread has an active run, or another process holds what was asked for."""

    code = "busy"


class ToolError(TickertapeError):
    """A tool call could not be carried out; its message goes to the model."""

    code = "tool"


class ProviderError(TickertapeError):
    """A request to a model provider failed.

    ``retryable``: the same request may succeed later. ``retry_after``: seconds the server asked
    for, if it did. ``sent``: the server may have received the request, so it must not be repeated
    blindly. ``status``: the HTTP status, if there was a response. ``context_window``: how many
    tokens the model takes, if the server said so because there were more.
    """

    code = "provider"

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        code: str = "",
        retryable: bool = False,
        retry_after: float | None = None,
        sent: bool = False,
        status: int | None = None,
        context_window: int | None = None,
    ) -> None:
        super().__init__(message, hint=hint, code=code)
        self.retryable = retryable
        self.retry_after = retry_after
        self.sent = sent
        self.status = status
        self.context_window = context_window
