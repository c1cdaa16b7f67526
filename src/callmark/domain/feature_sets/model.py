"""A feature set: what it is made of, its place, and the pure rules about it (contract, sections 7.4 and 12.3)."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from msgspec import UNSET, Struct, UnsetType

from callmark.domain.ids import (
    AccountId,
    CallReasonId,
    CatalogueId,
    DepartmentId,
    FeatureSetId,
    LabelId,
    OperationId,
    ProcessId,
)
from callmark.domain.policy.model import Path
from callmark.kit.errors import InvalidInput
from callmark.kit.text import clean_line, in_one_line

LONGEST_DESCRIPTION = 500


class FeatureSetState(StrEnum):
    """Whether the numbers of a feature set show its identity (contract D18)."""

    DRAFT = "draft"
    PUBLISHED = "published"
    UNPUBLISHED = "unpublished"


class PhoneType(StrEnum):
    """What kind of caller ID a feature set gives its numbers (contract, section 11)."""

    VERIFIED = "verified"
    PRIORITY = "priority"


class FeatureSet(Struct, frozen=True):
    """A bundle of label, call reason and offers for the numbers in it.

    `process_id` is the process or sub-process it belongs to, None for a number group (`is_number_group`), which holds
    numbers brought over from an older console. `call_me_back` and `survey` are switches.
    """

    id: FeatureSetId
    account_id: AccountId
    process_id: ProcessId | None
    is_number_group: bool
    name: str
    description: str
    state: FeatureSetState
    phone_type: PhoneType
    label_id: LabelId | None
    call_reason_id: CallReasonId | None
    call_me_back: bool
    survey: bool
    number_count: int
    created_by_email: str
    created_at: datetime
    updated_at: datetime


class FeatureSetPlace(Struct, frozen=True):
    """Where a feature set is, ids and names from the top down; the last two are empty without a sub-process."""

    department_id: DepartmentId
    department_name: str
    operation_id: OperationId
    catalogue_id: CatalogueId
    operation_name: str
    process_id: ProcessId
    process_name: str
    sub_process_id: ProcessId | None
    sub_process_name: str

    @property
    def path(self) -> Path:
        """The ids from the department down."""
        whole = (self.department_id, self.operation_id, self.process_id)
        return (*whole, self.sub_process_id) if self.sub_process_id else whole

    @property
    def trail(self) -> str:
        """The names from the department down, for a line of text."""
        return in_one_line((self.department_name, self.operation_name, self.process_name, self.sub_process_name))


class PlacedFeatureSet(Struct, frozen=True):
    """A feature set with its place, as section 7.4 of the contract lists it."""

    feature_set: FeatureSet
    place: FeatureSetPlace


class FeatureSetName(NamedTuple):
    """What a list of thousands knows of a feature set or number group."""

    id: FeatureSetId
    name: str
    is_number_group: bool = False


def by_name(one: FeatureSetName) -> tuple[bool, str, UUID]:
    """The order of a list of them: number groups come last."""
    return one.is_number_group, one.name.casefold(), one.id


class NodeFilter(Struct, frozen=True):
    """A filter: feature sets under one node (contract 7.3 and 7.4). At most one part is set (D30).

    `process_id` may name a process (its sub-processes are in it) or a sub-process.
    """

    department_id: DepartmentId | None = None
    operation_id: OperationId | None = None
    process_id: ProcessId | None = None


class FeatureSetUses(Struct, frozen=True):
    """The names of the feature sets that show a label or a call reason, by its id."""

    of_labels: Mapping[LabelId, Sequence[str]]
    of_call_reasons: Mapping[CallReasonId, Sequence[str]]


class NewFeatureSet(Struct, frozen=True):
    """What a feature set is made of, besides its place."""

    name: str
    description: str = ""
    label_id: LabelId | None = None
    call_reason_id: CallReasonId | None = None
    call_me_back: bool = False
    survey: bool = False
    phone_type: PhoneType = PhoneType.VERIFIED


class FeatureSetChange(Struct, frozen=True):
    """What to change of a feature set; UNSET leaves a part as it is, None takes label or call reason away."""

    name: str | UnsetType = UNSET
    description: str | UnsetType = UNSET
    label_id: LabelId | UnsetType | None = UNSET
    call_reason_id: CallReasonId | UnsetType | None = UNSET
    call_me_back: bool | UnsetType = UNSET
    survey: bool | UnsetType = UNSET
    phone_type: PhoneType | UnsetType = UNSET


class FeatureSetDependents(Struct, frozen=True):
    """What goes with a feature set when it is deleted: its configuration's name (empty for none) and its campaigns'.

    `open_request_count` are its Call Me Back requests that are not done: they stay, and owners no longer see them.
    """

    callback_config: str
    campaigns: Sequence[str]
    answer_count: int
    open_request_count: int

    @property
    def lost(self) -> list[str]:
        """What a question names, the configuration first. New answers come all the time and are none of it."""
        return [self.callback_config, str(self.open_request_count), *self.campaigns]


def description_text(text: str) -> str:
    """A description as it is stored: outer spaces dropped, 0 to 500 code points on one line. Raises InvalidInput."""
    return clean_line(text, "description", longest=LONGEST_DESCRIPTION) if text.strip() else ""


def refuse_unpublishable(feature_set: FeatureSet) -> None:
    """Raises InvalidInput for a published feature set that has no label (contract D18)."""
    if feature_set.state is FeatureSetState.PUBLISHED and feature_set.label_id is None:
        raise InvalidInput("a published feature set needs a label; unpublish it first", field="label_id")
