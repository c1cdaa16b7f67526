"""Manage Members. Source: contract, section 12.1."""

from collections.abc import Awaitable, Callable
from typing import ClassVar
from uuid import UUID

from starlette.responses import Response

from callmark.domain.credentials import service as credentials
from callmark.domain.ids import MemberId
from callmark.domain.members import service as members, taken_requests
from callmark.domain.members.model import GrantableRole, Member, VisibleMember
from callmark.domain.policy.model import Action, Role
from callmark.domain.sessions.model import LONGEST_NAME, MemberState
from callmark.kit.errors import Conflict, InvalidInput, TooManyRequests
from callmark.kit.ids import parse_uuid
from callmark.record_rules.same_names import folded
from callmark.surfaces.console import consequences, display_names
from callmark.surfaces.console.confirm import Confirm, confirmed
from callmark.surfaces.console.errors import retry_text
from callmark.surfaces.console.mailed import go_mailed
from callmark.surfaces.console.pager import Pager
from callmark.surfaces.console.pages import Page, page
from callmark.surfaces.console.request import ConsoleRequest, Form, with_query
from callmark.surfaces.console.route import get, post
from callmark.surfaces.cursors import InstantKey

LIST = "/console/members"
_TOO_MANY = "Too many invitations were sent."
_PAGER: Pager[VisibleMember, InstantKey] = Pager(
    InstantKey, lambda one: (one.member.created_at, one.member.id), 100, filters=("q",), is_falling=False
)
Options = list[tuple[str, list[tuple[str, str]]]]


class MembersPage(Page, frozen=True):
    """A page of the members that the visitor may see, with `text` in name or address; `email` is the visitor's own."""

    template: ClassVar[str] = "members/list.html"
    members: list[VisibleMember]
    text: str
    url: str
    email: str
    next: str
    first: str


class InvitePage(Page, frozen=True):
    """Address, name, and what is given; `options` groups places by role."""

    template: ClassVar[str] = "members/invite.html"
    form: Form
    options: Options
    longest_name: int = LONGEST_NAME


class MemberPage(Page, frozen=True):
    """One member's name and role."""

    template: ClassVar[str] = "members/edit.html"
    form: Form
    seen: VisibleMember
    options: Options
    is_me: bool
    longest_name: int = LONGEST_NAME


async def show_members(request: ConsoleRequest) -> Response:
    every, text = await members.list_visible(request.deps, request.account_id, by=request.by), request.query("q")
    wanted = folded(text)
    part = _PAGER.page(request, [one for one in every if wanted in folded(f"{one.member.name}\n{one.member.email}")])
    return page(request, MembersPage(part.rows, text, LIST, request.by.email, part.next, part.first))


async def _list_with(request: ConsoleRequest, member: Member) -> str:
    """The list; of more than one page, the part that has the member."""
    is_long = await members.count_members(request.deps, request.account_id) > _PAGER.size
    return with_query(LIST, q=member.email) if is_long else LIST


async def show_invite(request: ConsoleRequest) -> Response:
    return page(request, InvitePage(Form(), await _options(request)))


async def invite(request: ConsoleRequest) -> Response:
    form = request.form
    try:
        role, node_id = _role_and_place(form)
        member = await members.invite_member(
            request.deps,
            request.account_id,
            by=request.by,
            inviter=request.live_session.name,
            email=form.text("email"),
            name=form.text("name"),
            role=role,
            node_id=node_id,
        )
    except (InvalidInput, Conflict) as refused:
        return page(request, InvitePage(form.refused(refused), await _options(request)), 422)
    except TooManyRequests as refused:
        form = Form(form.values, {"email": retry_text(refused, _TOO_MANY)})
        return page(request, InvitePage(form, await _options(request)), refused.status)
    return await go_mailed(request, await _list_with(request, member), "An invitation", member.email)


async def show_member(request: ConsoleRequest) -> Response:
    seen = await _seen(request)
    return await _member_page(request, seen, _filled(seen))


async def edit(request: ConsoleRequest) -> Response:
    """Changes name, role and place."""
    seen = await _seen(request)
    wanted = request.form.onto(_filled(seen))
    taken = await taken_requests.count(request.deps, seen.member)
    try:
        role, node_id = _role_and_place(wanted.form) if wanted.changes("role") else (None, None)
        member = await members.edit_member(
            request.deps,
            request.account_id,
            request.id(MemberId),
            by=request.by,
            name=wanted.text("name"),
            role=role,
            node_id=node_id,
        )
    except (InvalidInput, Conflict) as refused:
        return await _member_page(request, seen, wanted.refused(refused), 422)
    given_up = taken - await taken_requests.count(request.deps, member)
    more = f" {consequences.requests_given_up(given_up)}" if given_up > 0 else ""
    return request.go(LIST, f"{member.name} was saved.{more}")


async def invite_again(request: ConsoleRequest) -> Response:
    return await _invited(request, members.invite_again)


