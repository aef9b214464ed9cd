"""The command ``tickertape``: the group that all subcommands hang on."""

from __future__ import annotations


def main() -> None:
    """Run the command line."""
