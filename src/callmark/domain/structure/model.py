"""An account's structure: department → operation → process → sub-process → feature set (contract, 12.1, 12.3)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from msgspec import UNSET, UnsetType

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
from callmark.kit.errors import Conflict, InvalidInput
from callmark.kit.text import alike, clean_line, some_names

LONGEST_NAME = 100
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


@dataclass(frozen=True)
class Department:
    """An autonomous unit of an account."""

    id: DepartmentId
    account_id: AccountId
    name: str
    created_at: datetime


@dataclass(frozen=True)
class Operation:
    """A calling operation of a department; `catalogue_id` names the entry of the catalogue, which gives `name`."""

    id: OperationId
    account_id: AccountId
    department_id: DepartmentId
    catalogue_id: CatalogueId
    name: str
    created_at: datetime


@dataclass(frozen=True)
class Process:
    """A process, or (`parent_id` set) a sub-process of one."""

    id: ProcessId
    account_id: AccountId
    operation_id: OperationId
    parent_id: ProcessId | None
    name: str
    created_at: datetime


@dataclass(frozen=True)
class FeatureSet:
    """A bundle of label, call reason and offers for the numbers in it.

    `process_id` is the process or sub-process it hangs on, None for a number group (`is_number_group`), which holds
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


@dataclass(frozen=True)
class Place:
    """Where a feature set hangs, ids and names from the top down; the last two are empty without a sub-process."""

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
        names = (self.department_name, self.operation_name, self.process_name, self.sub_process_name)
        return " › ".join(name for name in names if name)  # noqa: RUF001 - the sign between crumbs


@dataclass(frozen=True)
class Placed:
    """A feature set with its place, as section 7.4 of the contract lists it."""

    feature_set: FeatureSet
    place: Place


@dataclass(frozen=True)
class Within:
    """A filter: feature sets under one node (contract 7.3 and 7.4). At most one part is set (D30).

    `process_id` may name a process (its sub-processes are in it) or a sub-process.
    """

    department_id: DepartmentId | None = None
    operation_id: OperationId | None = None
    process_id: ProcessId | None = None


@dataclass(frozen=True)
class FeatureSetUses:
    """The names of the feature sets that show a label or a call reason, by its id."""

    of_labels: Mapping[LabelId, Sequence[str]]
    of_call_reasons: Mapping[CallReasonId, Sequence[str]]


@dataclass(frozen=True)
class NewFeatureSet:
    """What a feature set is made of, besides its place."""

    name: str
    description: str = ""
    label_id: LabelId | None = None
    call_reason_id: CallReasonId | None = None
    call_me_back: bool = False
    survey: bool = False
    phone_type: PhoneType = PhoneType.VERIFIED


@dataclass(frozen=True)
class FeatureSetChange:
    """What to change of a feature set; UNSET leaves a part as it is, None takes label or call reason away."""

    name: str | UnsetType = UNSET
    description: str | UnsetType = UNSET
    label_id: LabelId | UnsetType | None = UNSET
    call_reason_id: CallReasonId | UnsetType | None = UNSET
    call_me_back: bool | UnsetType = UNSET
    survey: bool | UnsetType = UNSET
    phone_type: PhoneType | UnsetType = UNSET


@dataclass(frozen=True)
class ProcessNode:
    """A process (or sub-process) of the tree, with the sub-processes and feature sets that hang on it."""

    process: Process
    sub_processes: "Sequence[ProcessNode]"
    feature_sets: Sequence[FeatureSet]


@dataclass(frozen=True)
class OperationNode:
    """An operation of the tree, with its processes."""

    operation: Operation
    processes: Sequence[ProcessNode]


@dataclass(frozen=True)
class DepartmentNode:
    """A department of the tree, with its operations. Everything in a tree is in alphabetical order."""

    department: Department
    operations: Sequence[OperationNode]


def node_name(text: str, what: str) -> str:
    """A name of a department, process or feature set as it is stored: outer spaces dropped, 1 to 100. InvalidInput."""
    return clean_line(text, "name", longest=LONGEST_NAME, what=f"{what} name")


def description_text(text: str) -> str:
    """A description as it is stored: outer spaces dropped, 0 to 500 code points on one line. Raises InvalidInput."""
    return clean_line(text, "description", longest=LONGEST_DESCRIPTION) if text.strip() else ""


def refuse_taken(name: str, others: Iterable[str], what: str, where: str) -> None:
    """Raises Conflict when one of `others`, which hang on the same parent, is called `name`."""
    if any(alike(name, other) for other in others):
        raise Conflict(f"a {what} named {name!r} already exists in this {where}")


def refuse_full(what: str, *inside: tuple[str, Sequence[str]]) -> None:
    """Raises Conflict that says what is still in it, unless every one of `inside` (a kind, names) is empty."""
    still = [some_names(kind, names) for kind, names in inside if names]
    if still:
        raise Conflict(f"this {what} still contains {' and '.join(still)}")


def refuse_unpublishable(feature_set: FeatureSet) -> None:
    """Raises InvalidInput for a published feature set that has no label (contract D18)."""
    if feature_set.state is FeatureSetState.PUBLISHED and feature_set.label_id is None:
        raise InvalidInput("a published feature set needs a label; unpublish it first", field="label_id")
