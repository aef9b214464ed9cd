"""Which words of a text carry meaning, and when two of them are the same word."""

from __future__ import annotations

import re


def word_set(text: str) -> frozenset[str]:
    """The words of a text as a set."""
    return frozenset(text.split())


# Words that say nothing about what a tool is for, however often they appear in names and texts.
STOP = word_set(
    """a an the this that these those it its is are was were be been being am do does did done has
    have had having will would shall should can could may might must not no nor yes and or but if
    then else so than too very just also as at by for from in into of off on onto out over to up
    with within without about after again all any because before below both each few how i im ive
    me my mine we our ours you your yours he him his she her hers they them their theirs what
    whats when where which who whom whose why there here please tell show give let get gets got
    fetch fetches obtain return returns returned result results use uses used using call calls
    called run runs make makes made want need know like such example examples eg ie etc given
    current currently new more most some same other another one two many much every own per via
    tool tools function functions api value values string text integer object array parameter
    parameters argument arguments input output data type kind name names named id optional required
    default format number numbers first last now today thing things something anything good great
    best better nice help hello hi hey thanks thank ask answer question say says said see look
    looks go going come only between during while under against until able us lets dont cant wont
    s t re ve ll d m explain describe write mean means way ways different difference work works
    """
)
# Everyday words with many senses: one of them alone does not mention a tool.
WEAK = word_set(
    """time date day place point case list file note order state mail test set play read open
    close book add check find change start stop turn send move search update delete remove create
    count line page table color size key code word world user people person end put save load
    print copy match plan story message match part form page side area home room water light
    total sum event story country language"""
)
_WORD = re.compile(r"[^\W\d_]+(?:['\u2019][^\W\d_]+)?")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Za-z])(?=\d)|[_\-./:\s]+")
_ENDINGS = (
    *("ations", "ation", "ating", "ators", "ator", "ated", "ates", "ate", "ions", "ion"),
    *("ings", "ing", "ers", "er", "ed", "ly", "es", "s", "e"),
)
_LEAST = 3


def find_words(text: str) -> list[tuple[int, str]]:
    """The words of a text in lower case with their positions; numbers are no words."""
    return [
        (found.start(), found[0].lower().replace("\u2019", "'").removesuffix("'s").replace("'", ""))
        for found in _WORD.finditer(text)
    ]


def split_name(name: str) -> list[str]:
    """The words that an identifier is made of: ``getUser_by-id2`` -> get, user, by, id, 2."""
    return [part.lower() for part in _CAMEL.split(name) if part]


def stem(word: str) -> str:
    """What is left of a word without its usual endings; equal for its usual forms."""
    for ending in _ENDINGS:
        root = word.removesuffix(ending)
        if root != word and len(root) >= _LEAST:
            doubled = len(root) > _LEAST and root[-1] == root[-2] and root[-1] not in "ls"
            return root[:-1] if doubled else root
    return word


WEAK_STEMS = frozenset(map(stem, WEAK))


def content_stems(words: list[str]) -> set[str]:
    """The stems of the words that carry meaning."""
    return {stem(word) for word in words if word not in STOP and len(word) > 1}
