"""The webhook receivers, each with the commands of its README: an event, the same again, and what is not signed."""

import shutil
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from msgspec import Struct
from tests.client.conftest import Platform
from tests.examples.running import EXAMPLES, run, run_in_turn, serving
from tests.support.factories import ALICE
from tests.support.listed_number import make_listed, ring

from callmark.domain.callbacks import service as callbacks
from callmark.domain.callbacks.model import NewCallbackRequest
from callmark.domain.events.model import EventType
from callmark.domain.webhooks import service as webhooks
from callmark.domain.webhooks.deliveries import service as deliveries
from callmark.domain.webhooks.model import DeliveryState
from callmark.kit.ids import random_uuid
from callmark.kit.ports import free_port

RECEIVERS = EXAMPLES / "receivers"
KEEP_TWO = """
import sys
sys.path.insert(0, "")
import inbox
from callmark.client.events import read_event

for event_id, kind in ("e1", "\xe9"), ("e2", "a"):
    inbox.keep(read_event({"event_id": event_id, "event_type": kind}))
"""
DJANGO = "django.core.management django.db.models django.db.backends.sqlite3.base django.http django.urls"
_WAITING = "SELECT count(*) FROM event WHERE NOT handled"


class Commands(Struct, frozen=True):
    """How a receiver is started, and how its events are handled."""

    serve: tuple[object, ...]
    handle: tuple[object, ...]
    waiting: str
    """How many events are not handled yet."""
    folder: Path = RECEIVERS


def commands(framework: str, port: int) -> Commands:
    """Those of the README."""
    return {
        "fastapi": Commands(("-m", "uvicorn", "fastapi_receiver:app", "--port", port), ("inbox.py",), _WAITING),
        "flask": Commands(("-m", "flask", "--app", "flask_receiver", "run", "--port", port), ("inbox.py",), _WAITING),
        "django": Commands(
            ("manage.py", "runserver", "--noreload", port),
            ("manage.py", "handle_events"),
            "SELECT count(*) FROM callmark_events_receivedevent WHERE handled_at IS NULL",
            RECEIVERS / "django_receiver",
        ),
    }[framework]


@pytest.fixture(scope="module")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Awaitable[Path]]:
    """Gives the file of a Django receiver's database that has its tables."""
    file = tmp_path_factory.mktemp("django") / "events.sqlite3"

    async def made() -> Path:
        if not file.exists():
            environ = {"CALLMARK_WEBHOOK_SECRET": "whsec_bmV4dA==", "DJANGO_DATABASE": str(file)}
            done = await run("manage.py", "migrate", cwd=RECEIVERS / "django_receiver", environ=environ)
            assert done.status == 0, done.err
        return file

    return made


@pytest.mark.parametrize("framework", ["fastapi", "flask", "django"])
async def test_a_receiver_stores_an_event_once_and_refuses_what_is_not_signed(
    framework: str, platform: Platform, tmp_path: Path, migrated: Callable[[], Awaitable[Path]]
) -> None:
    port = free_port()
    of = commands(framework, port)
    url = f"http://127.0.0.1:{port}/callmark"
    secret, call_me_back = await subscribed(platform, url)
    events = tmp_path / "events.sqlite3"
    environ = {
        "CALLMARK_WEBHOOK_SECRET": f"whsec_bmV4dA==,{secret}",
        "INBOX_FILE": str(events),
        "DJANGO_DATABASE": str(events),
    }
    if framework == "django":
        shutil.copy(await migrated(), events)
    log = tmp_path / "receiver.log"
    async with serving(*of.serve, port=port, cwd=of.folder, environ=environ, log=log):
        number = await call_me_back()
        await platform.push_due()
        await resent(platform)
        await platform.push_due()
        async with httpx.AsyncClient(trust_env=False, timeout=60) as http:
            assert (await http.post(url, json={"event_id": "1"})).status_code == 400
            assert (await http.get(url)).status_code == 405
    told = log.read_text()
    assert (told.count(": stored"), told.count(": was here before")) == (1, 1), told
    assert "refused a webhook: there is no webhook-timestamp header" in told
    assert count(events, of.waiting) == 1
    handled = await run(*of.handle, cwd=of.folder, environ=environ)
    assert (handled.status, handled.out) == (0, f"call {number} back\n"), handled.err
    assert count(events, of.waiting) == 0


