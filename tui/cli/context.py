"""What every subcommand starts from: paths, settings and logging, each made when asked for."""

from __future__ import annotations

import atexit
import logging
import os
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import click

from tui.cli.crash import CrashWatch
from tui.config.crash import CrashReports, NativeWatch
from tui.config.logs import Redactor, log_to
from tui.config.paths import resolve_paths
from tui.config.presets import PRESETS, located
from tui.config.schemas import with_schema
from tui.config.settings_file import load_settings, profile_of
from tui.core.errors import TickertapeError
from tui.core.ports import ApprovalPolicy
from tui.core.settings import Paths, Settings
from tui.wiring import Backend, start_backend


@dataclass
class Context:
    """One invocation. ``profile`` and ``model`` are what the options of these names said.

    ``schema``: every answer is JSON of the shape in this file. ``private``: nothing that is said
    goes to the disk.
    """

    profile: str | None = None
    model: str | None = None
    schema: Path | None = None
    private: bool = False
    redactor: Redactor = field(default_factory=Redactor, repr=False)
    crashes: CrashWatch = field(default_factory=CrashWatch, repr=False)
    _native: NativeWatch | None = field(default=None, repr=False)

    @cached_property
    def paths(self) -> Paths:
        """Where things are kept."""
        return resolve_paths()

    @cached_property
    def settings(self) -> Settings:
        """The configuration, changed by what this invocation was told."""
        settings = load_settings(self.paths.config_file)
        if self.schema is not None:
            # A thread may have any profile, the presets among them.
            known = {**{name: located(each) for name, each in PRESETS.items()}, **settings.profiles}
            shaped = {name: with_schema(each, self.schema) for name, each in known.items()}
            settings = replace(settings, profiles=shaped)
        if self.profile is None and self.model is None:
            return settings
        chosen = profile_of(settings, self.profile)
        chosen = replace(chosen, model=self.model or chosen.model)
        profiles = {**settings.profiles, chosen.name: chosen}
        return replace(settings, default_profile=chosen.name, profiles=profiles)

    def hide(self, secret: str | None) -> None:
        """Keep a value out of logs and reports."""
        self.redactor.hide(secret)

    def start_logging(self) -> None:
        """Send logging to its file, and watch for crashes of native code."""
        if self._native is None:
            debug = bool(os.environ.get("TICKERTAPE_DEBUG"))
            level = logging.DEBUG if debug else logging.INFO
            log_to(self.paths.logs, self.redactor, level=level)
            self._native = NativeWatch(self.paths.logs)
            atexit.register(self._native.close)

    def dump_threads(self) -> None:
        """Note where every thread is, before a process that hangs is ended."""
        if self._native is not None:
            self._native.dump()

    def crash_reports(self) -> CrashReports:
        """Where reports of crashes go. Raises ConfigError."""
        return CrashReports(
            self.paths.logs, redact=self.redactor.redact, with_messages=self._may_quote
        )

    def _may_quote(self) -> bool:
        try:
            return self.settings.reports.message_text
        except TickertapeError:
            return False

    def backend(self, policy: ApprovalPolicy, role: str) -> Backend:
        """Store and engine, started; ``role`` is what other processes call this one.

        The caller closes it.
        """
        self.start_logging()
        return start_backend(
            paths=self.paths,
            settings=self.settings,
            policy=policy,
            hide=self.hide,
            role=role,
            private=self.private,
        )


pass_context = click.make_pass_decorator(Context)


def with_profile(context: Context, profile: str | None) -> Context:
    """The same invocation with a subcommand's own ``--profile``, if it was given."""
    return context if profile is None else replace(context, profile=profile)
