"""As much of S3 as the platform uses, spoken by a small server on loopback."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager

from aiohttp import web
from tests.support.aiohttp_server import served_here


class Bucket:
    """As much of S3 as an object store needs; what it holds, and the parts of what is under way."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.parts: dict[int, bytes] = {}
        self.is_down = False
        self.may_list = True
        self.url = ""

    async def answer(self, request: web.Request) -> web.Response:
        """One request."""
        if self.is_down:
            return _denied()
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
        if not self.may_list and ("list-type" in asked or key not in self.objects):
            return _denied()
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


def _denied() -> web.Response:
    return web.Response(status=403, text="<Error><Code>AccessDenied</Code></Error>")


def _listed(names: list[str]) -> str:
    rest = "<LastModified>2026-01-01T10:00:00.000Z</LastModified><ETag>e</ETag><Size>1</Size>"
    one = f"<Contents><Key>{{}}</Key>{rest}</Contents>"
    return f"<ListBucketResult>{''.join(map(one.format, names))}<IsTruncated>false</IsTruncated></ListBucketResult>"


@asynccontextmanager
async def bucket_server() -> AsyncGenerator[Bucket]:
    """A bucket called `callmark` on this machine."""
    here = Bucket()
    app = web.Application(client_max_size=1 << 26)
    app.router.add_route("*", "/{path:.*}", here.answer)
    async with served_here(app) as here.url:
        yield here
