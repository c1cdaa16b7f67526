"""The process of all virtual handsets: starts those of the table, does what the control API asks."""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Iterable
from typing import assert_never
from uuid import UUID

import httpx
import msgspec
import structlog
from msgspec.structs import replace

from callmark.domain.deps import Deps
from callmark.domain.handsets import service as handsets
from callmark.kit.errors import AppError, NotFound, Unauthenticated, Unavailable
from callmark.kit.ids import new_id
from callmark.kit.own_servers import httpx_verify
from callmark.kit.phone import PhoneNumber, shorten
from callmark.kit.tasks import results_of
from callmark.surfaces.emulator import state_queries
from callmark.surfaces.emulator.guard import keep_token
from callmark.surfaces.emulator.handsets import farm_api, queries
from callmark.surfaces.emulator.handsets.answer_sender import AnswerSender
from callmark.surfaces.emulator.handsets.audience import Audience
from callmark.surfaces.emulator.handsets.behaviour import Conditions, Forgotten
from callmark.surfaces.emulator.handsets.call_screen import RINGS_OUT_S
from callmark.surfaces.emulator.handsets.farm_screens import FarmScreens
from callmark.surfaces.emulator.handsets.gestures import Act
from callmark.surfaces.emulator.handsets.handset import Handset
from callmark.surfaces.emulator.handsets.magic_receivers import MAGIC
from callmark.surfaces.emulator.handsets.model import VirtualHandset
from callmark.surfaces.emulator.handsets.network import AT_ONCE, AppCredential, Network
from callmark.surfaces.emulator.handsets.wake_up import phone_of

log = structlog.get_logger(__name__)

CREDENTIAL_FILE = "virtual-handsets-credential"
LONGEST_WAIT_S = 5.0
"""The gateway is ours and near: handsets of the emulator look for it more often than real ones would."""


async def run_farm(deps: Deps) -> None:
    """Runs every virtual handset until cancelled. The magic receivers that the table lacks are added first."""
    keep_token(deps.settings)
    limits = httpx.Limits(max_connections=AT_ONCE)
    verify = httpx_verify(deps.public_url)
    async with httpx.AsyncClient(trust_env=False, timeout=5, limits=limits, verify=verify) as http:
        farm = Farm(deps, http)
        try:
            await farm.network.until_it_listens()
            await farm.start()
            await asyncio.Event().wait()
        finally:
            await farm.stop()


