"""The built-in tool that calculates: arithmetic only, and never for long."""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Mapping
from typing import TypeAlias

from tui.core.errors import ToolError
from tui.tools.mark import tool

Number: TypeAlias = int | float

MAX_LENGTH = 1000  # characters of an expression
MAX_DIGITS = 1000  # of any integer on the way
_MAX_INTEGER = 10**MAX_DIGITS
_MAX_BITS = _MAX_INTEGER.bit_length()

_CONSTANTS: Mapping[str, float] = {"pi": math.pi, "e": math.e, "tau": math.tau}


@tool(read_only=True)
def calculate(expression: str) -> str:
    """Evaluate an arithmetic expression.

    Args:
        expression: Numbers with + - * / // % ** and parentheses; the functions abs, round, min,
            max, sqrt, floor, ceil, exp, log, log10, log2, sin, cos, tan; pi, e and tau.
    """
    if len(expression) > MAX_LENGTH:
        raise ToolError(
            f"The expression has {len(expression)} characters; at most {MAX_LENGTH} are allowed."
        )
    try:
        tree = ast.parse(expression.strip(), mode="eval")
        return str(_value(tree.body))
    except SyntaxError as error:
        raise ToolError(f"Not an arithmetic expression: {error.msg}.") from None
    except (RecursionError, MemoryError):
        raise ToolError("The expression is nested too deeply.") from None
    except ZeroDivisionError:
        raise ToolError("Division by zero.") from None
    except OverflowError:
        raise ToolError("A number on the way is too large.") from None
    except ValueError as error:
        raise ToolError(f"No result: {error}.") from None


def _value(node: ast.expr) -> Number:
    match node:
        case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
            return _bounded(number)
        case ast.BinOp():
            if (apply := _BINARY.get(type(node.op))) is None:
                raise _refusal(node)
            return _bounded(apply(_value(node.left), _value(node.right)))
        case ast.UnaryOp(op=ast.USub()):
            return -_value(node.operand)
        case ast.UnaryOp(op=ast.UAdd()):
            return _value(node.operand)
        case ast.Name(id=name) if name in _CONSTANTS:
            return _CONSTANTS[name]
        case ast.Call(func=ast.Name(id=name), keywords=[]) if name in _FUNCTIONS:
            return _called(name, [_value(argument) for argument in node.args])
    raise _refusal(node)


def _called(name: str, arguments: list[Number]) -> Number:
    function, fewest, most = _FUNCTIONS[name]
    if not fewest <= len(arguments) <= most:
        wanted = str(fewest) if fewest == most else f"{fewest} to {most}"
        raise ToolError(f"{name} takes {wanted} arguments, not {len(arguments)}.")
    return _bounded(function(*arguments))


def _bounded(number: Number) -> Number:
    if isinstance(number, complex):
        raise ToolError("The result is not a real number.")
    if isinstance(number, float):
        if math.isfinite(number):
            return number
        raise OverflowError
    if abs(number) >= _MAX_INTEGER:
        raise ToolError(f"A number on the way has more than {MAX_DIGITS} digits.")
    return number


def _power(base: Number, exponent: Number) -> Number:
    # Checked before, since computing a huge power is what takes for ever.
    growing = isinstance(base, int) and isinstance(exponent, int) and abs(base) > 1
    if growing and (int(base).bit_length() - 1) * exponent > _MAX_BITS:
        raise ToolError(f"The power has more than {MAX_DIGITS} digits.")
    power: Number = base**exponent
    return power


def _round(number: Number, digits: Number = 0) -> Number:
    if not isinstance(digits, int) or abs(digits) > MAX_DIGITS:
        raise ToolError(f"round takes a whole number of digits, at most {MAX_DIGITS}.")
    return round(number, digits) if digits else round(number)


def _refusal(node: ast.expr) -> ToolError:
    source = ast.unparse(node)
    shown = source if len(source) <= 40 else source[:40] + "…"
    hint = "Powers are written **, not ^. " if isinstance(node, ast.BinOp) else ""
    return ToolError(f"{shown!r} is not arithmetic that this tool knows. {hint}".strip())


_BINARY: Mapping[type[ast.operator], Callable[[Number, Number], Number]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: _power,
}

# name: (function, fewest arguments, most)
_FUNCTIONS: Mapping[str, tuple[Callable[..., Number], int, int]] = {
    "abs": (abs, 1, 1),
    "round": (_round, 1, 2),
    "min": (lambda *numbers: min(numbers), 1, 100),
    "max": (lambda *numbers: max(numbers), 1, 100),
    "floor": (math.floor, 1, 1),
    "ceil": (math.ceil, 1, 1),
    "sqrt": (math.sqrt, 1, 1),
    "exp": (math.exp, 1, 1),
    "log": (math.log, 1, 2),
    "log10": (math.log10, 1, 1),
    "log2": (math.log2, 1, 1),
    "sin": (math.sin, 1, 1),
    "cos": (math.cos, 1, 1),
    "tan": (math.tan, 1, 1),
}
