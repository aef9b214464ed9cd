"""How the environment says to go out: which proxy, and whose certificates to trust.

Read here and not by the HTTP library, which would also take credentials from a .netrc, and knows
fewer names for a file of certificates.
"""

from __future__ import annotations

import os
import ssl
from pathlib import Path
from urllib.parse import urlsplit

from tui.core.errors import ProviderError
from tui.providers.failures import unusable

# The first is OpenSSL's own; the others are what companies set for other programs.
_CA_FILES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


def trusted() -> ssl.SSLContext | bool:
    """Whom to trust; True is what the system does. Raises ProviderError for a useless file."""
    if os.environ.get("SSL_CERT_DIR") and not os.environ.get("SSL_CERT_FILE"):
        return True
    for name in _CA_FILES:
        path = os.environ.get(name)
        if path and not Path(path).is_dir():
            return _context(name, path)
    return True


def _context(name: str, path: str) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=path)
    except (OSError, ssl.SSLError):
        raise _no_certificates(name, path) from None


def _no_certificates(name: str, path: str) -> ProviderError:
    return unusable(
        f"There are no certificates in {path}, which {name} names.",
        f"Correct {name} in the environment, or unset it; the file has to be in PEM form.",
    )


def proxy_for(base_url: str | None) -> str | None:
    """The proxy that the environment names for this host; never one for this machine itself.

    Raises ProviderError for one that cannot be used.
    """
    from urllib.request import getproxies, proxy_bypass

    parts = urlsplit(base_url or "https://api.openai.com")
    if on_this_machine(base_url) or proxy_bypass(parts.hostname or ""):
        return None
    proxies = getproxies()
    found = proxies.get(parts.scheme) or proxies.get("all")
    return _checked(found) if found else None


def on_this_machine(base_url: str | None) -> bool:
    """Whether the address is one of this machine's own."""
    host = urlsplit(base_url or "").hostname or ""
    return host in ("localhost", "::1") or host.startswith("127.")


def _checked(proxy: str) -> str:
    """The proxy's address with its scheme, which many leave out."""
    proxy = proxy if "://" in proxy else f"http://{proxy}"
    parts = urlsplit(proxy)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        # Its text is not shown: it may hold a password.
        raise unusable(
            "The proxy that the environment names cannot be used.",
            "HTTPS_PROXY, HTTP_PROXY or ALL_PROXY has to be http://HOST:PORT; "
            "NO_PROXY names hosts that need none.",
        )
    return proxy
