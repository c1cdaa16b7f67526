"""Files in a bucket: the same, through the protocol of S3."""

import asyncio
import os
from collections.abc import AsyncGenerator
from datetime import timedelta

import pytest
from obstore.store import ObjectStore, S3Store
from tests.support.s3_server import Bucket, bucket_server

from callmark.kit.errors import Unavailable
from callmark.kit.ids import new_id
from callmark.kit.object_store import Files, files_of
from callmark.kit.s3 import open_bucket
from callmark.kit.settings import read_settings

MEGABYTE = bytes(range(256)) * 4096


@pytest.fixture
async def bucket(monkeypatch: pytest.MonkeyPatch) -> AsyncGenerator[Bucket]:
    """A bucket on this machine, with the environment that leads to it."""
    async with bucket_server() as here:
        environment = {
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_REGION": "eu-north-1",
            "AWS_ENDPOINT": here.url,
            "AWS_ALLOW_HTTP": "true",
        }
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        yield here


@pytest.fixture
def files(bucket: Bucket) -> Files:
    """The files in that bucket."""
    del bucket
    # The prefix is this test's own, because a store is opened once for each address.
    return files_of(read_settings({"CALLMARK_OBJECT_STORE": f"s3://callmark/{new_id()}"}))


async def chunks(count: int) -> AsyncGenerator[bytes]:
    for _ in range(count):
        yield MEGABYTE


@pytest.mark.parametrize("count", [0, 1, 12])
async def test_a_file_is_read_from_the_bucket_as_it_was_written(files: Files, bucket: Bucket, count: int) -> None:
    assert await files.open("exports/a.csv") is None
    await files.write("exports/a.csv", chunks(count))
    stored = await files.open("exports/a.csv")
    assert stored
    assert stored.size_bytes == count << 20
    assert b"".join([chunk async for chunk in stored.chunks]) == MEGABYTE * count
    assert [name.partition("/")[2] for name in bucket.objects] == ["exports/a.csv"]
    assert list(await files.sizes("exports")) == ["exports/a.csv"]
    await files.delete(["exports/a.csv"])
    assert bucket.objects == {}


async def test_a_bucket_that_refuses_is_a_store_that_is_away(files: Files, bucket: Bucket) -> None:
    bucket.is_down = True
    with pytest.raises(Unavailable, match="try again"):
        await files.open("exports/a.csv")
    with pytest.raises(Unavailable):
        await files.write("exports/a.csv", chunks(12))


async def test_a_busy_bucket_is_asked_for_longer_than_its_client_would(files: Files, bucket: Bucket) -> None:
    bucket.busy_for = 11
    assert await files.open("exports/a.csv") is None
    assert bucket.busy_for == 0


async def test_what_is_sent_slowly_is_no_silence(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_READ_TIMEOUT", "200ms")
    files = files_of(read_settings({"CALLMARK_OBJECT_STORE": f"s3://callmark/{new_id()}"}))
    bucket.answers_from = 3
    writing = asyncio.create_task(files.write("exports/a.csv", chunks(1)))
    async with bucket.arrived:
        await bucket.arrived.wait_for(lambda: bucket.asked)
    assert await files.open("exports/b.csv") is None
    await writing
    assert bucket.asked.count("PUT") == 1  # the reading, which began later, has timed out and was repeated


async def test_what_was_sent_for_minutes_is_sent_again(bucket: Bucket) -> None:
    assert bucket
    url = f"s3://callmark/{new_id()}"
    assert _tried_for(open_bucket(url)) < timedelta(seconds=30)
    assert timedelta(minutes=4) < _tried_for(open_bucket(url, writes=True)) < timedelta(minutes=5)


def _tried_for(store: ObjectStore) -> timedelta:
    """For how long the client repeats a request, counted from its beginning."""
    assert isinstance(store, S3Store)
    assert store.retry_config
    tried_for = store.retry_config.get("retry_timeout")
    assert isinstance(tried_for, timedelta)
    return tried_for


async def test_an_upload_whose_last_answer_was_lost_has_ended_well(files: Files, bucket: Bucket) -> None:
    bucket.loses_end = True
    await files.write("exports/a.csv", chunks(12))
    assert list(map(len, bucket.objects.values())) == [12 << 20]


@pytest.mark.parametrize("name", ["ACCESS_KEY_ID", "SESSION_TOKEN", "REGION", "ENDPOINT"])
async def test_a_variable_may_end_with_a_line_break(bucket: Bucket, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(f"AWS_{name}", os.environ.get(f"AWS_{name}", "token") + "\n")
    files = files_of(read_settings({"CALLMARK_OBJECT_STORE": f"s3://callmark/{new_id()}"}))
    await files.write("exports/a.csv", chunks(1))
    assert bucket.objects


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("AWS_ENDPOINT", "minio:9000", "AWS_ENDPOINT must begin with https:// or http://"),
        ("AWS_ENDPOINT_URL_S3", "http://127.0.0.1\n", "AWS_ENDPOINT_URL_S3 has a character that cannot be sent"),
        ("AWS_SESSION_TOKEN", "a\nb", "AWS_SESSION_TOKEN has a character that cannot be sent"),
        ("AWS_CA_BUNDLE", "/nowhere/ca.pem", "AWS_CA_BUNDLE: cannot read /nowhere/ca.pem: No such file or directory"),
        ("AWS_CA_BUNDLE", __file__, "No certificates found"),
        ("AWS_TIMEOUT", "soon", 'failed to parse "soon" as Duration'),
    ],
)
async def test_a_variable_that_is_wrong_is_named(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch, name: str, value: str, reason: str
) -> None:
    assert bucket
    monkeypatch.setenv(name, value)
    with pytest.raises(Unavailable) as raised:
        await files_of(read_settings({"CALLMARK_OBJECT_STORE": f"s3://callmark/{new_id()}"})).open("exports/a.csv")
    assert reason in raised.value.reason


