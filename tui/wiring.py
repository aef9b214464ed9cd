"""The only module that knows every part: builds what runs behind a front end out of settings.

Heavy parts (SDK, server, store) are imported where they are first needed, never at start.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import secrets
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from tui.config.catalog import ConfigCatalog, SettingsInForce
from tui.config.paths import private_directory
from tui.config.preferences import LocalPreferences
from tui.config.presets import PRESETS
from tui.config.secrets import api_key
from tui.config.settings_file import profile_of
from tui.core.errors import TickertapeError
from tui.core.models import ModelInfo, Problem
from tui.core.ports import ApprovalPolicy, AssistantStore, Provider, Toolset
from tui.core.services import Services
from tui.core.settings import Paths, Profile, Settings
from tui.engine.conversations import EngineConversations
from tui.engine.following import Following
from tui.engine.library import EngineLibrary, EngineRunLog
from tui.engine.threaded import (
    EngineThread,
    ThreadedCatalog,
    ThreadedConversations,
    ThreadedLibrary,
    ThreadedRunLog,
)
from tui.engine.threads import Threads

if TYPE_CHECKING:
    from tui.server.embedded import EmbeddedServer
    from tui.store.backup import Contents
    from tui.store.memory_store import MemoryThreadStore
    from tui.store.split_store import SplitThreadStore
    from tui.store.stats import Shrunk, StoreStats

HideSecret = Callable[[str | None], None]

# What the embedded server has forgotten is sent to it again from the local copy.
_EMBEDDED_THREADS = 32


def preferences_of(paths: Paths) -> LocalPreferences:
    """The screen's remembered choices; quick to read, so it can happen before the first frame."""
    return LocalPreferences(paths.local_file)


class Providers:
    """Makes each profile's provider once; for an embedded one, the server it talks to as well."""

    def __init__(self, current: SettingsInForce, hide: HideSecret) -> None:
        self._current = current
        self._hide = hide
        self._made: dict[tuple[str, bool], Provider] = {}
        self._keys: dict[str, str | None] = {}
        self._server: EmbeddedServer | None = None
        self._served: tuple[str, str] | None = None
        # One at a time makes a provider; a password manager that takes long holds up no other one.
        self._making: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    def profile(self, name: str | None) -> Profile:
        return profile_of(self._current.value, name)

    async def provider(self, profile: Profile) -> Provider:
        async with self._making["" if profile.embedded else profile.name]:
            made = (profile.name, profile.stateful)
            if made not in self._made:
                self._made[made] = await self._make(profile)
            return self._made[made]

    async def models(self, name: str) -> Sequence[ModelInfo]:
        """What the profile's server offers. Raises ConfigError or ProviderError."""
        provider = await self.provider(self.profile(name))
        return await provider.models()

    async def _make(self, profile: Profile) -> Provider:
        from tui.providers.registry import create

        if not profile.embedded:
            return _created(profile, await self.key(profile), self._hide)
        base_url, key = await self._embedded()
        return create(replace(profile, base_url=base_url), api_key=key)

    async def key(self, profile: Profile) -> str | None:
        """The profile's key, looked for once. Raises ConfigError."""
        if profile.name not in self._keys:
            # A password manager may take its time.
            self._keys[profile.name] = await asyncio.to_thread(api_key, profile)
            self._hide(self._keys[profile.name])
        return self._keys[profile.name]

    async def _embedded(self) -> tuple[str, str]:
        """Address and key of the one server that all embedded profiles share."""
        if self._served is None:
            key = secrets.token_urlsafe(24)
            self._hide(key)
            self._served = await asyncio.to_thread(self._start_server, key), key
        return self._served

    def _start_server(self, key: str) -> str:
        from tui.server.app import create_app
        from tui.server.embedded import EmbeddedServer
        from tui.server.memory import MemoryAssistantStore

        provider = sandbox_provider(self._current.value)
        store = MemoryAssistantStore(keep_threads=_EMBEDDED_THREADS)
        app = create_app(provider=provider, store=store, api_key=key, models=["sandbox"])
        self._server = EmbeddedServer(app)
        return self._server.start()

    async def warm(self) -> None:
        """Do the slow part of a first message early: imports, and the embedded server."""
        from tui.providers.registry import warm

        with contextlib.suppress(TickertapeError):  # the message itself will say what is wrong
            profile = self.profile(None)
            await asyncio.to_thread(warm, profile)
            await self.provider(profile)
        # As the screen does: no full collection walks the SDK while something streams.
        gc.freeze()

    async def close(self) -> None:
        """Give back connections, then stop the embedded server."""
        for provider in self._made.values():
            await provider.close()
        if self._server is not None:
            await asyncio.to_thread(self._server.stop)


