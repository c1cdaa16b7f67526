"""Batches, calls that showed their records, and the jobs that count both."""

from datetime import timedelta

from msgspec.structs import replace
from tests.support.factories import Cast, Sent, phone, submit_batch
from tests.support.fake_clock import FakeClock

from callmark.domain.calls import daily_figures as call_figures, service as calls
from callmark.domain.calls.model import CallEvent, CallReport, CallSource
from callmark.domain.deps import Deps
from callmark.domain.ids import CallId
from callmark.domain.personalisation.daily_figures import jobs
from callmark.domain.personalisation.model import Batch, StoredRecord
from callmark.domain.personalisation.validation import V2
from callmark.instants import to_ms
from callmark.kit.ids import new_id
from callmark.record_rules.fields import NewRecord

OTHERS = """
INSERT INTO call (receiver_number, id, caller_number, source, record_id, reported_at)
SELECT '91' || (7000000000 + n)::text, gen_random_uuid(), '918040009999', 'none', $3, $1
FROM generate_series(1, $2::int) n
"""
"""Calls of somebody else, at one instant, with one record or none."""


async def submit(deps: Deps, cast: Cast, count: int = 1, *, bad: int = 0) -> Batch:
    """A batch of good records and bad ones."""
    now = to_ms(deps.clock.now())
    good = [NewRecord("918040001234", phone(), str(cast.label.id), None, None, now, now + 3_600_000)] * count
    wrong = [NewRecord("918040001234", "no number", str(cast.label.id), None, None, now, now + 3_600_000)] * bad
    return await submit_batch(deps, cast.account.id, V2, [Sent(record, lambda: b"{}") for record in [*good, *wrong]])


def long_after(deps: Deps) -> Deps:
    """The same installation some time later: every id made by now is settled, every call has ended."""
    real = FakeClock(deps.real_clock.now() + timedelta(minutes=1))
    return replace(deps, real_clock=real, clock=FakeClock(deps.clock.now() + timedelta(minutes=10)))


async def count_all(deps: Deps) -> None:
    """Runs the counting jobs as they will run some time later."""
    await jobs.count_days(long_after(deps))
    await call_figures.count_calls(long_after(deps))


async def called(deps: Deps, record: StoredRecord, *events: CallEvent) -> None:
    """A call that showed the record."""
    call_id = CallId(new_id())
    for event in events:
        assert record.caller_number
        await calls.report(
            deps,
            record.key.receiver_number,
            CallReport(call_id, record.caller_number, event, CallSource.CALL_RECORD, record.key),
        )