class Farm:
    """The virtual handsets of an installation, by number, and the screens of those that have rung.

    `rings_out_s` is how long a call rings that a person placed.
    """

    def __init__(self, deps: Deps, http: httpx.AsyncClient, *, rings_out_s: float = RINGS_OUT_S) -> None:
        self._deps = deps
        self._handsets: dict[PhoneNumber, Handset] = {}
        self._locks: dict[PhoneNumber, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._conditions = Conditions()
        self._audience = Audience(deps.fabric)
        credential = AppCredential(deps, deps.settings.data / CREDENTIAL_FILE)
        self.network = Network(
            deps.public_url,
            http,
            credential,
            deps.clock,
            deps.real_clock,
            self._save,
            longest_wait_s=LONGEST_WAIT_S,
            conditions=self._conditions,
        )
        self.network.on_change = self._audience.changed
        self.network.on_token_ended = self._on_token_ended
        self._answers = AnswerSender(deps, self.network)
        self._screens = FarmScreens(self._answers, self._audience, rings_out_s)

    def trouble(self) -> str:
        """What is missing of what the emulator promises: its magic receivers are connected, unless one was changed."""
        phones = [one.handset.phone_number for one in MAGIC]
        wanted = [phone for phone in phones if phone in self._handsets and self._handsets[phone].is_wanted]
        away = [phone for phone in wanted if not self._handsets[phone].connected]
        return f"{len(away)} of {len(wanted)} are not connected" if away else ""

    async def start(self) -> None:
        """Starts the handsets of the table, then listens to the control API."""
        for row in await self._load():
            self._handsets[row.phone_number] = handset = Handset(row, self.network)
            handset.start()
        await self._deps.fabric.listen(farm_api.TOPIC, self._answer)
        await self._deps.fabric.listen(farm_api.CLOCK_MOVED, self._on_clock)
        await self._take_seed()  # again, now that changes are announced to us
        await self._take_faults()
        self._deps.health.ask("handsets", self.trouble)
        log.info("farm_started", handsets=len(self._handsets))

    async def stop(self) -> None:
        """Closes every stream."""
        self._screens.stop()
        await asyncio.gather(*(handset.stop() for handset in self._handsets.values()))

    async def _load(self) -> list[VirtualHandset]:
        while True:
            try:
                async with self._deps.db.transaction() as tx:
                    for magic in MAGIC:
                        await queries.insert_missing(tx, magic.handset)
                    self._conditions.take_seed(await state_queries.select_seed(tx))
                    self._conditions.take_faults(await state_queries.select_faults(tx))
                    return await queries.select_all(tx)
            except Unavailable as exc:
                log.warning("farm_waits", error=exc.reason)
                await self.network.pause(1)

    async def _on_clock(self, _: bytes) -> None:
        for handset in self._handsets.values():
            handset.look_at_clock()

    def _on_token_ended(self, phone: PhoneNumber, token: str) -> None:
        if handset := self._handsets.get(phone):
            handset.token_ended(token)

    async def _save(self, row: VirtualHandset) -> None:
        async with self._deps.db.connection() as tx:
            await queries.put(tx, row)

    # the control API's questions --------------------------------------------------------------------------------------

    async def _answer(self, message: bytes) -> bytes:
        try:
            answer = await self._carry_out(farm_api.decode_question(message))
        except AppError as exc:
            answer = farm_api.FarmRefusal(exc.slug, exc.detail)
        except Exception:
            log.exception("farm_failed")
            answer = farm_api.FarmRefusal(AppError.slug, "internal error")
        return msgspec.json.encode(answer)

    async def _carry_out(self, question: farm_api.Question) -> farm_api.Answer:
        answer: farm_api.Answer = farm_api.Done()
        match question:
            case farm_api.Make():
                answer = await self._make(question.handset)
            case farm_api.Change():
                answer = await self._change(question)
            case farm_api.Remove():
                await self._remove(question.phone_number)
            case farm_api.Count():
                answer = self._count()
            case farm_api.Survey():
                answer = self._screens.survey(self._handsets, question.after)
            case farm_api.Wake():
                self._wake(question.push_token)
            case farm_api.TakeSeed() | farm_api.TakeFaults() | farm_api.Reset() | farm_api.Halt() | farm_api.Reload():
                await self._on_all(question)
            case _:
                answer = await self._on_handset(question)
        return answer

    async def _on_all(self, question: farm_api.OnAll) -> None:
        match question:
            case farm_api.TakeSeed():
                await self._take_seed()
            case farm_api.TakeFaults():
                await self._take_faults()
            case farm_api.Reset():
                await self._reset()
            case farm_api.Halt():
                await results_of(handset.stop() for handset in self._handsets.values())
            case farm_api.Reload():
                await self._reload(question.forgotten_after)
            case _:
                assert_never(question)

    async def _on_handset(self, question: farm_api.OnHandset) -> farm_api.AnswerOnHandset:
        """What is asked of one handset as its receiver knows it."""
        match question:
            case farm_api.Look():
                handset = self._handsets.get(question.receiver)
                return farm_api.ScreenShown(await self._screens.look(handset, question.receiver, question.caller))
            case farm_api.Ring():
                return await self._screens.ring(self._handsets.get(question.receiver), question)
            case farm_api.AskBack():
                return await self._answers.ask_back(self._find(question.receiver).row, question)
            case farm_api.Respond():
                return await self._answers.respond(self._find(question.receiver).row, question)
            case farm_api.Show():
                return self._screens.show(self._find(question.receiver))
            case farm_api.Perform():
                return await self._perform(question)
            case _:
                assert_never(question)

    async def _take_seed(self) -> None:
        async with self._deps.db.connection() as tx:
            self._conditions.take_seed(await state_queries.select_seed(tx))
        for handset in self._handsets.values():
            handset.start_over()

    async def _take_faults(self) -> None:
        async with self._deps.db.connection() as tx:
            self._conditions.take_faults(await state_queries.select_faults(tx))

    async def _reset(self) -> None:
        """Every handset is deleted, or holds nothing; what was on its way to them counts as lost.

        Raises Unavailable when one is not as online as it should be.
        """
        await self._begin_state(UUID(int=0))
        seeded = {magic.handset.phone_number: magic.handset for magic in MAGIC}
        await results_of(self._vanish(phone) for phone in list(self._handsets) if phone not in seeded)
        _check_online(await results_of(self._as_seeded(row) for row in seeded.values()))
        log.info("farm_reset", handsets=len(self._handsets))

    async def _reload(self, forgotten_after: UUID) -> None:
        """The handsets are those of the table; each syncs. Raises Unavailable as `_reset`."""
        await self._begin_state(forgotten_after)
        async with self._deps.db.connection() as tx:
            rows = {row.phone_number: row for row in await queries.select_all(tx)}
        for phone, handset in list(self._handsets.items()):
            await handset.stop()
            self._screens.forget(phone)
            if phone not in rows:
                del self._handsets[phone]
                self._audience.changed(phone)
        self._handsets |= {phone: Handset(row, self.network) for phone, row in rows.items()}
        _check_online(await results_of(_begin(handset) for handset in self._handsets.values()))
        log.info("farm_reloaded", handsets=len(self._handsets))

    async def _begin_state(self, forgotten_after: UUID) -> None:
        self._conditions.forgotten = Forgotten(forgotten_after, new_id())
        await self._take_seed()
        await self._take_faults()

    async def _as_seeded(self, row: VirtualHandset) -> farm_api.Made:
        """The handset of a magic receiver: the one that is there where nothing but its memory has changed."""
        handset = self._handsets.get(row.phone_number)
        if handset and replace(handset.row, token=None) == row and await self._is_registered(handset):
            async with self._locks[row.phone_number]:
                if handset.forget():
                    self._screens.forget(row.phone_number)
                    return _made(handset)
        if not row.registered:  # a handset made on this number was registered then
            await self._vanish(row.phone_number)
        return await self._make(row)

    async def _is_registered(self, handset: Handset) -> bool:
        """Whether its registration is what it should be; a stream that is open says so."""
        if handset.connected or not handset.row.registered:
            return handset.row.registered == (handset.row.token is not None)
        try:
            await handsets.authenticate(self._deps, handset.row.token or "")
        except Unauthenticated:
            return False
        return True

    async def _vanish(self, phone: PhoneNumber) -> None:
        with contextlib.suppress(NotFound):
            await self._remove(phone, says_goodbye=True)

    async def _make(self, row: VirtualHandset) -> farm_api.Made:
        async with self._locks[row.phone_number]:
            if old := self._handsets.get(row.phone_number):
                await old.stop()
            await self._replace(old, row)
            self._screens.forget(row.phone_number)
            self._handsets[row.phone_number] = handset = Handset(row, self.network)
            return await _begin(handset)

    async def _change(self, change: farm_api.Change) -> farm_api.Made:
        async with self._locks[change.phone_number]:
            handset = self._find(change.phone_number)
            given = {
                name: value for name, value in msgspec.structs.asdict(change).items() if value is not msgspec.UNSET
            }
            row = replace(handset.row, **given)
            if change.script is not msgspec.UNSET:
                handset.start_over()
            same_app = (row.os, row.app_version) == (handset.row.os, handset.row.app_version)
            same_sleep = row.script.sleeps == handset.row.script.sleeps
            if same_app and same_sleep and row.online == handset.row.online:
                handset.behave(row)
                await self._save(row)
                return _made(handset)
            await handset.stop()
            keeps_token = same_app and same_sleep  # with its push token
            token, push_token = handset.row.token if keeps_token else None, handset.row.push_token
            row = replace(row, token=token, push_token=push_token)  # it may have registered as it was stopped
            await self._replace(handset, row)
            become = handset.behave if same_app else handset.reinstalled
            become(row)
            return await _begin(handset)

    async def _replace(self, stopped: Handset | None, row: VirtualHandset) -> None:
        """Writes what a handset becomes; where that fails, the one that was stopped for it continues as it was."""
        try:
            await self._save(row)
        except AppError:
            if stopped:
                stopped.start()
            raise

    async def _remove(self, phone: PhoneNumber, *, says_goodbye: bool = False) -> None:
        """One that sleeps is not asked by the system: the platform learns it from the push service, unless it says so.

        (At a reset it does: nothing may be left.)
        """
        async with self._locks[phone]:
            handset = self._find(phone)
            await handset.stop()
            try:
                if handset.row.token and (says_goodbye or not handset.row.script.sleeps):
                    await self.network.forget(handset.row.token)
                async with self._deps.db.connection() as tx:
                    await queries.delete(tx, phone)
            except AppError:
                handset.start()
                raise
            del self._handsets[phone]
            self._screens.forget(phone)
            self._audience.changed(phone)
        log.info("handset_removed", phone=shorten(phone))

    def _wake(self, push_token: str) -> None:
        """Raises NotFound when the app that had this token is no longer installed."""
        handset = self._handsets.get(phone_of(push_token))
        if handset is None or handset.row.push_token != push_token:
            raise NotFound("no app has this token")
        handset.wake()

    # pages ------------------------------------------------------------------------------------------------------------

    async def _perform(self, asked: farm_api.Perform) -> farm_api.Performed:
        handset = self._find(asked.receiver)
        if asked.gesture.act is not Act.SIGN_IN:
            return farm_api.Performed(await self._screens.perform(handset, asked.gesture))
        async with self._locks[asked.receiver]:
            if handset.lost:
                await handset.stop()
                if not handset.row.registered:
                    handset.reinstalled(replace(handset.row, registered=True))
                    await self._save(handset.row)
                await _begin(handset)
        return farm_api.Performed("")

    def _count(self) -> farm_api.Counted:
        memories = {phone: handset.memory for phone, handset in self._handsets.items()}
        connected = [phone for phone, handset in self._handsets.items() if handset.connected]
        return farm_api.Counted(memories, connected, [phone for phone, one in self._handsets.items() if one.is_asleep])

    def _find(self, phone: PhoneNumber) -> Handset:
        if (handset := self._handsets.get(phone)) is None:
            raise NotFound(f"no virtual handset has the number {phone}")
        return handset


def _check_online(made: Iterable[farm_api.Made]) -> None:
    """Raises Unavailable when a handset is not as online as it should be."""
    if any(one.handset.registered and (one.connected or one.is_asleep) != one.handset.online for one in made):
        raise Unavailable("emulator: not every handset is connected yet")


async def _begin(handset: Handset) -> farm_api.Made:
    """Starts it and waits until it is as online as it should be, within bounds."""
    handset.start()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(farm_api.READY_WITHIN_S):
            await handset.ready.wait()
    return _made(handset)


def _made(handset: Handset) -> farm_api.Made:
    return farm_api.Made(handset.row, handset.connected, handset.memory, handset.is_asleep)
