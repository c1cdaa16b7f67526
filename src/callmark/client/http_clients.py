"""The httpx client of a client: what it takes from the environment may be something that httpx cannot use."""

import ssl
from functools import cache
from typing import Any, TypeVar
from urllib.parse import urlsplit
from urllib.request import proxy_bypass

import httpx

from callmark.client.environment import variables
from callmark.client.errors import CallmarkError
from callmark.client.options import LOOPBACK, Options

HttpClient = TypeVar("HttpClient", httpx.Client, httpx.AsyncClient)
_PROXIES = {"http_proxy", "https_proxy", "all_proxy", "no_proxy"}
_CERTIFICATES = {"ssl_cert_file", "ssl_cert_dir"}
_SOCKS_EXTRA = "`pip install 'httpx[socks]'`"


def make_http(kind: type[HttpClient], options: Options, **given: Any) -> HttpClient:
    """A client of httpx for the server, with the certificates of the environment, and its proxy for a server elsewhere.

    Raises CallmarkError, naming the variable, if httpx cannot use them.
    """
    is_elsewhere = not options.is_on_this_machine
    is_asked = is_elsewhere or options.base_url.startswith("https:")
    names_some = is_asked and any(value and name.lower() in _CERTIFICATES for name, value in variables().items())
    try:
        verify = httpx.create_ssl_context() if names_some else _public_authorities()
        return kind(trust_env=is_elsewhere, verify=verify, **given)
    except ImportError as exc:
        raise CallmarkError(f"{_named(_PROXIES)}: a SOCKS proxy needs {_SOCKS_EXTRA}") from exc
    except (ValueError, httpx.InvalidURL) as exc:
        ways = f"Write http://, https://, or socks5:// (which needs {_SOCKS_EXTRA}), or unset it"
        raise CallmarkError(f"{_named(_PROXIES)}: the proxy cannot be used: {exc}. {ways}") from exc
    except OSError as exc:
        raise CallmarkError(f"{_named(_CERTIFICATES)}: the certificates cannot be read: {exc}") from exc


@cache
def _public_authorities() -> ssl.SSLContext:
    """What servers are held against where the environment names no certificates.

    To read it takes longer than anything else of a client: clients of a process share it. What the environment names is
    read for each: an organisation may replace its own.
    """
    return httpx.create_ssl_context(trust_env=False)


def proxies_to(url: str) -> str:
    """The variables that name a proxy for that address; empty if there are none, or `NO_PROXY` excepts it."""
    try:
        parts = urlsplit(url)
    except ValueError:  # half of an IPv6 address
        return ""
    if parts.hostname in LOOPBACK or proxy_bypass(parts.netloc.rpartition("@")[2]):
        return ""
    names = {f"{parts.scheme}_proxy", "all_proxy"}
    return ", ".join(sorted(name for name, value in variables().items() if value and name.lower() in names))


def _named(names: set[str]) -> str:
    """The variables that are set; of proxies, those that are not plain HTTP if there are such."""
    found = {name: value for name, value in variables().items() if value and name.lower() in names}
    other = [name for name, value in found.items() if _is_other_proxy(name, value)]
    return ", ".join(sorted(other or found)) or "the settings of the system"


def _is_other_proxy(name: str, value: str) -> bool:
    scheme, separator, _ = value.partition("://")
    return bool(separator) and name.lower() in _PROXIES - {"no_proxy"} and scheme.lower() not in {"http", "https"}
