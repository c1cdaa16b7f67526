"""A foreign signer that is trusted here, with the host of its files, and what it makes us verify."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import msgspec
import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from msgspec import Struct, field
from tests.domain.signer_certificates.staging import Authority, make_authority, pem
from tests.support.aiohttp_server import served_here
from tests.support.factories import phone

from callmark.domain.deps import Deps
from callmark.domain.edges.model import Edge
from callmark.domain.ids import EdgeId
from callmark.domain.policy.model import SYSTEM
from callmark.domain.signed_calls import foreign_files, verification
from callmark.domain.signed_calls.foreign_files import ForeignFiles
from callmark.domain.signed_calls.model import CallVerdict, VerificationRequest, Verstat
from callmark.domain.signed_calls.verification import verify_call
from callmark.domain.signer_certificates import roots
from callmark.kit.ids import new_id
from callmark.kit.outbound.client import Patience
from callmark.kit.phone import PhoneNumber
from callmark.kit.short_memory import ShortMemory
from callmark.passport import RichCallData, Signer, TnAuthList

EDGE = Edge(EdgeId(new_id()), "proxy", None, datetime.now(UTC))
PNG = b"\x89PNG of somebody"


class Host(Struct):
    """Serves files by their path; counts who asks, and lets those wait that ask for `/slow`."""

    files: dict[str, bytes] = field(default_factory=dict[str, bytes])
    asked: list[str] = field(default_factory=list[str])
    began: asyncio.Event = field(default_factory=asyncio.Event)
    let_go: asyncio.Event = field(default_factory=asyncio.Event)
    is_down: bool = False

    async def serve(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request.path)
        self.began.set()
        if request.path.startswith("/slow"):
            await self.let_go.wait()
        if self.is_down:
            raise web.HTTPServiceUnavailable
        if request.path == "/moved":
            raise web.HTTPFound("/acme.pem")
        if request.path not in self.files:
            raise web.HTTPNotFound
        return web.Response(body=self.files[request.path])


class Seconds(Struct):
    """The clock by which files are kept."""

    now: float = 0

    def __call__(self) -> float:
        return self.now


class Abroad(Struct):
    """A foreign signer: its authority, which is trusted here, its key, its host, and our files of others."""

    deps: Deps
    files: ForeignFiles
    host: Host
    clock: Seconds
    url: str
    authority: Authority
    caller: PhoneNumber
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    def header(self, receiver: PhoneNumber, path: str = "/acme.pem", icon: str | None = None) -> str:
        signer = Signer(self.key, self.url + path, plain_http=True)
        contents = {self.url + icon: PNG} if icon else {}
        rcd = RichCallData("Acme Abroad", self.url + icon if icon else None)
        now = datetime.now(UTC)
        return signer.rich_call_data(self.caller, [receiver], rcd, "Hello", contents=contents, now=now)

    async def keep(self, most: int) -> None:
        """Begins again, with files of others that are fewer."""
        await self.files.close()
        self.files = patient_files(self.deps, ShortMemory(self.clock, most))

    async def verify(self, header: str, receiver: PhoneNumber) -> CallVerdict:
        asked = VerificationRequest([header], self.caller, receiver, None)
        return await verify_call(self.deps, self.files, EDGE, asked)

    async def refusal(self, path: str, certificates: bytes | None = None) -> tuple[int, str]:
        """Why a token does not count whose certificate is at `path`."""
        if certificates is not None:
            self.host.files[path] = certificates
        receiver = phone()
        verdict = await self.verify(self.header(receiver, path), receiver)
        assert (verdict.verstat, verdict.name) == (Verstat.FAILED, None)
        assert verdict.error
        return verdict.error.reason.code, verdict.error.detail


def patient_files(deps: Deps, memory: ShortMemory) -> ForeignFiles:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(foreign_files, "_PATIENCE", Patience(connect_s=120, read_s=120, total_s=120))
        return ForeignFiles(deps, memory)


@asynccontextmanager
async def abroad(deps: Deps) -> AsyncGenerator[Abroad]:
    """One whose host is in the process of the tests, and may take its time."""
    now = datetime.now(UTC)
    authority, caller, host, clock, app = make_authority(now), phone(), Host(), Seconds(), web.Application()
    certificate, key = authority.issue(TnAuthList.of([caller]), now=now)
    await roots.add_roots(deps, pem(authority.root), by=SYSTEM)
    app.router.add_get("/{path:.*}", host.serve)
    here = msgspec.structs.replace(deps, settings=msgspec.structs.replace(deps.settings, emulator=True))
    async with served_here(app) as url:
        files = patient_files(here, ShortMemory(clock))
        host.files["/acme.pem"] = pem(certificate, authority.issuer)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(verification, "WITHIN_S", 30)
            there = Abroad(here, files, host, clock, url, authority, caller, certificate, key)
            yield there
        host.let_go.set()
        await there.files.close()
