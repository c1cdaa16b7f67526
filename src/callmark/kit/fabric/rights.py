"""What a server does not let its user subscribe or publish to. It says so, and keeps the connection."""

import re
from collections.abc import Iterable

from nats.errors import Error as NatsError

_SUBJECT = re.compile(r'"([^"]*)"')


class Rights:
    """The last refusal of each subject, numbered, so that one who asks later does not take an old one for its own.

    A server reads rights again without ending the connection, so a refusal says nothing of the next try. Subjects are
    compared in lower case, as nats-py hands on what a server says.
    """

    def __init__(self) -> None:
        self.count = 0
        self._refused: dict[str, tuple[int, str]] = {}
        self._probes: frozenset[str] = frozenset()

    def forget(self) -> None:
        """A new connection begins, and asks for everything again."""
        self._refused.clear()

    def refused(self, text: str) -> None:
        """The server says so before it answers the ping that comes after."""
        found = _SUBJECT.search(text)
        subject = found[1] if found else ""
        is_published = "publish" in text.lower().partition('"')[0]
        if not is_published or subject in self._probes:  # each push has a subject of its own
            self.count += 1
            self._refused[_published(subject) if is_published else subject] = self.count, f"nats: {text}"

    def probes(self, subjects: Iterable[str]) -> None:
        """From now on refusals to publish to these count."""
        self._probes |= {subject.lower() for subject in subjects}

    def is_refused(self, subject: str) -> bool:
        """Whether it was refused, and not asked for again."""
        return bool(self._refused) and subject.lower() in self._refused

    def check(self, subjects: Iterable[str], published: Iterable[str] = (), since: int = 0) -> None:
        """Raises NatsError if one of them was refused after the first `since` refusals; older ones are over."""
        if not self._refused:
            return
        for one in [subject.lower() for subject in subjects] + [_published(subject.lower()) for subject in published]:
            number, text = self._refused.get(one, (0, ""))
            if number > since:
                raise NatsError(text)

    def settle(self, live: Iterable[str], since: int) -> None:
        """Forgets those that nobody subscribes to, and those that were asked for again and not refused again."""
        if self._refused:
            kept = {subject.lower() for subject in live} | {_published(subject) for subject in self._probes}
            self._refused = {one: it for one, it in self._refused.items() if it[0] > since and one in kept}


def _published(subject: str) -> str:
    return f"publish {subject}"