async def ask_revoke(request: ConsoleRequest) -> Page:
    seen = await _seen(request)
    return Confirm(
        title=f"Revoke access for {seen.member.name}?",
        lost=[
            f"{seen.member.email} is signed out immediately and cannot sign in until access is restored.",
            *await _released(request, seen),
            *await _keys_that_stay(request, seen),
        ],
        button="Revoke access",
        back=LIST,
    )


async def revoke(request: ConsoleRequest) -> Response:
    member = await members.revoke_access(request.deps, request.account_id, request.id(MemberId), by=request.by)
    return request.go(LIST, f"Access for {member.name} was revoked.")


async def restore(request: ConsoleRequest) -> Response:
    return await _invited(request, members.restore_access)


async def _invited(request: ConsoleRequest, use_case: Callable[..., Awaitable[Member]]) -> Response:
    """To the list, after a use case that may send an invitation: with what it did, or that there were too many."""
    try:
        member = await use_case(
            request.deps,
            request.account_id,
            request.id(MemberId),
            by=request.by,
            inviter=request.live_session.name,
        )
    except TooManyRequests as refused:
        return request.go(LIST, retry_text(refused, _TOO_MANY), "danger")
    if member.state is MemberState.INVITED:
        return await go_mailed(request, await _list_with(request, member), "A new invitation", member.email)
    return request.go(LIST, f"{member.name} can sign in again.")


async def ask_delete(request: ConsoleRequest) -> Page:
    seen = await _seen(request)
    return Confirm(
        title=f"Delete {seen.member.name}?",
        lost=[
            f"{seen.member.email} is signed out immediately and can no longer sign in.",
            *await _released(request, seen),
            *await _keys_that_stay(request, seen),
            "This cannot be undone. To block access but keep the member, revoke access instead.",
        ],
        button="Delete member",
        back=LIST,
    )


async def delete(request: ConsoleRequest) -> Response:
    member = await members.remove_member(request.deps, request.account_id, request.id(MemberId), by=request.by)
    return request.go(LIST, f"{member.name} was deleted.")


async def _released(request: ConsoleRequest, seen: VisibleMember) -> list[str]:
    """What happens to the callback requests that they have taken, if there are any."""
    taken = await taken_requests.count(request.deps, seen.member)
    return [consequences.requests_released(taken)] if taken else []


async def _keys_that_stay(request: ConsoleRequest, seen: VisibleMember) -> list[str]:
    """Which API keys they have created: their secrets may be known to them, and the account's programs use them."""
    if not request.may(Action.KEYS_VIEW):
        return []
    keys = await credentials.list_keys(request.deps, request.account_id)
    return consequences.keys_that_stay([key.name for key in keys if key.created_by_email == seen.member.email])


async def _seen(request: ConsoleRequest) -> VisibleMember:
    return await members.get_visible(request.deps, request.account_id, request.id(MemberId), by=request.by)


def _filled(seen: VisibleMember) -> Form:
    return Form.stored(name=seen.member.name, role=f"{seen.member.role.value}:{seen.member.node_id or ''}")


async def _member_page(request: ConsoleRequest, seen: VisibleMember, form: Form, status: int = 200) -> Response:
    is_me = seen.member.email == request.by.email
    return page(request, MemberPage(form, seen, await _options(request), is_me), status)


async def _options(request: ConsoleRequest) -> Options:
    """What may be given, grouped by role: `process_owner:ID` → where."""
    found = await members.roles_to_grant(request.deps, request.account_id, by=request.by)
    return [(display_names.ROLES[role], [_option(one) for one in found if one.role is role]) for role in Role]


def _option(one: GrantableRole) -> tuple[str, str]:
    if one.place is None:
        return f"{one.role.value}:", "Admin of the whole account"
    return f"{one.role.value}:{one.place.id}", f"{display_names.ROLES[one.role]} of {one.place.trail}"


def _role_and_place(form: Form) -> tuple[Role, UUID | None]:
    role, _, node = form.text("role").partition(":")
    if role not in set(Role):
        raise InvalidInput("choose a role", field="role")
    return Role(role), parse_uuid(node)


ROUTES = (
    get("/members", show_members, Action.MEMBERS_VIEW),
    get("/members/invite", show_invite, Action.MEMBERS_MANAGE),
    post("/members/invite", invite, Action.MEMBERS_MANAGE),
    get("/members/{id}", show_member, Action.MEMBERS_MANAGE),
    post("/members/{id}", edit, Action.MEMBERS_MANAGE),
    post("/members/{id}/invite-again", invite_again, Action.MEMBERS_MANAGE),
    *confirmed("/members/{id}/revoke", ask_revoke, revoke, Action.MEMBERS_MANAGE),
    post("/members/{id}/restore", restore, Action.MEMBERS_MANAGE),
    *confirmed("/members/{id}/delete", ask_delete, delete, Action.MEMBERS_MANAGE),
)
