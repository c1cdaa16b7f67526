"""The process of all virtual handsets: starts those of the table, does what the control API asks."""

import asyncio
import contextlib
from collections import defaultdict
from typing import assert_never

import httpx
import msgspec
import structlog

from callmark.domain.deps import Deps
from callmark.kit.errors import AppError, NotFound, Unavailable
from callmark.kit.phone import PhoneNumber, shorten
from callmark.surfaces.emulator import control, store
from callmark.surfaces.emulator.handset import Handset
from callmark.surfaces.emulator.magic import MAGIC
from callmark.surfaces.emulator.model import Seen, VirtualHandset, nothing
from callmark.surfaces.emulator.network import AT_ONCE, AppCredential, Network

log = structlog.get_logger(__name__)

CREDENTIAL_FILE = "virtual-handsets-credential"
LONGEST_WAIT_S = 5.0
"""The gateway is ours and near: handsets of the emulator look for it more often than real ones would."""


async def run_farm(deps: Deps) -> None:
    """Runs every virtual handset until cancelled. The magic receivers that the table lacks are added first."""
    limits = httpx.Limits(max_connections=AT_ONCE)
    async with httpx.AsyncClient(trust_env=False, timeout=5, limits=limits) as http:
        farm = Farm(deps, http)
        try:
            await farm.start()
            await asyncio.Event().wait()
        finally:
            await farm.stop()


class Farm:
    """The virtual handsets of an installation, by number."""

    def __init__(self, deps: Deps, http: httpx.AsyncClient) -> None:
        self._deps = deps
        self._handsets: dict[PhoneNumber, Handset] = {}
        self._locks: dict[PhoneNumber, asyncio.Lock] = defaultdict(asyncio.Lock)
        credential = AppCredential(deps, deps.settings.data / CREDENTIAL_FILE)
        self._network = Network(
            deps.public_url,
            http,
            credential,
            deps.clock,
            deps.real_clock,
            self._save,
            longest_wait_s=LONGEST_WAIT_S,
        )

    async def start(self) -> None:
        """Starts the handsets of the table, then listens to the control API."""
        for row in await self._load():
            self._handsets[row.phone_number] = handset = Handset(row, self._network)
            handset.start()
        await self._deps.fabric.listen(control.TOPIC, self._answer)
        log.info("farm_started", handsets=len(self._handsets))

    async def stop(self) -> None:
        """Closes every stream."""
        await asyncio.gather(*(handset.stop() for handset in self._handsets.values()))

    async def _load(self) -> list[VirtualHandset]:
        while True:
            try:
                async with self._deps.db.transaction() as tx:
                    for magic in MAGIC:
                        await store.insert_missing(tx, magic.handset)
                    return await store.select_all(tx)
            except Unavailable as exc:
                log.warning("farm_waits", error=exc.reason)
                await self._network.pause(1)

    async def _save(self, row: VirtualHandset) -> None:
        async with self._deps.db.connection() as tx:
            await store.put(tx, row)

    # the control API's questions --------------------------------------------------------------------------------------

    async def _answer(self, message: bytes) -> bytes:
        try:
            answer = await self._carry_out(control.decode_question(message))
        except AppError as exc:
            answer = control.Refused(exc.slug, getattr(exc, "reason", exc.message))
        except Exception:
            log.exception("farm_failed")
            answer = control.Refused(AppError.slug, "internal error")
        return msgspec.json.encode(answer)

    async def _carry_out(self, question: control.Question) -> control.Answer:
        match question:
            case control.Make():
                return await self._make(question.handset)
            case control.Change():
                return await self._change(question)
            case control.Remove():
                return await self._remove(question.phone_number)
            case control.Look():
                return _shown(await self._look(question.receiver, question.caller))
            case control.Ring():
                return _shown(await self._ring(question))
            case control.Count():
                return control.Counted([phone for phone, one in self._handsets.items() if one.connected])
            case _:
                assert_never(question)

    async def _make(self, row: VirtualHandset) -> control.Made:
        async with self._locks[row.phone_number]:
            if old := self._handsets.pop(row.phone_number, None):
                await old.stop()
            await self._save(row)
            self._handsets[row.phone_number] = handset = Handset(row, self._network)
            return await _begin(handset)

    async def _change(self, change: control.Change) -> control.Made:
        async with self._locks[change.phone_number]:
            handset = self._find(change.phone_number)
            given = {
                name: value for name, value in msgspec.structs.asdict(change).items() if value is not msgspec.UNSET
            }
            row = msgspec.structs.replace(handset.row, **given)
            if (row.os, row.app_version, row.online) == (handset.row.os, handset.row.app_version, handset.row.online):
                handset.behave(row)
                await self._save(row)
                return control.Made(row, handset.connected)
            await handset.stop()
            if (row.os, row.app_version) != (handset.row.os, handset.row.app_version):
                handset.reinstalled(msgspec.structs.replace(row, token=None))
            else:
                handset.behave(msgspec.structs.replace(row, token=handset.row.token))
            await self._save(handset.row)
            return await _begin(handset)

    async def _remove(self, phone: PhoneNumber) -> control.Removed:
        async with self._locks[phone]:
            handset = self._find(phone)
            await handset.stop()
            try:
                if handset.row.token:
                    await self._network.forget(handset.row.token)
                async with self._deps.db.connection() as tx:
                    await store.delete(tx, phone)
            except AppError:
                handset.start()
                raise
            del self._handsets[phone]
        log.info("handset_removed", phone=shorten(phone))
        return control.Removed()

    async def _look(self, receiver: PhoneNumber, caller: PhoneNumber) -> Seen:
        handset = self._handsets.get(receiver)
        return await handset.look(caller) if handset else _nobody(receiver)

    async def _ring(self, ring: control.Ring) -> Seen:
        handset = self._handsets.get(ring.receiver)
        return await handset.ring(ring.caller, ring.outcome) if handset else _nobody(ring.receiver)

    def _find(self, phone: PhoneNumber) -> Handset:
        if (handset := self._handsets.get(phone)) is None:
            raise NotFound(f"no virtual handset has the number {phone}")
        return handset


async def _begin(handset: Handset) -> control.Made:
    """Starts it and waits until it is as online as it should be, within bounds."""
    handset.start()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(control.READY_WITHIN_S):
            await handset.ready.wait()
    return control.Made(handset.row, handset.connected)


def _nobody(receiver: PhoneNumber) -> Seen:
    return nothing(f"{receiver} is not registered: no virtual handset has this number")


def _shown(seen: Seen) -> control.Shown:
    return control.Shown(seen.screen())
