"""`callmark plan`, `apply` and `export-config`: the account as a file (docs/config-file.md)."""

import json
from pathlib import Path

import click
import msgspec

from callmark.broken_json import NOT_JSON
from callmark.client.account_file import make_plan
from callmark.client.account_file.applying import apply_plan, fetch_logo
from callmark.client.account_file.exporting import Exported, as_json, as_yaml, export
from callmark.client.account_file.pictures import digest
from callmark.client.account_file.plans import AccountPlan, ApiStep, Pictures, PresentAccount, Step, given
from callmark.client.account_file.present import read_account
from callmark.client.account_file.reading import ReadFile, read_file
from callmark.client.account_file.trees import all_sets
from callmark.client.cli.plan_text import counts, plan_item, plan_lines
from callmark.client.cli.progress import meter
from callmark.client.cli.session import (
    SOME_FAILED,
    CommandSession,
    WrongUse,
    command,
    confirm,
    end,
    remark,
    yes_option,
)
from callmark.client.cli.written_files import WrittenFile
from callmark.client.core import Core
from callmark.client.errors import CallmarkError
from callmark.client.profiles import write_private
from callmark.client.shells import Shell

_file = click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
_prune = click.option("--prune", is_flag=True, help="Delete what the file's lists do not have.")


@click.command
@_file
@_prune
@click.option("--exit-code", "tells", is_flag=True, help="Exit with 1 if there is something to change.")
@command
def plan(session: CommandSession, file: Path, *, prune: bool, tells: bool) -> None:
    """Show what `callmark apply` would change, and change nothing.

    FILE is YAML, or JSON if its name ends in .json. The API key needs the access `management`.
    """
    wanted = read_file(file)
    with session.operations() as (core, shell):
        found, _ = _planned(core, shell, wanted, prune=prune)
    _show(session, found)
    if found.faults:
        end(WrongUse.exit_code)
    if tells and found.changes:
        end(SOME_FAILED)


@click.command
@_file
@_prune
@click.option(
    "--secrets",
    type=WrittenFile(),
    help="Write the signing secrets of new webhooks into this file, which only you can read.",
)
@yes_option
@command
def apply(session: CommandSession, file: Path, *, prune: bool, secrets: Path | None, yes: bool) -> None:
    """Make the account what FILE says: show the changes, ask, and carry them out.

    Safe to repeat: what is as the file says is left alone. After an interruption, run it again.
    """
    wanted = read_file(file)
    kept = _read_secrets(secrets)
    with session.operations() as (core, shell):
        found, present = _planned(core, shell, wanted, prune=prune)
        if found.faults or not (found.changes or session.output.as_json):
            _show(session, found)
            if found.faults:
                end(WrongUse.exit_code)
            return
        if not session.output.as_json:
            _show(session, found)
        _ask(found, yes=yes)
        troubles = _carry_out(core, shell, found, present, (secrets, kept))
        left, _ = _planned(core, shell, wanted, prune=prune)
    _tell_outcome(session, found, left, troubles)


def _planned(core: Core, shell: Shell, wanted: ReadFile, *, prune: bool) -> tuple[AccountPlan, PresentAccount]:
    """The plan for the account as it is now."""
    sets = all_sets(given(wanted.entries.departments))
    with_numbers = prune or any(isinstance(one.numbers, list) for _, one in sets)
    present = shell.run(read_account(core, with_numbers=with_numbers))
    pictures = Pictures(wanted.logos, _present_logos(core, shell, wanted, present))
    return make_plan(wanted.entries, present, pictures, prune=prune), present


def _present_logos(core: Core, shell: Shell, wanted: ReadFile, present: PresentAccount) -> dict[str, bytes]:
    """The logos of the account that have to be compared: an address names its picture by content."""
    known = {digest(png): png for png in wanted.logos.values()}
    named = {(one.label_type, one.name.strip()) for one in given(wanted.entries.labels) if isinstance(one.logo, str)}
    found: dict[str, bytes] = {}
    for label in given(present.entries.labels):
        if isinstance(label.logo, str) and (label.label_type, label.name) in named:
            same = known.get(label.logo.rpartition("/")[2].removesuffix(".png"))
            found[label.logo] = same or shell.run(fetch_logo(core, label.logo))
    return found


def _show(session: CommandSession, found: AccountPlan) -> None:
    if session.output.as_json:
        session.output.item(plan_item(found))
        return
    for line in plan_lines(found):
        click.echo(line)


def _ask(found: AccountPlan, *, yes: bool) -> None:
    if not found.changes:
        return
    deletions = found.count("delete")
    told = f"Make these {len(found.changes):,} changes" + (f", {deletions:,} of them deletions" if deletions else "")
    confirm(f"{told}?", yes=yes)


