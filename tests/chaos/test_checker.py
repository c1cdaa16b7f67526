"""The checker finds what is wrong in histories that were made to be wrong, and nothing in one that is right."""

from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest
from chaos.checker.check import violations
from chaos.checker.history import (
    Answer,
    AnyEntry,
    Audited,
    Batch,
    Cancel,
    Change,
    CycleEnd,
    Delivery,
    Download,
    Event,
    EventsRead,
    Fault,
    Held,
    Listed,
    LogRead,
    Named,
    Push,
    Received,
    Record,
    Request,
    Usage,
    Webhook,
    Work,
    read_history,
    written,
)

END = CycleEnd(cycle=1, now_ms=1_000, at=50.0, deep=True)
LIGHT = msgspec.structs.replace(END, deep=False)
PUSH = Push(
    account="acme", reasons=["Order 1"], receivers=["91"], sent=1, answered=2, status=200, key="k", batch_id="b1"
)
NOW = Push(account="acme", reasons=["Order 2"], receivers=["91"], sent=1, answered=2, status=200, real_time=True)
RECORD = Record(
    record_id="r1",
    batch_id="b1",
    reason="Order 1",
    receiver="91",
    outcome="success",
    at=3,
    ends_ms=2_000,
    accepted_at="2026-01-01T10:00:00.000Z",
    sent_at="2026-01-01T10:00:00.010Z",
    settled_at="2026-01-01T10:00:00.020Z",
)
BATCH = Batch(batch_id="b1", record_count=1, done=True, record_ids=["r1"], at=3)
HELD = Held(receiver="91", record_ids=["r1"], since=0, at=4)
ANSWER = Answer(account="acme", kind="cmb", marker="44", sent=1, answered=2, status=204)
EVENT = Event(account="acme", number=1, event_id="e1", kind="cmb", marker="44", at=3)
EVENTS = EventsRead(account="acme", last_number=1, at=3)
HOOK = Webhook(account="acme", name="crm", kinds=["cmb"])
RECEIVED = Received(webhook="crm", event_id="e1", at=3)
CHANGE = Change(
    account="acme",
    action="call_reason.created",
    subject="About it",
    sent=1,
    answered=2,
    status=201,
    key="c1",
    made_id="x1",
)
AUDITED = Audited(account="acme", audit_id="a1", action="call_reason.created", subject="About it")
NAMED = Named(account="acme", names=[("About it", "x1")], at=3)
LISTED = Listed(account="acme", numbers=[("91800", "listed", "one")], at=3)
REQUEST = Request(bucket="lint", quota=2, window_s=10, sent=1, answered=2, status=200)
RIGHT: list[AnyEntry] = [
    PUSH,
    RECORD,
    BATCH,
    HELD,
    HOOK,
    ANSWER,
    EVENT,
    EVENTS,
    RECEIVED,
    CHANGE,
    AUDITED,
    NAMED,
    LISTED,
    REQUEST,
    Download(account="acme", kind="cmb", asked=3, markers=["44"]),
    Work(work={"batches": 0}, at=4),
    END,
]


def found(*entries: AnyEntry) -> list[tuple[str, str]]:
    """Which invariant says what."""
    return [(violation.invariant, violation.says) for violation in violations(entries)]


def but(entry: msgspec.Struct, **changes: object) -> AnyEntry:
    """The entry, changed."""
    changed = msgspec.structs.replace(entry, **changes)
    assert isinstance(changed, AnyEntry)
    return changed


def test_nothing_is_found_in_a_right_history(tmp_path: Path) -> None:
    file = tmp_path / "history.jsonl"
    file.write_bytes(written(RIGHT))
    assert list(read_history(file)) == RIGHT
    assert violations(read_history(file)) == []


def test_a_failed_record_that_was_read_before_a_repeat_may_have_been_delivered_by_its_answer() -> None:
    failed = but(RECORD, reason="Order 2", outcome="failed_to_push")
    assert found(NOW, failed, but(NOW, sent=4, answered=5, outcome="success"), END) == []


