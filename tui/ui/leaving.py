"""How the app was left: what becomes of the runs that were going on."""

from __future__ import annotations

from enum import StrEnum


class Leaving(StrEnum):
    """What the app's ``run()`` returns; None (it was ended from outside) means LET_GO."""

    CANCEL = "cancel"
    """Nothing goes on: what still runs is cancelled, also on the server."""

    LET_GO = "let_go"
    """What runs goes on where it can; the next start asks what became of it."""
