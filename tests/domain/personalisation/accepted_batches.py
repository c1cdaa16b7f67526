"""Batches as a use case accepts them."""

from collections.abc import Sequence

from tests.support.factories import Cast

from callmark.domain.deps import Deps
from callmark.domain.personalisation import accepting
from callmark.domain.personalisation.accepting import Submitted
from callmark.domain.personalisation.model import Batch
from callmark.domain.personalisation.validation import V2
from callmark.record_rules.fields import NewRecord


def _as_sent(_: int) -> bytes:
    return b"{}"


async def submit(deps: Deps, cast: Cast, records: Sequence[NewRecord]) -> Batch:
    return await accepting.submit_batch(deps, cast.account.id, V2, Submitted(records, _as_sent))
