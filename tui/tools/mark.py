"""The decorator that offers a function to the model; it only leaves a mark on the function."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar, overload

from tui.core.errors import ToolError

F = TypeVar("F", bound=Callable[..., Any])

_MARK = "__tickertape_tool__"


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolMark:
    """What the decorator was told; None means: take it from the function."""

    name: str | None = None
    description: str | None = None
    read_only: bool = False


@overload
def tool(function: F, /) -> F: ...


@overload
def tool(
    *, name: str | None = None, description: str | None = None, read_only: bool = False
) -> Callable[[F], F]: ...


def tool(
    function: F | None = None,
    /,
    *,
    name: str | None = None,
    description: str | None = None,
    read_only: bool = False,
) -> F | Callable[[F], F]:
    """Offer a function to the model: ``@tool`` or ``@tool(read_only=True)``.

    ``name`` and ``description`` default to the function's name and docstring. A ``read_only``
    tool changes nothing and therefore runs without anyone being asked. The function stays
    callable as it is. Raises ToolError when put on anything but a function.
    """
    mark = ToolMark(name=name, description=description, read_only=read_only)

    def decorate(target: F) -> F:
        if not inspect.isfunction(target):
            raise ToolError(f"@tool goes on functions, not on {target!r}")
        setattr(target, _MARK, mark)
        return target

    return decorate if function is None else decorate(function)


def mark_of(candidate: object) -> ToolMark | None:
    """The mark that ``tool`` left, or None."""
    mark = getattr(candidate, _MARK, None) if inspect.isfunction(candidate) else None
    return mark if isinstance(mark, ToolMark) else None
