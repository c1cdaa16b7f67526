"""Sockets to listen on, and ports held for processes to come."""

import socket
from errno import EADDRNOTAVAIL

from callmark.kit.errors import SetupError

_SOCKETS = 16
"""Of a process that takes connections from clients."""

_ADDRESS = (
    "This machine does not have that address: name one that it has with CALLMARK_HOST or CALLMARK_ADMIN_HOST. If it is"
    " 127.0.0.1, give it back to the loopback interface; embedded engines use it too."
)


def open_socket(host: str, port: int, *, reuse_port: bool = True, option: str = "--port") -> socket.socket:
    """A bound socket, not yet listening. Raises SetupError, which names the `option`, when it cannot be had."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(address_of(host), port, type=socket.SOCK_STREAM)[0]
        sock = socket.socket(family, kind, protocol)
    except OSError as exc:
        raise SetupError(f"cannot listen on {host}: {exc.strerror}") from exc
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if reuse_port:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        sock.bind(address)
    except OSError as exc:
        sock.close()
        advice = _ADDRESS if exc.errno == EADDRNOTAVAIL else f"Choose another port with {option}."
        raise SetupError(f"cannot listen on port {port} of {host}: {exc.strerror}. {advice}") from exc
    return sock


def address_of(host: str) -> str:
    """The address to listen on that `host` names now; an address is given back whole. Raises SetupError."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        if host == "localhost":  # where it is ::1 too, proxies and health checks are still set to 127.0.0.1
            found.sort(key=lambda one: one[0] != socket.AF_INET)
        return host if ":" in host else str(found[0][4][0])  # the look-up would take off the zone of one of IPv6
    except OSError as exc:
        raise SetupError(f"cannot listen on {host}: {exc.strerror}") from exc


def is_address_here(address: str) -> bool:
    """Whether this machine has it now."""
    try:
        open_socket(address, 0, reuse_port=False).close()
    except SetupError:
        return False
    return True


def open_sockets(host: str, port: int) -> list[socket.socket]:
    """Bound sockets of one port, not yet listening, between which the kernel shares connections out. Raises SetupError.

    uvloop takes one connection of each socket in a turn of its loop. When thousands of handsets come back at once, one
    socket would take them more slowly than they are served, and its full queue would make them try again ever later.
    """
    first = open_socket(host, port)
    return [first, *(open_socket(host, first.getsockname()[1]) for _ in range(_SOCKETS - 1))]


def hold_port(host: str, port: int) -> socket.socket:
    """Takes a port for the processes to come: bound with SO_REUSEPORT, never listening. Port 0 takes a free one.

    Raises SetupError when someone else listens there.
    """
    if port:  # SO_REUSEPORT would let us share it with another program of this user, so look without it first
        open_socket(host, port, reuse_port=False).close()
    return open_socket(host, port)
