"""The emulator's control API over HTTP, as tests need it (docs/emulator.md)."""

import ssl
from typing import Any, TypeVar

import httpx
import msgspec

from callmark.broken_json import NOT_JSON
from callmark.client.connections import Connections

T = TypeVar("T")
TIMEOUT_S = 60.0
"""Longer than any answer takes: a reset waits for every process, also on a busy machine."""


class EmulatorError(Exception):
    """The emulator did not start, cannot be reached or refuses what was asked; the text says why."""


class Control:
    """Requests to one emulator. Its connections are shared with the clients of its accounts."""

    def __init__(self, base_url: str, token: str) -> None:
        self.base_url = base_url.rstrip("/")
        # Without the certificates of this machine, whose reading takes longer than many tests.
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if base_url.startswith("http://") else True
        self.connections = Connections(None, self._http)
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}

    def ask(self, method: str, path: str, answer: type[T], **body: object) -> T:
        """The answer to a request below `/emulator/v1/`. Raises EmulatorError."""
        return msgspec.json.decode(self._send(method, path, body).content, type=answer)

    def tell(self, method: str, path: str, **body: object) -> None:
        """A request whose answer does not matter. Raises EmulatorError."""
        self._send(method, path, body)

    def close(self) -> None:
        """Closes the connections."""
        self.connections.close()

    def _http(self) -> httpx.Client:
        return httpx.Client(verify=self.tls, trust_env=False, timeout=TIMEOUT_S)

    def _send(self, method: str, path: str, body: dict[str, Any]) -> httpx.Response:
        url = f"{self.base_url}/emulator/v1/{path}"
        sent = body if body or method in {"POST", "PUT"} else None
        try:
            got = self.connections.http().request(method, url, headers=self._headers, json=sent)
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as exc:  # UnicodeError: a host with an empty part
            raise EmulatorError(
                f"the emulator at {self.base_url} does not answer: {str(exc) or type(exc).__name__}"
            ) from exc
        if got.is_success:
            return got
        raise EmulatorError(f"{method} /emulator/v1/{path}: {_cause(got)}")


def _cause(got: httpx.Response) -> str:
    try:
        return msgspec.json.decode(got.content)["message"]
    except (*NOT_JSON, KeyError, TypeError):
        return f"HTTP {got.status_code}; this is no Callmark emulator, or one of another version"
