"""How a command ends: its exit status, and the line that says why, whatever happens to it.

0 done; 1 an error, or what the command says of 1; 2 wrong usage, and every error of a command that says something by 1;
130 interrupted. Client commands have more (`callmark.client.cli.session`).
"""

import errno
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from typing import IO, Any

import click
from click.exceptions import Exit

from callmark.kit.errors import AppError, EngineRefuses, InvalidInput, Unavailable
from callmark.kit.standard_streams import OutputFails, drop_unwritten
from callmark.kit.system_errors import in_words

_SAYS_BY_1 = "callmark.says_by_1"
"""In the context's `meta`, which the commands of one line share."""


class AnsweringCommand(click.Command):
    """A command whose exit status 1 is its answer (`audit verify`): what keeps it from answering ends it with 2."""

    def invoke(self, ctx: click.Context) -> object:
        """Runs it."""
        says_by_1(ctx)
        return super().invoke(ctx)


def says_by_1(context: click.Context) -> None:
    """From now on, the exit status 1 is the command's answer, so that errors of any kind end it with 2."""
    context.meta[_SAYS_BY_1] = True


class _FailedCommand(click.ClickException):
    """Ends a command with a line, or without a word when nobody reads it."""

    def show(self, file: IO[Any] | None = None) -> None:
        """Says why."""
        if self.message:
            super().show(file)


class NoAnswer(_FailedCommand):
    """Ends a command that may say something by 1."""

    exit_code = 2


class _StoppedCommand(_FailedCommand):
    """Ends a command at which someone said no."""

    def show(self, file: IO[Any] | None = None) -> None:
        """Says so."""
        click.echo(self.message, file, err=True)


class _StoppedWithoutAnswer(_StoppedCommand):
    """The same, of a command that says something by 1."""

    exit_code = 2


class _InterruptedCommand(_StoppedCommand):
    """Ends a command that was interrupted."""

    exit_code = 130


@contextmanager
def ending(context: click.Context) -> Generator[None]:
    """Turns what ends a command early into a ClickException with its exit status."""
    try:
        yield
    except (click.ClickException, Exit):
        raise
    except KeyboardInterrupt as exc:
        raise _InterruptedCommand("Interrupted.") from exc
    except click.Abort as exc:
        raise _of_question(exc, context) from exc
    except AppError as exc:
        raise _failed(context)(_line(exc)) from exc
    except OutputFails as exc:
        has_gone = exc.errno == errno.EPIPE  # who reads has enough
        raise _failed(context)("" if has_gone else f"cannot write the output: {exc.strerror}") from exc
    except Exception as exc:
        if words := in_words(exc):
            raise _failed(context)(words) from exc
        if _failed(context).exit_code == 1:
            raise
        sys.excepthook(type(exc), exc, exc.__traceback__)  # a fault of ours is no answer either
        raise NoAnswer("") from None


def run_to_end(run: Callable[[], int | None]) -> int | None:
    """The exit status of `run`, which is that of click; errors are said, if anything can be."""
    try:
        return run()
    except click.ClickException as exc:
        with suppress(OSError):
            exc.show()
        return exc.exit_code
    except click.Abort:  # of click's own lines: what is ours has an end already
        return _InterruptedCommand.exit_code
    finally:
        drop_unwritten()


def _failed(context: click.Context) -> type[_FailedCommand]:
    return NoAnswer if context.meta.get(_SAYS_BY_1) else _FailedCommand


def _of_question(exc: click.Abort, context: click.Context) -> click.ClickException:
    """Click makes the same error of no, Ctrl-C and an end of the input."""
    if exc.__context__:
        with suppress(OSError):
            click.echo(err=True)  # the cursor is still behind the question
    if isinstance(exc.__context__, KeyboardInterrupt):
        return _InterruptedCommand("Interrupted.")
    return (_StoppedWithoutAnswer if context.meta.get(_SAYS_BY_1) else _StoppedCommand)("Aborted!")


def _line(exc: AppError) -> str:
    if isinstance(exc, EngineRefuses):
        return f"{exc.reason}. {exc.advice}"
    if isinstance(exc, InvalidInput):
        return exc.for_people
    return exc.reason if isinstance(exc, Unavailable) else exc.message