def _carry_out(
    core: Core, shell: Shell, found: AccountPlan, present: PresentAccount, secrets: tuple[Path | None, dict[str, str]]
) -> list[str]:
    """Sends the plan's requests; what was not done for single numbers. Raises the errors of the tree, and WrongUse."""
    into, kept = secrets
    troubles: list[str] = []
    done_count = 0
    ids = dict(present.ids)
    steps = found.steps
    if into and any(map(_webhook_of, steps)):
        _write_secrets(into, kept)  # what cannot be written is known before there is a secret to lose
    try:
        with meter("Applying", len(steps)) as shown:
            for done in shell.iterate(apply_plan(core, found, ids)):
                done_count += 1
                shown.advance(1)
                troubles += done.troubles
                if webhook := _webhook_of(done.step):
                    _keep_secret(webhook, done.secret, into, kept)
    except (CallmarkError, KeyboardInterrupt, WrongUse):
        remark(f"{done_count:,} of {len(steps):,} requests are done. Run the command again to continue.")
        raise
    return troubles


def _webhook_of(step: Step) -> str | None:
    """The name of the webhook that a request makes."""
    if isinstance(step, ApiStep) and step.makes and step.makes[0] == "webhook":
        return str((step.body or {})["name"])
    return None


def _read_secrets(path: Path | None) -> dict[str, str]:
    """The secrets that are kept in the file already. Raises WrongUse for a file that is something else."""
    if path is None:
        return {}
    try:
        if not path.parent.is_dir():
            raise WrongUse(f"there is no directory {path.parent}")
        if not path.exists():
            return {}
        return msgspec.json.decode(path.read_bytes(), type=dict[str, str])
    except (OSError, *NOT_JSON) as exc:
        raise WrongUse(f"{path} is not a file of webhook secrets: {exc}") from exc


def _keep_secret(name: str, secret: str | None, into: Path | None, kept: dict[str, str]) -> None:
    """Writes a new webhook's secret at once, so that an interruption loses none."""
    if secret is None or into is None:
        click.echo(
            f"Webhook {name!r} is created. Its signing secret is not shown; rotate it to get one, or use --secrets.",
            err=True,
        )
        return
    kept[name] = secret
    _write_secrets(into, kept, f". Webhook {name!r} is created, and its signing secret is lost: rotate it to get one")


def _write_secrets(into: Path, kept: dict[str, str], lost: str = "") -> None:
    """Writes the secrets. Raises WrongUse that says what is lost where it cannot."""
    try:
        write_private(into, json.dumps(kept, indent=2, ensure_ascii=False).encode() + b"\n")
    except OSError as exc:
        raise WrongUse(f"cannot write {into}: {exc.strerror}{lost}") from exc


def _tell_outcome(session: CommandSession, found: AccountPlan, left: AccountPlan, troubles: list[str]) -> None:
    """Says what the account is now: it has been read again."""
    for trouble in troubles:
        click.echo(f"number {trouble}", err=True)
    if session.output.as_json:
        session.output.item({"applied": plan_item(found), "left": plan_item(left), "troubles": troubles})
    elif left.changes or left.faults:
        click.echo("The account still differs from the file:")
        for line in plan_lines(left):
            click.echo(line)
        click.echo("The platform may write a value in another way than the file; `callmark export-config` shows how.")
    else:
        click.echo(f"Done. {counts(left)}")
    if left.changes or left.faults or troubles:
        end(SOME_FAILED)


@click.command("export-config")
@click.option("-o", "into", type=WrittenFile(), help="The file; logos go beside it.")
@click.option("--force", is_flag=True, help="Replace files that exist.")
@command
def export_config(session: CommandSession, into: Path | None, *, force: bool) -> None:
    """Write the account as a file for `callmark apply`: YAML, or JSON with --json or for a name in .json.

    Without -o the file goes to standard output, without logos. Signing secrets are never part of it.
    """
    with session.operations() as (core, shell):
        present = shell.run(read_account(core, with_numbers=True))
        exported = export(present.entries, is_apart=into is not None)
        for twin in present.twins.values():
            click.echo(f"Note: {twin}", err=True)
        for group in present.groups:
            click.echo(f"Note: the number group {group!r} is left out; it has no place in the structure", err=True)
        is_json = session.output.as_json or (into is not None and into.suffix == ".json")
        text = as_json(exported.value) if is_json else as_yaml(exported.value)
        if into is None:
            click.echo(text.encode(), nl=False)  # as a file has it
            return
        _write_files(core, shell, into, exported, text, force=force)
    click.echo(f"Wrote {into} and {len(exported.logos) + len(exported.numbers)} files beside it.", err=True)


def _write_files(core: Core, shell: Shell, into: Path, exported: Exported, text: str, *, force: bool) -> None:
    """The file last, so that one that is there names only files that are."""
    beside = into.parent
    names = [into, *(beside / name for name in (*exported.logos, *exported.numbers))]
    there = [str(name) for name in names if name.exists()]
    if there and not force:
        raise WrongUse(f"{there[0]} exists already; --force replaces it")
    try:
        for name, address in exported.logos.items():
            (beside / name).parent.mkdir(parents=True, exist_ok=True)
            (beside / name).write_bytes(shell.run(fetch_logo(core, address)))
        for name, numbers in exported.numbers.items():
            (beside / name).parent.mkdir(parents=True, exist_ok=True)
            (beside / name).write_text("".join(f"{number}\n" for number in numbers))
        into.write_text(text, encoding="utf-8")
    except OSError as exc:
        raise WrongUse(f"cannot write: {exc}") from exc
