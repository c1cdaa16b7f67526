"""Why a process has no connection to NATS: logged once for each reason, because the tries continue without end."""

import structlog

from callmark.kit.errors import said

log = structlog.get_logger(__name__)

_NOT_YET = "not connected yet"


class Trouble:
    """Of one process, from its start or the loss of a connection until there is one."""

    def __init__(self) -> None:
        self.text = _NOT_YET
        self._is_lost = False
        self._refused: set[str] = set()

    def lost(self) -> None:
        """The connection has ended. nats-py says so again after each try with an error that it did not foresee."""
        if self._is_lost:
            return
        self._is_lost = True
        log.warning("nats_lost")
        self.text = "the connection was lost"

    def is_over(self, server: str) -> None:
        """There is a connection, with this server."""
        if self._is_lost:
            log.info("nats_back", server=server)
        self._is_lost = False
        self._refused.clear()

    def beside(self, exc: Exception) -> None:
        """The server complains, and keeps the connection: a right that is missing is missing for every handset."""
        kind = said(exc).partition(' to "')[0]
        if "permissions violation" not in kind:
            log.debug("nats_error", error=said(exc))
        elif kind not in self._refused:
            self._refused.add(kind)
            log.warning("nats_refuses", error=said(exc))

    def note(self, exc: Exception) -> None:
        """A try to connect failed.

        A server that refuses us says why and then cuts the connection; the cut alone says less than what is known.
        """
        if isinstance(exc, ConnectionResetError) and self.text != _NOT_YET:
            return
        if (text := said(exc)) != self.text:
            log.warning("nats_not_reached", error=text)
        self.text = text


def why(exc: BaseException, about: str = "") -> str:
    """What failed, for people: most errors of nats-py begin with its name, those of the connection do not."""
    return f"nats: {about}{': ' if about else ''}{said(exc).removeprefix('nats: ')}"
