"""Alert recipients: members of a role, addresses that are confirmed by a link, channels."""

from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from callmark.domain.alerts import posts, recipients
from callmark.domain.alerts.model import AlertKind, Recipient, RecipientKind
from callmark.domain.ids import RecipientId
from callmark.domain.policy.model import Actor, Role
from callmark.instants import iso_ms
from callmark.kit.errors import InvalidInput
from callmark.surfaces.api.actor import actor_of
from callmark.surfaces.api.idempotency import kept
from callmark.surfaces.api.own.request import ApiPager, NoBody, body_of, id_of
from callmark.surfaces.api.own.shapes import CreatedAt, Id, Instant, NextAfter, instant
from callmark.surfaces.api.request import ApiRequest
from callmark.surfaces.cursors import InstantKey
from callmark.surfaces.http import Response, render

_PAGER: ApiPager[Recipient, InstantKey] = ApiPager(InstantKey, lambda one: (one.created_at, one.id), is_falling=False)
_OF_KIND = {
    RecipientKind.ROLE: ("role",),
    RecipientKind.EMAIL: ("email",),
    RecipientKind.CHANNEL: ("name", "url"),
}
"""The fields that each kind of recipient has, all of them required."""
_KINDS = "The kinds of alerts that it gets, at least one; the account's admins may have none."


class AlertRecipientView(msgspec.Struct):
    """Who gets alerts of which kinds."""

    id: Annotated[Id, Meta(description="The recipient; that of the account's admins has the account's id.")]
    kind: Annotated[RecipientKind, Meta(description="What it is.")]
    alert_kinds: Annotated[list[AlertKind], Meta(description=_KINDS)]
    role: Annotated[Role | None, Meta(description="Of `role`: whose members get a mail.")]
    email: Annotated[str | None, Meta(description="Of `email`: the address.")]
    name: Annotated[str | None, Meta(description="Of `channel`: its name.")]
    short_url: Annotated[
        str | None, Meta(description="Of `channel`: host and end of its URL, which is a secret and never shown whole.")
    ]
    confirmed_at: Annotated[
        Instant | None, Meta(description="Of `email`: when its link was opened, UTC; null: it gets no alerts yet.")
    ]
    last_sent_at: Annotated[Instant | None, Meta(description="Of `channel`: when it last took a post, UTC.")]
    last_error: Annotated[str | None, Meta(description="Of `channel`: why it did not take the last post, or null.")]
    created_at: CreatedAt


class AlertRecipientList(msgspec.Struct):
    """A page of recipients."""

    alert_recipients: Annotated[
        list[AlertRecipientView], Meta(description="The recipients, oldest first; the admins are always there.")
    ]
    next_after: NextAfter


class NewAlertRecipientBody(msgspec.Struct, forbid_unknown_fields=True):
    """A new recipient: `role`, `email`, or `name` and `url`, by its kind."""

    kind: Annotated[RecipientKind, Meta(description="What it is.")]
    alert_kinds: Annotated[list[AlertKind], Meta(description="The kinds of alerts that it gets, at least one.")]
    role: Annotated[Role | UnsetType, Meta(description="For `role`: whose members get a mail.")] = UNSET
    email: Annotated[str | UnsetType, Meta(description="For `email`: an address, which gets a link first.")] = UNSET
    name: Annotated[str | UnsetType, Meta(description="For `channel`: 1 to 50 characters.")] = UNSET
    url: Annotated[str | UnsetType, Meta(description="For `channel`: where alerts are posted.")] = UNSET


class AlertRecipientChangeBody(msgspec.Struct, forbid_unknown_fields=True):
    """What to change of a recipient; what is left out stays."""

    alert_kinds: Annotated[list[AlertKind] | UnsetType, Meta(description=_KINDS)] = UNSET
    name: Annotated[str | UnsetType, Meta(description="Of a channel: 1 to 50 characters.")] = UNSET


async def list_recipients(request: ApiRequest) -> Response:
    """`GET alert_recipients?after=&limit=`."""
    every = await recipients.list_recipients(request.deps, request.account_id)
    rows, next_after = _PAGER.page(request, every)
    return render(AlertRecipientList([_shown(one) for one in rows], next_after))


async def get_recipient(request: ApiRequest) -> Response:
    """`GET alert_recipients/{recipientId}`."""
    return render(_shown(await recipients.get_recipient(request.deps, request.account_id, _id(request))))


async def create_recipient(request: ApiRequest) -> Response:
    """`POST alert_recipients`."""
    body, by = body_of(request, NewAlertRecipientBody), await actor_of(request)
    one = await _new(request, body, by)
    async with request.deps.db.transaction() as tx:
        made = await recipients.add_in(tx, request.deps, one, by=by)
        return await kept(tx, request, render(_shown(made), 201))


async def change_recipient(request: ApiRequest) -> Response:
    """`PATCH alert_recipients/{recipientId}`."""
    body, of = body_of(request, AlertRecipientChangeBody), (request.deps, request.account_id, _id(request))
    if body.name is not UNSET and (await recipients.get_recipient(*of)).kind is not RecipientKind.CHANNEL:
        raise InvalidInput("name is for channels only", field="name")
    kinds = None if body.alert_kinds is UNSET else body.alert_kinds
    name = None if body.name is UNSET else body.name
    return render(_shown(await recipients.change_kinds(*of, kinds, name=name, by=await actor_of(request))))


async def test_recipient(request: ApiRequest) -> Response:
    """`POST alert_recipients/{recipientId}/test`. It waits for the channel."""
    body_of(request, NoBody)
    of = request.deps, request.account_id, _id(request)
    by = await actor_of(request)
    with request.line.room.place(request.account_id):
        return render(_shown(await posts.send_test(*of, by=by)))


async def delete_recipient(request: ApiRequest) -> Response:
    """`DELETE alert_recipients/{recipientId}`."""
    of = request.deps, request.account_id, _id(request)
    return render(_shown(await recipients.remove(*of, by=await actor_of(request))))


async def _new(request: ApiRequest, body: NewAlertRecipientBody, by: Actor) -> Recipient:
    """The recipient that a body means. Raises InvalidInput for a field that its kind needs or does not have."""
    for field in ("role", "email", "name", "url"):
        is_given, is_needed = getattr(body, field) is not UNSET, field in _OF_KIND[body.kind]
        if is_given != is_needed:
            wrong = "is required" if is_needed else "is not allowed"
            raise InvalidInput(f"{field} {wrong} for the kind {body.kind}", field=field)
    of = request.deps, request.account_id
    if body.role is not UNSET:
        return recipients.new_role(*of, body.role, body.alert_kinds, by=by)
    if body.email is not UNSET:
        return await recipients.new_email(*of, body.email, body.alert_kinds, by=by)
    name, url = body.name or "", body.url or ""
    return recipients.new_channel(*of, name, url, body.alert_kinds, by=by)


def _id(request: ApiRequest) -> RecipientId:
    return id_of(request, "recipientId", RecipientId)


def _shown(one: Recipient) -> AlertRecipientView:
    return AlertRecipientView(
        id=str(one.id),
        kind=one.kind,
        alert_kinds=[kind for kind in AlertKind if kind in one.alert_kinds],
        role=one.role,
        email=one.email,
        name=one.name,
        short_url=one.short_url if one.url else None,
        confirmed_at=instant(one.confirmed_at),
        last_sent_at=instant(one.last_sent_at),
        last_error=one.last_error,
        created_at=iso_ms(one.created_at),
    )
