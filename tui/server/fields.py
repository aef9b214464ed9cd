"""Reads fields of a request body and says in the API's words what is wrong with them."""

from __future__ import annotations

from typing import Any, TypeVar

from tui.core.models import JsonObject
from tui.server.errors import ApiError, bad_request

T = TypeVar("T")

_JSON_NAMES: dict[type[Any], str] = {
    str: "a string",
    bool: "a boolean",
    int: "an integer",
    float: "a number",
    list: "an array",
    dict: "an object",
    type(None): "null",
}
_MAX_PAIRS, _MAX_KEY, _MAX_VALUE = 16, 64, 512


class Fields:
    """A JSON object of a request. Absent and null fields read as None.

    Every method raises ApiError 400 when the field is not what it has to be.
    """

    def __init__(self, body: JsonObject, path: str = "") -> None:
        self._body = body
        self._path = path

    def __contains__(self, name: str) -> bool:
        return name in self._body

    def path(self, name: str) -> str:
        """The field as an error names it: ``thread.messages[0].role``."""
        return f"{self._path}.{name}" if self._path else name

    def raw(self) -> JsonObject:
        """The whole object as it came."""
        return self._body

    def any(self, name: str) -> Any:
        """The field, whatever it is."""
        return self._body.get(name)

    def text(self, name: str, *, limit: int | None = None) -> str | None:
        """A string of at most ``limit`` characters."""
        value = self._typed(name, str)
        if value is not None and limit is not None and len(value) > limit:
            raise bad_request(
                f"Invalid '{self.path(name)}': string too long. Expected a string with maximum "
                f"length {limit}, but got a string with length {len(value)} instead.",
                param=self.path(name),
                code="string_above_max_length",
            )
        return value

    def needed_text(self, name: str) -> str:
        """A string that has to be there and not empty."""
        value = self.text(name)
        if not value:
            raise self.missing(name)
        return value

    def one_of(self, name: str, *choices: str) -> str | None:
        """One of a few strings."""
        value = self.text(name)
        if value is not None and value not in choices:
            expected = ", ".join(f"'{choice}'" for choice in choices)
            raise self.invalid(name, f"'{value}'. Supported values are: {expected}.")
        return value

    def flag(self, name: str) -> bool | None:
        """A boolean."""
        return self._typed(name, bool)

    def number(self, name: str, low: float, high: float) -> float | None:
        """A number within bounds."""
        value = self._body.get(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self._wrong_type(name, float)
        self._check_bounds(name, value, low, high)
        return value

    def integer(self, name: str, low: int, high: int = 2**31) -> int | None:
        """A whole number within bounds."""
        value = self._typed(name, int)
        if value is not None:
            self._check_bounds(name, value, low, high)
        return value

    def object(self, name: str) -> Fields | None:
        """An object, to be read in turn."""
        value = self._typed(name, dict)
        return None if value is None else Fields(value, self.path(name))

    def raw_object(self, name: str) -> JsonObject | None:
        """An object that is passed through as it is."""
        return self._typed(name, dict)

    def objects(self, name: str, *, limit: int = 10_000) -> list[Fields] | None:
        """An array of objects."""
        values = self._typed(name, list)
        if values is None:
            return None
        if len(values) > limit:
            raise self.invalid(name, f"array too long. Expected at most {limit} items.")
        for index, value in enumerate(values):
            if not isinstance(value, dict):
                raise self._wrong_type(f"{name}[{index}]", dict, value)
        return [Fields(value, f"{self.path(name)}[{index}]") for index, value in enumerate(values)]

    def metadata(self) -> dict[str, str] | None:
        """Up to 16 pairs of strings, keys up to 64 and values up to 512 characters."""
        pairs = self._typed("metadata", dict)
        if pairs is None:
            return None
        if len(pairs) > _MAX_PAIRS:
            raise self.invalid("metadata", f"at most {_MAX_PAIRS} pairs are allowed.")
        for key, value in pairs.items():
            if len(key) > _MAX_KEY:
                raise self.invalid("metadata", f"keys have at most {_MAX_KEY} characters.")
            if not isinstance(value, str):
                raise self._wrong_type(f"metadata.{key}", str, value)
            if len(value) > _MAX_VALUE:
                raise self.invalid("metadata", f"values have at most {_MAX_VALUE} characters.")
        return pairs

    def missing(self, name: str) -> ApiError:
        """The error for a field that has to be there."""
        return bad_request(
            f"Missing required parameter: '{self.path(name)}'.",
            param=self.path(name),
            code="missing_required_parameter",
        )

    def invalid(self, name: str, message: str) -> ApiError:
        """The error for a field with an impossible value."""
        return bad_request(
            f"Invalid '{self.path(name)}': {message}", param=self.path(name), code="invalid_value"
        )

    def unsupported(self, name: str, what: str) -> ApiError:
        """The error for what the hosted service had and the models behind this server have not."""
        return bad_request(
            f"Invalid '{self.path(name)}': this server does not support {what}.",
            param=self.path(name),
            code="unsupported_parameter",
        )

    def _typed(self, name: str, kind: type[T]) -> T | None:
        value = self._body.get(name)
        # In Python a bool is an int; in JSON it is not.
        if value is None or (isinstance(value, kind) and not _is_bool_for(kind, value)):
            return value
        raise self._wrong_type(name, kind)

    def _wrong_type(self, name: str, kind: type[Any], value: Any = None) -> ApiError:
        given = value if value is not None else self._body.get(name)
        return bad_request(
            f"Invalid type for '{self.path(name)}': expected {_JSON_NAMES[kind]}, "
            f"but got {_JSON_NAMES[type(given)]} instead.",
            param=self.path(name),
            code="invalid_type",
        )

    def _check_bounds(self, name: str, value: float, low: float, high: float) -> None:
        if not low <= value <= high:
            raise self.invalid(name, f"{value} is not between {low} and {high}.")


def _is_bool_for(kind: type[Any], value: object) -> bool:
    return isinstance(value, bool) and kind is not bool
