"""Certificates and icons that tokens name, from wherever they are: our own without a request, others through the gate.

The caller chooses these addresses. So little is fetched, in little time, and rarely twice.
"""

import asyncio
import re
from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from functools import partial
from typing import TypeVar
from weakref import ref

from cryptography import x509
from msgspec import Struct

from callmark.domain.brand_icons import service as brand_icons
from callmark.domain.deps import Deps
from callmark.domain.signer_certificates import service as signer_certificates
from callmark.domain.signer_certificates.model import ADDRESS
from callmark.kit.errors import NotFound
from callmark.kit.outbound.client import Outbound, Patience, Unreachable, allowed_networks
from callmark.kit.outbound.name_lookup import SystemResolver
from callmark.kit.short_memory import ShortMemory
from callmark.passport import PassportError, Reason, SignerCertificate, check_chain, read_chain
from callmark.passport.certificates import MOST_BYTES as MOST_CHAIN_BYTES

WITHIN_S = 0.8
"""How long a verification waits for all that it fetches: proxies wait a second for the whole answer."""
MOST_ICON_BYTES = 128 * 1024
_PATIENCE = Patience(connect_s=1, read_s=1, total_s=1)
_KEPT_S = 300
_KEPT_IN_OUTAGE_S = 3600
"""For a certificate that counted before, while its host does not answer."""
_OWN_KEPT_S = 10
"""For files of our own, which cost no request: a certificate that is retired soon counts no more."""
_FAILURE_KEPT_S = 10
_AGAIN_AFTER_S = 10
"""How old a file is, at least, that is fetched again because it does not do."""
_MOST_KEPT = 500
MOST_AT_ONCE = 256
"""Files that are being fetched. An honest host answers in a fraction of the second that a silent one could take."""
_GONE = {404, 410}
_OWN_CERTIFICATE = re.compile(rf"/stir/v1/certs/({ADDRESS.pattern})\.pem", re.ASCII)
_OWN_ICON = re.compile(r"/brand/([0-9a-f]{64})-(\d{2,3})x\2\.png")


_Kept = TypeVar("_Kept")
_Made = TypeVar("_Made")


class NotFetched(Exception):
    """There is nothing at an address, or not soon enough; the text says why. `is_gone`: its host says that."""

    def __init__(self, why: str, *, is_gone: bool = False) -> None:
        super().__init__(why)
        self.is_gone = is_gone


class _PlaceTaken(NotFetched):
    """Others needed the place of the fetch, which says nothing about its host."""


class _File(Struct, frozen=True, weakref=True):
    """What was found (`body`), or why nothing, and at which instant of the memory's clock."""

    at: float
    body: bytes = b""
    error: NotFetched | None = None


class _Checked(Struct, frozen=True):
    """A file whose chain counted for these roots."""

    file: _File
    roots: Sequence[x509.Certificate]
    certificate: SignerCertificate


class _Refused(Struct, frozen=True):
    """A file whose chain did not count for these roots; by the memory's clock that is known until `until`.

    It keeps no file that is forgotten: anyone may name hundreds.
    """

    file: ref[_File]
    roots: Sequence[x509.Certificate]
    reason: Reason
    detail: str
    until: float


