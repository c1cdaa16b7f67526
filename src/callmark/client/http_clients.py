"""The httpx client of a client: what it takes from the environment may be something that httpx cannot use."""

import ssl
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, TypeVar

import httpx

from callmark.client.environment import variables
from callmark.client.errors import CallmarkError
from callmark.client.options import Options
from callmark.client.proxies import proxy_routes

HttpClient = TypeVar("HttpClient", httpx.Client, httpx.AsyncClient)
CONNECTIONS = httpx.Limits(max_connections=200, max_keepalive_connections=100)
_CERTIFICATES = {"ssl_cert_file", "ssl_cert_dir"}


def make_http(kind: type[HttpClient], options: Options, **given: Any) -> HttpClient:
    """A client of httpx for the server, with the certificates of the environment, and its proxy for a server elsewhere.

    `given` is what else it is made with. Raises CallmarkError, naming the variable, if httpx cannot use them.
    """
    is_elsewhere = not options.is_on_this_machine
    is_asked = is_elsewhere or options.base_url.startswith("https:")
    names = ", ".join(sorted(name for name, value in variables().items() if value and name.lower() in _CERTIFICATES))
    try:
        verify = _of_environment() if names and is_asked else _public_authorities()
    except OSError as exc:
        raise CallmarkError(f"{names}: the certificates cannot be read: {exc}") from exc
    transport: Any = httpx.HTTPTransport if issubclass(kind, httpx.Client) else httpx.AsyncHTTPTransport

    def through(proxy: httpx.Proxy) -> Any:  # noqa: ANN401 - either kind of transport
        return transport(verify=verify, limits=CONNECTIONS, proxy=proxy)

    routes = proxy_routes(through) if is_elsewhere else {}
    direct = transport(verify=verify, limits=CONNECTIONS)  # a client that is given one reads no proxies itself
    return kind(trust_env=is_elsewhere, verify=verify, transport=direct, mounts=routes, **given)


@cache
def _public_authorities() -> ssl.SSLContext:
    """What servers are held against where the environment names no certificates.

    To read it takes longer than anything else of a client, and blocks an event loop: clients of a process share it.
    """
    return httpx.create_ssl_context(trust_env=False)


def _of_environment() -> ssl.SSLContext:
    """What the environment names, as it is now: an organisation may replace its own. Raises OSError."""
    file = variables().get("SSL_CERT_FILE")
    if not file:  # a folder, of which nothing is read before a server is held against it
        return httpx.create_ssl_context()
    found = Path(file).stat()
    return _of_file(file, (found.st_ino, found.st_size, found.st_mtime_ns))


@lru_cache(maxsize=4)
def _of_file(file: str, _state: tuple[int, ...]) -> ssl.SSLContext:
    """Read once, until the file is another one: a program may make a client for each request."""
    return ssl.create_default_context(cafile=file)