@pytest.mark.parametrize(
    ("entries", "says"),
    [
        ([PUSH, but(BATCH, done=False), END], "is not done in time"),
        ([PUSH, BATCH, END], "was accepted and is nowhere"),
        ([PUSH, RECORD, END], "was accepted and cannot be read"),
        ([PUSH, RECORD, but(BATCH, record_count=2), END], "has not its 1 records"),
        ([PUSH, but(RECORD, outcome="pending", settled_at=None), BATCH, END], "has no outcome in time"),
        ([PUSH, but(RECORD, outcome="pending", settled_at=None), but(LIGHT, at=200.0)], "has no outcome in time"),
        ([PUSH, RECORD, but(RECORD, outcome="failed_to_push"), BATCH, END], "two final outcomes"),
        ([PUSH, RECORD, but(RECORD, outcome="pending"), BATCH, END], "two final outcomes"),
        ([PUSH, but(RECORD, outcome="failed_to_push"), RECORD, BATCH, END], "two final outcomes"),
        ([PUSH, but(RECORD, settled_at=None), BATCH, END], "no settled_at"),
        ([PUSH, but(RECORD, accepted_at=None), BATCH, END], "no accepted_at"),
        ([PUSH, but(RECORD, sent_at="2026-01-01T09:00:00.000Z"), BATCH, END], "goes backwards"),
        ([PUSH, but(RECORD, first_outcome="failed_to_push"), BATCH, END], "only one of first_outcome"),
        ([PUSH, but(RECORD, outcome="pending"), LIGHT], "is pending and has been settled"),
        ([NOW, END], "was accepted and is nowhere"),
        ([but(NOW, outcome="success"), but(RECORD, reason="Order 2", outcome="failed_to_push"), END], "was answered"),
        ([but(NOW, outcome="failed_to_push", answered=4), but(RECORD, reason="Order 2"), END], "was answered"),
        ([PUSH, Cancel(record_id="r1", sent=1, answered=2, status=200), RECORD, BATCH, END], "is not withdrawn"),
    ],
)
def test_a_record_without_exactly_one_outcome_in_time_is_found(entries: Sequence[AnyEntry], says: str) -> None:
    assert [invariant for invariant, text in found(*entries) if says in text] == ["records"]


def test_a_late_acknowledgement_is_no_second_outcome() -> None:
    late = but(RECORD, first_outcome="failed_to_push", delivered_late_at="2026-01-01T11:00:00.000Z")
    assert found(PUSH, but(RECORD, outcome="failed_to_push"), late, BATCH, END) == []


def test_what_is_under_way_is_no_violation_yet() -> None:
    assert found(PUSH, but(RECORD, outcome="pending", settled_at=None), but(BATCH, done=False), LIGHT) == []


@pytest.mark.parametrize(
    ("entries", "says"),
    [
        ([RECORD, but(HELD, record_ids=[]), LIGHT], "does not hold an open record"),
        ([but(RECORD, outcome="failed_to_push"), but(HELD, record_ids=[]), END], "does not hold an open record"),
        ([but(RECORD, withdrawn_at="2026-01-01T10:01:00.000Z"), HELD, END], "shows a withdrawn record"),
    ],
)
def test_a_handset_that_does_not_hold_what_it_must_is_found(entries: Sequence[AnyEntry], says: str) -> None:
    assert found(*entries) == [("handsets", says)]


def test_a_handset_need_not_hold_what_has_ended() -> None:
    assert found(but(RECORD, ends_ms=1_000), but(HELD, record_ids=[]), END) == []


@pytest.mark.parametrize(
    ("entries", "invariant", "says"),
    [
        ([HOOK, EVENT, EVENTS, END], "webhooks", "never reached crm"),
        ([Delivery(account="acme", event_id="e1", state="pending", at=3), END], "webhooks", "its delivery is pending"),
        ([but(EVENT, number=2), EVENTS, LIGHT], "events", "number 2 follows where 1 is due"),
        ([EVENT, but(EVENT, number=3), LIGHT], "events", "number 3 follows where 2 is due"),
        ([EVENT, but(EVENTS, last_number=2), END], "events", "the log ends with 1, and the platform says 2"),
        ([ANSWER, EVENT, but(EVENT, number=2), LIGHT], "events", "is 2 events"),
        ([ANSWER, EVENTS, LIGHT], "events", "was received, and is no event"),
        (
            [ANSWER, EVENT, Download(account="acme", kind="cmb", asked=3, markers=[]), LIGHT],
            "downloads",
            "is missing in a download",
        ),
    ],
)
def test_a_lost_doubled_or_stuck_event_is_found(entries: Sequence[AnyEntry], invariant: str, says: str) -> None:
    assert (invariant, says) in found(*entries)


def test_a_webhook_need_not_get_what_it_does_not_subscribe_to() -> None:
    assert found(but(HOOK, kinds=["user_feedback"]), EVENT, EVENTS, END) == []


@pytest.mark.parametrize(
    ("entries", "says"),
    [
        ([LISTED, but(LISTED, account="bolt"), END], "is in one of acme and one of bolt"),
        ([but(LISTED, numbers=[("91800", "listed", "one"), ("91800", "listed", "two")]), END], "one of acme and two"),
        ([but(LISTED, numbers=[("91800", "delisting", "one")]), END], "stays delisting"),
    ],
)
def test_a_number_in_two_sets_or_between_two_states_is_found(entries: Sequence[AnyEntry], says: str) -> None:
    assert [invariant for invariant, text in found(*entries) if says in text] == ["numbers"]


