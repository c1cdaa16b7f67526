"""Calls on the telephone network: signed or verified, or possibly forged; and the certificates that sign them."""

from typing import ClassVar

from msgspec import Struct
from starlette.responses import Response

from callmark.domain.accounts import service as accounts
from callmark.domain.ids import AccountId
from callmark.domain.policy.model import Action
from callmark.domain.signed_calls import search
from callmark.domain.signed_calls.model import NetworkCallFilter, Verstat
from callmark.domain.signed_calls.search import CallOnNetwork
from callmark.domain.signer_certificates import service as signer_certificates
from callmark.domain.spoof_alarms import service as spoof_alarms
from callmark.domain.spoof_alarms.model import PossibleSpoof
from callmark.surfaces.console.pager import Pager
from callmark.surfaces.console.pages import Page, page
from callmark.surfaces.console.request import ConsoleRequest, first_digits, with_query
from callmark.surfaces.console.route import get
from callmark.surfaces.console.signer_certificates import PAGER as CERTIFICATES, CertificateLine, line_of
from callmark.surfaces.cursors import InstantKey, decode_key, encode_key

LIST = "/console/signed-calls"
_ALARMS = 50
_ALARM_PAGER: Pager[PossibleSpoof, InstantKey] = Pager(InstantKey, lambda one: (one.raised_at, one.id), _ALARMS)


class NetworkPlace(Struct, frozen=True):
    """Whose calls a page shows, and where its tabs are. `account_name` is empty for the business itself."""

    account_id: AccountId
    url: str
    account_name: str = ""

    @property
    def crumbs(self) -> list[tuple[str, str]]:
        """What stands above the title."""
        at = "/console/operator/accounts"
        return [("Accounts", at), (self.account_name, f"{at}/{self.account_id}")] if self.account_name else []


class SignedCallsPage(Page, frozen=True):
    """A page of calls. `wanted` holds the filters as they were asked for."""

    template: ClassVar[str] = "signed_calls/list.html"
    place: NetworkPlace
    calls: list[CallOnNetwork]
    wanted: dict[str, str]
    is_narrowed: bool
    next: str
    first: str


class SpoofAlarmsPage(Page, frozen=True):
    """A page of alarms."""

    template: ClassVar[str] = "signed_calls/alarms.html"
    place: NetworkPlace
    alarms: list[PossibleSpoof]
    next: str
    first: str


class OwnCertificatesPage(Page, frozen=True):
    """What the account's calls are signed with, newest first."""

    template: ClassVar[str] = "signed_calls/certificates.html"
    place: NetworkPlace
    certificates: list[CertificateLine]
    next: str
    first: str


async def show_calls(request: ConsoleRequest) -> Response:
    """The account's calls, newest first."""
    place = await place_of(request)
    wanted = {"q": request.query("q").strip(), "verdict": request.query("verdict")}
    verstat = Verstat(wanted["verdict"]) if wanted["verdict"] in set(Verstat) else None
    narrowed = NetworkCallFilter(verstat, first_digits(wanted["q"]))
    after = decode_key(request.query("after"), InstantKey)
    found = await search.list_calls(request.deps, place.account_id, narrowed, after)
    return page(
        request,
        SignedCallsPage(
            place,
            list(found.calls),
            wanted,
            is_narrowed=bool(wanted["q"] or verstat),
            next=with_query(request.path, **wanted, after=encode_key(found.next)) if found.next else "",
            first=with_query(request.path, **wanted) if after else "",
        ),
    )


async def show_alarms(request: ConsoleRequest) -> Response:
    """The account's alarms, newest first."""
    place, after = await place_of(request), _ALARM_PAGER.position(request)
    found = await spoof_alarms.newest_alarms(request.deps, place.account_id, after=after, limit=_ALARMS + 1)
    part = _ALARM_PAGER.part(request, found)
    return page(request, SpoofAlarmsPage(place, part.rows, part.next, part.first))


async def show_certificates(request: ConsoleRequest) -> Response:
    place, after = await place_of(request), CERTIFICATES.position(request)
    found = await signer_certificates.certificates_page(
        request.deps, place.account_id, after, limit=CERTIFICATES.size + 1
    )
    part = CERTIFICATES.part(request, found)
    lines = [line_of(request, *one) for one in part.rows]
    return page(request, OwnCertificatesPage(place, lines, part.next, part.first))


async def place_of(request: ConsoleRequest) -> NetworkPlace:
    """The account of the page: the one that is signed in, or for operators the one of the path. Raises NotFound."""
    if "id" not in request.http.path_params:
        return NetworkPlace(request.account_id, LIST)
    account = await accounts.get_account(request.deps, request.id(AccountId))
    return NetworkPlace(account.id, f"/console/operator/accounts/{account.id}/signed-calls", account.name)


ROUTES = (
    get("/signed-calls", show_calls, Action.SIGNED_CALLS_VIEW),
    get("/signed-calls/alarms", show_alarms, Action.SIGNED_CALLS_VIEW),
    get("/signed-calls/certificates", show_certificates, Action.SIGNED_CALLS_VIEW),
    get("/operator/accounts/{id}/signed-calls", show_calls, Action.OPERATE),
    get("/operator/accounts/{id}/signed-calls/alarms", show_alarms, Action.OPERATE),
    get("/operator/accounts/{id}/signed-calls/certificates", show_certificates, Action.OPERATE),
)
