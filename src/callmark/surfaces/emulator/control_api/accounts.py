"""Accounts for tests, made in one request: keys, people and labels, with every secret that is needed to use them."""

from collections.abc import Iterable
from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType
from starlette.requests import Request
from starlette.routing import BaseRoute

from callmark.domain.accounts import service as accounts
from callmark.domain.accounts.model import Account
from callmark.domain.credentials import service as credentials
from callmark.domain.deps import Deps
from callmark.domain.ids import AccountId
from callmark.domain.labels import categories, logo, service as labels
from callmark.domain.labels.model import LabelType
from callmark.domain.members import service as members
from callmark.domain.policy.model import SYSTEM, Role
from callmark.domain.policy.plan import ALL_FEATURES, Feature, KeyAccess, key_access
from callmark.domain.sessions.model import MemberState
from callmark.kit.errors import AppError
from callmark.kit.ids import random_text
from callmark.surfaces.api.own.shapes import Id
from callmark.surfaces.emulator.control_api import account_queries, wire
from callmark.surfaces.emulator.control_api.routing import control_route
from callmark.surfaces.http import Response, render

_PASSWORD_LENGTH = 16


class KeyOut(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A key pair."""

    key_id: Annotated[Id, Meta(description="The key.")]
    name: Annotated[str, Meta(description="The key's name.")]
    features: Annotated[list[str], Meta(description="What the key gives access to.")]
    api_key: Annotated[str | UnsetType, Meta(description="The key's secret; only in the answer that made it.")] = UNSET


class MemberOut(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A person."""

    email: Annotated[str, Meta(description="Their email address.")]
    name: Annotated[str, Meta(description="Their name.")]
    role: Annotated[Role, Meta(description="What they may do.")]
    password: Annotated[
        str | UnsetType, Meta(description="Their password for the console; only in the answer that made it.")
    ] = UNSET


class AccountLabelOut(Struct, frozen=True):
    """A label."""

    id: Annotated[str, Meta(description="Its id.")]
    name: Annotated[str, Meta(description="The label's name.")]
    type: Annotated[LabelType, Meta(description="What the label is for.")]


class EmulatorAccountOut(Struct, frozen=True, kw_only=True):
    """An account and what tests need of it."""

    client_account_id: Annotated[Id, Meta(description="The account.")]
    name: Annotated[str, Meta(description="The account's name.")]
    features: Annotated[list[Feature], Meta(description="What the account subscribes to.")]
    keys: Annotated[list[KeyOut], Meta(description="Its live keys.")]
    members: Annotated[list[MemberOut], Meta(description="Its people.")]
    labels: Annotated[list[AccountLabelOut], Meta(description="Its labels, oldest first.")]


def account_routes(deps: Deps) -> list[BaseRoute]:
    """Making and listing them."""

    async def list_accounts(_: Request) -> Response:
        return render([await _out(deps, one) for one in await accounts.list_accounts(deps)])

    async def make_account(request: Request) -> Response:
        return render(await make(deps, await wire.read(request, wire.WantedAccount)), 201)

    return [control_route("accounts", GET=list_accounts, POST=make_account)]


async def make(deps: Deps, wanted: wire.WantedAccount) -> EmulatorAccountOut:
    """The account with all that it is to have, or none. Raises what any part of it is refused with."""
    features = ALL_FEATURES if wanted.features is UNSET else frozenset(wanted.features)
    keys = [wire.WantedKey()] if wanted.keys is UNSET else wanted.keys
    identities = [wire.WantedLabel(name=wanted.name)] if wanted.labels is UNSET else wanted.labels
    account = await accounts.create_account(deps, wanted.name, features, by=SYSTEM)
    try:
        return EmulatorAccountOut(
            client_account_id=str(account.id),
            name=account.name,
            features=sorted(account.features),
            keys=[await _make_key(deps, account, one) for one in keys],
            members=[await _make_member(deps, account.id, one) for one in wanted.members],
            labels=[await _make_label(deps, account.id, one) for one in identities],
        )
    except AppError:
        async with deps.db.transaction() as tx:
            await account_queries.delete_new_account(tx, account.id)
        raise


async def _make_key(deps: Deps, account: Account, wanted: wire.WantedKey) -> KeyOut:
    features = account.features if wanted.features is UNSET else frozenset(map(key_access, wanted.features))
    made = await credentials.create_key(deps, account.id, by=SYSTEM, name=wanted.name, features=features)
    return KeyOut(key_id=str(made.key_id), name=wanted.name, features=_names(features), api_key=made.api_key)


def _names(access: Iterable[KeyAccess]) -> list[str]:
    return sorted(one.value for one in access)


async def _make_member(deps: Deps, account_id: AccountId, wanted: wire.WantedMember) -> MemberOut:
    made = await members.create_without_rules(
        deps,
        account_id,
        email=wanted.email,
        name=wanted.name,
        role=Role.ADMIN if wanted.role is UNSET else wanted.role,
        state=MemberState.ACTIVE,
        by=SYSTEM,
    )
    password = random_text(_PASSWORD_LENGTH) if wanted.password is UNSET else wanted.password
    await members.set_password(deps, account_id, made.id, password, by=SYSTEM)
    return MemberOut(email=made.email, name=made.name, role=made.role, password=password)


async def _make_label(deps: Deps, account_id: AccountId, wanted: wire.WantedLabel) -> AccountLabelOut:
    made = await labels.create_label(
        deps,
        account_id,
        by=SYSTEM,
        label_type=LabelType.DYNAMIC if wanted.type is UNSET else wanted.type,
        name=wanted.name,
        logo_png=logo.initial_logo(wanted.name),
        category=categories.category_of(categories.DEFAULT_SUB_CATEGORY),
        sub_category=categories.DEFAULT_SUB_CATEGORY,
    )
    return AccountLabelOut(str(made.id), made.name, made.label_type)


async def _out(deps: Deps, account: Account) -> EmulatorAccountOut:
    keys = await credentials.list_keys(deps, account.id)
    people = await members.list_members(deps, account.id)
    identities = await labels.list_labels(deps, account.id)
    return EmulatorAccountOut(
        client_account_id=str(account.id),
        name=account.name,
        features=sorted(account.features),
        keys=[KeyOut(key_id=str(one.id), name=one.name, features=_names(one.features)) for one in keys],
        members=[MemberOut(email=one.email, name=one.name, role=one.role) for one in people],
        labels=[AccountLabelOut(str(one.id), one.name, one.label_type) for one in reversed(identities)],
    )
