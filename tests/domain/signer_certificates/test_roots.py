"""Trusted roots: added, listed, removed, and those that are refused; the installation's own."""

from datetime import datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from msgspec.structs import replace
from tests.domain.signer_certificates.staging import (
    Authority,
    make_authority,
    pem,
)
from tests.support.actors import OPERATOR

from callmark.domain.deps import Deps
from callmark.domain.ids import TrustRootId
from callmark.domain.signer_certificates import checks, queries, roots
from callmark.kit.errors import Conflict, InvalidInput, NotFound
from callmark.kit.ids import new_id
from callmark.passport import TnAuthList, make_key, make_root

NUMBER = "12025551000"


@pytest.fixture
def authority(deps: Deps) -> Authority:
    return make_authority(deps.real_clock.now())


def make_limited_root(now: datetime) -> x509.Certificate:
    """It is for some names alone, which we do not apply."""
    key, name = make_key(), x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Limited")])
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=100))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.NameConstraints([x509.DNSName("example")], None), critical=True)
        .sign(key, hashes.SHA256())
    )


async def test_roots_are_trusted_listed_and_removed(deps: Deps, authority: Authority) -> None:
    other = make_authority(deps.real_clock.now()).root
    added, _ = await roots.add_roots(deps, pem(authority.root, other), by=OPERATOR)
    assert [(one.name, one.is_own) for one in added] == [("STI-CA root", False)] * 2
    assert await roots.add_roots(deps, pem(other), by=OPERATOR) == ([], [])
    assert await roots.trusted_roots(deps) == [authority.root, other]
    await roots.remove_root(deps, added[0].id, by=OPERATOR)
    assert await roots.trusted_roots(deps) == [other]
    with pytest.raises(NotFound):
        await roots.remove_root(deps, TrustRootId(added[0].id), by=OPERATOR)


async def test_roots_below_which_nothing_counts_are_left_out(deps: Deps, authority: Authority) -> None:
    now = deps.real_clock.now()
    old = make_root("Old", make_key(), now=now - timedelta(days=4000))
    odd = make_root("Odd", ec.generate_private_key(ec.SECP256K1()), now=now)
    added, left_out = await roots.add_roots(deps, pem(old, authority.root, odd, make_limited_root(now)), by=OPERATOR)
    assert [one.certificate for one in added] == [authority.root]
    assert await roots.list_roots(deps) == added
    assert left_out == [
        ("Old", f"it ended on {old.not_valid_after_utc:%Y-%m-%d}"),
        ("Odd", "its key is not on the curve P-256, P-384 or P-521"),
        ("Limited", "a certificate has the critical extension 2.5.29.30"),
    ]


async def test_a_file_without_a_root_that_counts_or_with_others_is_refused(deps: Deps, authority: Authority) -> None:
    now = deps.real_clock.now()
    leaf, _ = authority.issue(TnAuthList.of([NUMBER]), now=now)
    old = make_root("Old", make_key(), now=now - timedelta(days=4000))
    for file, said in (
        (pem(authority.root, leaf), "'Acme' cannot be a root: it may not issue"),
        (pem(make_limited_root(now), old), "'Limited' cannot be a root: a certificate has the critical"),
        (pem(old), "'Old' cannot be a root: it ended on"),
        (b"no PEM", "no certificate"),
        (b"x" * 2_000_000, "larger than"),
        (pem(authority.root) * 201, "more than 200"),
    ):
        with pytest.raises(InvalidInput, match=said):
            await roots.add_roots(deps, file, by=OPERATOR)
    assert await roots.list_roots(deps) == []


async def test_there_is_one_root_of_its_own_and_its_key_is_stored_encrypted(deps: Deps) -> None:
    root = await roots.create_root(deps, "Test root", "t3st", by=OPERATOR)
    assert root.provider_code == "T3ST"
    with pytest.raises(Conflict):
        await roots.create_root(deps, "Another", None, by=OPERATOR)
    for name, code in (("", None), ("x" * 65, None), ("Root", ""), ("Root", "A B"), ("Root", "A" * 17)):
        with pytest.raises(InvalidInput):
            await roots.create_root(deps, name, code, by=OPERATOR)
    async with deps.db.connection() as tx:
        sealed = await tx.fetchval("SELECT sealed_key FROM trust_root")
    assert len(sealed) > 100
    assert b"\x2a\x86\x48\xce\x3d" not in sealed  # how a key in the open begins


async def test_roots_that_end_or_that_count_for_nothing_are_named(deps: Deps) -> None:
    """Older versions trusted some below which nothing counts."""
    now, key = deps.real_clock.now(), make_key()

    async def look(days: int = 0) -> tuple[bool, str, str]:
        async with deps.db.connection() as tx:
            found = await checks.check_roots(tx, now + timedelta(days=days))
        return found.ok, found.detail, found.advice

    assert await look() == (True, "none", "")
    own = await roots.create_root(deps, "Own", None, by=OPERATOR)
    await roots.add_roots(deps, pem(make_root("Short", key, now=now, days=20)), by=OPERATOR)
    assert await look() == (True, "2", "")
    ok, detail, advice = await look(7)
    assert (ok, detail) == (False, f"2; ending soon: 'Short' (until {now + timedelta(days=20):%Y-%m-%d})")
    assert advice.startswith("Trust the successors")
    ok, detail, advice = await look(21)
    assert (ok, "without effect: 'Short' (it ended on" in detail) == (False, True)
    assert advice.startswith("Remove those that have ended")
    assert (await look(3640))[2].startswith("Replace your own")
    limited = make_limited_root(now)
    row, der = replace(own, id=TrustRootId(new_id()), is_own=False), limited.public_bytes(Encoding.DER)
    async with deps.db.transaction() as tx:
        await queries.insert_root(tx, row, der, b"", None)
    assert (await look())[1] == "3; without effect: 'Own' (a certificate has the critical extension 2.5.29.30)"
