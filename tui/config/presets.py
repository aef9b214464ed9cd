"""Endpoints that need no configuration: what a profile is built on, or is when nobody wrote one.

Addresses and models are those of the hosts' own documentation as of November 2026.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import urlsplit

from tui.core.settings import Profile, WireProtocol

# A model on somebody's own machine may think for minutes before its first token.
_LOCAL_SECONDS = 300.0


def _hosted(
    name: str, base_url: str, key: str, model: str, protocol: WireProtocol = "chat"
) -> Profile:
    return Profile(
        name=name,
        preset=name,
        protocol=protocol,
        base_url=base_url,
        api_key_env=key,
        model=model,
    )


def _local(name: str, port: int) -> Profile:
    """A server where its makers' own instructions put it, without a key; its model is its own."""
    return Profile(
        name=name,
        preset=name,
        protocol="chat",
        base_url=f"http://127.0.0.1:{port}/v1",
        api_key_env="",
        read_timeout=_LOCAL_SECONDS,
    )


SANDBOX = Profile(name="sandbox", preset="sandbox", embedded=True, model="sandbox", api_key_env="")

# Azure's address holds the resource's name, its models are called as their deployments are.
AZURE = "azure"
_AZURE_HOSTS = (".openai.azure.com", ".services.ai.azure.com", ".cognitiveservices.azure.com")
NEEDS_ADDRESS = "https://NAME.openai.azure.com/openai/v1"
_AZURE = Profile(name=AZURE, preset=AZURE, protocol="responses", api_key_env="AZURE_OPENAI_API_KEY")

PRESETS: Mapping[str, Profile] = {
    each.name: each
    for each in (
        SANDBOX,
        _hosted("openai", "https://api.openai.com/v1", "OPENAI_API_KEY", "gpt-5.5", "responses"),
        _AZURE,
        _hosted(
            "anthropic", "https://api.anthropic.com/v1", "ANTHROPIC_API_KEY", "claude-sonnet-5-5"
        ),
        _hosted(
            "gemini",
            "https://generativelanguage.googleapis.com/v1beta/openai",
            "GEMINI_API_KEY",
            "gemini-flash-latest",
        ),
        _hosted("xai", "https://api.x.ai/v1", "XAI_API_KEY", "grok-4.3", "responses"),
        _hosted("mistral", "https://api.mistral.ai/v1", "MISTRAL_API_KEY", "mistral-medium-latest"),
        _hosted("deepseek", "https://api.deepseek.com/v1", "DEEPSEEK_API_KEY", "deepseek-flash"),
        _hosted("groq", "https://api.groq.com/openai/v1", "GROQ_API_KEY", "openai/gpt-oss-120b"),
        _hosted(
            "openrouter", "https://openrouter.ai/api/v1", "OPENROUTER_API_KEY", "openrouter/auto"
        ),
        _local("ollama", 11434),
        _local("llamacpp", 8080),
        _local("lmstudio", 1234),
        _local("vllm", 8000),
    )
}


# The variables by which programs of these hosts' own SDKs are told where to go.
_ADDRESSES = {"openai": "OPENAI_BASE_URL", AZURE: "AZURE_OPENAI_ENDPOINT"}


def located(preset: Profile) -> Profile:
    """The preset, at the address that the environment names for its host, if it does."""
    given = os.environ.get(_ADDRESSES.get(preset.name, ""), "").strip()
    if not given:
        return preset
    return replace(preset, base_url=_azure_root(given) if preset.name == AZURE else given)


def key_variable(base_url: str) -> str:
    """The variable with the key for the host at this address; empty for one that no preset has."""
    try:
        host = urlsplit(base_url).hostname or ""
    except ValueError:
        return ""
    if host.endswith(_AZURE_HOSTS):
        return _AZURE.api_key_env
    return next((each.api_key_env for each in PRESETS.values() if _host(each) == host), "")


def _host(preset: Profile) -> str:
    return urlsplit(preset.base_url or "").hostname or "-"


def address_source(profile: Profile) -> str:
    """The environment variable that the profile's address came from, or an empty string."""
    preset = PRESETS.get(profile.preset or "openai")
    if preset is None or preset.name not in _ADDRESSES or profile.base_url == preset.base_url:
        return ""
    return _ADDRESSES[preset.name] if profile.base_url == located(preset).base_url else ""


def _azure_root(endpoint: str) -> str:
    """The variable holds the resource alone; today's API is below ``/openai/v1`` there."""
    root = endpoint.rstrip("/")
    return root if "/openai" in root else f"{root}/openai/v1"


def lacks_address(profile: Profile) -> bool:
    """Whether the preset cannot know the address and nobody gave it."""
    return profile.preset == AZURE and not profile.base_url
