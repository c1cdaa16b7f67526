"""The operator's list of certificates that calls are signed with: for which numbers, and until when."""

from typing import ClassVar

from msgspec import Struct
from starlette.responses import Response

from callmark.domain.ids import AccountId
from callmark.domain.policy.model import Action
from callmark.domain.signer_certificates import service as signer_certificates
from callmark.domain.signer_certificates.model import ADDRESS, StoredCertificate, is_in_time
from callmark.kit.errors import NotFound
from callmark.kit.ids import parse_uuid
from callmark.surfaces.console.confirm import Confirm, confirmed
from callmark.surfaces.console.pager import Pager
from callmark.surfaces.console.pages import Page, page
from callmark.surfaces.console.request import ConsoleRequest
from callmark.surfaces.console.route import get
from callmark.surfaces.cursors import InstantKey

LIST = "/console/operator/certificates"
PAGE = 50
_Row = tuple[StoredCertificate, str]
PAGER: Pager[_Row, InstantKey] = Pager(
    InstantKey, lambda one: (one[0].created_at, one[0].id), PAGE, filters=("account",)
)


class CertificateLine(Struct, frozen=True):
    """A certificate as it is listed; `numbers` counts those that it lists."""

    stored: StoredCertificate
    account: str
    numbers: int
    codes: str
    is_in_time: bool


class CertificatesPage(Page, frozen=True):
    """Certificates, newest first; `account` narrows them to one account's."""

    template: ClassVar[str] = "signer_certificates/list.html"
    certificates: list[CertificateLine]
    account: str
    next: str
    first: str


async def show_certificates(request: ConsoleRequest) -> Response:
    account = request.query("account")
    chosen = parse_uuid(account.strip().lower()) if account else None
    found = await signer_certificates.certificates_page(
        request.deps, chosen and AccountId(chosen), PAGER.position(request), PAGE + 1
    )
    part = PAGER.part(request, found)
    lines = [line_of(request, *one) for one in part.rows]
    return page(request, CertificatesPage(lines, str(chosen or ""), part.next, part.first))


async def ask_retire(request: ConsoleRequest) -> Page:
    stored = await signer_certificates.get_certificate(request.deps, _serial(request))
    after = (
        "Import another one, or calls that need it ring without a name."
        if stored.is_imported
        else "The next call that needs one gets a new certificate, with a new key."
    )
    return Confirm(
        title="Retire this certificate?",
        lost=["Nothing more is signed with it, and its key is deleted. This cannot be undone.", after],
        button="Retire certificate",
        back=LIST,
    )


async def retire(request: ConsoleRequest) -> Response:
    await signer_certificates.retire_certificate(request.deps, _serial(request), by=request.by)
    return request.go(LIST, "The certificate was retired.")


def _serial(request: ConsoleRequest) -> str:
    serial = str(request.http.path_params["serial"])
    if not ADDRESS.fullmatch(serial):
        raise NotFound
    return serial


def line_of(request: ConsoleRequest, stored: StoredCertificate, account: str) -> CertificateLine:
    """A certificate with what it allows."""
    allowed = signer_certificates.allowed_by(stored)
    count = len(allowed.numbers) + sum(one.count for one in allowed.ranges)
    in_time = is_in_time(stored, request.deps.real_clock.now())
    return CertificateLine(stored, account, count, ", ".join(allowed.provider_codes), in_time)


ROUTES = (
    get("/operator/certificates", show_certificates, Action.OPERATE),
    *confirmed("/operator/certificates/{serial}/retire", ask_retire, retire, Action.OPERATE),
)
