"""The features that an account subscribes to and a key gives access to (contract, section 3.2 and D49)."""

from collections.abc import Collection, Iterable
from enum import StrEnum

from callmark.kit.errors import Forbidden, InvalidInput


class Feature(StrEnum):
    """What an account subscribes to and a key gives access to."""

    CALL_PERSONALISATION = "call_personalisation"
    NUMBER_MANAGEMENT = "number_management"
    CALL_ME_BACK = "call_me_back"
    USER_FEEDBACK = "user_feedback"


ALL_FEATURES = frozenset(Feature)


def not_in_plan(feature: Feature) -> str:
    """What is said where an account lacks a feature (contract D49)."""
    return f"{feature.value.replace('_', ' ').title()} is not part of your plan"


def check_plan(plan: Collection[Feature], feature: Feature) -> None:
    """Raises Forbidden when the plan, what an account subscribes to, lacks the feature."""
    if feature not in plan:
        raise Forbidden(f"{not_in_plan(feature)}. Please ask the operator of this installation.")


def check_wanted(plan: Collection[Feature], wanted: Iterable[Feature], had: Collection[Feature], field: str) -> None:
    """Raises InvalidInput about `field` for a feature that is wanted, was not `had` before and is not in the plan."""
    lacking = next((one for one in sorted(wanted) if one not in plan and one not in had), None)
    if lacking is not None:
        raise InvalidInput(not_in_plan(lacking), field=field)
