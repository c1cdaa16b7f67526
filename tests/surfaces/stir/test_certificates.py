"""`GET /stir/v1/certs/<serial>.pem` in the application of the role `stir`."""

from collections.abc import AsyncGenerator

import httpx
import pytest

from callmark.domain.accounts import service as accounts
from callmark.domain.deps import Deps
from callmark.domain.ids import SignerCertificateId
from callmark.domain.policy.model import SYSTEM
from callmark.domain.signer_certificates import queries
from callmark.domain.signer_certificates.model import StoredCertificate
from callmark.kit.ids import new_id
from callmark.surfaces.app import build_app

SERIAL = "1f00"
CHAIN = "-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n"


@pytest.fixture
async def client(deps: Deps) -> AsyncGenerator[httpx.AsyncClient]:
    account_id = (await accounts.create_account(deps, "Acme", by=SYSTEM)).id
    now = deps.real_clock.now()
    stored = StoredCertificate(
        id=SignerCertificateId(new_id()),
        account_id=account_id,
        serial=SERIAL,
        chain=CHAIN,
        is_imported=False,
        lot_start="",
        not_before=now,
        not_after=now,
        created_at=now,
    )
    async with deps.db.transaction() as tx:
        await queries.insert_certificate(tx, stored, b"sealed")
    transport = httpx.ASGITransport(build_app(deps, frozenset({"stir"})))
    async with httpx.AsyncClient(transport=transport, base_url="http://callmark.test") as client:
        yield client


async def test_a_certificate_is_public_and_may_be_kept_for_ever(client: httpx.AsyncClient) -> None:
    answer = await client.get(f"/stir/v1/certs/{SERIAL}.pem")
    assert (answer.status_code, answer.text) == (200, CHAIN)
    assert answer.headers["Content-Type"] == "application/pem-certificate-chain"
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    again = await client.get(f"/stir/v1/certs/{SERIAL}.pem", headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")


async def test_what_is_not_there_is_not_found(client: httpx.AsyncClient) -> None:
    path = "..%2f..%2fetc%2fpasswd"
    serials = ("1f01", "01f00", "1F00", "0", "f" * 41, path, "1f00%00", "1f0\u0660", "' OR true --")
    answers = {serial: await client.get(f"/stir/v1/certs/{serial}.pem") for serial in serials}
    told = {serial: (answer.status_code, answer.json().get("slug")) for serial, answer in answers.items()}
    assert told == dict.fromkeys(serials, (404, "not-found"))


async def test_other_roles_do_not_serve_it(deps: Deps, client: httpx.AsyncClient) -> None:
    transport = httpx.ASGITransport(build_app(deps, frozenset({"api"})))
    async with httpx.AsyncClient(transport=transport, base_url="http://callmark.test") as other:
        assert (await other.get(f"/stir/v1/certs/{SERIAL}.pem")).status_code == 404
    assert (await client.post(f"/stir/v1/certs/{SERIAL}.pem")).status_code == 405
