"""Tickertape: a chat client for the terminal that shows everything a model streams."""

__version__ = "0.1.0"
