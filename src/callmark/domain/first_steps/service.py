"""The first steps of a new account: which are done, by what exists, and what the demo prepares for the last one."""

from collections.abc import Sequence
from typing import TypeVar

from msgspec import Struct

from callmark.domain.accounts import service as accounts
from callmark.domain.calls import daily_figures as call_figures
from callmark.domain.credentials import service as credentials
from callmark.domain.credentials.model import ApiKey
from callmark.domain.deps import Deps
from callmark.domain.events.model import EventType
from callmark.domain.feature_sets import service as feature_sets, visible_sets
from callmark.domain.feature_sets.model import FeatureSet, NewFeatureSet
from callmark.domain.ids import AccountId, DepartmentId, OperationId, ProcessId
from callmark.domain.labels import service as labels
from callmark.domain.labels.model import Label, LabelType
from callmark.domain.numbers import imports, search as number_search
from callmark.domain.numbers.model import NumberState
from callmark.domain.personalisation import service as personalisation
from callmark.domain.personalisation.model import StoredRecord
from callmark.domain.policy.model import Actor
from callmark.domain.policy.plan import Feature
from callmark.domain.structure import service as structure
from callmark.domain.structure.catalogue import catalogue_entry_named
from callmark.domain.structure.model import flat
from callmark.domain.webhooks import service as webhooks
from callmark.domain.webhooks.deliveries import service as deliveries
from callmark.domain.webhooks.model import Delivery, DeliveryState
from callmark.instants import to_ms
from callmark.kit.errors import Conflict, NotFound
from callmark.kit.phone import PhoneNumber
from callmark.record_rules.fields import NewRecord

NAME = "First steps"
_OPERATION, _PROCESS = "Customer support", "Callbacks"
_REASON = "Trying out our caller ID"
_WINDOW_MS = 3_600_000
_LOOKED_AT = 20
_TRIES = 5
"""As many as there are things to make whose names must be free."""
_NEEDED_TO_ANSWER = frozenset({Feature.NUMBER_MANAGEMENT, Feature.CALL_ME_BACK})
_T = TypeVar("_T")


class FirstSteps(Struct, frozen=True):
    """What exists of each step.

    `label` is a dynamic label; `key` one that was used if there is any, else the newest; `delivered` the newest event
    that reached a webhook. `is_prepared`: the demo's number is listed with Call Me Back, and a webhook leads to the
    demo's receiver. `can_push` and `lacks_to_answer` say what of the account's plan the steps need.
    """

    label: Label | None
    is_shown: bool
    key: ApiKey | None
    is_prepared: bool
    delivered: Delivery | None
    can_push: bool
    lacks_to_answer: Sequence[Feature]

    @property
    def done(self) -> tuple[bool, bool, bool, bool]:
        """Whether each step is done, in their order."""
        return (
            self.label is not None,
            self.is_shown,
            self.key is not None and self.key.last_used_at is not None,
            self.delivered is not None,
        )


def demo_numbers(account_id: AccountId) -> tuple[PhoneNumber, PhoneNumber]:
    """The number that calls and the phone that rings in the demo, both the account's own."""
    return PhoneNumber(f"9180{account_id.int % 10**8:08d}"), PhoneNumber(f"91991{account_id.int // 10**8 % 10**7:07d}")


async def read_first_steps(deps: Deps, account_id: AccountId, sink_url: str) -> FirstSteps:
    """How far the account is; webhooks of the demo lead to `sink_url`."""
    features = (await accounts.get_account(deps, account_id)).features
    dynamic = await labels.list_for_records(deps, account_id)
    keys = await credentials.list_keys(deps, account_id)
    days = await call_figures.read_days(deps, account_id)
    arrived = deliveries.DeliveryFilter(state=DeliveryState.SUCCESS)
    newest = await deliveries.list_deliveries(deps, account_id, arrived, limit=_LOOKED_AT)
    return FirstSteps(
        label=_first(dynamic),
        is_shown=any(day.shown for day in days.days),
        key=_first([key for key in keys if key.last_used_at]) or _first(keys[::-1]),
        is_prepared=bool(sink_url) and await _is_prepared(deps, account_id, sink_url),
        delivered=_first([one for one in newest if not one.is_test]),
        can_push=Feature.CALL_PERSONALISATION in features,
        lacks_to_answer=[feature for feature in Feature if feature in _NEEDED_TO_ANSWER - features],
    )


