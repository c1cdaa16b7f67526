"""`callmark push`: a file of call records, of any length, each row exactly once."""

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click

from callmark.client import inventory
from callmark.client.cli.file_options import file_options, read_options
from callmark.client.cli.journal import Journal, PushHead
from callmark.client.cli.preview import previewed, show
from callmark.client.cli.progress import meter
from callmark.client.cli.reading import FileOptions, RecordFile, is_file, opened
from callmark.client.cli.sending import UNKNOWN, Sending
from callmark.client.cli.session import (
    INTERRUPTED,
    SOME_FAILED,
    CommandSession,
    WrongUse,
    check_answerable,
    command,
    confirm,
    end,
    remark,
    yes_option,
)
from callmark.client.cli.validation import RowValidator
from callmark.client.cli.written_files import WrittenFile
from callmark.client.core import Core
from callmark.client.errors import PermissionDenied
from callmark.client.results import STATUSES, SUCCESS
from callmark.client.shells import Shell

JOURNAL_ENDING = ".journal"


@click.command
@file_options
@click.option("--results", type=WrittenFile(), metavar="FILE", help="Result of each row.")
@click.option("--resume", is_flag=True, help="Continue a push that was interrupted.")
@yes_option
@command
def push(session: CommandSession, file: str, results: Path | None, *, resume: bool, yes: bool, **given: Any) -> None:
    """Push a file of call records: each row once, also when interrupted.

    FILE is CSV, NDJSON, Parquet, an Excel workbook, or - for standard input. Shows first what would be pushed and asks.
    The result of each row is in a file (CSV, or NDJSON by its ending). After Ctrl-C, a crash or a lost network run the
    same command with --resume. The exit code is 1 if a row failed.
    """
    if file == "-" and not (results and yes):
        raise click.UsageError("standard input needs --results FILE and --yes")
    if not (results or is_file(file)):
        raise click.UsageError(f"{file} can be read only once: it needs --results FILE")
    path = results or Path(file).with_suffix(".results.csv")
    journal_path = path.with_name(path.name + JOURNAL_ENDING)
    options = read_options(**given)
    with session.operations() as (core, shell), ExitStack() as stack:
        journal = Journal.reopen(journal_path) if resume else None
        if journal:
            stack.callback(journal.close)
            options = _same_options(journal, options, core)
        else:
            check_answerable(yes=yes)
            _check_free(path, journal_path, resume=resume)
        records = stack.enter_context(opened(file, options))
        if journal is None:
            journal = Journal.begin(journal_path, _asked(records, core, shell, yes=yes))
            stack.callback(journal.close)
        else:
            _continue(journal, records, path)
        counts = journal.counts
        if not journal.is_finished:
            counts = _send(Sending(core, shell, RowValidator(options), journal, path), records, journal.head.rows)
    _finish(session, path, counts)


def _check_free(path: Path, journal: Path, *, resume: bool) -> None:
    """Raises WrongUse if the results cannot be new ones."""
    if not path.parent.is_dir():
        raise WrongUse(f"there is no directory {path.parent}")
    if resume and path.exists():
        raise WrongUse(f"{path} cannot be continued without {journal}: put it back, or use another --results")
    if resume:
        click.echo(f"There is no push to continue at {path}: this is a new one.", err=True)
        return
    for one in (path, journal):
        if one.exists():
            raise WrongUse(f"{one} exists: continue with --resume, remove it, or name another file with --results")


def _continue(journal: Journal, records: RecordFile, path: Path) -> None:
    """Says where, or that nothing is left to send. Raises WrongUse if the file is another."""
    if journal.head.sha256 != records.fingerprint():
        if journal.is_finished:
            raise WrongUse(
                f"{path} has the results of another file, whose push is finished: name another file with --results,"
                " or remove that and its journal"
            )
        raise WrongUse(f"{records.name} is not the file that was pushed before: put that one back")
    if journal.is_finished:
        click.echo(
            f"The push of {records.name} is finished, so nothing is sent. To push it again, name another file with"
            " --results.",
            err=True,
        )
        return
    known, rows = sum(journal.counts.values()), journal.head.rows
    click.echo(f"Continuing the push of {records.name}: {known:,} of {rows:,} rows have their results.", err=True)


def _labels(core: Core, shell: Shell) -> dict[str, str] | None:
    """The names of the account's labels by id; None if the key may not read them."""
    try:
        return {label.id.lower(): label.name for label in shell.iterate(inventory.labels(core))}
    except PermissionDenied:
        return None


def _same_options(journal: Journal, given: FileOptions, core: Core) -> FileOptions:
    """Those that the push began with. Raises WrongUse if others are given now, or another account."""
    head = journal.head
    here = (core.options.base_url, core.options.account_id)
    if here != (head.base_url, head.account_id):
        raise WrongUse(f"this push was begun at {head.base_url} for account {head.account_id}: use that profile")
    for name in FileOptions.__struct_fields__:
        value, begun = getattr(given, name), getattr(head.options, name)
        if value not in (begun, getattr(FileOptions(), name)):
            raise WrongUse(f"this push was begun with another {name.replace('_', '-')}: {begun or 'none'}")
    return head.options


def _asked(records: RecordFile, core: Core, shell: Shell, *, yes: bool) -> PushHead:
    """Shows what would be pushed and asks; raises Abort for no, WrongUse when nothing can be.

    Only the preview knows the account's labels: what is sent must be the same bytes when it is sent again.
    """
    if missing := records.missing():
        unused = "".join(f"; {one.name!r} is not used{one.hint}" for one in records.unused)
        raise WrongUse(
            "; ".join(f"no column has {file_field}: use {way}" for file_field, way in missing.items()) + unused
        )
    sha256 = records.fingerprint()
    labels = _labels(core, shell)
    validator = RowValidator(records.options, frozenset(labels) if labels is not None else None)
    preview = previewed(records, validator, shell.run(core.server_now_ms()))
    show(records, preview, labels or {})
    if not preview.count:
        raise WrongUse(f"{records.name} has no rows")
    confirm(f"Push {preview.question} to {core.options.base_url}?", yes=yes)
    if records.fingerprint() != sha256:
        raise WrongUse(f"{records.name} has changed since it was shown: run the command again")
    return PushHead(
        sha256=sha256,
        rows=preview.count,
        base_url=core.options.base_url,
        account_id=core.options.account_id,
        options=records.options,
    )


def _send(sending: Sending, records: RecordFile, total: int) -> dict[str, int]:
    try:
        with meter("Pushing", total) as shown:
            return sending.run(records, shown)
    except KeyboardInterrupt:
        remark("Interrupted. To continue, run the same command with --resume.")
        end(INTERRUPTED)
    except Exception:
        remark("The push is not complete. To continue, run the same command with --resume.")
        raise
    finally:
        sending.close()


def _finish(session: CommandSession, path: Path, counts: dict[str, int]) -> None:
    shown = {status: counts.get(status, 0) for status in (*STATUSES, UNKNOWN)}
    total = sum(counts.values())
    session.output.item({"rows": total, **shown, "results": str(path)})
    if shown[SUCCESS] != total:
        end(SOME_FAILED)
