"""One operator command: open the engines, run the use case, print its answer; `callmark.main` prints errors and logs.

How to reach a running installation is the composition root's to know: it hands over its way in as the click context's
`obj` (an `Entrance`), because a surface imports nothing from above.
"""

import functools
import getpass
import os
import shlex
import socket
import sys
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

import click

from callmark.domain.accounts import service as accounts
from callmark.domain.deps import Deps
from callmark.domain.ids import AccountId
from callmark.domain.policy.model import Actor, ActorKind
from callmark.domain.policy.plan import Feature
from callmark.terminal import Output

Entrance = Callable[[Path | None, Callable[[Deps], Awaitable[None]]], None]
"""Runs what a command does on the `Deps` of the installation on that data directory, or of the one in the settings."""

PLAN = {
    "record": Feature.CALL_PERSONALISATION,
    "feature_set": Feature.NUMBER_MANAGEMENT,
    "number": Feature.NUMBER_MANAGEMENT,
    "number_proof": Feature.NUMBER_MANAGEMENT,
    "callback": Feature.CALL_ME_BACK,
    "campaign": Feature.USER_FEEDBACK,
}
"""Modules of commands that are part of a feature: the account they are about must have it (contract D49)."""

account_option = click.option(
    "--account", "account", type=click.UUID, required=True, metavar="ID", help="The client account's id."
)
id_argument = click.argument("id", type=click.UUID)
"""Commands name the kind of each id in their signature (`id: LabelId`): at run time every kind is a `UUID`."""
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for a program instead of text.")
yes_option = click.option("--yes", is_flag=True, help="Skip the confirmation question.")
data_option = click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Data directory of the running installation (default: CALLMARK_DATA).",
)


def where_again() -> str:
    """The option that leads a command, printed for people to paste, to the same installation; empty without one."""
    data = click.get_current_context().params.get("data")
    return f" --data {shlex.quote(str(data))}" if data else ""


password_option = click.option(
    "--password-file",
    type=click.Path(path_type=Path, dir_okay=False, exists=True, allow_dash=True),
    metavar="FILE",
    help="Read the password from the first line of a file (`-` for standard input) instead of asking for it.",
)


def operator(work: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    """A command's callback out of a coroutine function of (deps, output, and the command's own options by name).

    Adds `--data` and `--json`, so it stands below the command's own options.
    """

    @data_option
    @json_option
    @click.pass_context
    @functools.wraps(work)
    def command(context: click.Context, *, data: Path | None, as_json: bool, **options: Any) -> None:
        run: Entrance = context.find_root().obj
        feature = PLAN.get(work.__module__.rpartition(".")[2])

        async def use(deps: Deps) -> None:
            if not deps.fabric.connected:
                click.echo(
                    "Warning: NATS cannot be reached. Connected handsets get the changes at their next sync.", err=True
                )
            if feature and options.get("account"):
                await accounts.check_plan(deps, AccountId(options["account"]), feature)
            await work(deps, Output(as_json=as_json), **options)

        run(data, use)

    return command


@contextmanager
def written(output: BinaryIO) -> Generator[None]:
    """Writes to a file in the block, and all of it by its end; what cannot be written is said in one line."""
    try:
        yield
        output.flush()
    except BrokenPipeError:  # who reads has enough: click ends the command without a word
        raise
    except OSError as exc:
        with suppress(OSError):
            output.close()  # or click does, and what is still to be written fails again
        raise click.ClickException(f"cannot write {output.name}: {exc.strerror or exc}") from exc


def operator_at_terminal() -> Actor:
    """Who runs the command, as `user@host`. A container's user may have no name: then it is its number."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError):
        user = str(os.getuid())
    return Actor(ActorKind.COMMAND_LINE, f"{user}@{socket.gethostname()}")


def sure(question: str, *, yes: bool) -> None:
    """Returns when the person at the terminal says yes; else ends the command with exit code 1.

    `--yes` answers in advance. A script is not asked: it has named the one thing by its id.
    """
    if not yes and sys.stdin.isatty():
        click.confirm(question, abort=True, err=True)


_LONGEST_LINE_BYTES = 1 << 16
_NOBODY_TO_ASK = "there is no terminal to ask for the password; give --password-file FILE (`-` for standard input)"


def read_password(file: Path | None) -> str:
    """The password a `--password-file` holds, else what the person at the terminal types twice.

    Raises UsageError where nobody can be asked, ClickException for a file that is not UTF-8 (with or without its mark).
    """
    if file is None:
        try:
            return click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
        except click.Abort:
            if sys.stdin.isatty():
                raise
            raise click.UsageError(_NOBODY_TO_ASK) from None
    with click.open_file(str(file), "rb") as lines:
        line = lines.readline(_LONGEST_LINE_BYTES)
    try:
        return line.decode("utf-8-sig").rstrip("\r\n")
    except UnicodeDecodeError as exc:
        raise click.ClickException(f"the password in {file} is not UTF-8 text; save the file as UTF-8") from exc


def at_least_one(*given: object) -> None:
    """Refuses an `update` that says nothing to change."""
    if all(value is None or value is False for value in given):
        raise click.UsageError("nothing to change; give at least one option (see --help)")
