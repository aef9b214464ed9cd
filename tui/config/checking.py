"""Builds settings out of parsed TOML and collects every mistake on the way, each a sentence."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, TypeVar

from tui.config.local_file import KeyPath
from tui.core.settings import FROM_ENVIRONMENT, Price

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

SEE = "docs/configuration.md lists every setting; `tickertape config show` prints those in force."
NO_KEYS_HERE = (
    "Keys are not kept in files: name a variable with api_key_env, a program with key_command, or "
    "run `tickertape config set-key PROFILE`."
)

_SECRET_NAME = re.compile(
    r"auth|^key$|(api|access|subscription).?key$|token$|secret|cookie|password", re.IGNORECASE
)
# What the makers of keys begin them with, and anything long without a break; within a longer text
# only what is no word.
_SECRET_VALUE = re.compile(
    r"^(?:sk|gsk|xai|pk|rk)[-_]\w|^(?i:bearer )|^[A-Za-z0-9]{32,}$|\bAIza\w"
    r"|\b(?:sk|gsk|xai|pk|rk)[-_](?=[\w-]*\d)[\w-]{12,}|\b(?i:bearer )(?=\S*\d)\S{8,}"
)
# In a header nothing else is called like this.
_CREDENTIAL = re.compile(r"auth(?!ors?$)|key|token|secret|cookie|password", re.IGNORECASE)
_HIDDEN = "[hidden]"
_LOGIN = re.compile(r"^(\w+://)[^/@]*@")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_LONGEST = 60
_NEAR = 0.7  # with less, "nope" is "openai"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Mistake:
    """``said`` goes on after the dotted key: ``is 'x', but has to be a number``."""

    key: KeyPath
    said: str
    hint: str = SEE


class Checker:
    """Takes settings out of tables. What is wrong is noted, and building goes on."""

    def __init__(self) -> None:
        self.mistakes: list[Mistake] = []

    def note(self, key: KeyPath, said: str, hint: str = SEE) -> None:
        """One more mistake."""
        self.mistakes.append(Mistake(key, said, hint))

    def table(self, value: Any, key: KeyPath) -> dict[str, Any]:
        """``value`` if it is a table; else a mistake, and an empty one."""
        if isinstance(value, dict):
            return value
        self.note(key, f"is {shown(key, value)}, but has to be a table", f"Write [{dotted(key)}].")
        return {}

    def known(self, data: Mapping[str, Any], names: Iterable[str], where: KeyPath) -> None:
        """Every key of ``data`` has to be one of these."""
        allowed = list(names)
        for name in data:
            if name not in allowed:
                is_key = where[:1] == ("profiles",) and _SECRET_NAME.search(name)
                hint = NO_KEYS_HERE if is_key else choices(name, allowed)
                self.note((*where, name), "is no setting", hint)

    def build(self, cls: type[T], data: dict[str, Any], where: KeyPath) -> T | None:
        """One settings dataclass; None when something in it is wrong."""
        before = len(self.mistakes)
        names = [field.name for field in fields(cls)]  # type: ignore[arg-type]  # dataclasses only
        self.known(data, names, where)
        prices = data.get("prices")
        for model, price in prices.items() if isinstance(prices, dict) else ():
            inside = (*where, "prices", model)
            names_of_price = [field.name for field in fields(Price)]
            self.known(self.table(price, inside), names_of_price, inside)
        built = self._validated(cls, {key: data[key] for key in data if key in names}, where)
        return built if len(self.mistakes) == before else None

    def _validated(self, cls: type[T], data: dict[str, Any], where: KeyPath) -> T | None:
        # pydantic takes a while to import; a start without configuration does without.
        from pydantic import TypeAdapter, ValidationError

        try:
            # As JSON, because only there strictness means the values and not Python's own types.
            text = json.dumps(data, default=str, ensure_ascii=False)  # dates were text before, too
            built = TypeAdapter(cls).validate_json(text.encode(), strict=True)
        except ValidationError as error:
            for detail in error.errors(include_url=False):
                self._note_detail(detail, where)
            return None
        for name, least in _LEAST.items():
            if (value := getattr(built, name, None)) is not None:
                self.at_least((*where, name), value, least)
        for model, price in getattr(built, "prices", {}).items():
            for field in fields(price):
                cost = getattr(price, field.name)
                self.at_least((*where, "prices", model, field.name), cost or 0, 0)
        return built

    def at_least(self, key: KeyPath, value: float, least: float) -> None:
        """A number that must not be smaller (nor none at all, which TOML allows: nan)."""
        if not value >= least:
            self.note(key, f"is {value:g}, but has to be at least {least:g}")

    def _note_detail(self, detail: ErrorDetails, where: KeyPath) -> None:
        key = (*where, *map(str, detail["loc"]))
        if key in {mistake.key for mistake in self.mistakes}:
            return  # said already: a table that is none, by ``table``
        if detail["type"] == "json_invalid":  # its input is everything, keys as well
            self.note(key, "has tables or lists too deep within each other")
            return
        value = shown(key, detail["input"])
        if detail["type"] == "literal_error":
            allowed = re.findall(r"'([^']*)'", str(detail.get("ctx", {}).get("expected", "")))
            hint = choices(str(detail["input"]), allowed)
            self.note(key, f"is {value}, which is none of its values", hint)
        elif wanted := _WANTED.get(detail["type"]):
            self.note(key, f"is {value}, but has to be {wanted}")
        else:
            wrong = detail["msg"][:1].lower() + detail["msg"][1:]
            self.note(key, f"is {value}: {wrong}")


_LEAST = {
    "rate": 0,
    "keep_wire_runs": 0,
    "max_rounds": 1,
    "max_tokens": 0,
    "max_retries": 0,
    "max_retry_delay": 0,
    "tool_timeout": 0.1,
    "read_timeout": 0.1,
    "connect_timeout": 0.1,
    "context_window": 1,
    "words_per_second": 0,
}

_NUMBER, _WHOLE, _TRUTH = "a number", "a whole number", "true or false"
_WANTED = {
    "string_type": 'a text in quotes, "like this"',
    "path_type": 'a path in quotes, "like this"',
    "bool_type": _TRUTH,
    "bool_parsing": _TRUTH,
    "int_type": _WHOLE,
    "int_parsing": _WHOLE,
    "int_from_float": _WHOLE,
    "float_type": _NUMBER,
    "float_parsing": _NUMBER,
    "dict_type": "a table",
    "dataclass_type": "a table",
    "tuple_type": "a list in brackets",
}


def dotted(key: KeyPath) -> str:
    """The key as TOML writes it."""
    return ".".join(name if _BARE.fullmatch(name) else json.dumps(name) for name in key)


def shown(key: KeyPath, value: Any) -> str:
    """A value as an error quotes it: short, and never one that may be a key."""
    if is_secret(key, value):
        return _HIDDEN
    text = repr(without_login(value) if isinstance(value, str) else value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def is_secret(key: KeyPath, value: Any) -> bool:
    """Whether this is, by its name or its looks, what nobody should read, or holds such a thing."""
    if isinstance(value, dict):
        return any(is_secret((*key, name), each) for name, each in value.items())
    if isinstance(value, list | tuple):
        return any(is_secret(key, each) for each in value)
    if isinstance(value, str) and is_from_environment(value):
        return False
    if any(_SECRET_NAME.search(name) for name in key[2:]) and key[2] != "prices":
        return True
    return isinstance(value, str) and bool(_SECRET_VALUE.search(value))


def without_secrets(key: KeyPath, value: Any) -> Any:
    """The value as it may be shown, however deep its secrets are."""
    if isinstance(value, dict):
        return {name: without_secrets((*key, name), each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [without_secrets(key, each) for each in value]
    return _HIDDEN if is_secret(key, value) else value


def without_login(url: str) -> str:
    """The address as it may be shown: with neither the name nor the password that may be in it."""
    return _LOGIN.sub(r"\1", url)


def is_variable(name: str) -> bool:
    """Whether this can be the name of an environment variable, and is no key."""
    return bool(_VARIABLE.fullmatch(name)) and not re.match(r"(sk|gsk|xai)[-_]|AIza", name)


def is_from_environment(value: str) -> bool:
    """Whether a header's value names the variable that the value is taken from."""
    variable = value.removeprefix(FROM_ENVIRONMENT)
    return variable != value and is_variable(variable)


def is_credential(header: str, value: str) -> bool:
    """Whether a header is, by its name or its value, what nobody should read."""
    return bool(_CREDENTIAL.search(header) or _SECRET_VALUE.search(value))


def choices(given: str, allowed: Iterable[str]) -> str:
    """A hint: the near name, or all of them."""
    names = list(allowed)
    near = difflib.get_close_matches(given, names, n=1, cutoff=_NEAR)
    near = near or [name for name in names if len(given) > 1 and name.startswith(given)]
    if near:
        return f"Did you mean {near[0]!r}?"
    return f"There are: {', '.join(names)}."
