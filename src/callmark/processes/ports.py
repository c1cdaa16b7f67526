"""Sockets to listen on, and ports held for processes to come."""

import socket

from callmark.kit.errors import SetupError


def open_socket(host: str, port: int, *, reuse_port: bool = True, option: str = "--port") -> socket.socket:
    """A bound socket, not yet listening. Raises SetupError, which names the `option`, when it cannot be had."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
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
        raise SetupError(
            f"cannot listen on port {port} of {host}: {exc.strerror}. Choose another port with {option}."
        ) from exc
    return sock


def hold_port(host: str, port: int) -> socket.socket:
    """Takes a port for the processes to come: bound with SO_REUSEPORT, never listening. Port 0 takes a free one.

    Raises SetupError when someone else listens there.
    """
    if port:  # SO_REUSEPORT would let us share it with another program of this user, so look without it first
        open_socket(host, port, reuse_port=False).close()
    return open_socket(host, port)
