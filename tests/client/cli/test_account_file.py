"""`callmark plan`, `apply` and `export-config` against a running platform."""

import asyncio
import io
import json
import re
import shutil
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest
import yaml
from click.testing import Result
from msgspec import Struct
from PIL import Image
from tests.client.cli.conftest import Commands
from tests.client.conftest import Platform
from tests.client.proxy import proxied
from tests.support.due_work import run_due_once
from tests.support.factories import Cast, logo, make_cast
from tests.support.fake_clock import FakeClock

from callmark.domain.policy.model import SYSTEM
from callmark.domain.policy.plan import ALL_ACCESS
from callmark.domain.structure import service as structure
from callmark.domain.webhooks import service as webhooks
from callmark.processes.worker import run_worker

PAGE = (Path(__file__).parents[3] / "docs/config-file.md").read_text()
(EXAMPLE,) = re.findall(r"^```yaml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


class ManagedAccount(Struct, frozen=True):
    """An account, the commands of its key, and a directory with a file."""

    platform: Platform
    cast: Cast
    commands: Commands
    file: Path

    def write(self, value: object) -> None:
        """Replaces the file."""
        self.file.write_text(value if isinstance(value, str) else json.dumps(value))

    def example(self) -> Any:
        """The whole file of the page, as values."""
        return yaml.safe_load(EXAMPLE)

    async def run(self, *words: object) -> Result:
        """A command's result; the product clock goes on before it, because the limit of requests is not the point."""
        self.go_on()
        return await self.commands.run(*words)

    def go_on(self) -> None:
        """Makes room for more requests."""
        clock = self.platform.deps.clock
        assert isinstance(clock, FakeClock)
        clock.advance(timedelta(seconds=2))

    async def plan(self, *words: object) -> Any:
        """The plan for the file, as JSON."""
        self.go_on()
        return await self.commands.answer("plan", self.file, *words)

    async def apply(self, *words: object) -> str:
        """What an application prints that does everything."""
        done = await self.run("apply", self.file, "--yes", *words)
        assert done.exit_code == 0, done.output
        return done.stdout

    async def changes(self, *words: object) -> list[tuple[str, str, str]]:
        """Action, kind and name of each change."""
        return [(one["action"], one["what"], one["name"]) for one in (await self.plan(*words))["changes"]]


@pytest.fixture
async def managed(platform: Platform, nobody: Commands, tmp_path: Path) -> ManagedAccount:
    """An account whose key may do everything; the file is the page's."""
    cast = await make_cast(platform.deps, features=frozenset(ALL_ACCESS))
    options = {"BASE_URL": platform.deps.public_url, "ACCOUNT_ID": str(cast.account.id)}
    options |= {"KEY_ID": cast.key_id, "API_KEY": cast.api_key}
    named = {f"CALLMARK_{name}": value for name, value in options.items()}
    here = tmp_path / "config"
    (here / "logos").mkdir(parents=True)
    (here / "logos/acme.png").write_bytes(logo())
    made = ManagedAccount(platform, cast, Commands(nobody.home, {**nobody.variables, **named}), here / "account.yaml")
    made.write(EXAMPLE)
    return made


@asynccontextmanager
async def working(managed: ManagedAccount) -> AsyncGenerator[None]:
    """A worker beside the server."""
    task = asyncio.create_task(run_worker(managed.platform.deps))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def test_the_example_is_planned_applied_and_exported_and_what_drifts_is_told(managed: ManagedAccount) -> None:
    planned = await managed.run("plan", managed.file)
    assert planned.exit_code == 0, planned.output
    assert "+ feature set Retail / Delivery / Last mile / Delivery default" in planned.stdout
    assert "Plan: 13 to create, 0 to change, 0 to delete." in planned.stdout
    assert "    label Acme Deliveries (dynamic)" in planned.stdout  # what the account had before
    done = await managed.run("apply", managed.file, "--yes", "--prune")
    assert (done.exit_code, "The account is as the file says." in done.stdout) == (0, True), done.output
    assert "Webhook 'CRM' is created. Its signing secret is not shown; rotate it to get one" in done.stderr
    assert await managed.changes("--prune") == []
    copy = managed.file.parent / "copy/account.yaml"
    copy.parent.mkdir()
    exported = await managed.run("export-config", "-o", copy)
    assert exported.exit_code == 0, exported.output
    assert without_what_is_usual(yaml.safe_load(copy.read_text())) == as_written(managed.example())
    again = await managed.run("plan", copy, "--prune", "--exit-code")
    assert (again.exit_code, again.stdout) == (0, "The account is as the file says.\n")
    await check_a_number_moves_to_the_feature_set_that_wants_it(managed)
    await check_drift_is_told_by_the_exit_code(managed)


async def check_a_number_moves_to_the_feature_set_that_wants_it(managed: ManagedAccount) -> None:
    file = managed.example()
    process = file["departments"][0]["operations"][0]["processes"][0]
    process["feature_sets"][0]["numbers"] = ["918040001234"]
    evening = process["sub_processes"][0]["feature_sets"][0]
    evening["numbers"] = ["918040001235"]
    managed.write(file)
    (change,) = (await managed.plan())["changes"]
    assert change["fields"]["status"] == {"before": "draft", "after": "published"}
    assert "1 of its numbers come from other feature sets" in (await managed.run("plan", managed.file)).stdout
    async with working(managed):
        await managed.apply()
    assert await managed.changes("--prune") == []


async def check_drift_is_told_by_the_exit_code(managed: ManagedAccount) -> None:
    assert (await managed.run("plan", managed.file, "--exit-code")).exit_code == 0
    account_id = managed.cast.account.id
    (hook,) = await webhooks.list_webhooks(managed.platform.deps, account_id)
    await webhooks.pause_webhook(managed.platform.deps, account_id, hook.id, by=SYSTEM)
    drifted = await managed.run("plan", managed.file, "--exit-code")
    assert drifted.exit_code == 1
    assert "~ webhook CRM\n    paused: true → false\n" in drifted.stdout


def as_written(file: Any) -> Any:
    """The page's file as the platform has it: numbers in digits, each logo in a file of its own."""
    shown = file["departments"][0]["operations"][0]["processes"][0]["feature_sets"][0]
    shown["numbers"] = ["918040001234", "918040001235"]
    file["labels"][0]["logo"] = "logos/acme-deliveries.png"
    return without_what_is_usual(file)


def without_what_is_usual(file: Any) -> Any:
    """Without empty lists, false switches and usual words, which a file may say or leave out."""
    usual = {"phone_type": "verified", "status": "draft", "callback_config": None}
    if isinstance(file, list):
        return [without_what_is_usual(one) for one in cast("list[Any]", file)]
    if not isinstance(file, dict):
        return file
    items = cast("dict[str, Any]", file).items()
    said = {key: value for key, value in items if value not in ([], False) and usual.get(key, value) != value}
    said |= {key: value for key, value in items if key not in usual and value not in ([], False)}
    return {key: without_what_is_usual(value) for key, value in said.items()}


async def test_two_places_of_one_name_cannot_be_told_apart_by_a_file(managed: ManagedAccount) -> None:
    deps, account_id = managed.platform.deps, managed.cast.account.id
    await structure.create_department(deps, account_id, name="Caf\u00e9", by=SYSTEM)
    twin = await structure.create_department(deps, account_id, name="Other", by=SYSTEM)
    async with deps.db.connection() as tx:  # earlier versions let it be made
        await tx.execute("UPDATE department SET name = $2 WHERE id = $1", twin.id, "Cafe\u0301")
    managed.write({"departments": [{"name": "Caf\u00e9"}]})
    refused = await managed.run("plan", managed.file)
    assert refused.exit_code == 2
    assert "the account has two of this name, which a file cannot tell apart; rename one" in refused.output
    managed.write({"webhooks": []})
    assert await managed.changes() == []


async def test_only_what_differs_and_can_be_is_changed(managed: ManagedAccount) -> None:
    await managed.apply()
    await check_what_cannot_be_changes_nothing(managed)
    await check_only_what_differs_is_changed(managed)
    await check_another_picture_is_a_change_and_the_same_in_other_bytes_is_none(managed)


async def check_what_cannot_be_changes_nothing(managed: ManagedAccount) -> None:
    file = managed.example()
    shown = file["departments"][0]["operations"][0]["processes"][0]["feature_sets"][0]
    shown["label"] = "Acme Parcels"
    shown["phone_type"] = "priority"
    shown["campaigns"][0]["call_types"] = ["missed"]
    file["departments"][0]["operations"].append({"name": "Deliverys"})
    file["call_reasons"].append("Your parcel was delivered")
    managed.write(file)
    refused = await managed.run("apply", managed.file, "--yes")
    assert refused.exit_code == 2
    place = "Retail / Delivery / Last mile / Delivery default"
    for fault in (
        f"! feature set {place}: there is no static label 'Acme Parcels' in the file or in the account",
        f"! feature set {place}: its phone_type can change only while it has no numbers",
        f"! campaign {place} / Was the driver on time?: is live and cannot change",
        "! operation Retail / Deliverys: is not in the catalogue of calling operations; do you mean Delivery?",
    ):
        assert fault in refused.stdout
    assert "Nothing is changed." in refused.stdout
    managed.write({"call_reasons": ["Your parcel was delivered"]})
    assert ("create", "call reason", "Your parcel was delivered") in await managed.changes()


async def check_only_what_differs_is_changed(managed: ManagedAccount) -> None:
    file = managed.example()
    shown = file["departments"][0]["operations"][0]["processes"][0]["feature_sets"][0]
    shown |= {"call_reason": "Your parcel is delayed", "call_me_back": False, "status": "unpublished"}
    shown["numbers"].append("918040001236")
    file["webhooks"][0] |= {"name": "crm", "paused": True, "event_types": ["user_feedback", "cmb"]}
    managed.write(file)
    planned = await managed.plan()
    changed, hook = planned["changes"]
    assert changed["fields"] == {
        "status": {"before": "published", "after": "unpublished"},
        "call_reason": {"before": "Your parcel arrives today", "after": "Your parcel is delayed"},
        "call_me_back": {"before": True, "after": False},
        "numbers": {"added": ["918040001236"]},
    }
    assert hook["fields"] == {"name": {"before": "CRM", "after": "crm"}, "paused": {"before": False, "after": True}}
    assert "call_me_back: true → false" in await managed.apply()
    assert await managed.changes() == []
    (there,) = await webhooks.list_webhooks(managed.platform.deps, managed.cast.account.id)
    assert (there.name, there.paused_at is not None) == ("crm", True)


async def check_another_picture_is_a_change_and_the_same_in_other_bytes_is_none(managed: ManagedAccount) -> None:
    with Image.open(io.BytesIO(logo())) as image:
        image.convert("P", palette=Image.Palette.ADAPTIVE).save(managed.file.parent / "logos/acme.png")
        assert await managed.changes() == []
        image.putpixel((7, 7), (1, 2, 3))
        image.save(managed.file.parent / "logos/acme.png")
    assert [one[0] for one in await managed.changes()] == ["change", "change"]
    await managed.apply()
    assert await managed.changes() == []


async def test_what_the_file_does_not_have_is_kept_until_it_is_pruned(managed: ManagedAccount) -> None:
    async with working(managed):
        await managed.apply("--prune")
        managed.write({"labels": [], "call_reasons": [], "departments": [], "webhooks": []})
        kept = await managed.run("apply", managed.file, "--yes")
        assert kept.exit_code == 0
        assert "Not in the file, and kept (--prune deletes it):\n    label Acme Deliveries (static)" in kept.stdout
        planned = await managed.run("plan", managed.file, "--prune")
        assert "2 numbers are delisted and 1 of its campaigns go with all answers" in planned.stdout
        gone = await managed.apply("--prune")
    assert "0 to create, 0 to change, 11 to delete" in gone
    assert await structure.tree(managed.platform.deps, managed.cast.account.id) == []


async def test_nobody_is_asked_where_nobody_can_answer(managed: ManagedAccount) -> None:
    refused = await managed.run("apply", managed.file)
    assert refused.exit_code == 2
    assert "give --yes" in refused.stderr
    assert await structure.tree(managed.platform.deps, managed.cast.account.id) == []


async def test_a_run_that_was_refused_halfway_is_finished_by_the_next(managed: ManagedAccount) -> None:
    file = managed.example()
    file["call_reasons"].append("short")
    managed.write(file)
    stopped = await managed.run("apply", managed.file, "--yes")
    assert stopped.exit_code == 3
    assert "5 of 17 requests are done. Run the command again to continue." in stopped.stderr
    managed.write(EXAMPLE)
    assert ("create", "label", "Acme (dynamic)") not in await managed.changes()
    await managed.apply()
    assert await managed.changes() == []


async def test_secrets_of_new_webhooks_go_into_a_private_file_and_nowhere_else(managed: ManagedAccount) -> None:
    secrets = managed.file.parent / "secrets.json"
    file = managed.example()
    file["webhooks"][0]["url"] = "https://user:password@crm.example.com/x?key=hidden"
    managed.write(file)
    planned = await managed.run("plan", managed.file)
    assert "https://***@crm.example.com/x?key=***" in planned.stdout
    done = await managed.run("apply", managed.file, "--yes", "--secrets", secrets)
    assert done.exit_code == 0, done.output
    secret = json.loads(secrets.read_text())["CRM"]
    assert secret.startswith("whsec_")
    assert secrets.stat().st_mode & 0o777 == 0o600
    for told in (done.output, (await managed.run("export-config")).output):
        assert "whsec_" not in told
    assert "password" not in done.output
    assert "hidden" not in done.output


async def test_a_file_for_secrets_that_cannot_be_written_changes_nothing(managed: ManagedAccount) -> None:
    (damaged := managed.file.parent / "damaged.json").write_bytes(b'{"CRM": "whsec_\xff"}')
    done = await managed.run("apply", managed.file, "--yes", "--secrets", damaged)
    assert (done.exit_code, "is not a file of webhook secrets" in done.stderr) == (2, True)
    for name, said in (("s" * 250, "cannot write"), ("s" * 256, "is not a file of webhook secrets")):  # too long
        done = await managed.run("apply", managed.file, "--yes", "--secrets", managed.file.parent / name)
        assert (done.exit_code, said in done.stderr, "File name too long" in done.stderr) == (2, True, True), (
            done.stderr
        )
    assert await structure.tree(managed.platform.deps, managed.cast.account.id) == []
    assert await webhooks.list_webhooks(managed.platform.deps, managed.cast.account.id) == []


async def test_a_secret_that_can_no_longer_be_written_is_said_to_be_lost(managed: ManagedAccount) -> None:
    secrets = managed.file.parent / "kept/secrets.json"
    secrets.parent.mkdir()

    def without_the_directory() -> Iterator[str]:
        shutil.rmtree(secrets.parent)
        yield "pass"

    path = f"/extensions/v1/clients/{managed.cast.account.id}/webhooks"
    async with proxied(managed.platform.emulator.port) as proxy:
        proxy.only, proxy.plan = f"POST {path}".encode(), without_the_directory()
        words = ("--yes", "--secrets", secrets, "--base-url", proxy.url)
        done = await managed.run("apply", managed.file, *words)
    assert done.exit_code == 2, done.output
    assert "16 of 16 requests are done. Run the command again to continue." in done.stderr
    assert f"cannot write {secrets}: No such file or directory. Webhook 'CRM' is created" in done.stderr
    assert "rotate it to get one" in done.stderr


async def test_a_long_list_of_numbers_gets_a_file_of_its_own(managed: ManagedAccount) -> None:
    wanted = [f"9180400{at:05d}" for at in range(60)]
    (managed.file.parent / "numbers.csv").write_text("number\n" + "\n".join(wanted))
    file = managed.example()
    shown = file["departments"][0]["operations"][0]["processes"][0]["feature_sets"][0]
    shown["numbers_file"] = "numbers.csv"
    del shown["numbers"]
    managed.write(file)
    await managed.apply()
    await run_due_once(managed.platform.deps)
    copy = managed.file.parent / "copy/account.json"
    copy.parent.mkdir()
    exported = await managed.run("export-config", "-o", copy)
    assert exported.exit_code == 0, exported.output
    lists = [*copy.parent.glob("numbers/*.txt")]
    assert [one.name for one in lists] == ["retail-delivery-last-mile-delivery-default.txt"]
    assert lists[0].read_text().split() == wanted
    assert (await managed.run("plan", copy, "--exit-code")).exit_code == 0
    refused = await managed.run("export-config", "-o", copy)
    assert (refused.exit_code, "--force replaces it" in refused.stderr) == (2, True)


async def test_a_key_without_management_is_refused(managed: ManagedAccount, commands: Commands) -> None:
    refused = await commands.run("plan", managed.file)
    assert refused.exit_code == 3
