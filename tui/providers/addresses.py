"""What is usually wrong with an address that answers, but not as an API: names a better one."""

from __future__ import annotations

from urllib.parse import urlsplit, urlunsplit

from tui.core.settings import Profile

CHECK = "Check base_url: a proxy or login page may stand in between."

# What people copy out of an example request: the SDK adds these by itself.
_ENDPOINTS = (
    "/chat/completions",
    "/completions",
    "/responses",
    "/assistants",
    "/threads",
    "/models",
    "/embeddings",
    "/messages",
)
# Where the compatible API of a host is, if not below /v1.
_ROOTS = {
    ".openai.azure.com": "/openai/v1",
    ".services.ai.azure.com": "/openai/v1",
    "openrouter.ai": "/api/v1",
    "api.groq.com": "/openai/v1",
    "generativelanguage.googleapis.com": "/v1beta/openai",
}
_WELL_KNOWN = frozenset(
    {
        "api.openai.com",
        "api.anthropic.com",
        "generativelanguage.googleapis.com",
        "api.x.ai",
        "api.mistral.ai",
        "api.deepseek.com",
        "api.groq.com",
        "openrouter.ai",
    }
)
_NATIVE = ("/api/chat", "/api/generate", "/api/v0", "/api")  # Ollama's and LM Studio's own


def address_hint(profile: Profile) -> str:
    """What to do when nothing is at the profile's address, or something else than an API."""
    if profile.protocol == "assistants" and _host(profile) in ("", "api.openai.com"):
        return 'OpenAI has switched its Assistants API off: set protocol = "responses".'
    better = _better(profile)
    return f'Try base_url = "{better}" in the profile.' if better else CHECK


def changed_hint(profile: Profile) -> str:
    """What to do when nothing is at an address below which the server has answered before."""
    if profile.protocol == "assistants":
        return address_hint(profile)
    if profile.protocol == "chat":
        return "It answered before: see whether the server or its models were changed since."
    return 'It answers elsewhere: it may know another protocol only. Try protocol = "chat".'


def is_well_known(host: str) -> bool:
    """Whether the host is surely spelled right, and there."""
    return host in _WELL_KNOWN


def _better(profile: Profile) -> str | None:
    """The address that was probably meant, without credentials; None when it looks right."""
    parts = urlsplit(profile.base_url or "")
    if not parts.netloc or profile.dialect != "openai":
        return None
    path = parts.path.rstrip("/")
    meant = _meant(path, parts.hostname or "")
    if meant == path:
        return None
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], meant, "", ""))


def _meant(path: str, host: str) -> str:
    for endpoint in _ENDPOINTS:
        path = path.removesuffix(endpoint)
    while "/v1/v1" in path:
        path = path.replace("/v1/v1", "/v1")
    root = next((root for name, root in _ROOTS.items() if host.endswith(name)), None)
    if root is not None:
        return root if path in ("", "/v1", "/openai", "/api") else path
    return "/v1" if path in ("", *_NATIVE) else path


def _host(profile: Profile) -> str:
    return urlsplit(profile.base_url or "").hostname or ""
