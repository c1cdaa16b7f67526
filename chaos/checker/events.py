"""Events: numbered without gaps, one for each answer of a handset, brought to every webhook, and in every download."""

from collections import defaultdict
from collections.abc import Iterable, Iterator

from chaos.checker.history import (
    Answer,
    AnyEntry,
    CycleEnd,
    Delivery,
    Download,
    Event,
    EventsRead,
    Received,
    Webhook,
)
from chaos.checker.invariant import Once, Violation, is_taken


class EventNumbers:
    """The numbers of an account's events begin with 1 and have no gaps; an acknowledged answer is one event."""

    name = "events"

    def __init__(self) -> None:
        self._last: dict[str, Event] = {}
        self._answers: dict[str, list[Answer]] = defaultdict(list)
        self._events: dict[str, list[Event]] = defaultdict(list)
        self._read: dict[str, EventsRead] = {}
        self._open: set[str] = set()
        self._found: list[Violation] = []
        self._once = Once()

    def see(self, entry: AnyEntry) -> None:
        """Answers of handsets, and the log of events."""
        match entry:
            case Answer():
                self._answers[entry.marker].append(entry)
                self._open.add(entry.marker)
            case Event():
                self._see_event(entry)
            case EventsRead():
                self._read[entry.account] = entry
            case _:
                pass

    def _see_event(self, event: Event) -> None:
        last = self._last.get(event.account)
        expected = last.number + 1 if last else 1
        if event.number != expected:
            says = f"number {event.number} follows where {expected} is due"
            self._found.append(Violation(self.name, event.account, says, [last, event] if last else [event]))
        self._last[event.account] = event
        self._events[event.marker].append(event)
        self._open.add(event.marker)

    def broken(self, end: CycleEnd) -> Iterable[Violation]:
        """Of answers and events since the last end, and of answers whose events could not be read yet."""
        found, self._found = self._found, []
        yield from self._once.new(found)
        for account, read in self._read.items():
            last = self._last[account].number if account in self._last else 0
            if read.last_number != last and end.deep:
                says = f"the log ends with {last}, and the platform says {read.last_number}"
                yield from self._once.new([Violation(self.name, account, says, [read])])
        for marker in sorted(self._open):
            yield from self._once.new(self._of_marker(marker))
        self._open = {marker for marker in self._open if not self._events[marker]}

    def _of_marker(self, marker: str) -> Iterator[Violation]:
        tries, events = self._answers[marker], self._events[marker]
        if len(events) > 1:
            yield Violation(self.name, marker, f"is {len(events)} events", [*tries, *events])
        taken = [one for one in tries if is_taken(one.status)]
        read = self._read.get(taken[0].account) if taken else None
        if taken and read and taken[0].answered < read.at and not events:
            yield Violation(self.name, marker, "was received, and is no event", [*tries, read])


class Webhooks:
    """Every event reached every webhook that subscribes to it, and no delivery is stuck."""

    name = "webhooks"

    def __init__(self) -> None:
        self._hooks: dict[str, list[Webhook]] = defaultdict(list)
        self._events: list[Event] = []
        self._received: set[tuple[str, str]] = set()
        self._stuck: list[Delivery] = []
        self._once = Once()

    def see(self, entry: AnyEntry) -> None:
        """Webhooks, events, what receivers took, and deliveries that have not ended."""
        match entry:
            case Webhook():
                self._hooks[entry.account].append(entry)
            case Event():
                self._events.append(entry)
            case Received():
                self._received.add((entry.webhook, entry.event_id))
            case Delivery():
                self._stuck.append(entry)
            case _:
                pass

    def broken(self, end: CycleEnd) -> Iterable[Violation]:
        """Only at a deep end: until then an event may be on its way."""
        stuck, self._stuck = self._stuck, []
        if not end.deep:
            return
        for delivery in stuck:
            yield Violation(self.name, f"event {delivery.event_id}", f"its delivery is {delivery.state}", [delivery])
        events, self._events = self._events, []
        for event in events:
            for hook in self._hooks[event.account]:
                if event.kind in hook.kinds and (hook.name, event.event_id) not in self._received:
                    says = f"never reached {hook.name}"
                    yield Violation(self.name, f"event {event.event_id}", says, [hook, event])


class Downloads:
    """A log download holds every answer that was received before it was asked for."""

    name = "downloads"

    def __init__(self) -> None:
        self._answers: list[Answer] = []
        self._files: list[Download] = []

    def see(self, entry: AnyEntry) -> None:
        """Answers, and files."""
        match entry:
            case Answer() if is_taken(entry.status):
                self._answers.append(entry)
            case Download():
                self._files.append(entry)
            case _:
                pass

    def broken(self, end: CycleEnd) -> Iterable[Violation]:
        """Of the files since the last end."""
        del end
        for file in self._files:
            there = set(file.markers)
            for answer in self._answers:
                due = (answer.account, answer.kind) == (file.account, file.kind) and answer.answered < file.asked
                if due and answer.marker not in there:
                    shown = Download(account=file.account, kind=file.kind, asked=file.asked, markers=[])
                    yield Violation(self.name, answer.marker, "is missing in a download", [answer, shown])
        self._files.clear()
