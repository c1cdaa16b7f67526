"""`callmark operator`, and how a member gets into the console, as an operator types them."""

import asyncio
import codecs
from collections.abc import Generator
from pathlib import Path

import pytest
from tests.support.engines import SECRET_KEY, Engines
from tests.surfaces.cli.running import NOBODY, Here

from callmark.domain.operators.tokens import service as operator_tokens
from callmark.domain.policy.model import Actor, ActorKind
from callmark.domain.sessions import service as sessions
from callmark.domain.sessions.model import Origin, SignedIn
from callmark.kit.errors import Unauthenticated
from callmark.kit.ids import random_text
from callmark.kit.settings import read_settings

PASSWORD = "four unrelated words here"


@pytest.fixture
def here(engines: Engines) -> Generator[Here]:
    settings = read_settings({}, postgres_dsn=engines.dsn, nats_url=engines.nats_url, secret_key=SECRET_KEY)
    with Here(settings) as made:
        yield made


@pytest.fixture
def password_file(tmp_path: Path) -> str:
    path = tmp_path / "password"
    path.write_text(f"{PASSWORD}\n")
    return str(path)


async def signs_in(here: Here, email: str, password: str = PASSWORD) -> bool:
    """Whether the console takes that address and password."""
    async with here.open() as deps:
        return isinstance(await sessions.sign_in(deps, email, password, Origin(random_text(8), "")), SignedIn)


def test_an_operator_is_made_gets_a_new_password_and_is_deleted(here: Here, password_file: str, tmp_path: Path) -> None:
    email = f"olive-{random_text(6)}@operator.example"
    weak = tmp_path / "weak"
    weak.write_text("short\n")
    assert "12 characters" in here.error("operator", "create", "--email", email, "--password-file", str(weak))
    made = here.json("operator", "create", "--email", email, "--name", "Olive", "--password-file", password_file)
    assert (made["email"], made["name"]) == (email, "Olive")
    assert asyncio.run(signs_in(here, email))
    assert "already exists" in here.error("operator", "create", "--email", email, "--password-file", password_file)
    assert email in here.text("operator", "list")
    Path(password_file).write_text("quite another four words\n")
    here.text("operator", "password", made["id"], "--password-file", password_file)
    assert asyncio.run(signs_in(here, email, "quite another four words"))
    assert here.json("operator", "show", made["id"])["email"] == email
    here.text("operator", "delete", made["id"], "--yes")
    assert "no operator" in here.error("operator", "show", made["id"])


def test_a_script_that_deletes_an_operator_reads_which_of_their_tokens_stay_valid(
    here: Here, password_file: str
) -> None:
    email = f"olive-{random_text(6)}@operator.example"
    made = here.json("operator", "create", "--email", email, "--name", "Olive", "--password-file", password_file)

    async def create_token() -> None:
        async with here.open() as deps:
            await operator_tokens.create_token(deps, "backup", by=Actor(ActorKind.OPERATOR, email))

    asyncio.run(create_token())
    assert here.json("operator", "delete", made["id"], "--yes") == {"id": made["id"], "tokens": ["backup"]}


def test_a_first_member_who_gets_a_password_can_sign_in(here: Here, password_file: str) -> None:
    account = here.json("account", "create", "--name", "Acme")["client_account_id"]
    alice = f"alice-{random_text(6)}@acme.example"
    made = here.json("member", "create", "--account", account, "--email", alice, "--name", "Alice")
    set_password = ("member", "password", made["id"], "--account", account, "--password-file", password_file)
    assert f"{alice} can sign in now" in here.text(*set_password)
    assert asyncio.run(signs_in(here, alice))
    assert "Password changed." in here.text(*set_password)


def test_a_password_file_is_utf_8_and_may_say_so(here: Here, tmp_path: Path) -> None:
    email, file = f"olive-{random_text(6)}@operator.example", tmp_path / "of-an-editor"
    create = ("operator", "create", "--email", email, "--password-file", str(file))
    file.write_text(PASSWORD, encoding="utf-16")
    assert "not UTF-8" in here.error(*create)
    file.write_bytes(codecs.BOM_UTF8 + f"{PASSWORD}\r\n".encode())
    here.text(*create)
    assert asyncio.run(signs_in(here, email))