def test_more_than_the_limit_within_a_window_is_found() -> None:
    three = [but(REQUEST, sent=float(at), answered=float(at) + 1) for at in (1, 4, 8)]
    assert found(*three, LIGHT) == [("limits", "3 were accepted within 10 s, and the limit is 2")]


def test_only_what_was_certainly_accepted_within_a_window_counts() -> None:
    refused = but(REQUEST, sent=2.0, answered=3.0, status=429)
    lost = but(REQUEST, sent=2.0, answered=3.0, status=0)
    later = but(REQUEST, sent=4.0, answered=11.5)
    assert found(REQUEST, but(REQUEST, sent=3.0, answered=4.0), refused, lost, later, LIGHT) == []


def test_windows_begin_again_after_a_fault_that_makes_them_forget() -> None:
    three = [but(REQUEST, sent=float(at), answered=float(at) + 1) for at in (1, 4, 8)]
    assert found(*three, Fault(kind="kill postgresql", began=5, ended=6, forgets=True), LIGHT) == []
    assert len(found(*three, Fault(kind="kill nats", began=5, ended=6), LIGHT)) == 1


@pytest.mark.parametrize(
    ("entries", "says"),
    [
        ([PUSH, but(PUSH, batch_id="b2"), LIGHT], "has two answers"),
        ([PUSH, RECORD, but(RECORD, record_id="r2"), LIGHT], "made 2 records of Order 1"),
        ([but(PUSH, key=""), RECORD, but(RECORD, record_id="r2"), LIGHT], "made 2 records of Order 1"),
        ([CHANGE, but(CHANGE, made_id="x2"), AUDITED, NAMED, END], "has two answers"),
        ([CHANGE, AUDITED, but(NAMED, names=[("About it", "x1"), ("About it", "x2")]), END], "made 2 things"),
        ([CHANGE, AUDITED, but(NAMED, names=[]), END], "was answered as done, and nothing was made"),
    ],
)
def test_a_second_answer_or_effect_of_one_key_is_found(entries: Sequence[AnyEntry], says: str) -> None:
    assert [invariant for invariant, text in found(*entries) if text == says] == ["idempotency"]


def test_a_push_without_a_key_may_have_an_effect_for_each_try_that_was_lost() -> None:
    lost = but(PUSH, key="", status=0, batch_id="")
    assert found(lost, lost, RECORD, but(RECORD, record_id="r2"), LIGHT) == []


def test_a_change_without_its_entry_or_with_two_is_found() -> None:
    assert found(CHANGE, LIGHT) == [("audit", "was done, and no entry says so")]
    assert found(CHANGE, AUDITED, but(AUDITED, audit_id="a2"), LIGHT) == [("audit", "has 2 entries")]
    assert found(but(CHANGE, status=503), LIGHT) == []


@pytest.mark.parametrize("entry", [PUSH, ANSWER, CHANGE, REQUEST])
def test_an_unforeseen_error_is_found_and_a_refusal_is_none(entry: AnyEntry) -> None:
    assert found(but(entry, status=500), LIGHT) == [("failures", "was answered 500")]
    assert found(but(entry, status=503), LIGHT) == []


def test_what_is_left_in_a_queue_at_rest_is_found() -> None:
    assert found(Work(work={"batches": 1, "mails": 0}, at=4), END) == [("queues", "1 are left at rest")]


def test_a_log_that_holds_a_secret_is_found() -> None:
    quiet = LogRead(file="front.log", read_bytes=70, holds=[], at=4)
    assert found(quiet, LIGHT) == []
    assert found(quiet, but(quiet, holds=["a token: …"]), quiet, LIGHT) == [("logs", "holds a token: …")]


def _used(memory_kb: int, descriptors: int) -> Usage:
    return Usage(process="worker", pid=7, memory_kb=memory_kb, descriptors=descriptors, at=1)


def test_memory_and_descriptors_that_grow_are_found() -> None:
    growing = [_used(100_000 + 8_000 * step, 30 + 8 * step) for step in range(16)]
    assert found(*growing, END) == [
        ("resources", "uses more and more memory"),
        ("resources", "uses more and more descriptors"),
    ]
    warming = [_used(60_000, 10)] * 3 + [_used(150_000, 60)] * 13
    assert found(*warming, END) == []


def test_a_violation_shows_the_history_of_its_item_and_nothing_else() -> None:
    other = but(PUSH, reasons=["Order 9"], key="k9", batch_id="b9", status=503)
    first = violations([other, PUSH, but(RECORD, settled_at=None), BATCH, LIGHT])[0]
    assert first.item == "record r1"
    assert "has the outcome success and no settled_at" in first.text()
    assert "Order 1" in first.text()
    assert "Order 9" not in first.text()
