"""A published feature set with one listed number, whose calls receivers answer back to."""

from dataclasses import dataclass

from tests.factories import make_label, phone

from callmark.domain.accounts import service as accounts
from callmark.domain.calls import service as calls
from callmark.domain.calls.model import CallEvent, CallSource
from callmark.domain.deps import Deps
from callmark.domain.events import service as events
from callmark.domain.ids import AccountId, CallId, FeatureSetId
from callmark.domain.labels.model import LabelType
from callmark.kit.ids import new_id, random_uuid
from callmark.kit.phone import PhoneNumber

SOMEBODY = "alice@acme.example"


@dataclass(frozen=True)
class Listed:
    """The number, and the account and feature set that have it."""

    account_id: AccountId
    feature_set_id: FeatureSetId
    number: PhoneNumber


async def make_listed(
    deps: Deps,
    *,
    account_id: AccountId | None = None,
    name: str = "Delivery default",
    state: str = "published",
    is_number_group: bool = False,
    call_me_back: bool = True,
    survey: bool = True,
) -> Listed:
    """A number of a new account (or of the one given) as it stands when its listing has ended."""
    account_id = account_id or (await accounts.create_account(deps, "Acme")).id
    label = await make_label(deps, account_id, label_type=LabelType.STATIC)
    department, operation, process, feature_set = (new_id() for _ in range(4))
    number, now = phone(), deps.clock.now()
    async with deps.db.transaction() as tx:
        if not is_number_group:
            await tx.execute(
                "INSERT INTO department (id, account_id, name, created_at) VALUES ($1, $2, $3, $4)",
                *(department, account_id, str(department), now),
            )
            await tx.execute(
                "INSERT INTO calling_operation (id, account_id, department_id, catalogue_id, created_at)"
                " VALUES ($1, $2, $3, $4, $5)",
                *(operation, account_id, department, new_id(), now),
            )
            await tx.execute(
                "INSERT INTO calling_process (id, account_id, operation_id, name, created_at)"
                " VALUES ($1, $2, $3, 'Last mile', $4)",
                *(process, account_id, operation, now),
            )
        await tx.execute(
            "INSERT INTO feature_set (id, account_id, process_id, is_number_group, name, description, state,"
            " phone_type, label_id, call_me_back, survey, number_count, created_by_email, created_at, updated_at)"
            " VALUES ($1, $2, $3, $4, $5, '', $6, 'verified', $7, $8, $9, 1, $10, $11, $11)",
            *(feature_set, account_id, None if is_number_group else process, is_number_group, name, state),
            *(label.id, call_me_back, survey, SOMEBODY, now),
        )
        await tx.execute(
            "INSERT INTO number (phone_number, account_id, feature_set_id, phone_type, state, created_by_email,"
            " created_at, updated_at) VALUES ($1, $2, $3, 'verified', 'listed', $4, $5, $5)",
            *(number, account_id, feature_set, SOMEBODY, now),
        )
    return Listed(account_id, FeatureSetId(feature_set), number)


async def set_switch(deps: Deps, listed: Listed, switch: str, *, on: bool) -> None:
    """Turns a switch of the feature set: `call_me_back` or `survey`."""
    async with deps.db.connection() as tx:
        await tx.execute(f"UPDATE feature_set SET {switch} = $2 WHERE id = $1", listed.feature_set_id, on)  # noqa: S608 - a test names it


async def ring(
    deps: Deps, listed: Listed, outcome: CallEvent = CallEvent.MISSED, receiver: PhoneNumber | None = None
) -> tuple[PhoneNumber, CallId]:
    """A call from the listed number to a receiver (a new one), which the handset has reported."""
    receiver, call_id = receiver or phone(), CallId(random_uuid())
    await calls.report(deps, receiver, call_id, listed.number, outcome, CallSource.LISTED_NUMBER, None)
    return receiver, call_id


async def bodies(deps: Deps, account_id: AccountId) -> list[str]:
    """The bodies of the account's events, in order; their numbers have no gap."""
    found, last = await events.events_after(deps, account_id, 0, 10_000)
    assert [event.number for event in found] == list(range(1, last + 1))
    return [event.body for event in found]
