"""As much of S3 as the platform uses, spoken by a small server on loopback."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager

from aiohttp import web
from tests.support.aiohttp_server import served_here


class Bucket:
    """As much of S3 as an object store needs; what it holds, and the parts of what is under way."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.parts: dict[int, bytes] = {}
        self.is_uploading = False
        self.parts_taken = 0
        self.locked: set[str] = set()
        self.asked: list[str] = []
        """The method of each request."""
        self.arrived = asyncio.Condition()
        self.answers_from = 0
        """Requests are not answered before so many have come."""
        self.is_down = False
        self.busy_for = 0
        """So many of the next requests get SlowDown."""
        self.loses_end = False
        """The connection breaks when an upload has ended, before the answer."""
        self.reason = "AccessDenied"
        self.may_list = True
        self.keeps_versions = False
        self.version = '"e"'
        self.breaks: list[int] = []
        """After how many bytes each of the next readings of a file ends; 0: it is refused."""
        self.url = ""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """One request."""
        async with self.arrived:
            self.asked.append(request.method)
            self.arrived.notify_all()
            await self.arrived.wait_for(lambda: len(self.asked) >= self.answers_from)
        if self.busy_for:
            self.busy_for -= 1
            return web.Response(status=503, text="<Error><Code>SlowDown</Code></Error>")
        if self.is_down:
            return _denied(self.reason)
        key, body = request.match_info["path"].removeprefix("callmark").lstrip("/"), await request.read()
        if self.breaks and request.method == "GET" and key in self.objects:
            return await self._break(request, self.objects[key], self.breaks.pop(0))
        if request.method in {"GET", "HEAD"} and key in self.objects:
            return self._read(request, self.objects[key])
        answer = {"POST": self._post, "PUT": self._put, "GET": self._get, "HEAD": self._get, "DELETE": self._delete}
        given = answer[request.method](key, request.query, body)
        if self.loses_end and request.method == "POST" and "uploadId" in request.query:
            self.loses_end = False
            assert request.transport
            request.transport.close()
        return given

    def _read(self, request: web.Request, content: bytes) -> web.Response:
        wanted = request.headers.get("Range")
        if wanted is None:
            return web.Response(body=content, headers=self._headers)
        if request.headers.get("If-Match", self.version) != self.version:
            return web.Response(status=412, text="<Error><Code>PreconditionFailed</Code></Error>")
        start = int(wanted.removeprefix("bytes=").partition("-")[0])
        of = {"Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}"}
        return web.Response(status=206, body=content[start:], headers=self._headers | of)

    async def _break(self, request: web.Request, content: bytes, after: int) -> web.StreamResponse:
        if not after:
            return web.Response(status=400, text="<Error><Code>ExpiredToken</Code></Error>")
        whole = self._read(request, content)
        begun = web.StreamResponse(status=whole.status, headers=whole.headers)
        begun.content_length = whole.content_length
        await begun.prepare(request)
        assert isinstance(whole.body, bytes)
        await begun.write(whole.body[:after])
        assert request.transport
        request.transport.close()
        return begun

    @property
    def _headers(self) -> dict[str, str]:
        versions = {"x-amz-version-id": "v1"} if self.keeps_versions else {}
        return {"ETag": self.version, "Last-Modified": "Thu, 01 Jan 2026 10:00:00 GMT"} | versions

    def _post(self, key: str, asked: Mapping[str, str], body: bytes) -> web.Response:
        if "uploads" in asked:
            self.is_uploading = True
            return _xml("<InitiateMultipartUploadResult><UploadId>u1</UploadId></InitiateMultipartUploadResult>")
        if "delete" in asked:
            gone = [one.partition("<")[0] for one in body.decode().split("<Key>")[1:]]
            for name in gone:
                if name not in self.locked:
                    self.objects.pop(name, None)
            told = "".join(
                f"<Error><Key>{name}</Key><Code>AccessDenied</Code><Message>Object is locked</Message></Error>"
                if name in self.locked
                else f"<Deleted><Key>{name}</Key></Deleted>"
                for name in gone
            )
            return _xml(f"<DeleteResult>{told}</DeleteResult>")
        if not self.is_uploading:
            return web.Response(status=404, text="<Error><Code>NoSuchUpload</Code></Error>")
        self.is_uploading = False
        self.objects[key] = b"".join(self.parts.pop(number) for number in sorted(self.parts))
        return _xml('<CompleteMultipartUploadResult><ETag>"e"</ETag></CompleteMultipartUploadResult>')

    def _put(self, key: str, asked: Mapping[str, str], body: bytes) -> web.Response:
        if "partNumber" in asked:
            if not self.is_uploading:
                return web.Response(status=404, text="<Error><Code>NoSuchUpload</Code></Error>")
            self.parts_taken += 1
            self.parts[int(asked["partNumber"])] = body
        else:
            self.objects[key] = body
        return web.Response(headers=self._headers)

    def _get(self, key: str, asked: Mapping[str, str], _: bytes) -> web.Response:
        if not self.may_list and ("list-type" in asked or key not in self.objects):
            return _denied()
        if "list-type" in asked:
            return _xml(_listed([name for name in self.objects if name.startswith(asked["prefix"])]))
        if key not in self.objects:
            return web.Response(status=404, text="<Error><Code>NoSuchKey</Code></Error>")
        return web.Response(body=self.objects[key], headers=self._headers)

    def _delete(self, key: str, asked: Mapping[str, str], _: bytes) -> web.Response:
        if "uploadId" in asked:
            self.is_uploading = False
            self.parts.clear()
        else:
            self.objects.pop(key, None)
        return web.Response(status=204)


def _xml(text: str) -> web.Response:
    return web.Response(text=f'<?xml version="1.0" encoding="UTF-8"?>{text}', content_type="application/xml")


def _denied(code: str = "AccessDenied") -> web.Response:
    text = f"<Error><Code>{code}</Code><Message>As it says.</Message></Error>"
    return web.Response(status=403, text=f'<?xml version="1.0" encoding="UTF-8"?>\n{text}')


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
