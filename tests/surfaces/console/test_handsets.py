"""Handset apps and registrations: made and revoked, found, seen connected, forgotten."""

import re
from collections.abc import AsyncGenerator
from datetime import timedelta

import pytest
from tests.support.factories import phone
from tests.support.other_digits import other_digits
from tests.surfaces.console.browser import Browser, errors_of, links_of, shown_number, text_of

from callmark.domain.audit import service as audit
from callmark.domain.audit.model import AuditFilter
from callmark.domain.deps import Deps
from callmark.domain.handsets import directory, service as handsets
from callmark.domain.handsets.model import COUNT, OS, HandsetFilter
from callmark.domain.policy.model import SYSTEM
from callmark.kit.errors import Unauthenticated
from callmark.kit.ids import new_id, random_text, sha256
from callmark.kit.phone import PhoneNumber
from callmark.surfaces.console import display_names

APPS = "/console/operator/handset-apps"
LIST = "/console/operator/handsets"


@pytest.fixture
async def connected(deps: Deps) -> AsyncGenerator[PhoneNumber]:
    """A registered number whose stream some gateway holds; what reaches the handset fails the test."""
    number = await registered(deps)
    heard: list[bytes] = []
    attachment = await deps.fabric.attach(number, lambda _key, _reply, payload: heard.append(payload))
    yield number
    await deps.fabric.detach(attachment)
    assert heard == []


async def registered(deps: Deps, os: OS = OS.ANDROID, version: str = "4.2.0") -> PhoneNumber:
    _, credential = await handsets.create_app(deps, "Ring app", by=SYSTEM)
    number = phone()
    await handsets.register(deps, credential, number, os, version)
    return number


def row_of(page: str, number: PhoneNumber) -> str:
    return next(row for row in page.split("<tr>")[1:] if display_names.phone(number) in row)


async def test_an_apps_credential_is_shown_once_and_registers_handsets(deps: Deps, olive: Browser) -> None:
    name = f"Ring {random_text(6)}"
    shown = await olive.follow(await olive.post(f"{APPS}/new", {"name": f" {name} "}))
    (credential,) = set(re.findall(r"cmapp_\w+", shown.text))
    assert shown.headers["cache-control"] == "no-store"
    assert f'data-copy="{credential}"' in shown.text
    listed = await olive.get(APPS)
    assert name in text_of(listed)
    assert credential not in listed.text
    number = phone()
    assert (await handsets.register(deps, credential, number, OS.IOS, "1.0")).registration.phone_number == number
    newest = (await audit.list_entries(deps, None, AuditFilter(action="handset_app.created", text=name)))[0]
    assert credential not in str(newest)
    refused = await olive.post(f"{APPS}/new", {"name": ""})
    assert refused.status_code == 422
    assert "name" in errors_of(refused)


async def test_a_revoked_app_ends_its_registrations(deps: Deps, olive: Browser) -> None:
    app, credential = await handsets.create_app(deps, "Ring app", by=SYSTEM)
    made = await handsets.register(deps, credential, phone(), OS.ANDROID, "1.0")
    asked = text_of(await olive.get(f"{APPS}/{app.id}/revoke"))
    assert "ends immediately (1 handset)." in asked
    page = await olive.follow(await olive.post(f"{APPS}/{app.id}/revoke"))
    assert "Ring app was revoked." in text_of(page)
    assert f"{APPS}/{app.id}/revoke" not in links_of(page)
    with pytest.raises(Unauthenticated):
        await handsets.authenticate(deps, made.token)
    assert (await olive.post(f"{APPS}/{new_id()}/revoke")).status_code == 404


