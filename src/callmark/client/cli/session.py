"""What every client command has: the options, the client that they lead to, the output, and the exit codes.

0 all done, 1 some records failed, 2 wrong usage (also a question that was not answered with yes, and a file or
output that cannot be read or written), 3 refused by the server, 4 not reachable, 130 interrupted.
"""

import functools
import sys
import tempfile
import unicodedata
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from typing import Any, NoReturn, cast

import click
import httpx

from callmark.client.connections import Connections
from callmark.client.core import Core
from callmark.client.environment import config_file
from callmark.client.errors import APIConnectionError, APIStatusError, CallmarkError
from callmark.client.making import make_parts
from callmark.client.shells import Shell
from callmark.client.sync_client import Client
from callmark.client.token_stores import FileTokenStore, MemoryTokenStore, TokenStore
from callmark.option_values import refuse_empty
from callmark.terminal import Output, printable

SOME_FAILED, INTERRUPTED = 1, 130
TOKENS_FILE = "tokens.json"

profile_option = click.option(
    "--profile", metavar="NAME", help="The profile that `callmark login` keeps (default: default)."
)
base_url_option = click.option("--base-url", metavar="URL", help="The platform's address, instead of the profile's.")
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for a program instead of text.")
yes_option = click.option("--yes", is_flag=True, help="Do not ask.")


class _Ended(click.ClickException):
    """Ends a command; its message may quote a file or a server."""

    def format_message(self) -> str:
        """The message, of one line or several."""
        return "\n".join(map(printable, self.message.split("\n")))


class WrongUse(_Ended):
    """Ends a command that was asked for what cannot be."""

    exit_code = 2


class ServerRefuses(_Ended):
    """Ends a command that the server refuses."""

    exit_code = 3


class ServerNotReachable(_Ended):
    """Ends a command whose requests have no answer."""

    exit_code = 4


class CommandSession:
    """One command's way to the platform."""

    def __init__(self, output: Output, profile: str | None, base_url: str | None) -> None:
        self.output = output
        self.profile = profile
        self.base_url = base_url

    @contextmanager
    def client(self) -> Generator[Client]:
        """A client of the library."""
        with Client(token_store=token_store(), **self._given()) as client:
            yield client

    @contextmanager
    def operations(self) -> Generator[tuple[Core, Shell]]:
        """What the client itself is made of, for commands that put operations together in another way."""
        with operations_with(**self._given()) as made:
            yield made

    def _given(self) -> dict[str, Any]:
        absent = dict.fromkeys(("account_id", "key_id", "api_key"))
        return {"base_url": self.base_url, "profile": self.profile, **absent}


@contextmanager
def operations_with(**given: Any) -> Generator[tuple[Core, Shell]]:
    """The core and the shell of a client with `base_url`, `account_id`, `key_id`, `api_key` and `profile`."""
    parts = make_parts(
        timeout=None, max_retries=None, http_client=None, token_store=token_store(), generation=None, **given
    )
    options = parts.core.options
    connections = Connections(None, parts.maker(httpx.Client))
    try:
        yield parts.core, Shell(connections, options.timeout)
    finally:
        connections.close()


def token_store() -> TokenStore:
    """Tokens that all commands of this user share; of this command alone where nothing can be written or locked."""
    try:
        import fcntl

        path = config_file().with_name(TOKENS_FILE)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # A directory that is there may still be read-only, or on a file system without locks.
        with tempfile.TemporaryFile(dir=path.parent) as probe:
            fcntl.flock(probe, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (OSError, CallmarkError, ModuleNotFoundError):  # the last is of a system without such locks
        return MemoryTokenStore()
    return FileTokenStore(path)


def command(work: Callable[..., None]) -> Callable[..., None]:
    """A command's callback out of a function of (session, and the command's own options by name).

    Adds `--profile`, `--base-url` and `--json`, so it is below the command's own options.
    """

    @profile_option
    @base_url_option
    @json_option
    @functools.wraps(work)
    def called(*, profile: str | None, base_url: str | None, as_json: bool, **options: Any) -> None:
        context = click.get_current_context()
        _check_texts(context)
        refuse_empty(context)
        with exit_codes():
            work(CommandSession(Output(as_json=as_json), profile, base_url), **options)

    return called


def _check_texts(context: click.Context) -> None:
    """Raises UsageError for an argument with bytes that are no UTF-8; names of files may have such."""
    for one in context.command.params:
        given = context.params.get(one.name or "")
        texts = cast("tuple[object, ...]", given) if isinstance(given, tuple) else (given,)
        if isinstance(one.type, click.types.StringParamType) and any(map(_is_broken, texts)):
            raise click.UsageError(f"{one.get_error_hint(context)} has bytes that are no UTF-8: type it")


def _is_broken(text: object) -> bool:
    return isinstance(text, str) and any(unicodedata.category(one) == "Cs" for one in text)


@contextmanager
def exit_codes() -> Generator[None]:
    """Turns what the library raises into one line and an exit code; `callmark.main` does it with the rest."""
    try:
        yield
    except APIConnectionError as exc:
        raise ServerNotReachable(str(exc)) from exc
    except APIStatusError as exc:
        raise (ServerRefuses if exc.status else WrongUse)(str(exc)) from exc
    except CallmarkError as exc:
        raise WrongUse(str(exc)) from exc
    except click.Abort as exc:
        if isinstance(exc.__context__, EOFError) and not at_terminal():
            remark("")  # the cursor is still behind the question
            raise WrongUse("standard input ended before the answer, and nobody can be asked here") from exc
        raise
    except OSError as exc:
        if isinstance(exc, BrokenPipeError):  # who reads has enough
            end(WrongUse.exit_code)
        raise WrongUse(f"cannot read or write {exc.filename or 'the output'}: {exc.strerror or exc}") from exc


def remark(text: str) -> None:
    """Says something beside what ends the command, which counts also where this cannot be said."""
    with suppress(OSError):
        click.echo(text, err=True)


def at_terminal() -> bool:
    """Whether someone can be asked."""
    return sys.stdin is not None and sys.stdin.isatty()  # None where it was closed


def check_answerable(*, yes: bool) -> None:
    """Raises UsageError if there will be a question (`yes` answers it in advance) and nobody can be asked."""
    if not (yes or at_terminal()):
        raise click.UsageError("nobody can be asked here; give --yes")


def confirm(question: str, *, yes: bool) -> None:
    """Returns if the person at the terminal, or `yes`, says yes. Raises UsageError if nobody can be asked, or Abort."""
    check_answerable(yes=yes)
    if not yes:
        click.confirm(question, abort=True, err=True)


def end(exit_code: int) -> NoReturn:
    """Ends the command; everything has been said."""
    raise SystemExit(exit_code)
