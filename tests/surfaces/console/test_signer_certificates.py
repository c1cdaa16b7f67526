"""Certificates in the console: of all accounts or one, paged, and retired."""

from tests.domain.numbers.staging import make_business as make_account
from tests.domain.signer_certificates.staging import key_pem, make_authority, pem
from tests.surfaces.console.browser import Browser, links_of, text_of

from callmark.domain.deps import Deps
from callmark.domain.policy.model import SYSTEM
from callmark.domain.signer_certificates import roots, service as signer_certificates
from callmark.domain.signer_certificates.model import StoredCertificate
from callmark.passport import NumberRange, TnAuthList
from callmark.surfaces.console.signer_certificates import PAGE

LIST = "/console/operator/certificates"


async def imported(deps: Deps) -> StoredCertificate:
    now = deps.real_clock.now()
    allowed = TnAuthList.of(["12025551000"], [NumberRange("12025552000", 1500)], ["709J"])
    authority = make_authority(now)
    leaf, key = authority.issue(allowed, now=now)
    await roots.add_roots(deps, pem(authority.issuer), by=SYSTEM)
    return await signer_certificates.import_certificate(deps, None, pem(leaf), key_pem(key), by=SYSTEM)


def row_of(page: str, serial: str) -> str:
    return next(row for row in page.split("<tr>")[1:] if serial in row)


async def test_certificates_are_listed_with_what_they_allow_and_retired(deps: Deps, olive: Browser) -> None:
    assert "No certificates yet" in text_of(await olive.get(LIST))
    await roots.create_root(deps, "Test root", "TEST", by=SYSTEM)
    business = await make_account(deps)
    (issued,) = await signer_certificates.issue_certificates(deps, business.account_id, by=SYSTEM)
    other = await imported(deps)
    listed = await olive.get(LIST)
    row = row_of(listed.text, other.serial)
    for told in ("all accounts", "1,501", "709J", "imported", ">In use<"):
        assert told in row
    row = row_of(listed.text, issued.serial)
    for told in (">Acme<", "TEST", "issued here", ">In use<"):
        assert told in row
    of_account = await olive.get(f"{LIST}?account={business.account_id}")
    assert issued.serial in of_account.text
    assert other.serial not in of_account.text
    at = f"{LIST}/{other.serial}/retire"
    assert "ring without a name" in text_of(await olive.get(at))
    assert "gets a new certificate" in text_of(await olive.get(f"{LIST}/{issued.serial}/retire"))
    page = await olive.follow(await olive.post(at))
    assert "The certificate was retired." in text_of(page)
    assert ">Retired<" in row_of(page.text, other.serial)
    assert at not in links_of(page)


async def test_a_long_list_has_pages(deps: Deps, olive: Browser) -> None:
    await roots.create_root(deps, "Test root", "TEST", by=SYSTEM)
    business, serials = await make_account(deps), list[str]()
    for _ in range(PAGE + 1):
        (made,) = await signer_certificates.issue_certificates(deps, business.account_id, by=SYSTEM)
        serials.append(made.serial)
    first = await olive.get(f"{LIST}?account={business.account_id}")
    (further,) = [link for link in links_of(first) if "after=" in link]
    second = await olive.get(further)
    assert [serial in first.text for serial in serials] == [False] + [True] * PAGE
    assert [serial in second.text for serial in serials] == [True] + [False] * PAGE


async def test_what_is_not_there_is_not_found(olive: Browser) -> None:
    found: dict[str, tuple[int, int]] = {}
    for serial in ("0", "zz", "a%20", "f" * 41, "1f"):
        shown, sent = await olive.get(f"{LIST}/{serial}/retire"), await olive.post(f"{LIST}/{serial}/retire")
        found[serial] = (shown.status_code, sent.status_code)
    assert found == dict.fromkeys(found, (404, 404))
