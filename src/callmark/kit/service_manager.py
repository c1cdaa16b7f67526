"""What this process tells the service manager that started it (systemd): that it serves, still works, and stops.

The protocol is that of sd_notify(3): a datagram with lines to the socket in `NOTIFY_SOCKET`.
"""

import asyncio
import os
import socket
from collections.abc import Callable, Mapping, MutableMapping
from typing import NamedTuple, Self

import structlog

from callmark.kit.tasks import ends_within

log = structlog.get_logger(__name__)

_SEND_WITHIN_S = 1.0
_LOOK_EVERY_S = 5.0
"""How often troubles are checked where no watchdog asks more often."""


class View(NamedTuple):
    """What the manager learns in each turn."""

    works: bool
    """Whether this process does its own work; if not, the watchdog is not answered, and the manager starts it again."""
    troubles: Mapping[str, str]
    """What is wrong with its parts, by their names; for `systemctl status`."""


class ServiceManager:
    """The manager's side of the socket; without one nothing is sent."""

    def __init__(self, address: str = "", watchdog_s: float = 0) -> None:
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        self._every_s = min(watchdog_s / 2, _LOOK_EVERY_S) if watchdog_s else _LOOK_EVERY_S
        self._watched = bool(watchdog_s)

    @classmethod
    def of(cls, environ: MutableMapping[str, str] = os.environ) -> Self:
        """As the environment says. The variables are taken out of it: what we start must not speak in our name."""
        address, usec, pid = (environ.pop(name, "") for name in ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"))
        is_ours = pid in ("", str(os.getpid()))
        return cls(address, int(usec) / 1e6 if usec.isdecimal() and is_ours else 0)

    async def keep_told(self, view: Callable[[], View]) -> None:
        """Tells that we are ready, and then what `view` gives, until it is cancelled; then that we stop."""
        if not self._address:
            await asyncio.Event().wait()
        await self._tell("READY=1")
        try:
            while True:
                works, troubles = view()
                status = "; ".join(f"{part}: {trouble}" for part, trouble in troubles.items()) or "everything works"
                await self._tell(f"STATUS={' '.join(status.split())}", *["WATCHDOG=1"] * (works and self._watched))
                await asyncio.sleep(self._every_s)
        finally:
            await self._tell("STOPPING=1", "STATUS=stopping")

    async def _tell(self, *lines: str) -> None:
        loop = asyncio.get_running_loop()
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK) as sock:
                sock.connect(self._address)  # or its queue counts as one with room
                if not await ends_within(loop.sock_sendall(sock, "\n".join(lines).encode()), _SEND_WITHIN_S):
                    raise TimeoutError
        except OSError as exc:  # a TimeoutError too
            log.warning("service_manager_not_told", lines=lines, error=str(exc) or "it does not read")
