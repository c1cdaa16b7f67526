"""The account as it is, in the terms of a file, over the management API."""

from typing import Any, TypeVar

import msgspec
from msgspec import UNSET, Struct, UnsetType, field

from callmark.client.account_file.entries import (
    AccountFile,
    CallbackEntry,
    CampaignEntry,
    FeatureSetEntry,
    LabelEntry,
    QuestionEntry,
    WebhookEntry,
)
from callmark.client.account_file.plans import (
    Key,
    PresentAccount,
    campaign_key,
    label_key,
    reason_key,
    set_key,
    webhook_key,
)
from callmark.client.account_file.present_tree import TreeNode, tree_of
from callmark.client.core import Call, Core
from callmark.client.errors import CallmarkError
from callmark.client.flow import Flow

T = TypeVar("T")
BUCKET = "management"
MOST_OF_A_PAGE = "1000"


class _Label(LabelEntry, kw_only=True):
    id: str
    logo_url: str = ""


class _Reason(Struct):
    id: str
    call_reason: str


class _FeatureSet(Struct, kw_only=True):
    id: str
    name: str
    process_id: str | None = None
    description: str = ""
    status: Any = "draft"
    label_id: str | None = None
    call_reason_id: str | None = None
    call_me_back: bool = False
    survey: bool = False
    phone_type: Any = "verified"
    number_count: int = 0


class _Config(CallbackEntry, kw_only=True):
    feature_set_id: str


class _Question(QuestionEntry):
    id: str = ""


class _Campaign(CampaignEntry, kw_only=True):
    id: str
    feature_set_id: str
    questions: list[_Question] = field(default_factory=list[_Question])  # pyright: ignore[reportIncompatibleVariableOverride] - with their ids


class _Webhook(WebhookEntry, kw_only=True):
    id: str
    paused_at: str | None = None


class _Number(Struct):
    phone_number: str
    state: str
    feature_set_id: str
    why: str | None = None


class _Tree(Struct):
    departments: list[TreeNode] = []


class _Operation(Struct):
    id: str
    name: str


class _Catalogue(Struct):
    calling_operations: list[_Operation] = []


class _Raw(Struct, kw_only=True):
    """Everything that was read."""

    labels: list[_Label]
    reasons: list[_Reason]
    tree: list[TreeNode]
    sets: list[_FeatureSet]
    configs: list[_Config]
    campaigns: list[_Campaign]
    webhooks: list[_Webhook]
    numbers: list[_Number] | None
    catalogue: list[_Operation] = field(default_factory=list[_Operation])


def read_account(core: Core, *, with_numbers: bool) -> Flow[PresentAccount]:
    """The whole account. `with_numbers` also its numbers, 1,000 a request."""
    tree = yield from _get(core, "structure", _Tree)
    catalogue = yield from _get(core, "calling_operations", _Catalogue)
    raw = _Raw(
        labels=(yield from _all(core, "labels", _Label)),
        reasons=(yield from _all(core, "call_reasons", _Reason)),
        tree=tree.departments,
        sets=(yield from _all(core, "feature_sets", _FeatureSet)),
        configs=(yield from _all(core, "callback_configs", _Config)),
        campaigns=(yield from _all(core, "campaigns", _Campaign)),
        webhooks=(yield from _all(core, "webhooks", _Webhook)),
        numbers=(yield from _all(core, "numbers", _Number)) if with_numbers else None,
        catalogue=catalogue.calling_operations,
    )
    return _assembled(raw)


def _get(core: Core, path: str, shape: type[T], **query: str) -> Flow[T]:
    call = Call("GET", f"{core.extensions}/{path}", query=query, bucket=BUCKET, is_patient=True)
    return (yield from core.fetch(call, shape))


def _all(core: Core, name: str, shape: type[T]) -> Flow[list[T]]:
    """Every entry of a list, over all its pages."""
    found: list[T] = []
    query = {"limit": MOST_OF_A_PAGE}
    while True:
        page = yield from _get(core, name, dict[str, Any], **query)
        found += convert_all(page.get(name), shape)
        if not page.get("next_after"):
            return found
        query["after"] = page["next_after"]


def convert_all(items: object, shape: type[T]) -> list[T]:
    """A list of an answer as Structs. Raises CallmarkError for words that this version does not know."""
    try:
        return msgspec.convert(items, list[shape])
    except msgspec.ValidationError as exc:
        raise CallmarkError(f"the account has what this version of callmark does not know ({exc}); update it") from exc


