"""The clipboard of this machine, for terminals that do not pass on what they are told to copy."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
from collections.abc import Sequence

# A program, what it is called with, and the variable without which it has nothing to talk to.
_PROGRAMS = (
    (("pbcopy",), ""),
    (("wl-copy",), "WAYLAND_DISPLAY"),
    (("xclip", "-selection", "clipboard"), "DISPLAY"),
    (("xsel", "--clipboard", "--input"), "DISPLAY"),
)
_SECONDS = 5.0


class LocalClipboard:
    """Hands text to the first program that is there; without one, or if it fails, nothing happens.

    ``put`` waits for the program, so it is for a thread. Of several at once the newest text wins.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._newest = ""

    def put(self, text: str) -> None:
        """Make this the text that is pasted elsewhere."""
        self._newest = text
        with self._lock:
            if (program := _program()) is not None:
                _hand_over(program, self._newest)


def _program() -> Sequence[str] | None:
    for command, variable in _PROGRAMS:
        if (not variable or os.environ.get(variable)) and (path := shutil.which(command[0])):
            return (path, *command[1:])
    return None


def _hand_over(program: Sequence[str], text: str) -> None:
    try:
        # Some stay and serve the text: they must neither hold our terminal nor end with us.
        subprocess.run(  # noqa: S603  # a program of the list above
            program,
            input=text.encode(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=_SECONDS,
            check=False,
            start_new_session=True,
        )
    except (OSError, subprocess.TimeoutExpired):
        return
