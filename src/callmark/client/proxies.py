"""The proxies that the environment names, as routes of a client of httpx.

httpx reads them as well, but cannot be made for an exception of `NO_PROXY` that it does not understand. Containers and
VPNs set such: a network of IPv6, an address in brackets.
"""

from collections.abc import Callable, Iterator
from ipaddress import IPv6Address
from typing import TypeVar
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx

from callmark.client.addresses import host_fault
from callmark.client.environment import variables
from callmark.client.errors import CallmarkError
from callmark.client.options import LOOPBACK

T = TypeVar("T")
_SCHEMES = "http", "https", "all"
_SOCKS_EXTRA = "`pip install 'httpx[socks]'`"
_WAYS = f"Write http://, https://, or socks5:// (which needs {_SOCKS_EXTRA}), or unset it"
_ESCAPES = "Check its host and port, and write / in its user and password as %2F, # as %23, ? as %3F, @ as %40"


def proxy_routes(make: Callable[[httpx.Proxy], T]) -> dict[str, T | None]:
    """What `make` makes of each proxy, by the addresses (a pattern of httpx) that it is for; None for the exceptions.

    Raises CallmarkError, naming the variable, for a proxy that cannot be used.
    """
    found = getproxies()
    exceptions = [entry.strip() for entry in found.get("no", "").split(",")]
    urls = {scheme: url for scheme in _SCHEMES if (url := found.get(scheme))}
    if not urls or "*" in exceptions:
        return {}
    routes = {f"{scheme}://": _made(make, f"{scheme}_proxy", url) for scheme, url in urls.items()}
    return routes | dict.fromkeys(_patterns(exceptions))


def _made(make: Callable[[httpx.Proxy], T], variable: str, url: str) -> T:
    names = _named(variable)
    try:
        return make(_proxy(url))
    except ImportError as exc:
        raise CallmarkError(f"{names}: a SOCKS proxy needs {_SOCKS_EXTRA}") from exc
    except (ValueError, httpx.InvalidURL) as exc:
        if "@" not in url:
            raise CallmarkError(f"{names}: the proxy cannot be used: {exc}. {_WAYS}") from exc
    # What httpx says may quote a part of the password.
    raise CallmarkError(f"{names}: the proxy cannot be used. {_ESCAPES}. {_WAYS}")


def _proxy(url: str) -> httpx.Proxy:
    """Raises ValueError or InvalidURL for one that cannot be asked."""
    whole = url if "://" in url else f"http://{url}"
    if fault := host_fault(whole):
        raise ValueError(fault)
    parts = urlsplit(whole)
    if "@" in parts.path + parts.query + parts.fragment:
        raise ValueError("its password ends the host")
    return httpx.Proxy(whole)


def _patterns(exceptions: list[str]) -> Iterator[str]:
    """What httpx calls these exceptions. One that it cannot read counts for nothing, as networks of IPv4 do."""
    for entry in filter(None, exceptions):
        pattern = _pattern(entry)
        if not host_fault(pattern):
            yield pattern


def _pattern(entry: str) -> str:
    """A name is excepted with those below it, an address or a URL alone."""
    if "://" in entry:
        return entry
    bare = entry.removeprefix("[").removesuffix("]")
    try:
        IPv6Address(bare)
    except ValueError:
        is_whole = entry.startswith("[") or entry.lower() == "localhost"
        return f"all://{entry}" if is_whole else f"all://*{entry}"
    return f"all://[{bare}]"


def proxies_to(url: str) -> str:
    """The variables that name a proxy for that address; empty if there are none, or `NO_PROXY` excepts it."""
    try:
        parts = urlsplit(url)
    except ValueError:  # half of an IPv6 address
        return ""
    if parts.hostname in LOOPBACK or proxy_bypass(parts.netloc.rpartition("@")[2]):
        return ""
    return _set_of({f"{parts.scheme}_proxy", "all_proxy"})


def _named(variable: str) -> str:
    return _set_of({variable}) or "the settings of the system"


def _set_of(names: set[str]) -> str:
    """Those of the variables that are set, as they are spelt."""
    return ", ".join(sorted(name for name, value in variables().items() if value and name.lower() in names))
