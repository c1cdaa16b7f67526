"""Every accepted record has exactly one final outcome, in time, and a timeline without gaps."""

from collections import defaultdict
from collections.abc import Iterable, Iterator

from chaos.checker.history import AnyEntry, Batch, Cancel, CycleEnd, Push, Record
from chaos.checker.invariant import Once, Violation, is_taken

PENDING, SUCCESS, INVALID = "pending", "success", "invalid"
IN_TIME_S = 90.0
"""Longer than any deadline of a push and the leases of two workers that died one after the other."""


class Records:
    """Follows each record from its push to its outcome."""

    name = "records"

    def __init__(self) -> None:
        self._pushes: dict[str, list[Push]] = defaultdict(list)
        self._reads: dict[str, list[Record]] = defaultdict(list)
        self._ids: dict[str, set[str]] = defaultdict(set)
        self._cancels: dict[str, list[Cancel]] = defaultdict(list)
        self._batches: dict[str, Batch] = {}
        self._accepted: dict[str, Push] = {}
        self._open: set[str] = set()
        self._found: list[Violation] = []
        self._once = Once()

    def see(self, entry: AnyEntry) -> None:
        """Pushes, cancellations, and what the platform says of records and batches."""
        match entry:
            case Push():
                for reason in entry.reasons:
                    self._pushes[reason].append(entry)
                    self._open.add(reason)
                if entry.batch_id and is_taken(entry.status):
                    self._accepted[entry.batch_id] = entry
            case Cancel():
                self._cancels[entry.record_id].append(entry)
            case Batch():
                self._batches[entry.batch_id] = entry
            case Record():
                self._see_record(entry)
            case _:
                pass

    def _see_record(self, read: Record) -> None:
        reads = self._reads[read.record_id]
        if reads and (says := _changed(reads[-1], read)):
            self._found.append(self._violation(read, says))
        if reads and reads[-1].outcome == read.outcome and len(reads) > 1:
            reads[-1] = read
        else:
            reads.append(read)
        self._ids[read.reason].add(read.record_id)

    def broken(self, end: CycleEnd) -> Iterable[Violation]:
        """Of records that are not known to be right yet."""
        found, self._found = self._found, []
        yield from self._once.new(found)
        for reason in sorted(self._open):
            said = list(self._once.new(self._of_reason(reason, end)))
            yield from said
            if not said and (end.deep or self._is_closed(reason)):
                self._open.discard(reason)
        if end.deep:
            yield from self._once.new(self._of_batches())
            self._accepted.clear()

    def _is_closed(self, reason: str) -> bool:
        """Whether its push was answered, and it has an outcome that has been looked at."""
        ids = self._ids[reason]
        tries = self._pushes[reason]
        return len(tries) == 1 == len(ids) and self._reads[next(iter(ids))][-1].outcome != PENDING

    def _of_reason(self, reason: str, end: CycleEnd) -> Iterator[Violation]:
        tries, ids = self._pushes[reason], sorted(self._ids[reason])
        taken = [push for push in tries if is_taken(push.status)]
        if end.deep and taken and not ids:
            yield Violation(self.name, reason, "was accepted and is nowhere", [*tries])
        for record_id in ids:
            read = self._reads[record_id][-1]
            if says := _gap(read):
                yield self._violation(read, says)
            if read.outcome == PENDING and taken and (end.deep or end.at - taken[0].answered > IN_TIME_S):
                yield self._violation(read, "has no outcome in time")
            if says := _untrue(taken, read):
                yield self._violation(read, says)
            if says := self._still_shown(record_id, read):
                yield self._violation(read, says)

    def _still_shown(self, record_id: str, read: Record) -> str:
        cancelled = [one for one in self._cancels[record_id] if is_taken(one.status) and one.answered < read.at]
        return "was cancelled and is not withdrawn" if cancelled and not read.withdrawn_at else ""

    def _of_batches(self) -> Iterator[Violation]:
        for batch_id, push in self._accepted.items():
            batch = self._batches.get(batch_id)
            if batch is None:
                yield Violation(self.name, batch_id, "was accepted and cannot be read", [push])
            elif not batch.done:
                yield Violation(self.name, batch_id, "is not done in time", [push, batch])
            elif not batch.record_count == len(set(batch.record_ids)) == len(push.reasons):
                yield Violation(self.name, batch_id, f"has not its {len(push.reasons)} records", [push, batch])

    def _violation(self, read: Record, says: str) -> Violation:
        history = [*self._pushes[read.reason], *self._cancels[read.record_id], *self._reads[read.record_id]]
        if read not in history:
            history.append(read)
        return Violation(self.name, f"record {read.record_id}", says, history)


def _changed(before: Record, after: Record) -> str:
    """What is wrong with two readings of one record, one after the other."""
    if before.outcome in {PENDING, after.outcome}:
        return ""
    late = after.outcome == SUCCESS and after.first_outcome == before.outcome and after.delivered_late_at
    return "" if late else f"has two final outcomes, {before.outcome} and then {after.outcome}"


def _gap(read: Record) -> str:
    """What its timeline lacks, or has in the wrong order. A record that its handset fetched has no sent_at."""
    if read.outcome == PENDING:
        return "is pending and has been settled" if read.settled_at else ""
    if not read.accepted_at:
        return "has no accepted_at"
    if read.outcome == INVALID:
        return ""
    if not read.settled_at:
        return f"has the outcome {read.outcome} and no settled_at"
    if bool(read.first_outcome) != bool(read.delivered_late_at):
        return "has only one of first_outcome and delivered_late_at"
    steps = [one for one in (read.accepted_at, read.sent_at, read.settled_at, read.delivered_late_at) if one]
    return "" if steps == sorted(steps) else "has a timeline that goes backwards"


def _untrue(taken: list[Push], read: Record) -> str:
    """Whether a real-time push was answered what the record never was; a late repeat is answered what it is by then.

    A failed record that was read before an answer may have been delivered in between.
    """
    for push in taken:
        if push.outcome == SUCCESS and push.answered > read.at:
            continue
        if push.outcome and read.outcome != PENDING and push.outcome not in {read.outcome, read.first_outcome}:
            return f"was answered {push.outcome} and was {read.first_outcome or read.outcome}"
    return ""
