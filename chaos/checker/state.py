"""What is there at the end of a cycle: numbers, the audit log, unforeseen errors, queues, what processes use."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from statistics import median

from chaos.checker.history import (
    Answer,
    AnyEntry,
    Audited,
    Cancel,
    Change,
    CycleEnd,
    Listed,
    LogRead,
    Push,
    Request,
    Usage,
    Work,
)
from chaos.checker.invariant import Once, Violation, is_taken

FEWEST_SAMPLES = 12
MOST_GROWTH_KB = 48 * 1024
MOST_MORE_DESCRIPTORS = 40
UNFORESEEN = 500


class Numbers:
    """No number is in two feature sets, of one account or of two; and none stays between two states."""

    name = "numbers"

    def __init__(self) -> None:
        self._listed: dict[str, Listed] = {}
        self._once = Once()

    def see(self, entry: AnyEntry) -> None:
        """The numbers of each account."""
        if isinstance(entry, Listed):
            self._listed[entry.account] = entry

    def broken(self, end: CycleEnd) -> Iterable[Violation]:
        """At a deep end: before, numbers move between two readings."""
        if end.deep:
            yield from self._once.new(self._at_rest())
        self._listed.clear()

    def _at_rest(self) -> Iterator[Violation]:
        places: dict[str, list[str]] = defaultdict(list)
        for listed in self._listed.values():
            for number, state, feature_set in listed.numbers:
                if state != "failed":
                    places[number].append(f"{feature_set} of {listed.account}")
                if state in {"pending", "delisting"}:
                    yield Violation(self.name, number, f"stays {state}", [_only(listed, number)])
        for number, where in places.items():
            if len(where) > 1:
                history = [_only(listed, number) for listed in self._listed.values()]
                yield Violation(self.name, number, f"is in {' and '.join(where)}", history)


def _only(listed: Listed, number: str) -> Listed:
    return Listed(account=listed.account, numbers=[one for one in listed.numbers if one[0] == number], at=listed.at)


class Audit:
    """Every acknowledged change has its entry, and only one."""

    name = "audit"

    def __init__(self) -> None:
        self._changes: list[Change] = []
        self._entries: dict[tuple[str, str, str], dict[str, Audited]] = defaultdict(dict)
        self._once = Once()

    def see(self, entry: AnyEntry) -> None:
        """Changes, and the log."""
        match entry:
            case Change():
                self._changes.append(entry)
            case Audited():
                self._entries[entry.account, entry.action, entry.subject][entry.audit_id] = entry
            case _:
                pass

    def broken(self, end: CycleEnd) -> Iterable[Violation]:
        """Of the changes since the last end, all of which were made before the log was read."""
        del end
        changes, self._changes = self._changes, []
        for change in changes:
            yield from self._once.new(self._of_change(change))

    def _of_change(self, change: Change) -> Iterator[Violation]:
        entries = self._entries[change.account, change.action, change.subject]
        item = f"{change.action} {change.subject}"
        if is_taken(change.status) and not entries:
            yield Violation(self.name, item, "was done, and no entry says so", [change])
        if change.key and len(entries) > 1:
            yield Violation(self.name, item, f"has {len(entries)} entries", [change, *entries.values()])


class Failures:
    """Whatever fails, clients get an answer that was foreseen: never a 500."""

    name = "failures"

    def __init__(self) -> None:
        self._found: list[Violation] = []

    def see(self, entry: AnyEntry) -> None:
        """Every answer."""
        if isinstance(entry, Answer | Cancel | Change | Push | Request) and entry.status == UNFORESEEN:
            self._found.append(Violation(self.name, type(entry).__name__.lower(), "was answered 500", [entry]))

    def broken(self, end: CycleEnd) -> Iterable[Violation]:
        """Those since the last end."""
        del end
        found, self._found = self._found, []
        return found


class Queues:
    """At rest nothing is left in any queue."""

    name = "queues"

    def __init__(self) -> None:
        self._last: Work | None = None

    def see(self, entry: AnyEntry) -> None:
        """How much there is to do."""
        if isinstance(entry, Work):
            self._last = entry

    def broken(self, end: CycleEnd) -> Iterable[Violation]:
        """At a deep end."""
        if end.deep and self._last:
            for queue, left in self._last.work.items():
                if left:
                    yield Violation(self.name, queue, f"{left} are left at rest", [self._last])


class QuietLogs:
    """No log holds a secret or a whole phone number."""

    name = "logs"

    def __init__(self) -> None:
        self._found: list[Violation] = []

    def see(self, entry: AnyEntry) -> None:
        """What a log holds."""
        if isinstance(entry, LogRead):
            self._found += [Violation(self.name, entry.file, f"holds {one}", [entry]) for one in entry.holds]

    def broken(self, end: CycleEnd) -> Iterable[Violation]:
        """Those since the last end."""
        del end
        found, self._found = self._found, []
        return found


class Resources:
    """A process at rest uses no more memory and no more descriptors than before."""

    name = "resources"

    def __init__(self) -> None:
        self._usage: dict[tuple[str, int], list[Usage]] = defaultdict(list)
        self._once = Once()

    def see(self, entry: AnyEntry) -> None:
        """What processes use."""
        if isinstance(entry, Usage):
            self._usage[entry.process, entry.pid].append(entry)

    def broken(self, end: CycleEnd) -> Iterable[Violation]:
        """Compares the last quarter of what was seen of each process with the second; the first is its warming up."""
        if not end.deep:
            return
        for (process, pid), seen in self._usage.items():
            if len(seen) >= FEWEST_SAMPLES:
                yield from self._once.new(_grown(self.name, f"{process} ({pid})", seen))


def _grown(name: str, item: str, seen: list[Usage]) -> Iterator[Violation]:
    quarter = len(seen) // 4
    before, after = seen[quarter : 2 * quarter], seen[-quarter:]
    shown = [before[0], before[-1], after[0], after[-1]]
    memory = median(one.memory_kb for one in after) - median(one.memory_kb for one in before)
    descriptors = median(one.descriptors for one in after) - median(one.descriptors for one in before)
    if memory > MOST_GROWTH_KB:
        yield Violation(name, item, "uses more and more memory", shown)
    if descriptors > MOST_MORE_DESCRIPTORS:
        yield Violation(name, item, "uses more and more descriptors", shown)
