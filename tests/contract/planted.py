"""The structure of a sample's businesses: departments, operations, processes, and the feature sets that it names."""

from datetime import timedelta
from uuid import UUID

from msgspec.structs import replace
from tests.support.factories import make_branch
from tests.support.fake_clock import FakeClock

from callmark.domain.call_reasons import service as call_reasons
from callmark.domain.deps import Deps
from callmark.domain.feature_sets import service as feature_sets
from callmark.domain.feature_sets.model import NewFeatureSet, PhoneType
from callmark.domain.ids import AccountId, CallReasonId, LabelId, ProcessId
from callmark.domain.policy.model import SYSTEM

EMAIL = "ops@acme.example"

_NODES = ("department", "operation", "process", "sub_process")
_BRANCHES = {
    "": ("Retail", "Delivery", "Last mile", "Evening"),
    "bank_": ("Bank", "Loans and credit", "Cards", "Abroad"),
    "foreign_": ("Retail", "Delivery", "Last mile", "Evening"),
}
"""What the nodes of each prefix are called."""

_FEATURE_SETS = {
    "feature_set": ("process", NewFeatureSet("Delivery default", "For parcels")),
    "draft_feature_set": ("process", NewFeatureSet("Delivery draft")),
    "sub_feature_set": ("sub_process", NewFeatureSet("Evening default", call_me_back=True, survey=True)),
    "priority_feature_set": ("process", NewFeatureSet("Urgent", phone_type=PhoneType.PRIORITY)),
    "bank_feature_set": ("bank_process", NewFeatureSet("Cards default")),
    "foreign_feature_set": ("foreign_process", NewFeatureSet("Delivery default")),
}
"""In the order in which they are made, a second apart: the node they hang on, and what they are."""

_WITHOUT_LABEL = frozenset({"draft_feature_set", "sub_feature_set"})
_ALL_NODES = {prefix + node: prefix for prefix in _BRANCHES for node in (*_NODES, "calling_operation")}
PLANTED = frozenset({"call_reason", *_ALL_NODES, *_FEATURE_SETS})
"""Every name that this module gives a meaning."""


def needs_static_label(named: set[str]) -> bool:
    """Whether one of the named feature sets of the first business has a label."""
    return bool(named & (_FEATURE_SETS.keys() - _WITHOUT_LABEL - {"foreign_feature_set"}))


async def plant(deps: Deps, clock: FakeClock, names: dict[str, str], named: set[str]) -> None:
    """Makes what the sample names, and what that hangs on; `names` gets the ids.

    Those of the first business have `{static_label}`, but `draft_feature_set` and `sub_feature_set` have none;
    `feature_set` has `{call_reason}`.
    """
    ours = AccountId(UUID(names["account"]))
    wanted = {_ALL_NODES[name] for name in named & _ALL_NODES.keys()}
    wanted |= {_ALL_NODES[_FEATURE_SETS[name][0]] for name in named & _FEATURE_SETS.keys()}
    for prefix in (prefix for prefix in _BRANCHES if prefix in wanted):
        await _make_branch(
            deps, names, prefix, AccountId(UUID(names["other_account"])) if prefix == "foreign_" else ours
        )
    if {"call_reason", "feature_set"} & named:
        text = "Your parcel arrives today"
        reason = await call_reasons.create_call_reason(deps, ours, text=text, by=SYSTEM)
        names["call_reason"] = str(reason.id)
    for name in (name for name in _FEATURE_SETS if name in named):
        await _make_feature_set(deps, names, name)
        clock.advance(timedelta(seconds=1))


async def _make_branch(deps: Deps, names: dict[str, str], prefix: str, account_id: AccountId) -> None:
    made = await make_branch(deps, account_id, **dict(zip(_NODES, _BRANCHES[prefix], strict=True)))
    names |= {
        f"{prefix}department": str(made.department.id),
        f"{prefix}operation": str(made.operation.id),
        f"{prefix}calling_operation": str(made.operation.catalogue_id),
        f"{prefix}process": str(made.process.id),
        f"{prefix}sub_process": str(made.sub_process.id),
    }


async def _make_feature_set(deps: Deps, names: dict[str, str], name: str) -> None:
    node, new = _FEATURE_SETS[name]
    is_foreign = name.startswith("foreign_")
    account_id = AccountId(UUID(names["other_account" if is_foreign else "account"]))
    if not is_foreign and name not in _WITHOUT_LABEL:
        new = replace(new, label_id=LabelId(UUID(names["static_label"])))
    if name == "feature_set":
        new = replace(new, call_reason_id=CallReasonId(UUID(names["call_reason"])))
    process_id = ProcessId(UUID(names[node]))
    made = await feature_sets.create_feature_set(deps, account_id, process_id, new, by=SYSTEM)
    names[name] = str(made.id)