def providers_of(settings: Settings, hide: HideSecret) -> Providers:
    """Providers without an engine, for a look at them; the caller closes them."""
    return Providers(SettingsInForce(settings), hide)


def sandbox_provider(settings: Settings) -> Provider:
    """The built-in model, called directly."""
    from tui.sandbox.provider import SandboxProvider

    return SandboxProvider(settings.sandbox)


def served_provider(settings: Settings, hide: HideSecret) -> Provider:
    """The model that ``tickertape serve`` puts behind its API: the default profile's."""
    profile = profile_of(settings, None)
    if profile.embedded:
        # Foreign clients are served what their SDKs can follow.
        one_by_one = replace(settings.sandbox, interleave=False)
        return sandbox_provider(replace(settings, sandbox=one_by_one))
    return _created(profile, api_key(profile), hide)


def _created(profile: Profile, key: str | None, hide: HideSecret) -> Provider:
    """The provider; what it sends and nobody may see is kept out of logs. Raises ConfigError."""
    from tui.providers.headers import secret_headers
    from tui.providers.registry import create

    hide(key)
    for value in secret_headers(profile).values():
        hide(value)
        hide(value.split()[-1])  # behind "Bearer"
    return create(profile, api_key=key)


def serve(
    *,
    paths: Paths,
    settings: Settings,
    key: str | None,
    memory: bool,
    hide: HideSecret,
    host: str,
    port: int,
    on_listening: Callable[[str], None],
) -> None:
    """Serve the Assistants API in the foreground until a signal; ``on_listening`` gets the URL.

    Raises BusyError when another server has the storage, ConfigError for an address that cannot
    be had.
    """
    from tui.server.app import create_app
    from tui.server.serve import run_server
    from tui.server.settings import ServerSettings

    provider = served_provider(settings, hide)
    hide(key)
    profile = profile_of(settings, None)
    served = ServerSettings(
        default_models=("default", profile.name),
        context_window=profile.context_window,
        upstream=urlsplit(profile.base_url or "").netloc.rpartition("@")[2],
    )
    app = create_app(
        provider=provider,
        store=_assistant_store(paths, memory),
        api_key=key,
        models=[profile.model or "default"],
        settings=served,
    )
    run_server(app, host, port, on_listening)


def _assistant_store(paths: Paths, memory: bool) -> AssistantStore:
    if memory:
        from tui.server.memory import MemoryAssistantStore

        return MemoryAssistantStore()
    from tui.store.assistant_store import SqliteAssistantStore

    private_directory(paths.data)
    return SqliteAssistantStore.open(paths.server_database)


def _thread_store(paths: Paths, settings: Settings, role: str) -> SplitThreadStore:
    from tui.store.split_store import SplitThreadStore
    from tui.store.thread_store import SqliteThreadStore

    private_directory(paths.data)
    disk = SqliteThreadStore.open(paths.database, role, settings.storage.keep_wire_runs)
    return SplitThreadStore(disk, _memory_store())


def _memory_store() -> MemoryThreadStore:
    from tui.store.memory_store import MemoryThreadStore

    return MemoryThreadStore()


_NOTHING_KEPT = Problem(
    code="private",
    message="Nothing of this session is written to disk.",
    hint="All of it is gone when Tickertape ends.",
)


