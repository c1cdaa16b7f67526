"""A dry run: all faults of all records of a batch; nothing is stored or sent."""

from collections.abc import Sequence

from callmark.domain.deps import Deps
from callmark.domain.ids import AccountId
from callmark.domain.personalisation.known import known_to
from callmark.domain.personalisation.validation import Rules, all_faults
from callmark.instants import to_ms
from callmark.record_rules.fields import Faulty, NewRecord


async def lint(deps: Deps, account_id: AccountId, rules: Rules, records: Sequence[NewRecord]) -> list[list[Faulty]]:
    """The faults of each record, in its order, as they would be found if the records were submitted now."""
    now_ms = to_ms(deps.clock.now())
    allow_foreign = deps.settings.foreign_callers == "allow"
    async with deps.db.connection() as tx:
        known = await known_to(tx, account_id, rules, records, allow_foreign=allow_foreign)
    return [all_faults(record, rules, known, now_ms) for record in records]
