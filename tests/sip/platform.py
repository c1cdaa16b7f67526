"""What the proxies talk to in these tests: signs and verifies with the library, and may misbehave as no platform does.

How the platform itself answers is tested with it, in tests/e2e. Here a service answers with hostile names, not at all,
or is gone.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from msgspec import Struct, field
from tests.support.aiohttp_server import served_here
from tests.support.waiting import Growing

from callmark.kit.clock import SystemClock
from callmark.passport import (
    Attestation,
    CallParties,
    ClaimConstraints,
    PassportError,
    RichCallData,
    Signer,
    TnAuthList,
    Verified,
    call_info,
    digest,
    issue,
    make_key,
    make_root,
    pick,
    read_identity,
    verify,
)

CALLER, CALLEE = "12025551000", "12025550111"
NAME, REASON = "Acme Deliveries", "Your parcel arrives today"
ICON, PNG = "https://brand.example/acme-64x64.png", b"the bytes of that PNG"
_GOOD, _FAILED = "TN-Validation-Passed", "TN-Validation-Failed"


def now() -> datetime:
    return SystemClock().now()


class Certified(Struct, frozen=True):
    """A key with its certificate, at an address."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate
    x5u: str

    @property
    def signer(self) -> Signer:
        return Signer(self.key, self.x5u)

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)


def certified(root: x509.Certificate, root_key: ec.EllipticCurvePrivateKey, name: str) -> Certified:
    """For the caller's number; it may sign one logo, and no resource priority."""
    key = make_key()
    limits = ClaimConstraints(permitted={"rcdi": (f'{{"/icn":"{digest(PNG)}"}}',)}, must_exclude=("rph",))
    certificate = issue(name, key.public_key(), root, root_key, TnAuthList.of([CALLER]), limits, now=now())
    return Certified(key, certificate, f"https://{name}.example/certificate.pem")


class Platform(Struct):
    """A service at `url`. What it answers can be changed; what it heard can be waited for."""

    own: Certified
    root: x509.Certificate
    certificates: dict[str, bytes]
    url: str = ""
    said: dict[str, Any] = field(default_factory=dict[str, Any])
    """What stands in answers of verification instead of what is true."""
    held: asyncio.Event | None = None
    """With one, signing waits for it."""
    asked: Growing[str] = field(default_factory=Growing[str])
    """The paths of requests, when they come in."""
    reports: Growing[dict[str, Any]] = field(default_factory=Growing[dict[str, Any]])
    refuses_with: int = 0
    """The status that reports are answered with; 0 while it takes them."""
    refused: Growing[dict[str, Any]] = field(default_factory=Growing[dict[str, Any]])
    """Reports that it did not take."""
    _counted: set[str] = field(default_factory=set[str])

    def forget(self) -> None:
        """As at the start."""
        self.said, self.held, self.refuses_with = {}, None, 0
        self.asked.clear()
        self.reports.clear()
        self.refused.clear()
        self._counted.clear()

    async def report_of(self, call_id: str) -> dict[str, Any]:
        """How the proxies say that this call ended."""
        await self.reports.until(lambda all_: any(one["call_id"] == call_id for one in all_))
        (found,) = [one for one in self.reports if one["call_id"] == call_id]
        return found

    def headers(self, callee: str = CALLEE, *, reason: str = REASON) -> list[str]:
        """Both headers of a good call."""
        signer, at = self.own.signer, now()
        first = signer.shaken(CALLER, [callee], Attestation.FULL, "0d9f2b30-3a4c-4e5d-8f6a-7b8c9d0e1f20", now=at)
        rcd = RichCallData(NAME, ICON)
        return [first, signer.rich_call_data(CALLER, [callee], rcd, reason, contents={ICON: PNG}, now=at)]

    async def sign(self, request: web.Request) -> web.Response:
        self.asked.append(request.path)
        asked = (await request.json())["signingRequest"]
        if self.held:
            await self.held.wait()
        if asked["orig"]["tn"] != CALLER:
            return web.json_response({}, status=403)
        identity, rich = self.headers(asked["dest"]["tn"][0])
        return web.json_response({"signingResponse": {"identity": identity, "identityHeaders": [rich]}})

    async def verify(self, request: web.Request) -> web.Response:
        self.asked.append(request.path)
        asked = (await request.json())["verificationRequest"]
        call = CallParties.of(asked["from"]["tn"], asked["to"]["tn"][0])
        good = [found for one in [asked["identity"], *asked["identityHeaders"]] if (found := self._verified(one, call))]
        answer: dict[str, Any] = {"verstat": _GOOD if good else _FAILED}
        best = pick(good)
        if best and best.claims.rcd:
            info = call_info(best.claims.rcd.icon, best.claims.reason)
            answer |= {"displayName": best.claims.rcd.name, "callInfo": info}
        return web.json_response({"verificationResponse": answer | self.said})

    def _verified(self, header: str, call: CallParties) -> Verified | None:
        try:
            passport = read_identity(header)
            found = verify(passport, call, self.certificates.get(passport.x5u, b""), [self.root], now=now())
        except PassportError:
            return None
        if header in self._counted:
            return None
        self._counted.add(header)
        return found

    async def report(self, request: web.Request) -> web.Response:
        if self.refuses_with:
            self.refused.append(await request.json())
            return web.json_response({}, status=self.refuses_with)
        self.reports.append(await request.json())
        return web.json_response({})


@asynccontextmanager
async def platform() -> AsyncGenerator[Platform]:
    """A service with a root of its own, as long as the block."""
    root_key = make_key()
    root = make_root("Network", root_key, now=now())
    own = certified(root, root_key, "acme")
    made = Platform(own, root, {own.x5u: own.pem})
    app = web.Application()
    for path, handler in (("signing", made.sign), ("verification", made.verify), ("calls", made.report)):
        app.router.add_post(f"/stir/v1/{path}", handler)
    async with served_here(app) as made.url:
        yield made
