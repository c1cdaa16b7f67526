"""What a plan is: changes, each with the requests that carry it out, in the order of what depends on what."""

from collections.abc import Iterable, Sequence
from enum import IntEnum
from typing import Any, Literal, TypeVar, cast

from msgspec import UNSET, Struct, UnsetType, field

from callmark.client.account_file.entries import AccountFile
from callmark.client.reprs import SafeRepr
from callmark.record_rules.same_names import folded, in_small

T = TypeVar("T")
Key = tuple[str, ...]
"""What kind a thing is and its names from the top: how a file and an account find each other's things."""


class Phase(IntEnum):
    """When a request is sent: what others name is made first and deleted last."""

    FREE_WEBHOOKS = 1  # first, because an account can have only a few
    LABELS = 2
    CALL_REASONS = 3
    DEPARTMENTS = 4
    OPERATIONS = 5
    PROCESSES = 6
    SUB_PROCESSES = 7
    FEATURE_SETS = 8
    CALLBACKS = 9
    MOVING_NUMBERS = 10  # out of the feature set that they are in
    NUMBERS = 11
    STATUS = 12
    CAMPAIGN_ENDS = 13  # a live campaign may keep the next from starting
    CAMPAIGNS = 14
    CAMPAIGN_STARTS = 15
    WEBHOOKS = 16
    NO_CAMPAIGNS = 17
    NO_CALLBACKS = 18
    NO_NUMBERS = 19
    NO_FEATURE_SETS = 20
    NO_SUB_PROCESSES = 21
    NO_PROCESSES = 22
    NO_OPERATIONS = 23
    NO_DEPARTMENTS = 24
    NO_LABELS = 25
    NO_CALL_REASONS = 26


class Ref(Struct, frozen=True):
    """Stands for the id of a thing, which may have none before it is made."""

    key: Key


class ApiStep(SafeRepr, Struct, frozen=True):
    """A request of the management API; `makes` is what the answer's id belongs to."""

    phase: Phase
    method: str
    path: tuple[str | Ref, ...]
    body: dict[str, Any] | None = None
    makes: Key | None = None


class ListingStep(Struct, frozen=True):
    """Numbers to put into a feature set (`publish`) or to take out (`delist`)."""

    phase: Phase
    how: Literal["publish", "delist"]
    feature_set: Ref
    numbers: list[str]


class DrainStep(Struct, frozen=True):
    """Waits until no number is on its way out of a feature set: that happens in the background."""

    phase: Phase
    feature_set: Ref


Step = ApiStep | ListingStep | DrainStep


class FieldDifference(Struct, frozen=True):
    """One field of a thing, in the account and in the file; UNSET where there is none."""

    name: str
    before: Any
    after: Any


class AccountChange(Struct, frozen=True):
    """One thing that is made, changed or deleted."""

    action: Literal["create", "change", "delete"]
    what: str
    name: str
    fields: list[FieldDifference] = []
    steps: list[Step] = []
    warning: str = ""
    """What goes with it and cannot be brought back."""


class AccountPlan(Struct):
    """All that a file changes in an account."""

    changes: list[AccountChange] = field(default_factory=list[AccountChange])
    faults: list[str] = field(default_factory=list[str])
    """What the file wants and the account cannot become; while there are any, nothing is changed."""
    kept: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    """What the account has and the file does not, kind and name; deleted only on request."""
    notes: list[str] = field(default_factory=list[str])
    """What is not as the file says and no request changes."""

    @property
    def steps(self) -> list[Step]:
        """The requests in their order."""
        return sorted((step for change in self.changes for step in change.steps), key=lambda step: step.phase)

    def count(self, action: str) -> int:
        """How many changes do that."""
        return sum(change.action == action for change in self.changes)


class PresentAccount(Struct, frozen=True):
    """An account as it is: in the terms of a file, and what a file does not say."""

    entries: AccountFile
    ids: dict[Key, str] = field(default_factory=dict[Key, str])
    number_counts: dict[Key, int] = field(default_factory=dict[Key, int])
    """Numbers of each feature set in every state."""
    failed_numbers: dict[str, str] = field(default_factory=dict[str, str])
    """Numbers that were not listed, and why."""
    ended_campaigns: dict[Key, int] = field(default_factory=dict[Key, int])
    """How many campaigns of a feature set have ended."""
    calling_operations: dict[str, str] = field(default_factory=dict[str, str])
    """The catalogue: id by name."""
    groups: list[str] = field(default_factory=list[str])
    """Number groups, which have no place in a file."""
    twins: dict[Key, str] = field(default_factory=dict[Key, str])
    """Things of one name, which a file cannot tell apart: what to say of them."""


class Pictures(Struct, frozen=True):
    """The logos of both sides: a file's by its name in the file, an account's by their address."""

    wanted: dict[str, bytes] = field(default_factory=dict[str, bytes])
    present: dict[str, bytes] = field(default_factory=dict[str, bytes])


def label_key(label_type: str, name: str) -> Key:
    """A label's key: by its exact name, because two may differ by case alone."""
    return "label", label_type, name.strip()


def reason_key(text: str) -> Key:
    """A call reason's key."""
    return "call_reason", text


def unit_key(*names: str) -> Key:
    """The key of a department, operation, process or sub-process; case does not count (contract, section 12.1)."""
    return "unit", *map(folded, names)


def set_key(unit: Key, name: str) -> Key:
    """A feature set's key."""
    return "feature_set", *unit[1:], folded(name)


def campaign_key(feature_set: Key, name: str) -> Key:
    """A campaign's key."""
    return "campaign", *feature_set[1:], name.strip()


def webhook_key(name: str) -> Key:
    """A webhook's key."""
    return "webhook", in_small(name.strip())


def given(value: Sequence[T] | UnsetType) -> Sequence[T]:
    """The list; an empty one where none is given."""
    return [] if isinstance(value, UnsetType) else value


def differing(wanted: Struct, present: Struct | None, names: Iterable[str]) -> list[FieldDifference]:
    """The fields that the file gives and the account has otherwise."""
    found: list[FieldDifference] = []
    for name in names:
        after = getattr(wanted, name)
        before = UNSET if present is None else getattr(present, name)
        if after is not UNSET and not _is_same(name, after, before):
            found.append(FieldDifference(name, before, after))
    return found


def plain(value: object) -> object:
    """A value to be compared: outer spaces do not count."""
    return value.strip() if isinstance(value, str) else value


def _is_same(name: str, one: object, other: object) -> bool:
    if name.endswith("_types") and isinstance(one, list) and isinstance(other, list):
        return sorted(cast("list[str]", one)) == sorted(cast("list[str]", other))
    return plain(cast("object", one)) == plain(other)


def body_of(fields: Sequence[FieldDifference]) -> dict[str, Any]:
    """The fields as a request has them."""
    return {one.name: one.after for one in fields}
