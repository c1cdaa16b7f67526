"""Client accounts as operators see them: found, created, renamed, suspended."""

from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from callmark.domain.accounts import service as accounts
from callmark.domain.accounts.model import Account, AccountState
from callmark.domain.policy.plan import ALL_FEATURES, Feature
from callmark.instants import iso_ms
from callmark.kit.errors import InvalidInput
from callmark.surfaces.api.actor import account_of, operator_of
from callmark.surfaces.api.doc_parts import bad
from callmark.surfaces.api.example_values import ACCOUNT_ID, AT
from callmark.surfaces.api.idempotency import kept
from callmark.surfaces.api.operator.route import OperatorRoute
from callmark.surfaces.api.own.request import ApiPager, body_of, choice_filter, text_filter
from callmark.surfaces.api.own.route import PAGING
from callmark.surfaces.api.own.shapes import CreatedAt, Id, NextAfter
from callmark.surfaces.api.request import ApiRequest
from callmark.surfaces.api.route import ParamDoc
from callmark.surfaces.cursors import InstantKey
from callmark.surfaces.http import Response, render

_PAGER: ApiPager[Account, InstantKey] = ApiPager(InstantKey, lambda one: (one.created_at, one.id))


class OperatedAccountView(msgspec.Struct):
    """A client account."""

    client_account_id: Annotated[Id, Meta(description="The account.")]
    name: Annotated[str, Meta(description="The business's name.")]
    state: Annotated[AccountState, Meta(description="Whether it may use the platform.")]
    features: Annotated[list[Feature], Meta(description="What it subscribes to.")]
    announced_calls_only: Annotated[
        bool, Meta(description="Whether its numbers show an identity only in calls that it announced.")
    ]
    created_at: CreatedAt


class OperatedAccountList(msgspec.Struct):
    """A page of accounts."""

    accounts: Annotated[list[OperatedAccountView], Meta(description="The accounts, newest first.")]
    next_after: NextAfter


class NewAccountBody(msgspec.Struct, forbid_unknown_fields=True):
    """A new account."""

    name: Annotated[str, Meta(description="The business's name, 1 to 100 characters; need not be unique.")]
    features: Annotated[
        list[Feature] | UnsetType, Meta(description="What it subscribes to; everything when left out.")
    ] = UNSET


class AccountChangeBody(msgspec.Struct, forbid_unknown_fields=True):
    """What to change of an account; what is left out stays."""

    name: Annotated[str | UnsetType, Meta(description="The business's name, 1 to 100 characters.")] = UNSET
    features: Annotated[list[Feature] | UnsetType, Meta(description="What it subscribes to.")] = UNSET
    state: Annotated[
        AccountState | UnsetType,
        Meta(description="`suspended` stops its requests, pushes and deliveries; `active` ends a suspension."),
    ] = UNSET
    announced_calls_only: Annotated[
        bool | UnsetType, Meta(description="Whether its numbers show an identity only in calls that it announced.")
    ] = UNSET


async def list_accounts(request: ApiRequest) -> Response:
    """`GET accounts?text=&state=&after=&limit=`."""
    text, state = text_filter(request, "text").strip(), choice_filter(request, "state", AccountState)
    limit = _PAGER.limit(request) + 1
    found = await accounts.search_accounts(request.deps, text, state, _PAGER.after(request), limit)
    rows, next_after = _PAGER.part(request, found)
    return render(OperatedAccountList([_shown(one) for one in rows], next_after))


async def create_account(request: ApiRequest) -> Response:
    """`POST accounts`."""
    body = body_of(request, NewAccountBody)
    features = ALL_FEATURES if body.features is UNSET else body.features
    async with request.deps.db.transaction() as tx:
        made = await accounts.create_account_in(tx, request.deps, body.name, features, by=operator_of(request))
        return await kept(tx, request, render(_shown(made), 201))


async def get_account(request: ApiRequest) -> Response:
    """`GET accounts/{clientAccountId}`."""
    return render(_shown(await accounts.get_account(request.deps, account_of(request))))


async def change_account(request: ApiRequest) -> Response:
    """`PATCH accounts/{clientAccountId}`. Nothing is noted as changed when nothing is given."""
    body = body_of(request, AccountChangeBody)
    changes = {name: value for name, value in msgspec.structs.asdict(body).items() if value is not UNSET}
    if not changes:
        raise InvalidInput("nothing to change: give name, features, state or announced_calls_only")
    changed = await accounts.update_account(request.deps, account_of(request), by=operator_of(request), **changes)
    return render(_shown(changed))


def _shown(account: Account) -> OperatedAccountView:
    features = [feature for feature in Feature if feature in account.features]
    return OperatedAccountView(
        str(account.id),
        account.name,
        account.state,
        features,
        account.announced_calls_only,
        iso_ms(account.created_at),
    )


_ACCOUNT = {
    "client_account_id": ACCOUNT_ID,
    "name": "Acme Deliveries",
    "state": "active",
    "features": ["call_personalisation", "number_management"],
    "announced_calls_only": False,
    "created_at": AT,
}
_BAD_NAME = bad("account name must be at most 100 characters", "the name breaks a rule", "name")
_ACTIVE_OR_NOT = {"type": "string", "enum": [*AccountState]}

ROUTES = (
    OperatorRoute(
        "GET",
        "accounts",
        list_accounts,
        name="listAccounts",
        summary="List accounts",
        description="Returns the installation's client accounts, newest first.",
        response=OperatedAccountList,
        answer={"accounts": [_ACCOUNT], "next_after": None},
        params=(
            ParamDoc("text", "Part of a name, or how an account's id begins or ends.", {"type": "string"}),
            ParamDoc("state", "Only accounts in this state.", _ACTIVE_OR_NOT),
            *PAGING,
        ),
    ),
    OperatorRoute(
        "POST",
        "accounts",
        create_account,
        name="createAccount",
        summary="Create an account",
        description="Creates an active client account.",
        request=NewAccountBody,
        sent={"name": "Acme Deliveries", "features": ["call_personalisation", "number_management"]},
        response=OperatedAccountView,
        answer=_ACCOUNT,
        errors=(_BAD_NAME,),
        creates=True,
    ),
    OperatorRoute(
        "GET",
        "accounts/{clientAccountId}",
        get_account,
        name="getAccount",
        summary="Get an account",
        description="Returns one client account.",
        response=OperatedAccountView,
        answer=_ACCOUNT,
    ),
    OperatorRoute(
        "PATCH",
        "accounts/{clientAccountId}",
        change_account,
        name="changeAccount",
        summary="Change an account",
        description="Renames an account, changes what it subscribes to, suspends it or ends its suspension, or says in"
        " which calls it shows. A suspended account is refused from the next request on. Its open records are withdrawn"
        " from handsets, and its batches, uploads and deliveries stop. When the suspension ends, what is still valid"
        " continues; records whose window has ended by then have failed.",
        request=AccountChangeBody,
        sent={"state": "suspended"},
        response=OperatedAccountView,
        answer=_ACCOUNT | {"state": "suspended"},
        errors=(_BAD_NAME,),
    ),
)