@dataclass(slots=True, kw_only=True)
class Backend:
    """Everything that runs behind a front end. ``close`` has to be called, once is enough."""

    services: Services
    engine: EngineThread
    conversations: EngineConversations
    providers: Providers
    toolset: Toolset
    store: SplitThreadStore | MemoryThreadStore
    following: Following
    closed: bool = False

    def settle(self) -> None:
        """Ask, in the background, what became of the runs that the last quit left to this start."""
        self.engine.begin(self.conversations.settle())

    def warm(self) -> None:
        """Get ready for a first message, in the background."""
        self.engine.begin(self.providers.warm())

    def close(self, *, cancel: bool = True) -> None:
        """Write everything down, end every thread and process. Blocking.

        What runs is cancelled, or else let go: it can be resumed at the next start. Idempotent.
        """
        if self.closed:
            return
        self.closed = True
        try:
            self.engine.wait(self._close(cancel))
        finally:
            self.engine.stop()
            self.store.close()

    async def _close(self, cancel: bool) -> None:
        await self.following.stop()
        await self.conversations.close(cancel=cancel)
        await self.providers.close()
        await self.toolset.close()
        await self.store.barrier()


def start_backend(
    *,
    paths: Paths,
    settings: Settings,
    policy: ApprovalPolicy,
    hide: HideSecret,
    role: str = "",
    private: bool = False,
) -> Backend:
    """Open the store and start the engine. Blocking; raises StoreError or ConfigError.

    ``role`` says to other processes what this one is (``app``, ``ask``). ``private``: every
    thread lives in memory, and the database is not even opened.
    """
    from tui.providers.headers import header_variables
    from tui.tools.local import OWN_KEYS, LocalToolset

    private_directory(paths.config)
    store = _memory_store() if private else _thread_store(paths, settings, role)
    engine = EngineThread()
    try:
        engine.wait(store.recover())
    except BaseException:
        engine.stop()
        store.close()
        raise
    every = (*PRESETS.values(), *settings.profiles.values())
    keys = {profile.api_key_env for profile in every}
    keys.update(*(header_variables(profile).values() for profile in every))
    toolset = LocalToolset(paths.tools_dir, hidden={*OWN_KEYS, *keys})
    current = SettingsInForce(settings)
    providers = Providers(current, hide)
    threads = Threads(store)
    threads.announcements.note_storage(store.notice)
    if private:
        threads.announcements.tell_storage(_NOTHING_KEPT)
    conversations = EngineConversations(
        threads=threads,
        providers=providers,
        toolset=toolset,
        policy=policy,
        limits=settings.limits,
        owner=store.owner,
    )
    following = Following(threads, conversations)
    engine.wait(following.start())
    catalog = ConfigCatalog(current, toolset, local=paths.local_file, models=providers.models)
    services = Services(
        conversations=ThreadedConversations(engine, conversations),
        library=ThreadedLibrary(engine, EngineLibrary(threads, conversations)),
        run_log=ThreadedRunLog(engine, EngineRunLog(threads)),
        catalog=ThreadedCatalog(engine, catalog),
        preferences=preferences_of(paths),
    )
    return Backend(
        services=services,
        engine=engine,
        conversations=conversations,
        providers=providers,
        toolset=toolset,
        store=store,
        following=following,
    )


def back_up_store(paths: Paths, target: Path, *, force: bool) -> Contents:
    """Copy the store into one file. Raises NotFoundError or StoreError."""
    from tui.store.backup import back_up

    return back_up(paths.database, target, force=force)


def restore_store(paths: Paths, source: Path) -> Contents:
    """Put a backup in the store's place. Raises NotFoundError, BusyError or StoreError."""
    from tui.store.backup import restore

    return restore(paths.database, source)


def check_store(paths: Paths, *, full: bool) -> list[str]:
    """What is wrong with the store, a sentence each. Raises NotFoundError or StoreError."""
    from tui.store.check import check

    return check(paths.database, full=full)


def compact_store(paths: Paths, settings: Settings) -> Shrunk:
    """Make the store as small as it can be. Raises NotFoundError or StoreError."""
    from tui.store.stats import compact

    return compact(paths.database, settings.storage.keep_wire_runs)


def store_stats(paths: Paths) -> StoreStats:
    """Numbers about the store. Raises NotFoundError or StoreError."""
    from tui.store.stats import read_stats

    return read_stats(paths.database)
