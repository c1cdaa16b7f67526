"""Files in a bucket: the same, through the protocol of S3, spoken here by a small server of the test."""

from collections.abc import AsyncGenerator, Mapping

import pytest
from aiohttp import web

from callmark.kit.errors import Unavailable
from callmark.kit.ids import new_id
from callmark.kit.object_store import Files, files_of
from callmark.kit.settings import read_settings

MEGABYTE = bytes(range(256)) * 4096


class Bucket:
    """As much of S3 as an object store needs; what it holds, and the parts of what is under way."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.parts: dict[int, bytes] = {}
        self.is_down = False

    async def answer(self, request: web.Request) -> web.Response:
        """One request."""
        if self.is_down:
            return web.Response(status=403, text="<Error><Code>AccessDenied</Code></Error>")
        key, body = request.match_info["path"].removeprefix("callmark").lstrip("/"), await request.read()
        return {"POST": self._post, "PUT": self._put, "GET": self._get, "DELETE": self._delete}[request.method](
            key, request.query, body
        )

    def _post(self, key: str, asked: Mapping[str, str], body: bytes) -> web.Response:
        if "uploads" in asked:
            return _xml("<InitiateMultipartUploadResult><UploadId>u1</UploadId></InitiateMultipartUploadResult>")
        if "delete" in asked:
            gone = [one.partition("<")[0] for one in body.decode().split("<Key>")[1:]]
            for name in gone:
                self.objects.pop(name, None)
            told = "".join(f"<Deleted><Key>{name}</Key></Deleted>" for name in gone)
            return _xml(f"<DeleteResult>{told}</DeleteResult>")
        self.objects[key] = b"".join(self.parts.pop(number) for number in sorted(self.parts))
        return _xml('<CompleteMultipartUploadResult><ETag>"e"</ETag></CompleteMultipartUploadResult>')

    def _put(self, key: str, asked: Mapping[str, str], body: bytes) -> web.Response:
        if "partNumber" in asked:
            self.parts[int(asked["partNumber"])] = body
        else:
            self.objects[key] = body
        return web.Response(headers=_HEADERS)

    def _get(self, key: str, asked: Mapping[str, str], _: bytes) -> web.Response:
        if "list-type" in asked:
            return _xml(_listed([name for name in self.objects if name.startswith(asked["prefix"])]))
        if key not in self.objects:
            return web.Response(status=404, text="<Error><Code>NoSuchKey</Code></Error>")
        return web.Response(body=self.objects[key], headers=_HEADERS)

    def _delete(self, key: str, asked: Mapping[str, str], _: bytes) -> web.Response:
        if "uploadId" in asked:
            self.parts.clear()
        self.objects.pop(key, None)
        return web.Response(status=204)


_HEADERS = {"ETag": '"e"', "Last-Modified": "Thu, 01 Jan 2026 10:00:00 GMT"}


def _xml(text: str) -> web.Response:
    return web.Response(text=f'<?xml version="1.0" encoding="UTF-8"?>{text}', content_type="application/xml")


def _listed(names: list[str]) -> str:
    rest = "<LastModified>2026-01-01T10:00:00.000Z</LastModified><ETag>e</ETag><Size>1</Size>"
    one = f"<Contents><Key>{{}}</Key>{rest}</Contents>"
    return f"<ListBucketResult>{''.join(map(one.format, names))}<IsTruncated>false</IsTruncated></ListBucketResult>"


@pytest.fixture
async def bucket(monkeypatch: pytest.MonkeyPatch) -> AsyncGenerator[Bucket]:
    """A bucket on this machine, with the environment that leads to it."""
    here = Bucket()
    app = web.Application(client_max_size=1 << 26)
    app.router.add_route("*", "/{path:.*}", here.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    port = runner.addresses[0][1]
    environment = {
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_REGION": "eu-north-1",
        "AWS_ENDPOINT": f"http://127.0.0.1:{port}",
        "AWS_ALLOW_HTTP": "true",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    yield here
    await runner.cleanup()


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
    assert await files.names("exports") == ["exports/a.csv"]
    await files.delete(["exports/a.csv"])
    assert bucket.objects == {}


async def test_a_bucket_that_refuses_is_a_store_that_is_away(files: Files, bucket: Bucket) -> None:
    bucket.is_down = True
    with pytest.raises(Unavailable, match="try again"):
        await files.open("exports/a.csv")
    with pytest.raises(Unavailable):
        await files.write("exports/a.csv", chunks(12))
