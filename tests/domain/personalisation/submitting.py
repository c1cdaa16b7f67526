"""Records as a business submits them."""

from tests.support.factories import Cast, phone

from callmark.domain.deps import Deps
from callmark.instants import to_ms
from callmark.record_rules.fields import NewRecord


def new_record(deps: Deps, cast: Cast, **changed: object) -> NewRecord:
    """A good record, open for an hour."""
    now = to_ms(deps.clock.now())
    return NewRecord("918040001234", phone(), str(cast.label.id), None, None, now, now + 3_600_000)._replace(**changed)
