"""Whose tokens this process has seen lately, so that the work of a request counts for its sender from the start."""

from collections import OrderedDict

from callmark.kit.ids import sha256

MOST_TOKENS = 10_000
"""Beyond it the token that was used longest ago is forgotten."""

_LONGEST = 100
"""Nothing longer is a token of ours; what is sent in its place is not worth the time to hash it."""


class KnownTokens:
    """Whose each token is. This grants nothing: each request is admitted by what the database says."""

    def __init__(self, most: int = MOST_TOKENS) -> None:
        self._most = most
        self._bearers: OrderedDict[bytes, str] = OrderedDict()

    def bearer(self, token: str) -> str | None:
        """Who showed it when it was good; None for a token that has not been, or is no longer."""
        digest = _digest(token)
        bearer = self._bearers.get(digest)
        if bearer is not None:
            self._bearers.move_to_end(digest)
        return bearer

    def remember(self, token: str, bearer: str) -> None:
        """It was found to be good."""
        self._bearers[_digest(token)] = bearer
        if len(self._bearers) > self._most:
            self._bearers.popitem(last=False)

    def forget(self, token: str) -> None:
        """It was found to be good no longer."""
        self._bearers.pop(_digest(token), None)


def _digest(token: str) -> bytes:
    return sha256(token) if 0 < len(token) <= _LONGEST else b""
