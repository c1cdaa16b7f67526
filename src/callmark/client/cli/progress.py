"""Progress on standard error: a bar at a terminal, a line from time to time elsewhere."""

import sys
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

import click

from callmark.client.environment import Environment

if TYPE_CHECKING:  # a bar is drawn at a terminal only, and what draws it takes a tenth of a command's start
    from rich.progress import Progress

T = TypeVar("T")
_LINE_EVERY_S = 10.0


class Meter:
    """How far something is; `total` None if nobody knows."""

    def __init__(self, what: str, total: int | None, bar: "Progress | None") -> None:
        self._what = what
        self._total = total
        self._bar = bar
        self._task = bar.add_task(what, total=total, rate="") if bar else None
        self._clock = Environment()
        self._began = self._said = self._clock.monotonic()
        self._done = self._before = 0

    def begin_at(self, done: int) -> None:
        """Counts what an earlier run did, which says nothing about the rate of this one."""
        self._done = self._before = done
        if self._bar and self._task is not None:
            self._bar.update(self._task, completed=done)

    def advance(self, by: int) -> None:
        """So much more is done."""
        self._done += by
        if self._bar and self._task is not None:
            self._bar.update(self._task, completed=self._done, rate=self._rate())
        elif (now := self._clock.monotonic()) - self._said >= _LINE_EVERY_S:
            self._said = now
            of = f" of {self._total:,}" if self._total else ""
            click.echo(f"{self._what}: {self._done:,}{of}, {self._rate()}", err=True)

    def _rate(self) -> str:
        seconds = self._clock.monotonic() - self._began
        return f"{(self._done - self._before) / seconds:,.0f} a second" if seconds > 1 else ""


@contextmanager
def meter(what: str, total: int | None = None, *, beside_output: bool = False) -> Generator[Meter]:
    """A meter that is gone when the work is done; none while results are printed to the same terminal."""
    if not sys.stderr.isatty() or (beside_output and sys.stdout.isatty()):
        yield Meter(what, total, None)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    after = (TextColumn("{task.fields[rate]}"), TimeRemainingColumn())
    with Progress(*columns, *after, console=Console(stderr=True), transient=True) as bar:
        yield Meter(what, total, bar)


def counted(items: Iterable[T], shown: Meter) -> Iterator[T]:
    """The items, each counted when the next one is asked for."""
    for item in items:
        yield item
        shown.advance(1)
