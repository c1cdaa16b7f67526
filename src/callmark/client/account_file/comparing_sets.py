"""What a file changes in feature sets: what they show, their numbers, callbacks and campaigns."""

from typing import Any

from msgspec import UNSET, Struct, UnsetType, field

from callmark.client.account_file.comparing import Comparison
from callmark.client.account_file.comparing_campaigns import compare_campaigns
from callmark.client.account_file.entries import CallbackEntry, FeatureSetEntry
from callmark.client.account_file.plans import (
    AccountChange,
    ApiStep,
    DrainStep,
    FieldDifference,
    Key,
    ListingStep,
    Phase,
    Ref,
    Step,
    differing,
    given,
    label_key,
    reason_key,
    set_key,
    unit_key,
)

SET_FIELDS = ("name", "description", "status", "label", "call_reason", "call_me_back", "survey", "phone_type")
Both = tuple[FeatureSetEntry, FeatureSetEntry | None]
"""The feature set of the file and that of the account."""
_REFERENCES = {"label": "label_id", "call_reason": "call_reason_id"}
_CALLBACK_FIELDS = ("name", "slot_picker", "time_zone", "hours")


def compare_feature_sets(
    of: Comparison,
    place: tuple[str, ...],
    wanted: list[FeatureSetEntry] | UnsetType,
    present: list[FeatureSetEntry] | UnsetType,
) -> None:
    """The feature sets of a process or sub-process, by name in any spelling of case."""
    unit = unit_key(*place)

    def key(one: FeatureSetEntry) -> Key:
        return set_key(unit, one.name)

    def told(one: FeatureSetEntry) -> str:
        return f"feature set {' / '.join((*place, one.name))}"

    for found, wanted_one, present_one in of.pairs(wanted, present, key, told):
        name = " / ".join((*place, (wanted_one or present_one or FeatureSetEntry(name="")).name))
        if wanted_one is not None:
            _compare_one(of, unit, found, name, (wanted_one, present_one))
        elif present_one is not None:
            _take_down(of, found, name, present_one)


class _SetChange(Struct):
    """What changes of one feature set, while it is found out."""

    key: Key
    name: str
    wanted: FeatureSetEntry
    present: FeatureSetEntry | None
    fields: list[FieldDifference] = field(default_factory=list[FieldDifference])
    steps: list[Step] = field(default_factory=list[Step])
    warning: str = ""


def _compare_one(of: Comparison, unit: Key, key: Key, name: str, both: Both) -> None:
    wanted, present = both
    change = _SetChange(key, name, wanted, present, differing(wanted, present, SET_FIELDS))
    _check(of, key, name, wanted, present)
    body = {one.name: one.after for one in change.fields if one.name != "status"}
    for field_name, wire in _REFERENCES.items():
        if field_name in body:
            body[wire] = _reference(of, field_name, name, body.pop(field_name))
    if present is None:
        made = {"process_id": Ref(unit), **{name: value for name, value in body.items() if value is not None}}
        change.steps.append(ApiStep(Phase.FEATURE_SETS, "POST", ("feature_sets",), made, key))
        change.fields = [one for one in change.fields if one.name != "name"]
    elif body:
        change.steps.append(ApiStep(Phase.FEATURE_SETS, "PATCH", ("feature_sets", Ref(key)), body))
    _compare_numbers(of, change)
    _compare_status(change)
    if present is None or change.fields or change.steps:
        action = "create" if present is None else "change"
        of.add(AccountChange(action, "feature set", name, change.fields, change.steps, change.warning))
    _compare_callback(of, key, name, wanted.callback_config, UNSET if present is None else present.callback_config)
    compare_campaigns(of, key, name, wanted.campaigns, UNSET if present is None else present.campaigns)


def _check(of: Comparison, key: Key, name: str, wanted: FeatureSetEntry, present: FeatureSetEntry | None) -> None:
    """What the platform would refuse only after other changes are made."""
    label = wanted.label if wanted.label is not UNSET else present.label if present else None
    numbers = given(wanted.numbers)
    if not label and (wanted.status in ("published", "unpublished") or numbers):
        of.fault("feature set", name, "needs a label to be published or to have numbers")
    if wanted.status == "draft" and numbers:
        of.fault("feature set", name, "listing numbers publishes it, so its status cannot be draft")
    if present is None:
        return
    if wanted.status == "draft" and present.status != "draft":
        of.fault("feature set", name, f"is {present.status} and cannot be a draft again; unpublished hides it")
    if wanted.phone_type not in (UNSET, present.phone_type) and of.present.number_counts.get(key, 0):
        of.fault("feature set", name, "its phone_type can change only while it has no numbers")


