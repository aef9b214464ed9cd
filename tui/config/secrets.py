"""Finds API keys: handed on in memory only, and kept nowhere but in the system's keyring."""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess
from collections.abc import Iterator, Mapping
from types import ModuleType

from tui.config.checking import shown
from tui.core.errors import ConfigError
from tui.core.models import Problem
from tui.core.settings import Profile

_SERVICE = "tickertape"
_COMMAND_SECONDS = 10.0
_CODE = "no_key"


def api_key(profile: Profile, environ: Mapping[str, str] = os.environ) -> str | None:
    """The profile's key from its command, the keyring or its variable; None when it wants none.

    May take seconds, and ask the person at the keyboard: never on an event loop. Raises
    ConfigError when there is no key where it should be.
    """
    if profile.key_command:
        return _checked(_from_command(profile.name, profile.key_command), "key_command", profile)
    if profile.keyring:
        return _checked(_from_keyring(profile.name), "the keyring", profile)
    if not profile.api_key_env:
        return None
    if problem := missing_key(profile, environ):
        raise ConfigError(problem.message, hint=problem.hint, code=problem.code)
    return _checked(environ[profile.api_key_env].strip(), profile.api_key_env, profile)


def key_source(profile: Profile) -> str:
    """Where ``api_key`` looks, as a sentence names it; empty for a profile that sends no key."""
    if profile.key_command:
        return "key_command"
    return "the keyring" if profile.keyring else profile.api_key_env


def missing_key(profile: Profile, environ: Mapping[str, str] = os.environ) -> Problem | None:
    """Why the profile has no key, as far as a glance tells: no command runs, no keyring opens."""
    variable = profile.api_key_env
    if profile.key_command or profile.keyring or not variable or environ.get(variable, "").strip():
        return None
    return Problem(
        code=_CODE,
        message=f"The profile {profile.name!r} needs a key, but {variable} is not set.",
        hint=f"Run: export {variable}=... or: tickertape config set-key {profile.name} "
        '(api_key_env = "" if the endpoint wants none).',
    )


def check_keyring(profile: str) -> None:
    """Find out whether a key could be kept, before one is asked for. Raises ConfigError."""
    with _keyring() as keyring:
        keyring.get_password(_SERVICE, profile)


def store_key(profile: str, key: str) -> None:
    """Put a key into the system's keyring. Raises ConfigError when there is none to use."""
    with _keyring() as keyring:
        keyring.set_password(_SERVICE, profile, key)


def delete_key(profile: str) -> bool:
    """Take a key out of the keyring; false if it was not there. Raises ConfigError."""
    with _keyring() as keyring:
        if keyring.get_password(_SERVICE, profile) is None:
            return False
        keyring.delete_password(_SERVICE, profile)
        return True


def looks_like_key(text: str) -> bool:
    """Whether a text could be sent as a key: visible ASCII without blanks."""
    return bool(text) and text.isascii() and text.isprintable() and " " not in text


def _checked(key: str, source: str, profile: Profile) -> str:
    if looks_like_key(key):
        return key
    raise ConfigError(
        f"What {source} gives for the profile {profile.name!r} cannot be a key: it has to be one "
        "word of plain letters, digits and signs.",
        hint="Look for blanks, quotes or a message where the key should be.",
        code=_CODE,
    )


# --- the keyring ------------------------------------------------------------------------------


def _from_keyring(profile: str) -> str:
    with _keyring() as keyring:
        key = keyring.get_password(_SERVICE, profile)
    if isinstance(key, str) and key.strip():
        return key.strip()
    raise ConfigError(
        f"The keyring has no key for the profile {profile!r}.",
        hint=f"Run: tickertape config set-key {profile}",
        code=_CODE,
    )


@contextlib.contextmanager
def _keyring() -> Iterator[ModuleType]:
    """The keyring library; whatever goes wrong inside becomes a sentence with the alternatives."""
    try:
        import keyring
        from keyring.errors import KeyringError
    except ImportError:
        raise ConfigError(
            "Keys cannot be kept in the system's keyring: the package keyring is not installed.",
            hint=f"Run, where Tickertape was installed from: pip install '.[keyring]'. {_ELSE}",
            code=_CODE,
        ) from None
    try:
        yield keyring
    except (KeyringError, OSError, RuntimeError) as error:
        # Not ``from error``: its frames hold the key.
        raise ConfigError(
            f"The system's keyring cannot be used here ({type(error).__name__}).",
            hint=_ELSE,
            code=_CODE,
        ) from None


_ELSE = "A key can also come from an environment variable (api_key_env) or from key_command."


# --- key_command ------------------------------------------------------------------------------


def _from_command(profile: str, command: str) -> str:
    """The first line of the command's output. What it prints is never part of an error."""
    output, status = _output(profile, command)
    if status:
        raise _failure(profile, f"ended with status {status}", "Run it yourself to see why.")
    lines = output.decode("utf-8", errors="replace").splitlines()
    if not lines or not lines[0].strip():
        raise _failure(profile, "printed nothing", "Its first line has to be the key.")
    return lines[0].strip()


def _output(profile: str, command: str) -> tuple[bytes, int]:
    words: list[str] = []
    try:
        words = shlex.split(command)
        # A session of its own: it cannot write into the screen, and ends with all it started.
        process = subprocess.Popen(  # noqa: S603 - the user's own command, without a shell
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except (ValueError, IndexError):
        hint = "Check its quotes."
        raise _failure(profile, "is no command that can be read", hint) from None
    except FileNotFoundError:
        program = shown(("profiles", profile, "key_command"), words[0])
        raise ConfigError(
            f"There is no program {program} here, and the key_command of the profile "
            f"{profile!r} runs it.",
            hint="Install it, or write its whole path.",
            code=_CODE,
        ) from None
    except OSError as error:
        said = f"cannot be started: {error.strerror}"
        raise _failure(profile, said, "Write the program's whole path.") from None
    with process:
        try:
            output, _ = process.communicate(timeout=_COMMAND_SECONDS)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            said = f"did not answer within {_COMMAND_SECONDS:g} seconds"
            hint = "A password manager may be locked, and wait for you: unlock it first."
            raise _failure(profile, said, hint) from None
    return output, process.returncode


def _failure(profile: str, said: str, hint: str) -> ConfigError:
    return ConfigError(f"The key_command of the profile {profile!r} {said}.", hint=hint, code=_CODE)
