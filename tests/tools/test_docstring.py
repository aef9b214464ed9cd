"""The three common docstring styles give the same descriptions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.tools.docstring import parse_docstring

GOOGLE = """Send a letter.

    By the fastest route: no stops.

    Args:
        to (str): Who gets it.
            Anywhere on earth.
        stamps: How many: at least one.
        *extra: More.

    Returns:
        str: a receipt
    """

NUMPY = """Send a letter.

    By the fastest route: no stops.

    Parameters
    ----------
    to : str
        Who gets it.
        Anywhere on earth.
    stamps
        How many: at least one.
    *extra : int
        More.

    Returns
    -------
    str
        a receipt
    """

SPHINX = """Send a letter.

    By the fastest route: no stops.

    :param str to: Who gets it.
        Anywhere on earth.
    :param stamps: How many: at least one.
    :type stamps: int
    :param extra: More.
    :returns: a receipt
    """


@pytest.mark.parametrize("text", [GOOGLE, NUMPY, SPHINX], ids=["google", "numpy", "sphinx"])
def test_styles(text: str) -> None:
    doc = parse_docstring(text)
    assert doc.description == "Send a letter.\n\nBy the fastest route: no stops."
    assert doc.parameters == {
        "to": "Who gets it. Anywhere on earth.",
        "stamps": "How many: at least one.",
        "extra": "More.",
    }


def test_two_parameters_share_a_numpy_entry() -> None:
    doc = parse_docstring("Move.\n\nParameters\n----------\nx, y : float\n    Metres.")
    assert doc.parameters == {"x": "Metres.", "y": "Metres."}


def test_without_sections_all_is_description() -> None:
    doc = parse_docstring("Say: hello.\n\nNote that it is loud.")
    assert doc.description == "Say: hello.\n\nNote that it is loud."
    assert doc.parameters == {}


def test_no_docstring() -> None:
    assert parse_docstring(None).description == ""


@given(st.text(alphabet="Args:\n -_x()*.Paramets\t", max_size=200))
def test_any_text_is_read(text: str) -> None:
    doc = parse_docstring(text)
    assert all(name.isidentifier() or name.isalnum() for name in doc.parameters)
