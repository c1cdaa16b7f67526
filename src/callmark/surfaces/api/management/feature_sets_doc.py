"""The routes of feature sets, with their texts for the reference."""

from callmark.domain.feature_sets.model import FeatureSetState
from callmark.domain.policy.model import Action
from callmark.surfaces.api import doc_parts
from callmark.surfaces.api.doc_parts import bad, conflict
from callmark.surfaces.api.example_values import AT, CALL_REASON_ID, EMAIL, FEATURE_SET_ID, PROCESS_ID, STATIC_LABEL_ID
from callmark.surfaces.api.management import feature_sets
from callmark.surfaces.api.management.feature_sets import (
    FeatureSetChangeBody,
    FeatureSetList,
    FeatureSetMoveBody,
    FeatureSetView,
    NewFeatureSetBody,
)
from callmark.surfaces.api.management.route import ManagedRoute
from callmark.surfaces.api.own.route import PAGING
from callmark.surfaces.api.route import ParamDoc

_ONE = "feature_sets/{featureSetId}"
_SET = {
    "id": FEATURE_SET_ID,
    "name": "Delivery default",
    "description": "",
    "status": "draft",
    "process_id": PROCESS_ID,
    "label_id": STATIC_LABEL_ID,
    "call_reason_id": CALL_REASON_ID,
    "call_me_back": True,
    "survey": False,
    "phone_type": "verified",
    "number_count": 0,
    "created_by_email": EMAIL,
    "created_at": AT,
    "updated_at": AT,
}
_PUBLISHED = _SET | {"status": "published", "number_count": 40}
UNIT = ParamDoc(
    "unit_id",
    "Only what is in this department, operation, process or sub-process; an unknown one has nothing in it.",
    doc_parts.UUID,
)
_STATUS = ParamDoc("status", "Only feature sets of this status.", {"type": "string", "enum": [*FeatureSetState]})
_RULES = (
    bad("feature set name is required", "the name is empty, too long, or has characters that are not allowed", "name"),
    bad("label_id does not belong to a static label of this client", "not a static label of the account", "label_id"),
    bad("call_reason_id does not belong to a call reason of this client", "not of the account", "call_reason_id"),
    bad("Call Me Back is not part of your plan", "a switch is on whose feature the account lacks", "offers"),
    conflict("a feature set named 'Delivery default' already exists in this process", "the name is taken", "name"),
)

ROUTES = (
    ManagedRoute(
        "GET",
        "feature_sets",
        feature_sets.list_feature_sets,
        Action.FEATURE_SETS_VIEW,
        name="manageListFeatureSets",
        summary="List feature sets and number groups",
        description="Returns the account's feature sets and number groups, by name.",
        response=FeatureSetList,
        answer={"feature_sets": [_SET], "next_after": None},
        params=(UNIT, _STATUS, *PAGING),
    ),
    ManagedRoute(
        "POST",
        "feature_sets",
        feature_sets.create_feature_set,
        Action.FEATURE_SETS_MANAGE,
        name="createFeatureSet",
        summary="Create a feature set",
        description="Creates a draft in a process or sub-process.",
        request=NewFeatureSetBody,
        sent={"process_id": PROCESS_ID, "name": "Delivery default", "label_id": STATIC_LABEL_ID, "call_me_back": True},
        response=FeatureSetView,
        answer=_SET,
        errors=_RULES,
        creates=True,
    ),
    ManagedRoute(
        "GET",
        _ONE,
        feature_sets.get_feature_set,
        Action.FEATURE_SETS_VIEW,
        name="getFeatureSet",
        summary="Get a feature set",
        description="Returns one feature set or number group.",
        response=FeatureSetView,
        answer=_SET,
    ),
    ManagedRoute(
        "PATCH",
        _ONE,
        feature_sets.change_feature_set,
        Action.FEATURE_SETS_MANAGE,
        name="changeFeatureSet",
        summary="Change a feature set",
        description="Changes what is given. Its listed numbers show the changes from the next call.",
        request=FeatureSetChangeBody,
        sent={"call_reason_id": CALL_REASON_ID, "survey": False},
        response=FeatureSetView,
        answer=_SET,
        errors=(
            *_RULES,
            conflict(
                "the phone type can change only while the feature set has no numbers",
                "it has numbers",
                "phone_type",
            ),
        ),
    ),
    ManagedRoute(
        "POST",
        f"{_ONE}/move",
        feature_sets.move_feature_set,
        Action.FEATURE_SETS_MANAGE,
        name="moveFeatureSet",
        summary="Move a feature set",
        description="Moves a feature set with its numbers to another process or sub-process.",
        request=FeatureSetMoveBody,
        sent={"process_id": PROCESS_ID},
        response=FeatureSetView,
        answer=_SET,
        errors=(conflict("a number group cannot be moved; it is not part of the structure", "a number group"),),
    ),
    ManagedRoute(
        "POST",
        f"{_ONE}/publish",
        feature_sets.publish_feature_set,
        Action.FEATURE_SETS_MANAGE,
        name="publishFeatureSet",
        summary="Publish a feature set",
        description="Its listed numbers show it from the next call. You can safely repeat the request.",
        response=FeatureSetView,
        answer=_PUBLISHED,
        errors=(bad("a feature set without a label cannot be published", "it has no label", "label_id"),),
    ),
    ManagedRoute(
        "POST",
        f"{_ONE}/unpublish",
        feature_sets.unpublish_feature_set,
        Action.FEATURE_SETS_MANAGE,
        name="unpublishFeatureSet",
        summary="Unpublish a feature set",
        description="Its numbers stay listed and show nothing from the next call.",
        response=FeatureSetView,
        answer=_PUBLISHED | {"status": "unpublished"},
        errors=(
            conflict("this feature set is draft; only a published feature set can be unpublished", "not published"),
        ),
    ),
    ManagedRoute(
        "DELETE",
        _ONE,
        feature_sets.delete_feature_set,
        Action.FEATURE_SETS_MANAGE,
        name="deleteFeatureSet",
        summary="Delete a feature set",
        description="Deletes a feature set without numbers, with its Call Me Back configuration and its campaigns, and"
        " returns what it was. Its Call Me Back requests stay, and only admins see them.",
        response=FeatureSetView,
        answer=_SET,
        errors=(conflict("40 numbers are in this feature set; delist them first", "it has numbers"),),
    ),
)
