"""Results that someone has changed before a push continues: without a platform, because no row can be sent."""

import csv
import io
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct
from tests.client.virtual import Played, replies

from callmark.client.cli.journal import ROWS_A_CHUNK, Journal, PushHead
from callmark.client.cli.progress import Meter
from callmark.client.cli.reading import FileOptions, opened
from callmark.client.cli.sending import Sending
from callmark.client.cli.session import WrongUse
from callmark.client.cli.validation import RowValidator

ROWS = 2 * ROWS_A_CHUNK + 7
OPTIONS = FileOptions()


class Interrupted(Struct):
    """A push whose second chunk has its results in the file, and not in the journal."""

    file: Path
    results: Path
    journal: Path

    def send(self) -> None:
        """Continues, to the end of the file."""
        journal = Journal.reopen(self.journal)
        assert journal
        played: Any = Played(replies())
        try:
            sending = Sending(played.core(), played, RowValidator(OPTIONS), journal, self.results)
            with opened(str(self.file), OPTIONS) as records:
                sending.run(records, Meter("Pushing", ROWS, None))
            sending.close()
        finally:
            journal.close()

    def is_complete(self) -> bool:
        """Whether each row has one result."""
        written = list(csv.DictReader(io.StringIO(self.results.read_text())))
        return [int(row["row"]) for row in written] == list(range(2, ROWS + 2))


@pytest.fixture
def push(tmp_path: Path) -> Interrupted:
    made = Interrupted(*(tmp_path / name for name in ("o.csv", "o.results.csv", "o.results.csv.journal")))
    made.file.write_text("phone,reason\n" + "12,short\n" * ROWS)
    head = PushHead(sha256="0", rows=ROWS, base_url="http://callmark.test", account_id="acc", options=OPTIONS)
    Journal.begin(made.journal, head).close()
    made.send()
    lines = made.journal.read_bytes().splitlines(keepends=True)
    made.journal.write_bytes(b"".join(lines[:2]))
    return made


def test_it_continues_behind_the_results_that_the_journal_knows(push: Interrupted) -> None:
    push.send()
    assert push.is_complete()


def test_results_that_were_changed_are_left_alone(push: Interrupted) -> None:
    written = push.results.read_bytes()
    changes = {
        "longer lines, as a spreadsheet saves them": written.replace(b"\n", b"\r\n"),
        "other rows": written.replace(b"\n7,", b"\n8,"),
        "fewer rows": written[:1_000],
        "gone": None,
    }
    for how, changed in changes.items():
        push.results.unlink() if changed is None else push.results.write_bytes(changed)
        assert "is not as the push left it" in how_it_is_refused(push), how
        left = push.results.read_bytes() if push.results.exists() else None
        assert left == changed, how
        push.results.write_bytes(written)
    push.send()
    assert push.is_complete()


def how_it_is_refused(push: Interrupted) -> str:
    """What it says; nothing if it continues."""
    try:
        push.send()
    except WrongUse as refused:
        return refused.message
    return ""


def test_a_push_that_a_version_began_which_counts_rows_otherwise_is_not_continued(push: Interrupted) -> None:
    head, done = push.journal.read_bytes().splitlines(keepends=True)
    push.journal.write_bytes(head.replace(b'"version":2', b'"version":1') + done)
    left = push.results.read_bytes(), push.journal.read_bytes()
    with pytest.raises(WrongUse, match="another version of callmark: continue with the one that began it"):
        push.send()
    assert (push.results.read_bytes(), push.journal.read_bytes()) == left
