"""The routes of alert recipients, with their texts for the reference."""

from callmark.domain.alerts.model import MOST_RECIPIENTS
from callmark.domain.policy.model import Action
from callmark.surfaces.api.doc_parts import bad, conflict
from callmark.surfaces.api.example_values import AT
from callmark.surfaces.api.management import alert_recipients
from callmark.surfaces.api.management.alert_recipients import (
    AlertRecipientChangeBody,
    AlertRecipientList,
    AlertRecipientView,
    NewAlertRecipientBody,
)
from callmark.surfaces.api.management.route import ManagedRoute
from callmark.surfaces.api.own.route import PAGING
from callmark.surfaces.api.waiting import TOO_MANY_WAIT

_ONE = "alert_recipients/{recipientId}"
_CHANNEL = {
    "id": "18293a4b-5c6d-4e7f-9081-a2b3c4d5e6f7",
    "kind": "channel",
    "alert_kinds": ["webhook_failing", "webhook_paused"],
    "role": None,
    "email": None,
    "name": "#callers",
    "short_url": "chat.acme.example/…k7Qd",
    "confirmed_at": None,
    "last_sent_at": AT,
    "last_error": None,
    "created_at": AT,
}
_BAD_KINDS = bad("choose at least one kind of alert", "the list is empty", "alert_kinds")

ROUTES = (
    ManagedRoute(
        "GET",
        "alert_recipients",
        alert_recipients.list_recipients,
        Action.ALERTS_MANAGE,
        name="listAlertRecipients",
        summary="List recipients of alerts",
        description="Returns who gets which alerts, oldest first. The account's admins are always there.",
        response=AlertRecipientList,
        answer={"alert_recipients": [_CHANNEL], "next_after": None},
        params=PAGING,
    ),
    ManagedRoute(
        "POST",
        "alert_recipients",
        alert_recipients.create_recipient,
        Action.ALERTS_MANAGE,
        name="createAlertRecipient",
        summary="Create a recipient of alerts",
        description="Adds the members of a role, an address, or a channel. An address gets a mail with a link, and"
        " alerts once its reader has opened that.",
        request=NewAlertRecipientBody,
        sent={
            "kind": "channel",
            "name": "#callers",
            "url": "https://chat.acme.example/hooks/T0/B0/k7Qd",
            "alert_kinds": ["webhook_failing", "webhook_paused"],
        },
        response=AlertRecipientView,
        answer=_CHANNEL | {"last_sent_at": None},
        errors=(
            _BAD_KINDS,
            bad("url is required for the kind channel", "a field of the kind is missing, or of another", "url"),
            conflict("this recipient gets alerts already", "the address or the role is there", "email"),
            conflict(f"an account can have at most {MOST_RECIPIENTS} recipients besides its admins", "too many"),
        ),
        creates=True,
    ),
    ManagedRoute(
        "GET",
        _ONE,
        alert_recipients.get_recipient,
        Action.ALERTS_MANAGE,
        name="getAlertRecipient",
        summary="Get a recipient of alerts",
        description="Returns one recipient.",
        response=AlertRecipientView,
        answer=_CHANNEL,
    ),
    ManagedRoute(
        "PATCH",
        _ONE,
        alert_recipients.change_recipient,
        Action.ALERTS_MANAGE,
        name="changeAlertRecipient",
        summary="Change a recipient of alerts",
        description="Changes which alerts it gets, and a channel's name. To change an address or a URL, add another"
        " recipient and delete this one.",
        request=AlertRecipientChangeBody,
        sent={"alert_kinds": ["webhook_paused"]},
        response=AlertRecipientView,
        answer=_CHANNEL | {"alert_kinds": ["webhook_paused"]},
        errors=(_BAD_KINDS, bad("name is for channels only", "the recipient is no channel", "name")),
    ),
    ManagedRoute(
        "POST",
        f"{_ONE}/test",
        alert_recipients.test_recipient,
        Action.ALERTS_MANAGE,
        name="testAlertRecipient",
        summary="Test a channel",
        description="Posts a sample once, and returns the channel with what came of it in `last_error`.",
        response=AlertRecipientView,
        answer=_CHANNEL,
        errors=(conflict("only a channel can be tested", "the recipient is no channel"), TOO_MANY_WAIT),
    ),
    ManagedRoute(
        "DELETE",
        _ONE,
        alert_recipients.delete_recipient,
        Action.ALERTS_MANAGE,
        name="deleteAlertRecipient",
        summary="Delete a recipient of alerts",
        description="Ends its alerts and returns what it was. What waits for a channel is not sent.",
        response=AlertRecipientView,
        answer=_CHANNEL,
        errors=(conflict("admins cannot be removed; choose what they get instead", "it is the account's admins"),),
    ),
)
