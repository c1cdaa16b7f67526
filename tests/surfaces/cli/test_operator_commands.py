"""The operator's commands as a shell runs them, against real engines."""

import io
import json
import os
import pty
import re
import subprocess
import sys
from asyncio import to_thread
from collections.abc import Generator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from PIL import Image
from tests.e2e.serving import run_here
from tests.support.due_work import run_due_once
from tests.support.engines import SECRET_KEY, Engines
from tests.support.factories import Sent, make_cast, phone, submit_batch
from tests.support.fake_clock import FakeClock
from tests.surfaces.cli.running import NOBODY, Ended, Here, Runner

from callmark.domain.calls import service as calls
from callmark.domain.calls.model import CallEvent, CallReport, CallSource
from callmark.domain.credentials import service as credentials
from callmark.domain.deps import Deps
from callmark.domain.ids import CallId
from callmark.domain.personalisation import service as personalisation
from callmark.domain.personalisation.validation import V2
from callmark.instants import to_ms
from callmark.kit.settings import read_settings
from callmark.record_rules.fields import NewRecord
from callmark.surfaces.cli.command import operator_at_terminal

_ID = "[0-9a-f-]{36}"
FEATURES = "call_personalisation,number_management,call_me_back,user_feedback"
COMMAND = (sys.executable, "-c", "from callmark.main import cli; cli()")