class ForeignFiles:
    """Keeps files for some minutes, failures for some seconds, and its connections until it is closed."""

    def __init__(self, deps: Deps, files: ShortMemory | None = None) -> None:
        self._deps = deps
        names = SystemResolver(is_brief=True)
        self._outbound = Outbound(allowed_networks(deps.settings), patience=_PATIENCE, resolver=names)
        self._files = files or ShortMemory(most=_MOST_KEPT)
        self._newer_files = ShortMemory(self._files.now, most=_MOST_KEPT)
        """Apart: forged tokens that have files fetched again must not push out those that count."""
        self._checked: OrderedDict[str, _Checked] = OrderedDict()
        self._refused: OrderedDict[str, _Refused] = OrderedDict()
        """Apart from those that counted: what anyone may fill must not push these out."""
        self._fetching: dict[asyncio.Timeout, None] = {}
        """Of each fetch what can end it, the oldest first."""

    async def close(self) -> None:
        """Ends the connections."""
        await self._outbound.__aexit__(None, None, None)

    async def with_certificate(
        self,
        url: str,
        roots: Sequence[x509.Certificate],
        now: datetime,
        deadline: float,
        use: Callable[[SignerCertificate], _Made],
    ) -> _Made:
        """What `use` makes of the signer's certificate at `url`, when that leads to one of `roots`.

        Where either fails with a file from before, it is tried with what is at the address now: signers renew
        certificates under one address. A file that counts is not replaced by one that does not, because who sends a
        call says when it is asked for. Raises PassportError.
        """
        file, counts = await self._certificates(url, deadline), False
        try:
            certificate = self._counting(url, file, roots, now)
            counts = True
            return use(certificate)
        except PassportError as exc:
            newer, before = await self._newer(url, MOST_CHAIN_BYTES, file, deadline), exc
            if newer is None:
                raise
        try:
            certificate = self._counting(url, newer, roots, now, in_place=not counts)
        except PassportError:
            if counts:
                raise before from None
            await self._replace(url, MOST_CHAIN_BYTES, newer)
            raise
        await self._replace(url, MOST_CHAIN_BYTES, newer)
        return use(certificate)

    async def _certificates(self, url: str, deadline: float) -> _File:
        try:
            return await self._get(url, MOST_CHAIN_BYTES, deadline)
        except NotFetched as exc:
            before = self._of_before(url, exc)
            if before is None:
                why = f"there is no certificate at the token's x5u: {exc}"
                raise PassportError(Reason.BAD_IDENTITY_INFO, why) from exc
            return before

    def _counting(
        self, url: str, file: _File, roots: Sequence[x509.Certificate], now: datetime, *, in_place: bool = True
    ) -> SignerCertificate:
        """The signer's certificate of a file, when it leads to one of `roots`; each file is worked through once.

        One that is kept `in_place` and does not count leaves nothing of the one before it.
        """
        self._raise_again(url, file, roots)
        checked = self._checked.get(url)
        if not checked or checked.file is not file or checked.roots != roots or now > checked.certificate.valid_until:
            try:
                checked = _Checked(file, roots, check_chain(read_chain(file.body), roots, now=now))
            except PassportError as exc:
                until = self._files.now() + _FAILURE_KEPT_S
                _keep(self._refused, url, _Refused(ref(file), roots, exc.reason, exc.detail, until))
                if in_place:
                    self._checked.pop(url, None)
                raise
        _keep(self._checked, url, checked)
        return checked.certificate

    def _raise_again(self, url: str, file: _File, roots: Sequence[x509.Certificate]) -> None:
        """Refuses a file for a while as it was refused before: its time may begin, so it is no answer for long."""
        refused = self._refused.get(url)
        if refused and refused.file() is file and refused.roots == roots and self._files.now() < refused.until:
            raise PassportError(refused.reason, refused.detail)

    def _of_before(self, url: str, error: NotFetched) -> _File | None:
        """The file whose chain counted before, where that still counts although it cannot be fetched again.

        Never again once its host has said that it is gone, and never one of ours: what is retired here counts no more.
        """
        if error.is_gone:
            self._checked.pop(url, None)
        checked = self._checked.get(url)
        if checked is None or self._is_own(url):
            return None
        return checked.file if self._files.now() <= checked.file.at + _KEPT_IN_OUTAGE_S else None

    async def icon(self, url: str, deadline: float, is_right: Callable[[bytes], bool]) -> bytes | None:
        """The bytes at the address of an icon, the right ones where they are there now; or None."""
        try:
            file = await self._get(url, MOST_ICON_BYTES, deadline)
        except NotFetched:
            return None
        if is_right(file.body):
            return file.body
        newer = await self._newer(url, MOST_ICON_BYTES, file, deadline)
        if newer is None:
            return file.body
        await self._replace(url, MOST_ICON_BYTES, newer)
        return newer.body

    async def _newer(self, url: str, most_bytes: int, before: _File, deadline: float) -> _File | None:
        """What is at an address now, where it is something else than some seconds ago.

        Anyone can ask for it with a token that does not count, so an address is asked once in this time.
        """
        if self._is_own(url) or self._files.now() < before.at + _AGAIN_AFTER_S:
            return None
        make = partial(self._found, url, most_bytes)
        try:
            async with asyncio.timeout_at(deadline):
                newer = await self._newer_files.get((url, most_bytes), _AGAIN_AFTER_S, make)
        except TimeoutError:
            return None
        return None if newer.error or newer.body == before.body else newer

    async def _replace(self, url: str, most_bytes: int, newer: _File) -> None:
        self._files.forget((url, most_bytes))
        await self._files.get((url, most_bytes), _KEPT_S, partial(_as_it_is, newer))

    async def _get(self, url: str, most_bytes: int, deadline: float) -> _File:
        make, key = partial(self._found, url, most_bytes), (url, most_bytes)
        kept_s = _OWN_KEPT_S if self._is_own(url) else _KEPT_S
        try:
            async with asyncio.timeout_at(deadline):
                file = await self._files.get(key, kept_s, make)
                if file.error and self._files.now() > file.at + _FAILURE_KEPT_S:
                    self._files.forget(key)
                    file = await self._files.get(key, kept_s, make)
        except TimeoutError as exc:  # it is still being fetched, for the next call
            raise NotFetched("no answer in time") from exc
        if file.error:
            raise NotFetched(str(file.error), is_gone=file.error.is_gone)
        return file

    async def _found(self, url: str, most_bytes: int) -> _File:
        at = self._files.now()
        try:
            return _File(at, await self._read(url, most_bytes))
        except _PlaceTaken as exc:  # the next call may try again at once
            return _File(at - _FAILURE_KEPT_S, error=exc)
        except NotFetched as exc:
            return _File(at, error=exc)

    @asynccontextmanager
    async def _place(self) -> AsyncGenerator[None]:
        """A place for one fetch. When all are taken, the oldest fetch gives up its own and ends with _PlaceTaken.

        To refuse the newest instead would let a caller who names silent hosts keep out everyone else.
        """
        if len(self._fetching) >= MOST_AT_ONCE:
            oldest = next(iter(self._fetching))
            del self._fetching[oldest]
            oldest.reschedule(0)
        mine = asyncio.timeout(None)
        try:
            async with mine:
                self._fetching[mine] = None
                yield
        except TimeoutError as exc:
            raise _PlaceTaken("too many are being fetched") from exc
        finally:
            self._fetching.pop(mine, None)

    async def _read(self, url: str, most_bytes: int) -> bytes:
        if self._is_own(url):
            return await self._own(url.removeprefix(self._deps.public_url))
        if not url.startswith("https://") and not self._deps.settings.allows_plain_http:
            raise NotFetched("it is not an https address")
        async with self._place():
            answer = await self._outbound.get(url, most_bytes)
        if isinstance(answer, Unreachable):
            raise NotFetched(answer.error)
        if not answer.is_success:
            raise NotFetched(answer.error or f"the answer was {answer.status}", is_gone=answer.status in _GONE)
        return answer.body

    def _is_own(self, url: str) -> bool:
        return url.startswith(self._deps.public_url + "/")

    async def _own(self, path: str) -> bytes:
        """A file that this installation serves, without asking itself for it."""
        try:
            if found := _OWN_CERTIFICATE.fullmatch(path):
                return (await signer_certificates.chain_that_signs(self._deps, found[1])).encode()
            if found := _OWN_ICON.fullmatch(path):
                return await brand_icons.icon_png(self._deps, bytes.fromhex(found[1]), int(found[2]))
        except NotFound as exc:
            raise NotFetched(exc.message) from exc
        raise NotFetched("there is no such file here")


async def _as_it_is(file: _File) -> _File:
    return file


def _keep(memory: OrderedDict[str, _Kept], url: str, value: _Kept) -> None:
    memory.pop(url, None)
    memory[url] = value
    while len(memory) > _MOST_KEPT:
        memory.popitem(last=False)