def _assembled(raw: _Raw) -> PresentAccount:
    ids: dict[Key, str] = {}
    twins: dict[Key, str] = {}

    def known(key: Key, found: str, told: str) -> None:
        if key in ids:
            twins[key] = f"{told}: the account has two of this name, which a file cannot tell apart; rename one"
        ids[key] = found

    for label in raw.labels:
        known(label_key(label.label_type, label.name), label.id, f"label {label.name} ({label.label_type})")
    for reason in raw.reasons:
        ids[reason_key(reason.call_reason)] = reason.id
    for webhook in raw.webhooks:
        known(webhook_key(webhook.name), webhook.id, f"webhook {webhook.name}")
    sets = _Sets(raw)
    entries = AccountFile(
        labels=[_label(one) for one in reversed(raw.labels)],
        call_reasons=[one.call_reason for one in reversed(raw.reasons)],
        departments=tree_of(raw.tree, known, sets.below),
        webhooks=[_webhook(one) for one in raw.webhooks],
    )
    for one in raw.sets:
        if one.id in sets.keys:
            known(sets.keys[one.id], one.id, f"feature set {one.name}")
    for key, found, told in sets.campaign_ids:
        known(key, found, told)
    return PresentAccount(
        entries,
        ids | sets.question_ids,
        number_counts={sets.keys[one.id]: one.number_count for one in raw.sets if one.id in sets.keys},
        failed_numbers={one.phone_number: one.why or "rejected" for one in raw.numbers or [] if one.state == "failed"},
        ended_campaigns=sets.ended,
        calling_operations={one.name: one.id for one in raw.catalogue},
        groups=[one.name for one in raw.sets if one.process_id is None],
        twins=twins,
    )


def _label(one: _Label) -> LabelEntry:
    # Only a dynamic label can be the default: of a static one the file says nothing.
    default = one.is_default if one.label_type == "dynamic" else UNSET
    return LabelEntry(
        name=one.name,
        label_type=one.label_type,
        sub_category=one.sub_category,
        logo=one.logo_url,
        is_default=default,
    )


def _webhook(one: _Webhook) -> WebhookEntry:
    return WebhookEntry(
        name=one.name,
        url=one.url,
        event_types=one.event_types,
        honours_retry_after=one.honours_retry_after,
        stops_on_gone=one.stops_on_gone,
        paused=one.paused_at is not None,
    )


class _Sets:
    """Feature sets with what belongs to them, found by their process."""

    def __init__(self, raw: _Raw) -> None:
        self._raw = raw
        self._labels = {one.id: one.name for one in raw.labels}
        self._reasons = {one.id: one.call_reason for one in raw.reasons}
        self._configs = {one.feature_set_id: one for one in raw.configs}
        self._of_unit: dict[str, list[_FeatureSet]] = {}
        for one in raw.sets:
            if one.process_id is not None:
                self._of_unit.setdefault(one.process_id, []).append(one)
        self._campaigns: dict[str, list[_Campaign]] = {}
        for campaign in raw.campaigns:
            self._campaigns.setdefault(campaign.feature_set_id, []).append(campaign)
        self._numbers: dict[str, list[str]] = {}
        for number in raw.numbers or []:
            if number.state != "delisting":
                self._numbers.setdefault(number.feature_set_id, []).append(number.phone_number)
        self.keys: dict[str, Key] = {}
        self.ended: dict[Key, int] = {}
        self.campaign_ids: list[tuple[Key, str, str]] = []
        self.question_ids: dict[Key, str] = {}

    def below(self, unit_id: str, unit: Key) -> list[FeatureSetEntry]:
        """The feature sets of a process or sub-process."""
        return [self._entry(one, set_key(unit, one.name)) for one in self._of_unit.get(unit_id, [])]

    def _entry(self, one: _FeatureSet, key: Key) -> FeatureSetEntry:
        self.keys[one.id] = key
        numbers = UNSET if self._raw.numbers is None else sorted(self._numbers.get(one.id, []))
        return FeatureSetEntry(
            name=one.name,
            description=one.description,
            status=one.status,
            label=self._labels.get(one.label_id or ""),
            call_reason=self._reasons.get(one.call_reason_id or ""),
            call_me_back=one.call_me_back,
            survey=one.survey,
            phone_type=one.phone_type,
            numbers=numbers,
            callback_config=self._config(one.id),
            campaigns=[self._campaign(key, found) for found in self._of_set(one.id, key)],
        )

    def _config(self, set_id: str) -> CallbackEntry | UnsetType | None:
        found = self._configs.get(set_id)
        if found is None:
            return None
        return CallbackEntry(
            name=found.name, slot_picker=found.slot_picker, time_zone=found.time_zone, hours=found.hours
        )

    def _of_set(self, set_id: str, key: Key) -> list[_Campaign]:
        """Drafts and live ones, the oldest first."""
        every = self._campaigns.get(set_id, [])
        self.ended[key] = sum(one.state == "ended" for one in every)
        return [one for one in reversed(every) if one.state != "ended"]

    def _campaign(self, feature_set: Key, one: _Campaign) -> CampaignEntry:
        key = campaign_key(feature_set, one.name)
        self.campaign_ids.append((key, one.id, f"campaign {one.name}"))
        for question in one.questions:
            self.question_ids["question", *key[1:], question.text] = question.id
        return CampaignEntry(
            name=one.name,
            campaign_type=one.campaign_type,
            state=one.state,
            call_types=one.call_types,
            questions=[QuestionEntry(question.text, question.options) for question in one.questions],
        )