@dataclass
class Shell(Runner):
    """Runs the whole program in a process of its own."""

    env: dict[str, str]

    def run(self, *args: str) -> Ended:
        """The command as it ended, run by a script: no terminal."""
        command = [*COMMAND, *args]
        ended = subprocess.run(
            command, env=self.env, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
        return Ended(ended.returncode, ended.stdout, ended.stderr)

    def at_terminal(self, answer: str, *args: str) -> int:
        """The exit code of a command whose question a person answers."""
        ours, theirs = pty.openpty()
        os.write(ours, f"{answer}\n".encode())
        command = [*COMMAND, *args]
        ended = subprocess.run(command, env=self.env, stdin=theirs, capture_output=True, check=False)
        os.close(ours)
        os.close(theirs)
        return ended.returncode


@pytest.fixture
def here(engines: Engines) -> Generator[Here]:
    settings = read_settings(
        {},
        postgres_dsn=engines.dsn,
        nats_url=engines.nats_url,
        secret_key=SECRET_KEY,
        public_url="https://calls.example",
    )
    with Here(settings) as made:
        yield made


@pytest.fixture
def shell(engines: Engines) -> Shell:
    named = {
        "CALLMARK_POSTGRES_DSN": engines.dsn,
        "CALLMARK_NATS_URL": engines.nats_url,
        "CALLMARK_SECRET_KEY": SECRET_KEY,
    }
    rest = {name: value for name, value in os.environ.items() if not name.startswith("CALLMARK_")}
    return Shell(rest | named)


@pytest.fixture
def account(here: Here) -> str:
    return here.json("account", "create", "--name", "Acme Deliveries")["client_account_id"]


def test_an_account_is_made_changed_and_listed(here: Here, account: str) -> None:
    assert here.json("account", "show", account)["name"] == "Acme Deliveries"
    changed = here.json(
        "account", "update", account, "--name", "Acme", "--features", "call_me_back", "--state", "suspended"
    )
    assert (changed["name"], changed["features"], changed["state"]) == ("Acme", ["call_me_back"], "suspended")
    assert changed["announced_calls_only"] is False
    for switch in ("on", "off"):
        here.text("account", "update", account, "--announced-calls-only", switch)
        assert here.json("account", "show", account)["announced_calls_only"] is (switch == "on")
    listed = here.text("account", "list").splitlines()
    assert listed[0].split() == ["client", "account", "id", "name", "state", "features"]
    assert any(line.split() == [account, "Acme", "suspended", "call_me_back"] for line in listed)


def test_limits_are_shown_set_and_put_back(here: Here, account: str) -> None:
    def limits(*options: str) -> dict[str, tuple[int, bool]]:
        rows = here.json("account", "limits", account, *options)
        return {row["limit"]: (row["value"], row["is_own"]) for row in rows}

    assert limits()["batch"] == (60, False)
    changed = limits("--batch", "30", "--api-keys", "7")
    assert (changed["batch"], changed["api-keys"], changed["lint"]) == ((30, True), (7, True), (60, False))
    assert limits("--batch", "default")["batch"] == (60, False)
    assert here.text("account", "limits", account).splitlines()[0].split() == ["limit", "value", "default"]
    refused = here.run("account", "limits", account, "--batch", "601")
    assert (refused.code, "601 is not in the range" in refused.err) == (2, True)


def test_a_key_made_here_gets_a_token_and_its_secret_is_shown_once(here: Here, account: str) -> None:
    new = here.json("key", "create", "--account", account, "--name", "dialer", "--features", FEATURES)
    assert set(new) == {"key_id", "api_key"}
    (listed,) = here.json("key", "list", "--account", account)
    assert (listed["key_id"], listed["name"]) == (new["key_id"], "dialer")
    assert sorted(listed["features"]) == sorted(FEATURES.split(","))
    assert new["api_key"] not in here.text("key", "show", new["key_id"], "--account", account)
    renewed = here.json("key", "regenerate", new["key_id"], "--account", account)
    assert set(renewed) == {"key_id", "api_key"}
    assert "no API key" in here.error("key", "delete", new["key_id"], "--account", account)
    updated = here.json("key", "update", renewed["key_id"], "--account", account, "--features", "call_me_back")
    assert updated["features"] == ["call_me_back"]
    here.json("key", "delete", renewed["key_id"], "--account", account)
    assert here.text("key", "list", "--account", account).startswith("No API keys yet. Create one with")


_ON_A_FULL_DISK = """
import json, os, sys
from callmark.main import cli
full = os.open("/dev/full", os.O_WRONLY)
for words in json.loads(sys.argv[1]):
    if not os.fork():
        os.dup2(full, 1)
        cli(words)
    print(os.waitstatus_to_exitcode(os.wait()[1]), flush=True)
"""


def test_a_secret_that_cannot_be_shown_is_not_lost_without_a_word(here: Here, shell: Shell, account: str) -> None:
    """Each command says what there is now, and with which command it is revoked or replaced."""
    on = ("--account", account)
    key = here.json("key", "create", *on, "--name", "old")["key_id"]
    url = ("--url", "https://hooks.acme.example/")
    webhook = here.json("webhook", "create", *on, "--name", "old", *url)["id"]
    commands = [
        ("key", "create", *on, "--name", "new"),
        ("key", "regenerate", key, *on, "--yes"),
        ("webhook", "create", *on, "--name", "new", *url, "--json"),
        ("webhook", "rotate", webhook, *on),
        ("edge", "create", "--name", "Trunk", *on),
        ("operator", "token", "create", "--name", "billing"),
        ("handset-app", "create", "--name", "Dialer"),
    ]
    program = [sys.executable, "-c", _ON_A_FULL_DISK, json.dumps(commands)]
    done = subprocess.run(program, env=shell.env, capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["1"] * len(commands), done.stderr
    for command, line in zip(commands, done.stderr.splitlines(), strict=True):
        assert line.startswith("Error: cannot write the output: No space left on device. "), line
        said, _, advice = line.partition("it: callmark ")
        (made,) = re.findall(_ID, said)
        assert (made in advice.split(), here.run(*advice.split()).code, advice.split()[0]) == (True, 0, command[0])
    assert len(here.json("key", "list", *on)) == len(here.json("webhook", "list", *on)) == 2


async def test_the_pair_of_a_new_key_is_the_one_the_api_takes(shell: Shell, deps: Deps) -> None:
    account = str((await make_cast(deps)).account.id)
    new = shell.json("key", "create", "--account", account, "--name", "dialer")
    assert (await credentials.create_token(deps, account, new["key_id"], new["api_key"])).token
    assert "no account" in shell.error("account", "show", NOBODY)


def test_a_key_manages_only_when_the_command_names_it(here: Here, account: str) -> None:
    for features, manages in ((None, False), ("all", False), ("management,call_me_back", True)):
        named = () if features is None else ("--features", features)
        made = here.json("key", "create", "--account", account, "--name", "apply", *named)
        assert ("management" in here.json("key", "show", made["key_id"], "--account", account)["features"]) is manages
    assert "'management' is not one of" in here.run("account", "update", account, "--features", "management").err


def test_the_sixth_key_is_refused_in_one_line(here: Here, account: str) -> None:
    for i in range(5):
        here.text("key", "create", "--account", account, "--name", f"key {i}")
    assert "5 API keys" in here.error("key", "create", "--account", account, "--name", "sixth")


def test_a_label_starts_with_a_made_logo_and_takes_a_file_later(here: Here, account: str, tmp_path: Path) -> None:
    assert "callmark label create" in here.text("label", "list", "--account", account)
    made = here.json("label", "create", "--account", account, "--name", "Acme [bold]Deliveries")
    assert (made["label_type"], made["category"], made["sub_category"]) == ("dynamic", 14, 82)
    assert made["logo_url"].startswith("https://calls.example/logos/")
    assert made["created_by_email"] == operator_at_terminal().email
    logo = tmp_path / "logo.png"
    Image.new("RGB", (200, 200), "red").save(logo)
    on = ("--account", account)
    changed = here.json("label", "update", made["id"], *on, "--logo", str(logo), "--sub-category", "53", "--default")
    assert changed["logo_url"] != made["logo_url"]
    assert (changed["category"], changed["sub_category"], changed["is_default"]) == (8, 53, True)
    line = here.text("label", "list", *on).splitlines()[1]
    assert made["id"] in line
    assert "Acme [bold]Deliveries" in line
    here.json("label", "delete", made["id"], *on)
    assert here.json("label", "list", *on) == []


def test_a_logo_that_breaks_a_rule_is_named_with_the_rule(here: Here, account: str, tmp_path: Path) -> None:
    logo = tmp_path / "logo.png"
    picture = io.BytesIO()
    Image.new("RGB", (200, 200)).save(picture, "JPEG")
    make = ("label", "create", "--account", account, "--name", "Acme", "--logo", str(logo))
    for content, why in ((picture.getvalue(), "not a PNG"), (b"", "not a PNG"), (b"\0" * 2_097_152, "smaller than")):
        logo.write_bytes(content)
        assert why in here.error(*make)


def test_the_catalogue_is_listed(here: Here) -> None:
    catalogue = here.json("label", "categories")
    assert len(catalogue) == 21
    assert {"sub_category": 53, "title": "Postal and courier activities"} in catalogue[7]["sub_categories"]
    assert "Postal and courier activities" in here.text("label", "categories")


def test_a_member_is_added_changed_and_deleted(here: Here, account: str) -> None:
    on = ("--account", account)
    email = f"alice.{uuid4().hex}@acme.example"
    alice = here.json("member", "create", *on, "--email", email, "--name", "Alice", "--role", "process_owner")
    assert (alice["role"], alice["state"]) == ("process_owner", "invited")
    assert "already exists" in here.error("member", "create", *on, "--email", email.upper(), "--name", "Al")
    here.text("member", "update", alice["id"], *on, "--role", "admin", "--state", "active")
    assert here.json("member", "list", *on)[0]["role"] == "admin"
    made = here.json("label", "create", *on, "--name", "Acme")
    assert made["created_by_email"] == operator_at_terminal().email
    here.text("member", "delete", alice["id"], *on, "--yes")
    assert "No members yet" in here.text("member", "list", *on)


def test_a_handset_app_is_made_and_revoked(here: Here) -> None:
    new = here.json("handset-app", "create", "--name", "Dialer app")
    assert set(new) == {"handset_app_id", "handset_app_key"}
    assert here.json("handset-app", "delete", new["handset_app_id"])["revoked_at"]
    listed = {app["handset_app_id"]: app for app in here.json("handset-app", "list")}
    assert listed[new["handset_app_id"]]["revoked_at"]


async def test_a_batch_is_listed_with_the_timeline_of_each_record(here: Here, deps: Deps, clock: FakeClock) -> None:
    clock.advance(deps.real_clock.now() - clock.now())  # the command's clock is not moved
    cast = await make_cast(deps)
    receivers = [phone(), "not a number"]
    batch = await submit_batch(
        deps, cast.account.id, V2, [submitted(deps, receiver, str(cast.label.id)) for receiver in receivers]
    )
    clock.advance(timedelta(milliseconds=12))
    await run_due_once(deps)
    good, bad = await to_thread(here.json, "record", "list", "--batch", str(batch.id))
    assert (good["outcome"], good["receiver_number"], good["sent_at"]) == ("not_registered", receivers[0], None)
    assert (bad["outcome"], bad["receiver_number"], bad["submitted"]["receiver"]) == ("invalid", None, "not a number")
    assert bad["fault_field"] == "receiver"

    record_key = (await personalisation.records_of_batch(deps, batch.id, None))[0].key
    await personalisation.acknowledge(deps, [record_key])
    call_id = CallId(uuid4())
    for event in (CallEvent.SHOWN, CallEvent.MISSED):
        fact = CallReport(call_id, phone(), event, CallSource.CALL_RECORD, record_key)
        await calls.report(deps, record_key.receiver_number, fact)
    listing = ("record", "list", "--batch", str(batch.id), "--account")
    line = (await to_thread(here.text, *listing, str(cast.account.id))).splitlines()[1]
    assert line.startswith(good["id"])
    assert "settled +12 ms; delivered late +12 ms; shown 20" in line
    assert "success (late, first not registered)" in line
    assert line.endswith(", missed")
    assert await to_thread(here.error, *listing, NOBODY) == "no account with this id"


async def test_what_no_type_can_hold_is_listed_and_shown_as_it_was_sent(here: Here, deps: Deps) -> None:
    cast = await make_cast(deps)
    odd = Sent(submitted(deps, "not a number", str(cast.label.id)).record, lambda: b'{"receiver":1e999}')
    batch = await submit_batch(deps, cast.account.id, V2, [odd])
    (record,) = await personalisation.records_of_batch(deps, batch.id, None)
    on = (str(record.key.id), "--account", str(cast.account.id))
    assert '"receiver": 1e999' in await to_thread(here.text, "record", "show", *on, "--json")
    assert '{"receiver":1e999}' in await to_thread(here.text, "record", "show", *on)
    assert '"receiver": 1e999' in await to_thread(here.text, "record", "list", "--batch", str(batch.id), "--json")


async def test_a_record_is_shown_and_withdrawn(here: Here, deps: Deps, clock: FakeClock) -> None:
    clock.advance(deps.real_clock.now() - clock.now())
    cast = await make_cast(deps)
    batch = await submit_batch(deps, cast.account.id, V2, [submitted(deps, phone(), str(cast.label.id))])
    (record,) = await personalisation.records_of_batch(deps, batch.id, None)
    on = (str(record.key.id), "--account", str(cast.account.id))
    shown = await to_thread(here.json, "record", "show", *on)
    assert (shown["label_name"], shown["withdrawn_at"], shown["calls"]) == ("Acme Deliveries", None, [])
    assert "Your parcel arrives today" in await to_thread(here.text, "record", "show", *on)
    assert (await to_thread(here.json, "record", "withdraw", *on))["withdrawn_at"]
    assert "withdrawn" in await to_thread(here.text, "record", "list", "--batch", str(batch.id))


def submitted(deps: Deps, receiver: str, label_id: str) -> Sent:
    now = to_ms(deps.clock.now())
    sent = NewRecord("918040001234", receiver, label_id, None, "Your parcel arrives today", now, now + 3_600_000)
    return Sent(sent, lambda: json.dumps(sent._asdict()).encode())


def test_a_person_is_asked_before_something_ends_and_a_script_is_not(here: Here, shell: Shell, account: str) -> None:
    label = here.json("label", "create", "--account", account, "--name", "Acme")["id"]
    assert shell.at_terminal("n", "label", "delete", label, "--account", account) == 1
    assert here.json("label", "show", label, "--account", account)["id"] == label
    assert shell.at_terminal("y", "label", "delete", label, "--account", account) == 0
    assert "no label with this id" in here.error("label", "show", label, "--account", account)


def test_what_is_not_there_is_said_in_one_line(here: Here, account: str) -> None:
    assert "no account" in here.error("account", "show", NOBODY)
    assert "no account" in here.error("key", "list", "--account", NOBODY)
    assert "no label" in here.error("label", "show", NOBODY, "--account", account)
    assert "no call record" in here.error("record", "show", NOBODY, "--account", account)
    assert "no handset app" in here.error("handset-app", "delete", NOBODY)
    assert here.text("record", "list", "--batch", NOBODY).startswith("No call records")


def test_without_a_running_installation_the_error_says_how_to_start_one(tmp_path: Path) -> None:
    for refused in (
        run_here("account", "list", "--data", tmp_path),
        run_here("account", "list", CALLMARK_DATA=str(tmp_path)),
    ):
        assert (refused.returncode, refused.stdout) == (1, "")
        (line,) = refused.stderr.splitlines()
        assert line.startswith(f"Error: no running installation at {tmp_path}")
        assert "callmark demo" in line


def test_a_wrong_option_is_explained(here: Here, account: str) -> None:
    wrong = here.run("key", "create", "--account", account, "--name", "k", "--features", "call_me_back,sms")
    assert wrong.code == 2
    assert "'sms' is not one of call_personalisation" in wrong.err
    nothing = here.run("account", "update", account)
    assert nothing.code == 2
    assert "nothing to change" in nothing.err
