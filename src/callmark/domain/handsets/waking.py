"""Wakes handsets that sleep: a push to one without a stream, or that is silent, asks its app, through FCM, to open one.

The wake-up is a row, so it is retried and seen like all background work. It carries no identity: the app connects and
fetches what is for it. While it wakes, the push is sent again until its deadline, as for a handset whose stream was
lost a moment ago; what comes later is a late delivery.
"""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from uuid import UUID

import structlog

from callmark.domain.deps import Deps
from callmark.domain.handsets import presence, service, waking_queries
from callmark.domain.handsets.model import Takeover
from callmark.domain.handsets.waking_queries import AttemptedWakeUp, WantedWakeUp
from callmark.domain.work_names import WorkName
from callmark.kit.errors import AppError, SetupError, Unavailable
from callmark.kit.outbound.client import Outbound
from callmark.kit.outbound.fcm import Fcm, MessageRefused, NotNow, TokenGone, Woke, Woken, read_service_account
from callmark.kit.phone import PhoneNumber, shorten
from callmark.kit.telemetry.metrics import counter
from callmark.kit.work import Claimed, Work

log = structlog.get_logger(__name__)

FIRST_RETRY, LAST_RETRY = timedelta(seconds=1), timedelta(minutes=1)
_CONNECTED_WITHIN = timedelta(seconds=1)
_RESULTS: Mapping[type[Woke], str] = {
    Woken: "woken",
    TokenGone: "token_gone",
    NotNow: "not_now",
    MessageRefused: "refused",
}
WAKE_UPS = counter(
    "callmark_wake_ups_total",
    "Attempts to wake a sleeping handset, by result: woken, token_gone, not_now (tried again) or refused.",
    ["result"],
    known=_RESULTS.values(),
)


def batches_of(account_id: UUID) -> str:
    """The owner of wake-ups for an account's batches. Owners take turns, so no batch delays another account."""
    return str(account_id)


def real_time_of(account_id: UUID) -> str:
    """The owner of wake-ups for an account's real-time pushes: its own batches do not delay them either."""
    return f"{account_id} real time"


async def expected(deps: Deps, owner: str, ends: Mapping[PhoneNumber, datetime], numbers: Collection[str]) -> set[str]:
    """Those of numbers without a stream whose handsets come in a moment: they lost it, or are being woken.

    Also those that lost it are woken: the phone may have ended the app, or its goodbye is not written yet. `ends` says
    until when there is something to show on each, `owner` whose wake-ups they are.
    """
    near = await presence.returning(deps, numbers)
    return near | await wake(deps, owner, ends, numbers)


async def wake(deps: Deps, owner: str, ends: Mapping[PhoneNumber, datetime], numbers: Collection[str]) -> set[str]:
    """Asks their apps to connect, as `expected` does; those that can be asked.

    Also where a stream is open and nothing is acknowledged: the system may have frozen the app and kept its connection.
    """
    if deps.settings.fcm_credentials_file is None or not numbers:
        return set()
    absent = [PhoneNumber(number) for number in set(numbers)]
    now = deps.clock.now()
    try:
        wanted = [WantedWakeUp(owner, number, ends[number], now) for number in absent]
        able = await deps.gather(waking_queries.put_wake_ups, wanted)
    except AppError as exc:
        log.warning("wake_up_not_written", error=exc.detail)
        return set()
    woken: set[str] = {number for number, can_wake in zip(absent, able, strict=True) if can_wake}
    if woken:
        await deps.wake(WorkName.WAKE_UPS)
    return woken


async def sent_between(deps: Deps, number: PhoneNumber, since: datetime, until: datetime) -> list[datetime]:
    """When the number's app was asked to wake, from `since` to `until`, as far as it is kept: its newest ones."""
    async with deps.db.connection() as tx:
        return [at for at in await waking_queries.find_sent(tx, number) if since <= at <= until]


