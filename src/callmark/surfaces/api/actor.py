"""Who acts when a request of the API changes something, and on which account an operator does."""

from callmark.domain.credentials import service as credentials
from callmark.domain.ids import AccountId
from callmark.domain.members import addresses
from callmark.domain.policy.model import Actor, ActorKind
from callmark.kit.errors import Unauthenticated
from callmark.surfaces.api.own.request import id_of
from callmark.surfaces.api.request import ApiRequest


async def actor_of(request: ApiRequest) -> Actor:
    """The API key of the request; what it makes names the account's oldest admin as maker.

    Two statements, so not for the routes that push.
    """
    maker = await addresses.creator_email(request.deps, request.account_id)
    key_name = await credentials.key_name(request.deps, request.key_id)
    return Actor(ActorKind.API_KEY, maker, address=request.address, key_name=key_name)


def operator_of(request: ApiRequest) -> Actor:
    """The operator token of the request, on routes of operators."""
    if request.operator is None:
        raise Unauthenticated
    return request.operator


def account_of(request: ApiRequest) -> AccountId:
    """The account in the path of an operators' route. Raises NotFound for what is no UUID."""
    return id_of(request, "clientAccountId", AccountId)