async def test_an_event_that_cannot_be_handled_holds_up_no_other(tmp_path: Path) -> None:
    """A terminal that takes ASCII only stands for a CRM that refuses one number."""
    environ = {"INBOX_FILE": str(tmp_path / "events.sqlite3"), "PYTHONIOENCODING": "ascii"}
    keep = tmp_path / "keep.py"
    keep.write_text(KEEP_TWO)
    programs = ((keep,), ("inbox.py",), ("inbox.py",))
    kept, *twice = await run_in_turn(*programs, imported="callmark.client", cwd=RECEIVERS, environ=environ)
    assert kept.status == 0, kept.err
    for handled, printed in zip(twice, ("a: this version does not know it, all of it is in `body`\n", ""), strict=True):
        assert (handled.status, handled.out) == (1, printed)
        assert "event e1 was not handled" in handled.err
    later = await run("inbox.py", cwd=RECEIVERS, environ=environ | {"PYTHONIOENCODING": "utf-8"})
    assert (later.status, later.out) == (0, "é: this version does not know it, all of it is in `body`\n")


async def test_an_event_that_cannot_be_handled_holds_up_no_other_in_django(
    tmp_path: Path, migrated: Callable[[], Awaitable[Path]]
) -> None:
    of, events = commands("django", 0), Path(shutil.copy(await migrated(), tmp_path))
    environ = {"CALLMARK_WEBHOOK_SECRET": "whsec_bmV4dA==", "DJANGO_DATABASE": str(events)}
    with closing(sqlite3.connect(events)) as db, db:
        rows = [("e1", "cmb", "1", "{}", "2026-01-01"), ("e2", "user_feedback", "2", "{}", "2026-01-02")]
        insert = "INSERT INTO callmark_events_receivedevent (event_id, event_type, number, body, received_at)"
        db.executemany(f"{insert} VALUES (?, ?, ?, ?, ?)", rows)
    twice = await run_in_turn(of.handle, of.handle, imported=DJANGO, cwd=of.folder, environ=environ)
    for handled, printed in zip(twice, ("user_feedback from 2\n", ""), strict=True):
        assert (handled.status, handled.out) == (1, printed), handled.err
        assert "cmb e1 was not handled" in handled.err
        assert "events that could not be handled: 1" in handled.err


def count(file: Path, statement: str) -> int:
    """What a statement counts in a SQLite file."""
    with closing(sqlite3.connect(file)) as db:
        return db.execute(statement).fetchone()[0]


async def subscribed(platform: Platform, url: str) -> tuple[str, Callable[[], Awaitable[str]]]:
    """A webhook to `url`: its secret, and how somebody, whose number it gives, asks to be called back."""
    account_id = platform.cast.account.id
    made = await webhooks.create_webhook(
        platform.deps, account_id, name="desk", url=url, event_types=list(EventType), by=ALICE
    )
    listed = await make_listed(platform.deps, account_id=account_id)

    async def call_me_back() -> str:
        receiver, _ = await ring(platform.deps, listed)
        await callbacks.request(platform.deps, receiver, NewCallbackRequest(random_uuid(), listed.number))
        return receiver

    return made.secret, call_me_back


async def resent(platform: Platform) -> None:
    """The delivery, which succeeded, is due again."""
    account_id = platform.cast.account.id
    (delivery,) = await deliveries.list_deliveries(platform.deps, account_id)
    assert delivery.state is DeliveryState.SUCCESS
    await deliveries.resend(platform.deps, account_id, delivery.id, by=ALICE)