def _reference(of: Comparison, field: str, name: str, to: str | None) -> Ref | None:
    """The id of a label or call reason that a feature set names. One that will not be there is a fault."""
    if to is None:
        return None
    key = label_key("static", to) if field == "label" else reason_key(to)
    coming = {label_key(one.label_type, one.name) for one in given(of.wanted.labels)}
    coming |= {reason_key(one) for one in given(of.wanted.call_reasons)}
    if key not in coming and key not in of.present.ids:
        what = "static label" if field == "label" else "call reason"
        of.fault("feature set", name, f"there is no {what} {to!r} in the file or in the account")
    return Ref(key)


def _compare_status(change: _SetChange) -> None:
    """Publishing and unpublishing. Numbers that are listed publish their feature set, whatever it was."""
    before = change.present.status if change.present is not None else "draft"
    lists = any(step.phase == Phase.NUMBERS for step in change.steps)
    after, wanted = "published" if lists else before, change.wanted.status
    if wanted is UNSET:
        if after != before:
            change.fields.append(FieldDifference("status", before, after))
        return
    publish, unpublish = (
        ApiStep(Phase.STATUS, "POST", ("feature_sets", Ref(change.key), verb)) for verb in ("publish", "unpublish")
    )
    if wanted == "published" and after != "published":
        change.steps.append(publish)
    if wanted == "unpublished" and after != "unpublished":
        change.steps += [unpublish] if after == "published" else [publish, unpublish]


def _compare_numbers(of: Comparison, change: _SetChange) -> None:
    wanted = change.wanted.numbers
    if isinstance(wanted, UnsetType):
        return
    there = dict.fromkeys(given(change.present.numbers) if change.present is not None else [])
    coming = [number for number in wanted if number not in there]
    if coming:
        _move(of, change, coming)
        change.steps.append(ListingStep(Phase.NUMBERS, "publish", Ref(change.key), coming))
        change.fields.append(FieldDifference("numbers", [], coming))
    going = [number for number in there if number not in of.wanted_numbers]
    if going and of.prune:
        change.steps.append(ListingStep(Phase.NO_NUMBERS, "delist", Ref(change.key), going))
        change.fields.append(FieldDifference("numbers", going, []))
    elif going:
        of.plan.kept += [("number", f"{number} of {change.name}") for number in going]
    for number in wanted:
        if number in there and number in of.present.failed_numbers:
            of.plan.notes.append(f"{number} of {change.name} is not listed: {of.present.failed_numbers[number]}")


def _move(of: Comparison, change: _SetChange, coming: list[str]) -> None:
    """A number leaves the feature set that it is in before another one can have it (docs/numbers.md)."""
    sources: dict[Key, list[str]] = {}
    for number in coming:
        if source := of.held_numbers.get(number):
            sources.setdefault(source, []).append(number)
    for source, numbers in sources.items():
        change.steps.append(ListingStep(Phase.MOVING_NUMBERS, "delist", Ref(source), numbers))
        change.steps.append(DrainStep(Phase.MOVING_NUMBERS, Ref(source)))
    if count := sum(map(len, sources.values())):
        change.warning = (
            f"{count:,} of its numbers come from other feature sets; they show nothing until they are listed"
        )


def _compare_callback(
    of: Comparison,
    key: Key,
    name: str,
    wanted: CallbackEntry | UnsetType | None,
    present: CallbackEntry | UnsetType | None,
) -> None:
    there = present if isinstance(present, CallbackEntry) else None
    path = ("feature_sets", Ref(key), "callback_config")
    if isinstance(wanted, CallbackEntry):
        fields = differing(wanted, there, _CALLBACK_FIELDS)
        body: dict[str, Any] = {one.name: one.after for one in fields}
        step = ApiStep(Phase.CALLBACKS, "PATCH", path, body)
        if there is None:
            of.add(AccountChange("create", "callback configuration", name, fields, [step]))
        elif fields:
            of.add(AccountChange("change", "callback configuration", name, fields, [step]))
    elif wanted is None and there is not None:
        of.gone("callback configuration", name, ApiStep(Phase.NO_CALLBACKS, "DELETE", path))


def _take_down(of: Comparison, key: Key, name: str, present: FeatureSetEntry) -> None:
    """A feature set goes with its configuration, campaigns and answers, once its numbers are gone."""
    numbers = [number for number in given(present.numbers) if number not in of.wanted_numbers]
    steps: list[Step] = []
    if numbers:
        steps.append(ListingStep(Phase.NO_NUMBERS, "delist", Ref(key), numbers))
    if of.present.number_counts.get(key, 0):
        steps.append(DrainStep(Phase.NO_FEATURE_SETS, Ref(key)))
    steps.append(ApiStep(Phase.NO_FEATURE_SETS, "DELETE", ("feature_sets", Ref(key))))
    campaigns = len(given(present.campaigns)) + of.present.ended_campaigns.get(key, 0)
    lost = [f"{len(numbers):,} numbers are delisted"] if numbers else []
    lost += [f"{campaigns} of its campaigns go with all answers"] if campaigns else []
    of.gone("feature set", name, *steps, warning=" and ".join(lost))
