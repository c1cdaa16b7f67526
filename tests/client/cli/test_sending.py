"""What a push writes down, and how long it waits for the server: without a platform, on a clock that pauses move."""

from pathlib import Path

import pytest
from tests.client.virtual import RECORD, Played, Reply, answer, error, replies

from callmark.client.cli.journal import Chunk, Journal, PushHead
from callmark.client.cli.reading import FileOptions
from callmark.client.cli.sending import Tries, create_patiently
from callmark.client.cli.session import WrongUse
from callmark.client.errors import APIConnectionError, CallmarkError, Conflict
from callmark.client.flow import Answer, Apart, Request
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


GOOD = answer({"batch_id": "b-1"})
LOST = APIConnectionError("cut off")


@pytest.mark.parametrize(
    ("given", "open_count"),
    [
        ([error(403)], 0),
        ([error(401), error(401)], 0),  # also with a new token
        ([error(429, retry_after="1")] * 60, 0),
        ([error(429, retry_after="70")] * 20, 0),
        ([LOST, error(403)], 1),
        ([LOST, LOST, LOST], 3),
        ([error(503), error(503), error(401), error(401)], 2),
        ([answer({}, 200), error(429, retry_after="1"), error(403)], 1),
        ([LOST, error(409, retry_after="1"), error(403)], 2),
        ([error(422)], 1),
        ([GOOD], 1),
    ],
)
def test_tries_that_may_have_been_carried_out_are_counted(given: list[Reply], open_count: int) -> None:
    played = Played(replies(*given))
    tries = Tries("key")
    try:
        played.run(tries.watch(create_patiently(played.core(), RECORDS, "key")))
    except CallmarkError:
        assert given != [GOOD]
    assert tries.open_count == open_count


def test_a_try_that_is_interrupted_may_have_been_carried_out() -> None:
    played, tries = Played(replies()), Tries("key")
    flow = tries.watch(create_patiently(played.core(), RECORDS, "key"))
    effect = next(flow)
    assert isinstance(effect, Apart)
    assert tries.open_count == 0  # a token is asked for
    flow.send(played.run(effect.flow))
    flow.close()
    assert tries.open_count == 1


def test_a_chunk_that_was_refused_is_not_begun(tmp_path: Path) -> None:
    path = tmp_path / "results.csv.journal"
    journal = Journal.begin(path, HEAD)
    journal.begin_chunk(0, "key-0", 1)
    journal.begin_chunk(1, "key-1", 2)
    journal.refused(1)
    journal.close()
    found = Journal.reopen(path)
    assert found
    assert (found.begun(0), found.begun(1)) == (Chunk(0, "key-0", 1), None)
    found.close()


def test_a_journal_that_another_push_has_begun_meanwhile_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "results.csv.journal"
    Journal.begin(path, HEAD).close()
    written = path.read_bytes()
    with pytest.raises(WrongUse, match="continue it with --resume"):
        Journal.begin(path, HEAD)
    assert path.read_bytes() == written


@pytest.mark.parametrize("left", [b"", b'{"version":2,"sha2'])
def test_a_journal_of_which_nothing_was_written_is_none(tmp_path: Path, left: bytes) -> None:
    path = tmp_path / "results.csv.journal"
    path.write_bytes(left)
    assert Journal.reopen(path) is None
    Journal.begin(path, HEAD).close()
    assert path.read_bytes().count(b"\n") == 1


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"row,receiver\n", "no journal of a push"), (b'{"version":3,"next":true}\n', "another version of callmark")],
)
def test_what_is_no_journal_of_this_version(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "results.csv.journal"
    path.write_bytes(content)
    with pytest.raises(WrongUse, match=said):
        Journal.reopen(path)
    assert path.read_bytes() == content
