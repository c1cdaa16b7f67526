"""An account's limits: what is set for it, and the contract's defaults."""

from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from callmark.domain.accounts import service as accounts
from callmark.domain.accounts.model import Account
from callmark.domain.limits.model import DEFAULTS, largest
from callmark.surfaces.api.actor import account_of, operator_of
from callmark.surfaces.api.doc_parts import bad
from callmark.surfaces.api.operator.route import OperatorRoute
from callmark.surfaces.api.own.request import body_of
from callmark.surfaces.api.request import ApiRequest
from callmark.surfaces.http import Response, render


class LimitView(msgspec.Struct):
    """One limit of an account."""

    value: Annotated[int, Meta(description="What holds now.")]
    default: Annotated[int, Meta(description="What holds for an account for which nothing is set.")]
    largest: Annotated[int, Meta(description="The highest number it can be set to.")]
    is_own: Annotated[bool, Meta(description="Whether it is set for this account.")]


class AccountLimitsView(msgspec.Struct):
    """Every limit of an account."""

    limits: Annotated[dict[str, LimitView], Meta(description="The limits, by name.")]


_LIMIT = int | None | UnsetType


class LimitsBody(msgspec.Struct, forbid_unknown_fields=True, rename="kebab"):
    """Limits to set, by name; null is the default."""

    token: Annotated[_LIMIT, Meta(description="Access tokens in 30 minutes.")] = UNSET
    real_time: Annotated[_LIMIT, Meta(description="Real-time pushes of a token in a second.")] = UNSET
    batch: Annotated[_LIMIT, Meta(description="Batches (v2 and v3) of a token in a minute.")] = UNSET
    bulk_v1: Annotated[_LIMIT, Meta(description="Batches (v1) of a token in a second.")] = UNSET
    extensions: Annotated[_LIMIT, Meta(description="Requests to extension routes of a token in a second.")] = UNSET
    lint: Annotated[_LIMIT, Meta(description="Dry runs of a token in a minute.")] = UNSET
    management: Annotated[_LIMIT, Meta(description="Requests to management routes of a token in a second.")] = UNSET
    api_keys: Annotated[_LIMIT, Meta(description="API keys at the same time.")] = UNSET
    webhooks: Annotated[_LIMIT, Meta(description="Webhooks at the same time.")] = UNSET


async def get_limits(request: ApiRequest) -> Response:
    """`GET accounts/{clientAccountId}/limits`."""
    return render(_shown(await accounts.get_account(request.deps, account_of(request))))


async def change_limits(request: ApiRequest) -> Response:
    """`PATCH accounts/{clientAccountId}/limits`: what is left out stays."""
    return await _set(request, _given(request))


async def replace_limits(request: ApiRequest) -> Response:
    """`PUT accounts/{clientAccountId}/limits`: what is left out is the default again, as on the page."""
    return await _set(request, dict.fromkeys(DEFAULTS) | _given(request))


async def _set(request: ApiRequest, changes: dict[str, int | None]) -> Response:
    changed = await accounts.set_limits(request.deps, account_of(request), changes, by=operator_of(request))
    return render(_shown(changed))


def _given(request: ApiRequest) -> dict[str, int | None]:
    body = body_of(request, LimitsBody)
    names = zip(body.__struct_fields__, body.__struct_encode_fields__, strict=True)
    return {name: value for field, name in names if (value := getattr(body, field)) is not UNSET}


def _shown(account: Account) -> AccountLimitsView:
    limits = account.limits
    return AccountLimitsView(
        {
            name: LimitView(limits.of(name), default, largest(name), name in limits.own)
            for name, default in DEFAULTS.items()
        }
    )


_DEFAULT = {
    name: {"value": default, "default": default, "largest": largest(name), "is_own": False}
    for name, default in DEFAULTS.items()
}
_ANSWER = {"limits": _DEFAULT | {"batch": _DEFAULT["batch"] | {"value": 120, "is_own": True}}}
_REFUSALS = (
    bad("batch must be a whole number from 1 to 600", "not from 1 to ten times the default", "batch"),
    bad("batch is invalid: expected `int | null`, got `str`", "not a whole number", "batch"),
)

ROUTES = (
    OperatorRoute(
        "GET",
        "accounts/{clientAccountId}/limits",
        get_limits,
        name="getAccountLimits",
        summary="Get an account's limits",
        description="Returns every limit of the account, with its default.",
        response=AccountLimitsView,
        answer=_ANSWER,
    ),
    OperatorRoute(
        "PUT",
        "accounts/{clientAccountId}/limits",
        replace_limits,
        name="replaceAccountLimits",
        summary="Replace an account's limits",
        description="Sets all limits of the account: a limit that is left out or null is the default again. A change"
        " holds from the next request on. What the account has more of than a lower limit stays.",
        request=LimitsBody,
        sent={"batch": 120},
        response=AccountLimitsView,
        answer=_ANSWER,
        errors=_REFUSALS,
    ),
    OperatorRoute(
        "PATCH",
        "accounts/{clientAccountId}/limits",
        change_limits,
        name="changeAccountLimits",
        summary="Change an account's limits",
        description="Sets some limits of the account: what is left out stays, null is the default again. A change holds"
        " from the next request on. What the account has more of than a lower limit stays.",
        request=LimitsBody,
        sent={"batch": 120, "lint": None},
        response=AccountLimitsView,
        answer=_ANSWER,
        errors=_REFUSALS,
    ),
)
