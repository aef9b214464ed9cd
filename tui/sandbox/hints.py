"""What kind of thing a text parameter wants, judged by its name, format and description."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tui.core.models import JsonObject
from tui.sandbox.clues import ClueKind
from tui.sandbox.words import split_name


@dataclass(frozen=True, slots=True, kw_only=True)
class Hint:
    """Clues a parameter takes, best first; ``free`` ones take a phrase of the message as well.

    ``sample`` stands in when the message has nothing.
    """

    kinds: tuple[ClueKind, ...]
    sample: str = ""
    free: bool = False


_K = ClueKind
_ZONE = Hint(kinds=(_K.ZONE,), sample="UTC")
_FORMULA = Hint(kinds=(_K.FORMULA, _K.QUOTED), sample="1+1")
_EMAIL = Hint(kinds=(_K.EMAIL,), sample="ada@example.com")
_URL = Hint(kinds=(_K.URL,), sample="https://example.com/")
_PATH = Hint(kinds=(_K.PATH, _K.QUOTED), sample="notes.txt")
_DATE = Hint(kinds=(_K.DATE, _K.QUOTED), sample="2026-01-01")
_CLOCK = Hint(kinds=(_K.CLOCK, _K.QUOTED), sample="12:00:00")
_PLACE = Hint(kinds=(_K.NAME, _K.QUOTED), sample="Paris")
_WHO = Hint(kinds=(_K.NAME, _K.EMAIL, _K.QUOTED), sample="Ada Lovelace")
_CODE = Hint(kinds=(_K.CODE, _K.NUMBER, _K.QUOTED, _K.NAME), sample="1")
FREE = Hint(kinds=(_K.QUOTED,), free=True)
# Unmistakable: an optional parameter that wants one of these may take it.
SURE = frozenset({_K.ZONE, _K.FORMULA, _K.EMAIL, _K.URL, _K.PATH, _K.DATE, _K.CLOCK})

_BY_FORMAT = {
    "date": Hint(kinds=(_K.DATE,), sample="2026-01-01"),
    "time": Hint(kinds=(_K.CLOCK,), sample="12:00:00"),
    "date-time": Hint(kinds=(_K.DATE,), sample="2026-01-01T12:00:00+00:00"),
    "email": _EMAIL,
    "idn-email": _EMAIL,
    "uri": _URL,
    "url": _URL,
    "uuid": Hint(kinds=(_K.CODE, _K.QUOTED)),
    "path": _PATH,
    "file-path": _PATH,
}
# In the order in which they are tried: the particular before the general.
_BY_WORD: tuple[tuple[str, Hint], ...] = (
    (r"time ?zones?|tz|zone|iana", _ZONE),
    (r"expressions?|formulas?|equations?|arithmetic|maths?", _FORMULA),
    (r"e ?mails?|cc|bcc", _EMAIL),
    (r"urls?|uris?|links?|websites?|href", _URL),
    (r"paths?|files?|file ?names?|director(?:y|ies)|folders?", _PATH),
    (r"dates?|days?|deadlines?|due|birthday", _DATE),
    (r"times?|clock|hours?", _CLOCK),
    (
        r"cit(?:y|ies)|locations?|places?|towns?|countr(?:y|ies)|destinations?|origins?|regions?",
        _PLACE,
    ),
    (
        r"to|recipients?|whom?|persons?|people|authors?|users?|customers?|names?|compan(?:y|ies)",
        _WHO,
    ),
    (r"from|currenc(?:y|ies)|source|target|symbols?|tickers?|language", _PLACE),
    (r"ids?|codes?|skus?|keys?|numbers?|reference|version|zip|iban", _CODE),
)
_FREE_WORDS = re.compile(
    r"\b(quer(?:y|ies)|q|search|texts?|prompts?|questions?|messages?|body|contents?|topics?"
    r"|subjects?|titles?|notes?|descriptions?|summary|input|comments?|sentences?|tags?|items?)\b"
)


def hint_for(name: str, schema: JsonObject) -> Hint:
    """The hint for a string parameter with this name and (resolved) schema."""
    by_format = _BY_FORMAT.get(schema.get("format", ""))
    if by_format is not None:
        return by_format
    spelled = " ".join(split_name(name))
    # "file_name" is a file: the names are asked as a whole before word by word.
    for pattern, hint in _BY_WORD:
        if re.search(rf"\b(?:{pattern})\b", spelled):
            return hint
    if _FREE_WORDS.search(spelled):
        return FREE
    described = str(schema.get("description", "")).lower()
    for pattern, hint in _BY_WORD[:5]:
        if re.search(rf"\b(?:{pattern})\b", described):
            return hint
    return FREE
