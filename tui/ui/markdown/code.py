"""Lexes code line by line: the state of the lexer is carried on, each line is read once."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from itertools import takewhile
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from pygments.lexer import Lexer  # type: ignore[import-untyped]

Token: TypeAlias = tuple[str, str]  # tone, text
State: TypeAlias = tuple[tuple[str, ...], str]

_COMMENTS = (("/*", "*/"), ("<!--", "-->"))
_LONGEST = 1000  # characters of a line that is coloured: longer ones are data, not code
# The first part of pygments' names, most particular first, and what we call it.
_TONES = (
    ("Token.Comment", "comment"),
    ("Token.Keyword", "keyword"),
    ("Token.Operator.Word", "keyword"),
    ("Token.Literal.String", "string"),
    ("Token.Literal.Number", "number"),
    ("Token.Name.Function", "name"),
    ("Token.Name.Class", "name"),
    ("Token.Name.Tag", "keyword"),
    ("Token.Name.Attribute", "name"),
    ("Token.Name.Builtin", "builtin"),
    ("Token.Name.Decorator", "builtin"),
    ("Token.Name.Exception", "builtin"),
    ("Token.Generic.Deleted", "builtin"),
    ("Token.Generic.Inserted", "string"),
    ("Token.Generic.Heading", "name"),
    ("Token.Generic.Subheading", "name"),
)


class Highlighter:
    """The lexer of one fence and where it is in the code."""

    __slots__ = ("_comment", "_lexer", "_stack")

    def __init__(self, language: str) -> None:
        self._lexer = _lexer(language) if language else None
        self._stack: tuple[str, ...] = ("root",)
        self._comment = ""  # what ends the comment that is open

    def clone(self) -> Highlighter:
        """The same state, for a look ahead."""
        twin = Highlighter("")
        twin._lexer = self._lexer
        twin.state = self.state
        return twin

    @property
    def state(self) -> State:
        """Where in the code it is."""
        return self._stack, self._comment

    @state.setter
    def state(self, state: State) -> None:
        self._stack, self._comment = state

    def read(self, line: str) -> list[Token]:
        """The tokens of the next line."""
        if self._lexer is None or len(line) > _LONGEST:
            return [("", line)]
        head = self._end_of_comment(line)
        if self._comment:
            return [("comment", line)]
        code = line[len(head) :]
        closing = self._opens_comment(code)
        lexed = ((_tone(kind), text.rstrip("\n")) for kind, text in self._lex(f"{code}{closing}\n"))
        tokens = [token for token in (("comment", head), *lexed) if token[1]]
        return self._without(closing, tokens) if closing else tokens

    def _end_of_comment(self, line: str) -> str:
        if not self._comment or self._comment not in line:
            return ""
        head = line[: line.index(self._comment) + len(self._comment)]
        self._comment = ""
        return head

    def _opens_comment(self, code: str) -> str:
        # Lexers take such a comment for one only if they see its end.
        for opening, closing in _COMMENTS:
            if opening in code and closing not in code[code.rindex(opening) :]:
                return closing
        return ""

    def _without(self, closing: str, tokens: list[Token]) -> list[Token]:
        """Take the end away that was added; whether it ended a comment says the lexer."""
        text = "".join(text for _, text in tokens).removesuffix(closing)
        last = "".join(text for _, text in [*takewhile(_is_comment, reversed(tokens))][::-1])
        opening = next(opening for opening, end in _COMMENTS if end == closing)
        if last.startswith(opening) and last.endswith(closing):
            self._comment = closing
        cut: list[Token] = []
        for tone, part in tokens:
            cut.append((tone, text[: len(part)]))
            text = text[len(part) :]
        return [token for token in cut if token[1]]

    def _lex(self, line: str) -> Iterator[tuple[Any, str]]:
        if self._lexer is not None and _has_plain_rules(self._lexer):
            yield from self._lex_by_rules(self._lexer, line)
        elif self._lexer is not None:
            for _, kind, text in self._lexer.get_tokens_unprocessed(line):
                yield kind, text

    def _lex_by_rules(self, lexer: Any, line: str) -> Iterator[tuple[Any, str]]:
        # The loop of RegexLexer, which does not say in which state it ended.
        from pygments.token import Error, _TokenType  # type: ignore[import-untyped]

        stack, at = list(self._stack), 0
        while at < len(line):
            for match, action, change in lexer._tokens[stack[-1]]:  # noqa: SLF001
                found = match(line, at)
                if not found:
                    continue
                if type(action) is _TokenType:
                    yield action, found.group()
                elif action is not None:
                    for _, kind, text in action(lexer, found):
                        yield kind, text
                at = found.end()
                _change(stack, change)
                break
            else:
                if line[at] == "\n":
                    stack = ["root"]
                yield Error, line[at]
                at += 1
        self._stack = tuple(stack)


def _change(stack: list[str], change: Any) -> None:
    for step in change if isinstance(change, tuple) else (change,):
        if isinstance(step, int):
            del stack[max(1, len(stack) + step) :]
        elif step == "#pop":
            del stack[max(1, len(stack) - 1) :]
        elif step == "#push":
            stack.append(stack[-1])
        elif step is not None:
            stack.append(step)


@lru_cache(64)
def _has_plain_rules(lexer: Lexer) -> bool:
    """Whether its state is a stack of names; some lexers keep more, and are asked line by line."""
    from pygments.lexer import RegexLexer

    reads = RegexLexer.get_tokens_unprocessed
    return getattr(type(lexer), "get_tokens_unprocessed", None) is reads


@lru_cache(512)
def _tone(kind: Any) -> str:
    name = str(kind)
    return next((tone for start, tone in _TONES if name.startswith(start)), "")


@lru_cache(64)
def _lexer(language: str) -> Lexer | None:
    from pygments.lexers import get_lexer_by_name  # type: ignore[import-untyped]
    from pygments.util import ClassNotFound  # type: ignore[import-untyped]

    try:
        # Code in a message seldom begins with the tag that PHP begins with.
        return get_lexer_by_name(language, **({"startinline": True} if language == "php" else {}))
    except ClassNotFound:
        return None


def _is_comment(token: Token) -> bool:
    return token[0] == "comment"
