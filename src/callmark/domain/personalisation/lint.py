"""A dry run of the judge: all faults of all records, and nothing is stored."""

from collections.abc import Sequence

from callmark.domain.deps import Deps
from callmark.domain.ids import AccountId
from callmark.domain.personalisation.judge import Faulty, NewRecord, Rules, all_faults
from callmark.domain.personalisation.service import known_labels
from callmark.kit.clock import to_ms


async def lint(deps: Deps, account_id: AccountId, rules: Rules, records: Sequence[NewRecord]) -> list[list[Faulty]]:
    """The faults of each record, in its order, as they would be found if the records were submitted now."""
    now_ms = to_ms(deps.clock.now())
    async with deps.db.connection() as tx:
        known = await known_labels(tx, account_id, records)
    return [all_faults(record, rules, known, now_ms) for record in records]