async def test_a_file_that_may_not_be_deleted_does_not_keep_the_others(files: Files, bucket: Bucket) -> None:
    names = [f"exports/{name}.csv" for name in ("a", "b", "c", "d")]
    for name in names:
        await files.write(name, chunks(1))
    bucket.locked = {name for name in bucket.objects if name.endswith(("b.csv", "c.csv"))}
    prefix = next(iter(bucket.objects)).partition("/")[0]
    more = [f"exports/{number}.csv" for number in range(1000)]
    bucket.objects |= {f"{prefix}/{name}": b"" for name in more}
    bucket.asked.clear()
    with pytest.raises(Unavailable) as raised:
        await files.delete([*names, *more, "exports/gone.csv"])
    assert set(bucket.objects) == bucket.locked
    assert bucket.asked == ["POST", "POST"]
    assert f"for key {prefix}/exports/b.csv: Object is locked" in raised.value.reason
    bucket.is_down = True
    with pytest.raises(Unavailable) as raised:
        await files.delete([*names, *more])
    assert len(bucket.asked) == 3  # it is not asked again when it refuses everything
    assert f"for path {prefix}/exports/a.csv, …: Error performing POST" in raised.value.reason


@pytest.mark.parametrize("is_stopped", [True, False])
async def test_a_writing_that_breaks_off_leaves_no_part(files: Files, bucket: Bucket, *, is_stopped: bool) -> None:
    under_way = asyncio.Event()

    async def broken() -> AsyncGenerator[bytes]:
        async for chunk in chunks(16):
            yield chunk
        assert bucket.parts_taken
        under_way.set()
        if is_stopped:
            await asyncio.Event().wait()
        raise LookupError

    writing = asyncio.create_task(files.write("exports/a.csv", broken()))
    await under_way.wait()
    if is_stopped:
        writing.cancel()
    with pytest.raises(asyncio.CancelledError if is_stopped else LookupError):
        await writing
    assert bucket.parts == {}
    assert bucket.objects == {}


@pytest.mark.parametrize("breaks", [[3 << 20, 0], [3 << 20, 0, 2 << 20, 0, 1 << 20, 0, 1 << 20, 0]])
async def test_a_reading_that_breaks_off_continues_where_it_was(
    files: Files, bucket: Bucket, breaks: list[int]
) -> None:
    await files.write("exports/a.csv", chunks(12))
    bucket.breaks = [*breaks]  # the client's own attempt to continue is refused each time: its key has ended meanwhile
    stored = await files.open("exports/a.csv")
    assert stored
    assert b"".join([chunk async for chunk in stored.chunks]) == MEGABYTE * 12
    assert not bucket.breaks


async def test_a_reading_does_not_continue_with_another_version(files: Files, bucket: Bucket) -> None:
    await files.write("exports/a.csv", chunks(12))
    bucket.breaks = [3 << 20, 0]
    stored = await files.open("exports/a.csv")
    assert stored
    bucket.version = '"f"'
    with pytest.raises(Unavailable, match="try again"):
        async for _ in stored.chunks:
            pass