@pytest.fixture
def _patient_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Gateways in the process of the tests may take their time."""
    monkeypatch.setattr(directory, "_WITHIN", timedelta(seconds=30))


@pytest.mark.usefixtures("_patient_directory")
async def test_handsets_are_listed_with_whether_they_are_connected_now(
    deps: Deps, olive: Browser, connected: PhoneNumber
) -> None:
    away = await registered(deps)
    here = row_of((await olive.get(LIST, q=connected)).text, connected)
    assert ">Connected<" in here
    assert "Android" in here
    assert "4.2.0" in here
    assert ">Not connected<" in row_of((await olive.get(LIST, q=f"+{away}")).text, away)


async def test_handsets_are_found_by_the_beginning_of_their_number_os_version_and_app(
    deps: Deps, olive: Browser
) -> None:
    app, credential = await handsets.create_app(deps, "Ring app", by=SYSTEM)
    prefix = f"4670{random_text(4).encode().hex()[:5].translate(str.maketrans('abcdef', '123456'))}"
    numbers = [PhoneNumber(f"{prefix}{number:03}") for number in range(60)]
    for number in numbers:
        await handsets.register(deps, credential, number, OS.ANDROID, "2.1")
    await handsets.register(deps, credential, numbers[3], OS.IOS, "3.0")
    assert shown_number(numbers[3]) in (ios := text_of(await olive.get(LIST, q=prefix, os="ios")))
    assert shown_number(numbers[4]) not in ios
    old = text_of(await olive.get(LIST, q=prefix, version="2."))
    assert (shown_number(numbers[3]) in old, shown_number(numbers[4]) in old) == (False, True)
    first = await olive.get(LIST, q=other_digits(f"+{prefix[:2]} {prefix[2:]}"), app=str(app.id))
    assert len([one for one in numbers if shown_number(one) in text_of(first)]) == 50
    (next_page,) = [link for link in links_of(first) if "after=" in link]
    second = await olive.get(next_page)
    assert [one for one in numbers if shown_number(one) in text_of(second)] == numbers[50:]
    assert "No matches" in text_of(await olive.get(LIST, q=prefix, version="9"))
    assert "No matches" in text_of(await olive.get(LIST, q="Nina"))
    assert (await olive.get(LIST, os="symbian", app="nonsense", after="nonsense", q="'; --")).status_code == 200


async def test_a_forgotten_handset_is_no_user_any_more(deps: Deps, olive: Browser) -> None:
    number = await registered(deps)
    assert "register it again" in text_of(await olive.get(f"{LIST}/{number}/forget"))
    page = await olive.follow(await olive.post(f"{LIST}/{number}/forget"))
    assert f"{shown_number(number)} was forgotten." in text_of(page)
    assert await directory.list_registrations(deps, HandsetFilter(number=number), "", 1) == []
    assert (await olive.post(f"{LIST}/{number}/forget")).status_code == 404
    assert (await olive.get(f"{LIST}/{number}/forget")).status_code == 404
    newest = (await audit.list_entries(deps, None, AuditFilter(action="handset.forgotten")))[0]
    assert (newest.subject, number[:4] in str(newest)) == (f"…{number[-2:]}", False)


async def test_a_forgotten_handsets_stream_is_closed(deps: Deps, olive: Browser) -> None:
    import asyncio

    number, rechecked = await registered(deps), asyncio.Event()

    async def on_recheck(_: bytes) -> None:
        rechecked.set()

    await deps.fabric.listen("handsets.recheck", on_recheck)
    await olive.post(f"{LIST}/{number}/forget")
    await asyncio.wait_for(rechecked.wait(), 30)


@pytest.mark.usefixtures("_patient_directory")
async def test_the_open_streams_of_all_gateways_are_counted(deps: Deps, olive: Browser) -> None:
    async def on_count(_: bytes) -> bytes:
        return b"1234"

    assert await directory.count_connected(deps) == 0
    await deps.fabric.listen(COUNT, on_count)
    assert "Connected now 1,234" in text_of(await olive.get(LIST))


async def test_without_nats_nobody_is_said_to_be_connected_or_not(deps: Deps, olive: Browser) -> None:
    number = await registered(deps)
    await deps.fabric.close()
    page = await olive.get(LIST, q=number)
    assert "The gateways do not respond" in text_of(page)
    assert "onnected<" not in row_of(page.text, number)


async def test_a_credential_is_kept_as_its_hash_only(deps: Deps, olive: Browser) -> None:
    shown = await olive.follow(await olive.post(f"{APPS}/new", {"name": "Hashed"}))
    (credential,) = set(re.findall(r"cmapp_\w+", shown.text))
    async with deps.db.connection() as tx:
        assert await tx.fetchval("SELECT count(*) FROM handset_app WHERE credential_sha256 = $1", sha256(credential))


async def test_the_list_has_the_name_of_what_it_lists(deps: Deps, olive: Browser) -> None:
    number = await registered(deps)
    page = text_of(await olive.get(LIST))
    assert display_names.phone(number).replace("\N{NO-BREAK SPACE}", " ") in page
    assert "Registered handsets All phone numbers that apps have registered" in page
    assert "Connected handsets" not in page
