"""Calls that are signed with a certificate of a network's authority: never with claims that it forbids."""

import pytest
from tests.domain.signer_certificates.staging import key_pem, make_authority, pem
from tests.support.factories import phone
from tests.surfaces.stir.staging import Json, Network, claims_of, headers_of, network

from callmark.domain.deps import Deps
from callmark.domain.policy.model import SYSTEM
from callmark.domain.signer_certificates import roots, service as signer_certificates
from callmark.passport import ClaimConstraints, TnAuthList, read_identity

OTHER_ICON = {"rcdi": ('{"/icn":"sha256-AAAA"}',)}


async def imported(there: Network, constraints: ClaimConstraints) -> str:
    """The address of a new certificate for the account's number."""
    now = there.deps.real_clock.now()
    authority = make_authority(now)
    leaf, key = authority.issue(TnAuthList.of([there.caller]), constraints, now=now)
    await roots.add_roots(there.deps, pem(authority.root), by=SYSTEM)
    stored = await signer_certificates.import_certificate(
        there.deps, there.cast.account.id, pem(leaf, authority.issuer), key_pem(key), by=SYSTEM
    )
    return signer_certificates.url_of(there.deps, stored)


async def announced(there: Network) -> tuple[list[str], Json]:
    """The headers of an announced call, and what another network finds in them."""
    receiver = phone()
    await there.announce(receiver)
    headers = headers_of(await there.sign(receiver))
    return headers, await there.verify(headers, receiver)


@pytest.mark.parametrize(
    ("constraints", "shown"),
    [
        (ClaimConstraints(must_include=("rcd",)), {"nam", "icn", "crn"}),
        (ClaimConstraints(must_include=("crn", "rcdi"), must_exclude=("attest",)), {"nam", "icn", "crn"}),
        (ClaimConstraints(must_exclude=("crn",)), {"nam", "icn"}),
        (ClaimConstraints(permitted={"crn": ("Something else",)}), {"nam", "icn"}),
        (ClaimConstraints(permitted=OTHER_ICON), {"nam", "crn"}),
        (ClaimConstraints(permitted=OTHER_ICON, must_exclude=("crn",)), {"nam"}),
    ],
)
async def test_what_a_certificate_forbids_is_left_out_of_the_token(
    deps: Deps, constraints: ClaimConstraints, shown: set[str]
) -> None:
    async with network(deps) as there:
        address = await imported(there, constraints)
        (_, branded), told = await announced(there)
        assert read_identity(branded).x5u == address
        assert [one["verifyResult"]["status"] for one in told["verifyResults"]] == ["pass", "pass"]
        assert {*told["rcd"], *({"crn"} & told.keys())} == shown


async def test_a_certificate_that_permits_no_name_leaves_it_to_the_next_one(deps: Deps) -> None:
    async with network(deps) as there:
        address = await imported(there, ClaimConstraints(must_exclude=("rcd",)))
        (shaken, branded), told = await announced(there)
        assert read_identity(shaken).x5u == address != read_identity(branded).x5u
        assert (told["verstat"], told["displayName"]) == ("TN-Validation-Passed", "Acme Deliveries")


@pytest.mark.parametrize(
    ("constraints", "is_named"), [(ClaimConstraints(("rcd",)), True), (ClaimConstraints(must_exclude=("rcd",)), False)]
)
async def test_where_there_is_one_certificate_alone_each_token_is_as_it_demands(
    deps: Deps, constraints: ClaimConstraints, *, is_named: bool
) -> None:
    async with network(deps) as there:
        await roots.remove_root(there.deps, (await roots.own_root(there.deps)).id, by=SYSTEM)
        await imported(there, constraints)
        (shaken, *others), told = await announced(there)
        assert ((claims_of(shaken).rcd is not None), len(others)) == (is_named, int(is_named))
        assert (told["verstat"], "displayName" in told) == ("TN-Validation-Passed", is_named)


async def test_a_file_whose_serial_number_another_one_has_is_got_at_its_own_address(deps: Deps) -> None:
    async with network(deps) as there:
        now = there.deps.real_clock.now()
        authority = make_authority(now)
        leaf, key = authority.issue(TnAuthList.of([there.caller]), now=now)
        await roots.add_roots(there.deps, pem(authority.root, authority.issuer), by=SYSTEM)
        for file in (pem(leaf), pem(leaf, authority.issuer)):
            stored = await signer_certificates.import_certificate(
                there.deps, there.cast.account.id, file, key_pem(key), by=SYSTEM
            )
        (_, branded), told = await announced(there)
        address = read_identity(branded).x5u
        assert address == signer_certificates.url_of(there.deps, stored)
        assert told["verstat"] == "TN-Validation-Passed"
        answer = await there.client.get(address.removeprefix(there.deps.public_url))
        assert (answer.status_code, answer.content) == (200, pem(leaf, authority.issuer))
