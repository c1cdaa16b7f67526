"""One key, one answer, one effect; and without a key no more effects than tries."""

from collections import defaultdict
from collections.abc import Iterable, Iterator

from chaos.checker.history import AnyEntry, Change, CycleEnd, Held, Named, Push, Record
from chaos.checker.invariant import Once, Violation, is_taken, may_be_done


class Idempotency:
    """Counts what each key, or each try, brought about."""

    name = "idempotency"

    def __init__(self) -> None:
        self._pushes: dict[str, list[Push]] = defaultdict(list)
        self._changes: dict[str, list[Change]] = defaultdict(list)
        self._records: dict[str, dict[str, Record]] = defaultdict(dict)
        self._names: dict[str, Named] = {}
        self._new: set[str] = set()
        self._once = Once()

    def see(self, entry: AnyEntry) -> None:
        """Pushes, changes with a key, records, and what exists by which name."""
        match entry:
            case Push():
                self._pushes[entry.key or entry.reasons[0]].append(entry)
                self._new.add(entry.key or entry.reasons[0])
            case Change() if entry.key:
                self._changes[entry.key].append(entry)
            case Record():
                self._records[entry.reason].setdefault(entry.record_id, entry)
                self._new.update(push.key or entry.reason for push in self._pushes.get(entry.reason, ()))
            case Named():
                self._names[entry.account] = entry
            case _:
                pass

    def broken(self, end: CycleEnd) -> Iterable[Violation]:
        """Of the keys that were used, or whose records were seen, since the last end."""
        for name in sorted(self._new):
            yield from self._once.new(self._of_push(name))
        self._new.clear()
        if end.deep:
            for key in sorted(self._changes):
                yield from self._once.new(self._of_change(key))
            self._changes.clear()

    def _of_push(self, name: str) -> Iterator[Violation]:
        tries = self._pushes[name]
        taken = [push for push in tries if is_taken(push.status)]
        answers = {(push.batch_id, push.outcome) for push in taken}
        if tries[0].key and len(answers) > 1:
            yield Violation(self.name, name, "has two answers", [*tries])
        allowed = 1 if tries[0].key else sum(may_be_done(push.status) for push in tries)
        for reason in tries[0].reasons:
            made = self._records[reason]
            if len(made) > allowed:
                yield Violation(self.name, name, f"made {len(made)} records of {reason}", [*tries, *made.values()])

    def _of_change(self, key: str) -> Iterator[Violation]:
        tries = self._changes[key]
        taken = [one for one in tries if is_taken(one.status)]
        if len({one.made_id for one in taken}) > 1:
            yield Violation(self.name, key, "has two answers", [*tries])
        if (named := self._names.get(tries[0].account)) is None:
            return
        made = [made_id for name, made_id in named.names if name == tries[0].subject]
        if len(made) > 1:
            yield Violation(self.name, key, f"made {len(made)} things", [*tries, named])
        if taken and max(one.answered for one in taken) < named.at and not made:
            yield Violation(self.name, key, "was answered as done, and nothing was made", [*tries, named])


class Handsets:
    """Every connected handset holds every open record for it, and none that was withdrawn."""

    name = "handsets"

    def __init__(self) -> None:
        self._records: dict[str, dict[str, Record]] = defaultdict(dict)
        self._held: dict[str, Held] = {}
        self._once = Once()

    def see(self, entry: AnyEntry) -> None:
        """Records, and what handsets hold."""
        match entry:
            case Record():
                self._records[entry.receiver][entry.record_id] = entry
            case Held():
                self._held[entry.receiver] = entry
            case _:
                pass

    def broken(self, end: CycleEnd) -> Iterable[Violation]:
        """An acknowledged record at every end, every other one at a deep end."""
        for receiver, held in self._held.items():
            records = self._records[receiver]
            for record_id in [key for key, record in records.items() if record.ends_ms <= end.now_ms]:
                del records[record_id]
            yield from self._once.new(self._of_handset(held, records, deep=end.deep))
        self._held.clear()

    def _of_handset(self, held: Held, records: dict[str, Record], *, deep: bool) -> Iterator[Violation]:
        has = set(held.record_ids)
        for record in records.values():
            due = record.outcome == "success" or (deep and record.outcome not in {"invalid", "pending"})
            if record.withdrawn_at:
                if deep and record.record_id in has:
                    yield self._violation(held, record, "shows a withdrawn record")
            elif due and record.record_id not in has:
                yield self._violation(held, record, "does not hold an open record")

    def _violation(self, held: Held, record: Record, says: str) -> Violation:
        shown = Held(receiver=held.receiver, record_ids=[], since=held.since, at=held.at)
        item = f"handset {held.receiver}, record {record.record_id}"
        return Violation(self.name, item, says, [record, shown])
