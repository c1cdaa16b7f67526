"""What a push writes down, and how long it waits for the server: without a platform, on a clock that pauses move."""

from pathlib import Path

import pytest
from tests.client.virtual import RECORD, Played, answer, error

from callmark.client.cli.journal import Journal, PushHead
from callmark.client.cli.reading import FileOptions
from callmark.client.cli.sending import create_patiently
from callmark.client.cli.session import WrongUse
from callmark.client.errors import Conflict
from callmark.client.flow import Answer, Request
from callmark.client.records import read_record

HEAD = PushHead(sha256="0", rows=1, base_url="http://callmark.test", account_id="acc", options=FileOptions())
RECORDS = [read_record(RECORD | {"starts_at": 1_767_261_600_000, "ends_at": 1_767_265_200_000})]


def test_a_key_that_a_dead_process_holds_is_waited_for() -> None:
    def reply(_: Request) -> Answer:
        is_held = played.time.seconds < 30
        return error(409, "conflict", retry_after="1") if is_held else answer({"batch_id": "b-1"})

    played = Played(reply)
    assert played.run(create_patiently(played.core(), RECORDS, "key")).batch_id == "b-1"
    assert len({(request.headers["Idempotency-Key"], request.body) for request in played.requests}) == 1
    assert len(played.requests) > 20


def test_a_key_of_another_body_ends_it_at_once() -> None:
    played = Played(lambda _: error(422, "idempotency-key-reused"))
    with pytest.raises(Conflict):
        played.run(create_patiently(played.core(), RECORDS, "key"))
    assert (len(played.requests), played.pauses) == (1, [])


def test_a_journal_that_another_push_has_begun_meanwhile_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "results.csv.journal"
    Journal.begin(path, HEAD).close()
    written = path.read_bytes()
    with pytest.raises(WrongUse, match="continue it with --resume"):
        Journal.begin(path, HEAD)
    assert path.read_bytes() == written


@pytest.mark.parametrize("left", [b"", b'{"version":1,"sha2'])
def test_a_journal_of_which_nothing_was_written_is_none(tmp_path: Path, left: bytes) -> None:
    path = tmp_path / "results.csv.journal"
    path.write_bytes(left)
    assert Journal.reopen(path) is None
    Journal.begin(path, HEAD).close()
    assert path.read_bytes().count(b"\n") == 1


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"row,receiver\n", "no journal of a push"), (b'{"version":2,"next":true}\n', "another version of callmark")],
)
def test_what_is_no_journal_of_this_version(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "results.csv.journal"
    path.write_bytes(content)
    with pytest.raises(WrongUse, match=said):
        Journal.reopen(path)
    assert path.read_bytes() == content
