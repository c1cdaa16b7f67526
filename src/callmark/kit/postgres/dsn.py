"""The parts of a PostgreSQL DSN, which is a URL but for its hosts: it may name several, those of IPv6 among them.

`urllib.parse` reads no list in which a later host is an address in brackets (newer releases of each version, and
Debian's 3.11.2), and takes a bracket in a password for one of those.
"""

import ipaddress
import re
from collections.abc import Sequence
from typing import NamedTuple
from urllib.parse import parse_qs, quote, unquote

_DSN = re.compile(r"(?P<scheme>\w+)://(?P<authority>[^/?]*)(?P<path>[^?#]*)(?:\?(?P<query>[^#]*))?(?:#.*)?", re.DOTALL)
_PORT = 5432
_KEPT = "%:!$&'()*+,;=@~"
"""What stands for itself in a user name and a password, and the sign of what is encoded."""


class Host(NamedTuple):
    """A server's address; `name` is a directory for a Unix socket."""

    name: str
    port: int

    def __str__(self) -> str:
        return f"{self.name}:{self.port}"


class PostgresDsn(NamedTuple):
    """`<scheme>://<user>@<hosts><path>?<query>`, each part as it is written; `user` may hold a password."""

    scheme: str
    user: str
    hosts: str
    path: str
    query: str

    @classmethod
    def parse(cls, text: str) -> "PostgresDsn":
        """Raises ValueError for what is no URL; hosts are not checked."""
        found = _DSN.fullmatch(text)
        if found is None:
            raise ValueError("it must be a URL, such as postgresql://callmark:password@db.example.com:5432/callmark")
        user, _, hosts = found["authority"].rpartition("@")
        return cls(found["scheme"], quote(user, safe=_KEPT), hosts, found["path"], found["query"] or "")

    def __str__(self) -> str:
        at = "@" if self.user else ""
        return f"{self.scheme}://{self.user}{at}{self.hosts}{self.path}" + (f"?{self.query}" if self.query else "")

    def each_host(self) -> list[Host]:
        """The servers that it names, as libpq reads them; empty for none. Raises ValueError."""
        asked = {name: values[-1] for name, values in parse_qs(self.query).items()}
        names = [one for one in (unquote(self.hosts) or asked.get("host", "")).split(",") if one]
        ports = asked["port"].split(",") if asked.get("port") else []
        if len(ports) not in {0, 1, len(names)}:
            raise ValueError(f"{len(ports)} ports for {len(names)} hosts")
        return [_host(name, _at(ports, i)) for i, name in enumerate(names)]


def _at(ports: Sequence[str], position: int) -> str:
    return ports[min(position, len(ports) - 1)] if ports else ""


def _host(text: str, port: str) -> Host:
    if text.startswith("/"):
        return Host(text, _number(port))
    if not text.startswith("["):
        name, _, own = text.partition(":")
        return Host(name, _number(own or port))
    name, _, own = text[1:].partition("]")
    try:
        ipaddress.IPv6Address(name)
    except ValueError as exc:
        raise ValueError("what stands in brackets is no address of IPv6") from exc
    return Host(name, _number(own.removeprefix(":") or port))


def _number(port: str) -> int:
    if not port:
        return _PORT
    if not (port.isascii() and port.isdecimal()):
        raise ValueError("a port is not a number")
    return int(port)
