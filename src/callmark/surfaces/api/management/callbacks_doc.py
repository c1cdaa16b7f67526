"""The routes of Call Me Back, with their texts for the reference."""

from callmark.domain.callbacks.model import RequestState
from callmark.domain.policy.model import Action
from callmark.surfaces.api.doc_parts import bad, conflict
from callmark.surfaces.api.example_values import AT, EMAIL, FEATURE_SET_ID
from callmark.surfaces.api.management import callbacks
from callmark.surfaces.api.management.callbacks import (
    CallbackConfigBody,
    CallbackConfigList,
    CallbackConfigView,
    CallbackRequestList,
    CallbackRequestView,
    CallbackStepBody,
    CallbackTakeBody,
)
from callmark.surfaces.api.management.numbers import FEATURE_SET
from callmark.surfaces.api.management.route import ManagedRoute
from callmark.surfaces.api.own.route import PAGING
from callmark.surfaces.api.route import ParamDoc

_CONFIG_PATH = "feature_sets/{featureSetId}/callback_config"
_ONE = "callback_requests/{callbackRequestId}"
_CONFIG = {
    "feature_set_id": FEATURE_SET_ID,
    "name": "Weekday callbacks",
    "slot_picker": True,
    "time_zone": "Asia/Kolkata",
    "hours": "mon-fri 10:00-18:00",
    "created_by_email": EMAIL,
    "created_at": AT,
    "updated_at": AT,
}
_NEW = {
    "id": "b2c3d4e5-f607-4182-9a3b-4c5d6e7f8091",
    "feature_set_id": FEATURE_SET_ID,
    "feature_set_name": "Delivery default",
    "business_number": "918040001234",
    "receiver_number": "919900112233",
    "is_sim_unknown": False,
    "alternate_number": None,
    "is_interested": True,
    "slot_starts_at": "2026-01-02T05:30:00.000Z",
    "config_name": "Weekday callbacks",
    "requested_at": AT,
    "state": "new",
    "handled_by_email": None,
    "handled_at": None,
}
_TAKEN = _NEW | {"state": "taken", "handled_by_email": "asha@acme.example", "handled_at": AT}
_STATE = ParamDoc("state", "Only requests in this state.", {"type": "string", "enum": [*RequestState]})
_RECEIVER = ParamDoc("receiver", "How the receiver's number begins; `+` is optional.", {"type": "string"})
_EMAIL = bad("email is not a valid email address", "not an address", "email")

ROUTES = (
    ManagedRoute(
        "GET",
        "callback_configs",
        callbacks.list_configs,
        Action.CALLBACKS_VIEW,
        name="listCallbackConfigs",
        summary="List Call Me Back configurations",
        description="Returns the configurations of the account's feature sets, newest first.",
        response=CallbackConfigList,
        answer={"callback_configs": [_CONFIG], "next_after": None},
        params=PAGING,
    ),
    ManagedRoute(
        "GET",
        _CONFIG_PATH,
        callbacks.get_config,
        Action.CALLBACKS_VIEW,
        name="getCallbackConfig",
        summary="Get a Call Me Back configuration",
        description="Returns the configuration of a feature set, 404 if it has none.",
        response=CallbackConfigView,
        answer=_CONFIG,
    ),
    ManagedRoute(
        "PATCH",
        _CONFIG_PATH,
        callbacks.set_config,
        Action.CALLBACKS_MANAGE,
        name="setCallbackConfig",
        summary="Set a Call Me Back configuration",
        description="Changes the configuration of a feature set, or makes it. Whether callbacks are offered at all is"
        " `call_me_back` of the feature set.",
        request=CallbackConfigBody,
        sent={"slot_picker": True, "time_zone": "Asia/Kolkata", "hours": "mon-fri 10:00-18:00"},
        response=CallbackConfigView,
        answer=_CONFIG,
        errors=(
            bad("configuration name is required", "the name is empty, too long or not allowed", "name"),
            bad("time_zone is not a known time zone", "no zone of this name", "time_zone"),
            bad("hours are required with a slot picker", "none, or they cannot be read", "hours"),
        ),
    ),
    ManagedRoute(
        "DELETE",
        _CONFIG_PATH,
        callbacks.delete_config,
        Action.CALLBACKS_MANAGE,
        name="deleteCallbackConfig",
        summary="Delete a Call Me Back configuration",
        description="Removes the configuration and returns what it was. While `call_me_back` of the feature set is on,"
        " receivers can still request a callback, without a time.",
        response=CallbackConfigView,
        answer=_CONFIG,
    ),
    ManagedRoute(
        "GET",
        "callback_requests",
        callbacks.list_requests,
        Action.CALLBACKS_VIEW,
        name="listCallbackRequests",
        summary="List callback requests",
        description="Returns the account's callback requests, newest first.",
        response=CallbackRequestList,
        answer={"callback_requests": [_NEW], "next_after": None},
        params=(_STATE, FEATURE_SET, _RECEIVER, *PAGING),
    ),
    ManagedRoute(
        "GET",
        _ONE,
        callbacks.get_request,
        Action.CALLBACKS_VIEW,
        name="getCallbackRequest",
        summary="Get a callback request",
        description="Returns one callback request.",
        response=CallbackRequestView,
        answer=_NEW,
    ),
    ManagedRoute(
        "POST",
        f"{_ONE}/take",
        callbacks.take_request,
        Action.CALLBACKS_WORK,
        name="takeCallbackRequest",
        summary="Take a callback request",
        description="Says who is going to call. Repeating it for the same person changes nothing and answers the same,"
        " so callers that name the same person, or none, cannot tell which of them was first. Give each an `email` of"
        " its own, which need not be a member's, or send `only_new`.",
        request=CallbackTakeBody,
        sent={"email": "asha@acme.example", "only_new": True},
        response=CallbackRequestView,
        answer=_TAKEN,
        errors=(
            _EMAIL,
            conflict("this request is already done", "it is done, or taken by someone else, or (`only_new`) at all"),
        ),
    ),
    ManagedRoute(
        "POST",
        f"{_ONE}/done",
        callbacks.finish_request,
        Action.CALLBACKS_WORK,
        name="finishCallbackRequest",
        summary="Finish a callback request",
        description="Marks the request as done, also when someone else had taken it. Repeating it changes nothing.",
        request=CallbackStepBody,
        sent={"email": "asha@acme.example"},
        response=CallbackRequestView,
        answer=_TAKEN | {"state": "done"},
        errors=(_EMAIL,),
    ),
    ManagedRoute(
        "POST",
        f"{_ONE}/reopen",
        callbacks.reopen_request,
        Action.CALLBACKS_WORK,
        name="reopenCallbackRequest",
        summary="Reopen a callback request",
        description="Makes the request new again, for the next person.",
        response=CallbackRequestView,
        answer=_NEW,
        errors=(
            conflict("the receiver was not interested; there is nothing to do", "the receiver was not interested"),
        ),
    ),
)
