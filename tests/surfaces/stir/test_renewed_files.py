"""Files of other signers that are replaced at their address while we keep them: calls continue to count."""

import asyncio
import gc
import tracemalloc
from collections.abc import AsyncGenerator, Callable
from datetime import UTC, datetime, timedelta

import pytest
from tests.domain.signer_certificates.staging import make_authority, pem
from tests.support.factories import phone
from tests.surfaces.stir.abroad import PNG, Abroad, abroad

from callmark.domain.deps import Deps
from callmark.domain.signed_calls.model import CallVerdict, Verstat
from callmark.kit.phone import PhoneNumber
from callmark.passport import TnAuthList, issue, make_key


@pytest.fixture
async def there(deps: Deps) -> AsyncGenerator[Abroad]:
    async with abroad(deps) as made:
        yield made


async def call(there: Abroad, icon: str | None = None, path: str = "/acme.pem") -> CallVerdict:
    receiver = phone()
    return await there.verify(there.header(receiver, path, icon), receiver)


def of_another(
    there: Abroad, *, is_old: bool = False, is_own_key: bool = True, number: PhoneNumber | None = None
) -> bytes:
    """The signer's file as it was before: with another certificate of its authority."""
    key = there.key if is_own_key else make_key()
    now = datetime.now(UTC) - timedelta(days=60 if is_old else 1)
    numbers = TnAuthList.of([number or there.caller])
    leaf = issue("Acme", key.public_key(), there.authority.issuer, there.authority.issuer_key, numbers, now=now)
    return pem(leaf, there.authority.issuer)


def of_nobody(there: Abroad) -> bytes:
    """One whose authority was not trusted here."""
    other = make_authority(datetime.now(UTC))
    numbers = TnAuthList.of([there.caller])
    return pem(
        issue("Acme", there.key.public_key(), other.issuer, other.issuer_key, numbers, now=datetime.now(UTC)),
        other.issuer,
    )


BEFORE: list[tuple[Callable[[Abroad], bytes], str]] = [
    (lambda there: of_another(there, is_own_key=False), "the signature does not match"),
    (lambda there: of_another(there, is_old=True), "a certificate has expired"),
    (lambda there: of_another(there, number=phone()), "the certificate is not for the caller's number"),
    (of_nobody, "the certificate does not lead to a trusted root"),
    (lambda _: b"<html>", "there is no certificate in PEM"),
]


@pytest.mark.parametrize(("before", "why"), BEFORE, ids=["key", "time", "number", "root", "file"])
async def test_a_token_that_does_not_count_has_its_file_fetched_once_more(
    there: Abroad, before: Callable[[Abroad], bytes], why: str
) -> None:
    now = there.host.files["/acme.pem"]
    there.host.files["/acme.pem"] = before(there)
    assert (await there.refusal("/acme.pem"))[1] == why
    there.host.files["/acme.pem"] = now
    there.clock.now += 9
    assert (await there.refusal("/acme.pem"))[1] == why
    assert len(there.host.asked) == 1
    there.clock.now += 1
    assert {one.verstat for one in await asyncio.gather(*(call(there) for _ in range(4)))} == {Verstat.PASSED}
    there.clock.now += 290
    assert (await call(there)).verstat is Verstat.PASSED
    assert len(there.host.asked) == 2


async def test_a_file_that_stays_as_it_is_is_asked_for_once_in_ten_seconds(there: Abroad) -> None:
    there.host.files["/acme.pem"] = of_another(there, is_own_key=False)
    for fetches in (1, 2, 3):
        for _ in range(2):
            assert (await there.refusal("/acme.pem"))[1] == "the signature does not match"
        assert len(there.host.asked) == fetches
        there.clock.now += 10


@pytest.mark.parametrize("now", ["down", "gone", "maintenance", "of nobody"])
async def test_the_verdict_stands_where_there_is_no_newer_file_that_counts(there: Abroad, now: str) -> None:
    assert (await call(there)).verstat is Verstat.PASSED
    there.clock.now += 10
    there.host.is_down = now == "down"
    there.host.files["/acme.pem"] = of_nobody(there) if now == "of nobody" else b"<html>"
    if now == "gone":
        del there.host.files["/acme.pem"]
    mine, there.key = there.key, make_key()
    for _ in range(2):
        assert await there.refusal("/acme.pem") == (438, "the signature does not match")
    there.key = mine
    assert (await call(there)).verstat is Verstat.PASSED
    assert len(there.host.asked) == 2
    there.clock.now += 300
    there.host.is_down = True
    assert (await call(there)).verstat is Verstat.PASSED


async def test_files_that_are_fetched_again_take_no_place_of_those_that_count(there: Abroad) -> None:
    there.host.files["/other.pem"] = there.host.files["/acme.pem"]
    await there.keep(most=2)
    for path in ("/other.pem", "/acme.pem"):
        assert (await call(there, path=path)).verstat is Verstat.PASSED
    there.clock.now += 10
    mine, there.key = there.key, make_key()
    await there.refusal("/acme.pem")
    there.key = mine
    for path in ("/other.pem", "/acme.pem"):
        assert (await call(there, path=path)).verstat is Verstat.PASSED
    assert there.host.asked == ["/other.pem", "/acme.pem", "/acme.pem"]


async def test_a_file_that_does_not_count_and_is_forgotten_takes_no_memory(there: Abroad) -> None:
    await there.keep(most=1)
    await there.refusal("/0.pem", bytes(60_000))
    tracemalloc.start()
    try:
        for number in range(1, 21):
            await there.refusal(f"/{number}.pem", b"<html>" * 10_000)
            del there.host.files[f"/{number}.pem"]
        gc.collect()
        assert tracemalloc.get_traced_memory()[0] < 20 * 60_000 / 2
    finally:
        tracemalloc.stop()


async def test_an_icon_that_was_replaced_shows(there: Abroad) -> None:
    there.host.files["/icon-64x64.png"] = b"the logo of last year"
    assert (await call(there, "/icon-64x64.png")).icon is None
    there.host.files["/icon-64x64.png"] = PNG
    there.clock.now += 10
    for _ in range(2):
        assert (await call(there, "/icon-64x64.png")).icon == there.url + "/icon-64x64.png"
    assert there.host.asked.count("/icon-64x64.png") == 2
