"""Settings as frozen values; reading and checking them is the config room's work."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

from tui.core.models import JsonObject

WireProtocol: TypeAlias = Literal["assistants", "responses", "chat"]
Dialect: TypeAlias = Literal["openai", "azure", "foundry"]

FROM_ENVIRONMENT = "env:"
"""A header with this before the name of an environment variable has the variable's value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What a million tokens cost, in the currency of whoever wrote it down."""

    input: float = 0.0
    output: float = 0.0
    cached: float | None = None  # None: as much as any other input


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One way to reach a model.

    ``preset`` names the built-in profile that supplies what is not given. ``embedded`` starts the
    server inside this process with the sandbox behind it. ``dialect`` says how an endpoint wants
    to be addressed. The key comes from the output of ``key_command``, else from the system's
    keyring if ``keyring``, else from the environment variable ``api_key_env`` (empty: the endpoint
    wants none). ``options`` are sampling options as Chat Completions names them, ``hosted_tools``
    tools that the provider runs itself, as the protocol declares them. ``output`` ``json`` asks for
    a JSON object, ``output_schema`` (a file) for one of this shape. ``stateful`` lets a Responses
    server keep the conversation. ``context_window`` is in tokens, time-outs are in seconds.
    """

    name: str
    preset: str | None = None
    protocol: WireProtocol = "assistants"
    embedded: bool = False
    dialect: Dialect = "openai"
    base_url: str | None = None
    api_version: str | None = None
    api_key_env: str = "OPENAI_API_KEY"
    key_command: str | None = None
    keyring: bool = False
    assistant_id: str | None = None
    model: str | None = None
    instructions: str | None = None
    additional_instructions: str | None = None
    tools: bool = True
    hosted_tools: tuple[JsonObject, ...] = ()
    options: JsonObject = field(default_factory=dict)
    output: Literal["text", "json"] = "text"
    output_schema: Path | None = None
    stateful: bool = False
    context_window: int | None = None
    prices: dict[str, Price] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    read_timeout: float = 60.0
    connect_timeout: float = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds of a run. ``tool_timeout`` is in seconds, per call.

    A run that has used ``max_tokens`` tokens (0: as many as it likes) gets no further round.
    """

    max_rounds: int = 50
    max_tokens: int = 0
    tool_timeout: float = 60.0
    max_retries: int = 2
    max_retry_delay: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxSettings:
    """``rate`` is in tokens a second; 0 means: as fast as possible.

    ``interleave`` streams the arguments of parallel calls side by side. The protocols allow it and
    the app shows it, but event handlers of the official SDKs get lost in it.
    """

    rate: float = 40.0
    scenario: Path | None = None
    interleave: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class DisplaySettings:
    """``words_per_second`` is how fast an answer may appear at most; 0: as it comes."""

    words_per_second: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageSettings:
    """``keep_wire_runs`` is for how many runs, the newest, raw wire events are kept."""

    keep_wire_runs: int = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportSettings:
    """``message_text`` lets crash reports hold the messages of exceptions, which may quote text."""

    message_text: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Paths:
    """Where things are kept. ``TICKERTAPE_HOME`` moves all three together."""

    config: Path
    data: Path
    logs: Path

    @property
    def config_file(self) -> Path:
        """The user's configuration."""
        return self.config / "config.toml"

    @property
    def local_file(self) -> Path:
        """What the program itself remembers; it goes before the user's configuration."""
        return self.config / "local.toml"

    @property
    def tools_dir(self) -> Path:
        """Python files with the user's tools."""
        return self.config / "tools"

    @property
    def database(self) -> Path:
        """Threads, messages and runs."""
        return self.data / "tickertape.db"

    @property
    def server_database(self) -> Path:
        """The state of ``tickertape serve``."""
        return self.data / "server.db"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything the configuration says."""

    profiles: dict[str, Profile]
    default_profile: str
    limits: Limits = field(default_factory=Limits)
    sandbox: SandboxSettings = field(default_factory=SandboxSettings)
    display: DisplaySettings = field(default_factory=DisplaySettings)
    storage: StorageSettings = field(default_factory=StorageSettings)
    reports: ReportSettings = field(default_factory=ReportSettings)