def wake_ups(deps: Deps, outbound: Outbound | None) -> Work:
    """The work of waking. Without credentials, wake-ups that are no longer wanted are ended, and no others claimed.

    `outbound` is None for who only looks at the rows.
    """
    fcm = _opened(deps, outbound) if outbound else None

    async def run(claimed: Claimed) -> datetime | None:
        return await (_wake(deps, fcm, claimed) if fcm else _end(deps, claimed))

    return Work(
        name=WorkName.WAKE_UPS,
        table="wake_up",
        key="phone_number",
        key_type="text",
        columns="phone_number, wanted_until, attempt_count, due_at",
        run=run,
        at_once=64,
        owner="owner",
        ready=lambda: fcm is None or fcm.is_free,
        is_outgoing=True,
        known="wanted_until <= $1" if outbound and not fcm else "",
    )


def _opened(deps: Deps, outbound: Outbound) -> Fcm | None:
    """The push service. With credentials that cannot be used all other work is still done: readiness says why."""
    path = deps.settings.fcm_credentials_file
    if path is None:
        return None
    try:
        account = read_service_account(path)
    except SetupError as exc:
        trouble = exc.message
        log.error("push_service_cannot_be_used", error=trouble)  # noqa: TRY400 - the text says it all
        deps.health.ask("push_service", lambda: trouble, role="worker")
        return None
    return Fcm(account, deps.settings.fcm_url, outbound, deps.real_clock)


async def _end(deps: Deps, claimed: Claimed) -> datetime | None:
    """Nothing is sent for a wake-up whose time is over; when it is due again, if it is wanted longer by now."""
    row = claimed.row
    nothing_sent = AttemptedWakeUp(row["attempt_count"], row["wanted_until"], deps.clock.now())
    async with deps.db.connection() as tx:
        return await waking_queries.end_attempt(tx, PhoneNumber(row["phone_number"]), claimed.lease_id, nothing_sent)


async def _wake(deps: Deps, fcm: Fcm, claimed: Claimed) -> datetime | None:
    number, until = PhoneNumber(claimed.row["phone_number"]), claimed.row["wanted_until"]
    now, count = deps.clock.now(), claimed.row["attempt_count"]
    async with deps.db.connection() as tx:
        token = await waking_queries.find_push_token(tx, number)
        if token is None or until <= now:
            return await waking_queries.end_attempt(tx, number, claimed.lease_id, AttemptedWakeUp(count, until, now))
    woke = await fcm.wake(token, {"type": "callmark.wake", "phone_number": number}, (until - now).total_seconds())
    WAKE_UPS.labels(_RESULTS[type(woke)]).inc()
    if isinstance(woke, TokenGone):
        await _forget(deps, number, token)
    _tell(number, woke, count + 1)
    now = deps.clock.now()
    attempt = AttemptedWakeUp(
        count + 1,
        until,
        now,
        sent_at=now if isinstance(woke, Woken) else None,
        retry_at=now + _pause(woke, count + 1) if isinstance(woke, NotNow) else None,
    )
    async with deps.db.connection() as tx:
        return await waking_queries.end_attempt(tx, number, claimed.lease_id, attempt)


async def _forget(deps: Deps, number: PhoneNumber, token: str) -> None:
    """Ends the registration of an app that was uninstalled; with an open stream it was not, and loses its push token.

    Also where NATS cannot say whether there is one: push services have called many tokens unregistered by mistake.
    """
    is_alive = await _may_be_connected(deps, number)
    async with deps.db.connection() as tx:
        if is_alive:
            await waking_queries.drop_push_token(tx, number, token)
            return
        ended = await waking_queries.forget_uninstalled(tx, number, token, deps.clock.now())
    if ended is not None:
        await service.announce(deps, Takeover(number, ended["generation"], forgotten=True))


async def _may_be_connected(deps: Deps, number: PhoneNumber) -> bool:
    try:
        return await deps.fabric.is_connected(number, _CONNECTED_WITHIN)
    except Unavailable:
        return True


def _pause(woke: NotNow, attempts: int) -> timedelta:
    """Doubled with each attempt; as long as the service says, if it says."""
    doubled = min(FIRST_RETRY * 2 ** min(attempts - 1, 10), LAST_RETRY)
    return max(doubled, timedelta(seconds=woke.after_s or 0))


def _tell(number: PhoneNumber, woke: Woke, attempts: int) -> None:
    error = woke.error if isinstance(woke, NotNow | MessageRefused) else None
    tell = log.warning if error else log.info
    tell("wake_up", phone=shorten(number), result=_RESULTS[type(woke)], number=attempts, error=error)
