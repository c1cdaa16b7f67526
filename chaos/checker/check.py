"""All invariants over one history."""

from collections import Counter
from collections.abc import Iterable

from chaos.checker.events import Downloads, EventNumbers, Webhooks
from chaos.checker.history import AnyEntry, CycleEnd
from chaos.checker.idempotency import Handsets, Idempotency
from chaos.checker.invariant import Invariant, Violation
from chaos.checker.limits import Limits
from chaos.checker.records import Records
from chaos.checker.state import Audit, Failures, Numbers, Queues, QuietLogs, Resources


class Checker:
    """Takes a history entry by entry; says at the end of each cycle what does not hold."""

    def __init__(self) -> None:
        self._invariants: list[Invariant] = [
            Records(),
            Handsets(),
            Webhooks(),
            EventNumbers(),
            Downloads(),
            Numbers(),
            Limits(),
            Idempotency(),
            Audit(),
            Failures(),
            Queues(),
            Resources(),
            QuietLogs(),
        ]
        self.seen: Counter[str] = Counter()
        """How many entries of each kind."""

    def take(self, entry: AnyEntry) -> list[Violation]:
        """What does not hold at this entry, when it is the end of a cycle."""
        self.seen[type(entry).__name__] += 1
        if isinstance(entry, CycleEnd):
            return [violation for invariant in self._invariants for violation in invariant.broken(entry)]
        for invariant in self._invariants:
            invariant.see(entry)
        return []


def violations(history: Iterable[AnyEntry]) -> list[Violation]:
    """Of a whole history."""
    checker = Checker()
    return [violation for entry in history for violation in checker.take(entry)]
