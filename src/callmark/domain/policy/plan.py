"""The features that an account subscribes to and a key gives access to (contract, section 3.2 and D49).

Beside them a key may give access to the management API. Nobody subscribes to that: it does what the account's admins do
in the console, and is part of every plan. It opens the whole account, so a key has it only when someone asks for it.
"""

from collections.abc import Collection, Iterable
from enum import StrEnum

from callmark.kit.errors import Forbidden, InvalidInput


class Feature(StrEnum):
    """What an account subscribes to and a key gives access to."""

    CALL_PERSONALISATION = "call_personalisation"
    NUMBER_MANAGEMENT = "number_management"
    CALL_ME_BACK = "call_me_back"
    USER_FEEDBACK = "user_feedback"


class Management(StrEnum):
    """The access to the management API."""

    MANAGEMENT = "management"


KeyAccess = Feature | Management
"""What a key gives access to."""

MANAGEMENT = Management.MANAGEMENT
ALL_FEATURES = frozenset(Feature)
ALL_ACCESS: tuple[KeyAccess, ...] = (*Feature, MANAGEMENT)
"""Everything that a key may give access to, in the order in which it is offered."""

_BY_NAME = {access.value: access for access in ALL_ACCESS}


def key_access(name: str) -> KeyAccess:
    """The access of that name. Raises KeyError."""
    return _BY_NAME[name]


def not_in_plan(feature: Feature) -> str:
    """What is said where an account lacks a feature (contract D49)."""
    return f"{feature.value.replace('_', ' ').title()} is not part of your plan"


def check_plan(plan: Collection[Feature], feature: Feature) -> None:
    """Raises Forbidden when the plan, what an account subscribes to, lacks the feature."""
    if feature not in plan:
        raise Forbidden(f"{not_in_plan(feature)}. Please ask the operator of this installation.")


def check_wanted(
    plan: Collection[Feature], wanted: Iterable[KeyAccess], had: Collection[KeyAccess], field: str
) -> None:
    """Raises InvalidInput about `field` for a feature that is wanted, was not `had` before and is not in the plan."""
    features = sorted(one for one in wanted if isinstance(one, Feature))
    lacking = next((one for one in features if one not in plan and one not in had), None)
    if lacking is not None:
        raise InvalidInput(not_in_plan(lacking), field=field)
