"""An account's structure: department → operation → process → sub-process → feature set (contract, 12.1, 12.3)."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

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
from callmark.kit.text import clean_line

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


def node_name(text: str, what: str) -> str:
    """A name of a department, process or feature set as it is stored: outer spaces dropped, 1 to 100. InvalidInput."""
    return clean_line(text, "name", longest=LONGEST_NAME, what=f"{what} name")
