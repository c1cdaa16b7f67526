"""Log downloads: a link that is valid for ten minutes, and the CSV behind it (contract, section 8; docs/logs.md)."""

import csv
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, TypeAlias

from msgspec import Struct

from callmark.client.answers import check
from callmark.client.core import Call, Core, part
from callmark.client.errors import BadRequest, NotFound
from callmark.client.flow import Flow, save
from callmark.client.records import Instant, to_ms
from callmark.client.reprs import SafeRepr, SecretText

Row: TypeAlias = dict[str, str]
_GONE = 410
_SECONDS = range(10**9, 10**10)
"""As milliseconds, these are days of January to April 1970; as seconds, of 2001 to 2286. No log is so old."""


class _Link(SafeRepr, Struct):
    url: str


def call_me_back(core: Core, start: Instant, end: Instant) -> Flow[str]:
    """A link to the callback requests from `start` to `end`, both included. Raises NotFound if there are none."""
    query = {"from": _epoch(start, "start"), "to": _epoch(end, "end")}
    link = yield from core.fetch(Call("GET", f"{core.account}/openapi/callback-logs/summary", query=query), _Link)
    return SecretText(link.url)


def feedback(core: Core, survey_id: str, since: Instant) -> Flow[str]:
    """A link to a campaign's answers from `since` to now. Raises NotFound if there are none."""
    path = f"{core.account}/openapi/feedback_stack/{part(survey_id)}/export_report"
    link = yield from core.fetch(Call("GET", path, query={"from_date": _epoch(since, "since")}), _Link)
    return SecretText(link.url)


def _epoch(value: Instant, name: str) -> str:
    """Seconds in 10 digits: the unit of the first documents; a range includes both of its ends (contract 8, D16)."""
    ms = to_ms(value, name)
    if isinstance(value, int) and ms in _SECONDS:
        raise BadRequest(f"{name} looks like epoch seconds: multiply it by 1000", status=0, field=name)
    return f"{ms // 1000:010d}"


class LogFile:
    """The file behind a link; a link that has expired is asked for again."""

    def __init__(self, core: Core, url: str, ask_again: Callable[[], Flow[str]]) -> None:
        self.url = url
        self._core = core
        self._ask_again = ask_again

    def saved(self, path: Path) -> Flow[Path]:
        """Writes the file to the path, whole or not at all; a link keeps leading to it.

        What is no file, such as a pipe or `/dev/stdout`, stays what it is: all of the log is written into it.
        """
        if is_special(path):
            with tempfile.TemporaryFile() as whole:
                yield from self.into(whole)
                whole.seek(0)
                with path.open("ab") as special:  # a file behind `>> all.csv` keeps what it has
                    shutil.copyfileobj(whole, special)
            return path
        yield from self._replaced(path.resolve() if path.is_symlink() else path)
        return path

    def _replaced(self, path: Path) -> Flow[None]:
        """What is downloaded has no name until all of it is there: it would stay where this process is killed."""
        with tempfile.TemporaryFile(dir=path.parent) as whole:
            yield from self.into(whole)
            whole.seek(0)
            self._put(whole, path)

    @staticmethod
    def _put(whole: IO[bytes], path: Path) -> None:
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
            try:
                shutil.copyfileobj(whole, file)
                file.flush()
                Path(file.name).chmod(0o600)
                Path(file.name).replace(path)
            except BaseException:
                Path(file.name).unlink(missing_ok=True)
                raise

    def into(self, file: IO[bytes]) -> Flow[None]:
        """Writes all of it into an open file, from its beginning; tried again from there."""
        yield from self._core.retries.attempts(lambda: self._once(file))

    def _once(self, file: IO[bytes]) -> Flow[None]:
        try:
            check((yield from save(self.url, file)))
        except NotFound as exc:
            if exc.status != _GONE:
                raise
            self.url = yield from self._ask_again()
            check((yield from save(self.url, file)))


def is_special(path: Path) -> bool:
    """Whether it exists and is no file that could be replaced: a device, a pipe, what a process has open.

    What cannot be looked for, as a name that is too long, is none: who writes there says why it cannot be written.
    """
    try:
        return path.exists() and (not path.is_file() or _is_descriptor(path))
    except OSError:
        return False


def _is_descriptor(path: Path) -> bool:
    """Whether a path that exists leads, maybe over links, to what a process has open, as `/dev/stdout` does.

    `resolve` gives a name that does not exist for a pipe, and for a file one that another file may be put under.
    """
    while True:
        path = path.parent.resolve() / path.name
        if path.is_relative_to("/proc"):
            return True
        if not path.is_symlink():
            return False
        path = path.parent / path.readlink()


def rows_of(file: IO[str]) -> Iterator[Row]:
    """The rows of a file that was opened with `newline=""`: its columns are the fields of the webhook's payload."""
    yield from csv.DictReader(file)