def test_without_a_terminal_the_way_to_give_a_password_is_named(here: Here) -> None:
    email = f"olive-{random_text(6)}@operator.example"
    refused = here.run("operator", "create", "--email", email)
    assert (refused.code, "give --password-file FILE" in refused.err) == (2, True)
    assert "Password:" not in refused.err
    assert email not in here.text("operator", "list")


def test_a_members_address_and_an_operators_never_meet(here: Here, password_file: str) -> None:
    account = here.json("account", "create", "--name", "Acme")["client_account_id"]
    alice = f"alice-{random_text(6)}@acme.example"
    made = here.json("member", "create", "--account", account, "--email", alice, "--name", "Alice")
    here.text("member", "password", made["id"], "--account", account, "--password-file", password_file)
    assert "use another address" in here.error("operator", "create", "--email", alice, "--password-file", password_file)
    olive = f"olive-{random_text(6)}@operator.example"
    here.text("operator", "create", "--email", olive, "--password-file", password_file)
    assert "already exists" in here.error(
        "member", "create", "--account", account, "--email", olive.upper(), "--name", "Olive"
    )


def test_a_member_is_invited_by_mail_or_given_a_password(here: Here, password_file: str) -> None:
    account = here.json("account", "create", "--name", "Acme")["client_account_id"]
    email = f"alice-{random_text(6)}@acme.example"
    alice = here.json("member", "create", "--account", account, "--email", email, "--name", "Alice")
    invited = here.text("member", "invite", alice["id"], "--account", account)
    assert "Invitation written; it waits: no mail server is set." in invited
    assert asyncio.run(mails_to(here, email)) == ["Your invitation to Acme on Callmark"]
    here.text("member", "update", alice["id"], "--account", account, "--state", "active")
    assert "only an invited member" in here.error("member", "invite", alice["id"], "--account", account)
    here.text("member", "password", alice["id"], "--account", account, "--password-file", password_file)
    assert asyncio.run(signs_in(here, email))


def test_an_owner_gets_a_place_that_exists(here: Here) -> None:
    account = here.json("account", "create", "--name", "Acme")["client_account_id"]
    owner = ("--role", "process_owner", "--name", "Paul", "--email", f"paul-{random_text(6)}@acme.example")
    assert "place in the structure does not exist" in here.error(
        "member", "create", "--account", account, *owner, "--place", NOBODY
    )
    paul = here.json("member", "create", "--account", account, *owner)
    assert paul["place"] is None
    assert "place in the structure does not exist" in here.error(
        "member", "update", paul["id"], "--account", account, "--place", NOBODY
    )


async def mails_to(here: Here, email: str) -> list[str]:
    """Subjects of the mails to that address."""
    async with here.open() as deps, deps.db.connection() as tx:
        return [row["subject"] for row in await tx.fetch("SELECT subject FROM mail WHERE recipient = $1", email)]


def test_an_operator_token_is_shown_once_listed_and_revoked(here: Here) -> None:
    name = f"Billing {random_text(6)}"
    made = here.json("operator", "token", "create", "--name", name, "--days", "30")
    assert set(made) == {"id", "name", "token", "expires_at"}
    assert asyncio.run(is_admitted(here, made["token"]))
    assert "of this name exists" in here.error("operator", "token", "create", "--name", name.upper())
    (listed,) = [one for one in here.json("operator", "token", "list") if one["name"] == name]
    assert (listed["state"], listed["expires_at"]) == ("live", made["expires_at"])
    assert listed["last_used_at"]
    assert made["token"] not in here.text("operator", "token", "list")
    revoked = here.json("operator", "token", "revoke", made["id"])
    assert (revoked["id"], revoked["state"]) == (made["id"], "revoked")
    assert not asyncio.run(is_admitted(here, made["token"]))
    assert here.json("operator", "token", "create", "--name", name)["expires_at"] is None
    assert here.run("operator", "token", "create", "--name", name, "--days", "0").code == 2
    assert "no operator token" in here.error("operator", "token", "revoke", NOBODY)


async def is_admitted(here: Here, token: str) -> bool:
    """Whether the operator API takes the token."""
    async with here.open() as deps:
        try:
            await operator_tokens.admit(deps, token)
        except Unauthenticated:
            return False
    return True
