"""What every subcommand starts from: paths, settings and logging, each made when asked for."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property

import click

from tui.config.logs import RedactingFormatter, log_to
from tui.config.paths import resolve_paths
from tui.config.settings_file import load_settings, profile_of
from tui.core.ports import ApprovalPolicy
from tui.core.settings import Paths, Settings
from tui.wiring import Backend, start_backend


@dataclass
class Context:
    """One invocation. ``profile`` is what ``--profile`` said, if anything."""

    profile: str | None = None
    _logs: RedactingFormatter | None = field(default=None, repr=False)

    @cached_property
    def paths(self) -> Paths:
        """Where things are kept."""
        return resolve_paths()

    @cached_property
    def settings(self) -> Settings:
        """The configuration, its default profile replaced by ``--profile``."""
        settings = load_settings(self.paths.config_file)
        if self.profile is None:
            return settings
        return replace(settings, default_profile=profile_of(settings, self.profile).name)

    def hide(self, secret: str | None) -> None:
        """Keep a value out of the logs."""
        if self._logs is not None:
            self._logs.hide(secret)

    def start_logging(self) -> None:
        """Send logging to its file."""
        if self._logs is None:
            self._logs = log_to(self.paths.logs)

    def backend(self, policy: ApprovalPolicy) -> Backend:
        """Store and engine, started. The caller closes it."""
        self.start_logging()
        return start_backend(
            paths=self.paths, settings=self.settings, policy=policy, hide=self.hide
        )


pass_context = click.make_pass_decorator(Context)


def with_profile(context: Context, profile: str | None) -> Context:
    """The same invocation with a subcommand's own ``--profile``, if it was given."""
    return context if profile is None else replace(context, profile=profile)