async def push_to_demo(deps: Deps, account_id: AccountId, *, by: Actor) -> StoredRecord:
    """A record of an hour for the demo's phone, with the account's default label; with its outcome.

    Raises NotFound without a label, and RecordRefused.
    """
    label = _first(await labels.list_for_records(deps, account_id))
    if label is None:
        raise NotFound
    caller, receiver = demo_numbers(account_id)
    now_ms = to_ms(deps.clock.now())
    record = NewRecord(caller, receiver, str(label.id), None, _REASON, now_ms, now_ms + _WINDOW_MS)
    return await personalisation.push_by_hand(deps, account_id, record, by=by)


async def prepare_demo(deps: Deps, account_id: AccountId, sink_url: str, *, by: Actor) -> None:
    """Lists the demo's calling number with Call Me Back, and points a webhook at the demo's receiver.

    Safe to ask for again, and for several members at once: what exists stays. Raises Forbidden when the account's
    plan lacks what the step needs, NotFound without a label, and what making a label, a feature set or a webhook is
    refused with.
    """
    for feature in sorted(_NEEDED_TO_ANSWER):
        await accounts.check_plan(deps, account_id, feature)
    for _ in range(_TRIES):
        try:
            await _prepare(deps, account_id, sink_url, by)
        except Conflict:  # if another member makes the same at this moment, it is found the next time
            continue
        return
    await _prepare(deps, account_id, sink_url, by)


async def _prepare(deps: Deps, account_id: AccountId, sink_url: str, by: Actor) -> None:
    if not any(one.url == sink_url for one in await webhooks.list_webhooks(deps, account_id)):
        await webhooks.create_webhook(
            deps,
            account_id,
            name=NAME,
            url=sink_url,
            event_types=[EventType.CALL_ME_BACK],
            by=by,
        )
    feature_set = await _feature_set(deps, account_id, by)
    caller, _ = demo_numbers(account_id)
    await imports.append(deps, account_id, feature_set.id, [caller], by=by)


async def _is_prepared(deps: Deps, account_id: AccountId, sink_url: str) -> bool:
    caller, _ = demo_numbers(account_id)
    found = await number_search.find_numbers(deps, account_id, [caller])
    if not any(one.state is NumberState.LISTED for one in found):
        return False
    return any(one.url == sink_url and one.paused_at is None for one in await webhooks.list_webhooks(deps, account_id))


async def _feature_set(deps: Deps, account_id: AccountId, by: Actor) -> FeatureSet:
    names = await visible_sets.list_names(deps, account_id, by.scope)
    if there := _first([one for one in names if not one.is_number_group and one.name == NAME]):
        return (await visible_sets.get_visible(deps, account_id, there.id, by.scope)).feature_set
    wanted = NewFeatureSet(NAME, label_id=(await _static_label(deps, account_id, by)).id, call_me_back=True)
    process_id = await _process(deps, account_id, by)
    return await feature_sets.create_feature_set(deps, account_id, process_id, wanted, by=by)


async def _process(deps: Deps, account_id: AccountId, by: Actor) -> ProcessId:
    """One there is, else a new one."""
    of = (deps, account_id)
    tree = await structure.tree(*of, by.scope)
    if home := _first([node for node in flat(tree).values() if node.has_sets]):
        return ProcessId(home.id)
    department = _first([node for node in tree if node.name == NAME])
    department_id = department.id if department else (await structure.create_department(*of, name=NAME, by=by)).id
    operation_id = department.below[0].id if department and department.below else None
    if operation_id is None:
        entry = catalogue_entry_named(_OPERATION)
        made = await structure.create_operation(*of, DepartmentId(department_id), catalogue_id=entry.id, by=by)
        operation_id = made.id
    return (await structure.create_process(*of, OperationId(operation_id), name=_PROCESS, by=by)).id


async def _static_label(deps: Deps, account_id: AccountId, by: Actor) -> Label:
    """A label that a feature set can show: one there is, else the dynamic one once more as a static one."""
    found = await labels.list_labels(deps, account_id)
    if static := _first([label for label in found if label.label_type is LabelType.STATIC]):
        return static
    dynamic = _first(await labels.list_for_records(deps, account_id))
    if dynamic is None:
        raise NotFound
    return await labels.create_label(
        deps,
        account_id,
        by=by,
        label_type=LabelType.STATIC,
        name=dynamic.name,
        logo_png=await labels.kept_logo(deps, dynamic.logo_sha256.hex()),
        category=dynamic.category,
        sub_category=dynamic.sub_category,
    )


def _first(found: list[_T]) -> _T | None:
    return found[0] if found else None
