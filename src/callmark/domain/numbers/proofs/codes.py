"""Proof by a code: it is called or sent to the number by the operator's hook, and typed by who asked.

The code is derived from its row's id with the installation's secret key, so it is stored nowhere
(docs/decisions/0054-number-ownership.md).
"""

import hashlib
import hmac
from datetime import datetime, timedelta
from functools import partial

import msgspec
import structlog

from callmark.domain.accounts import service as accounts
from callmark.domain.audit import service as audit
from callmark.domain.audit.model import AuditAction
from callmark.domain.deps import Deps
from callmark.domain.ids import AccountId, NumberCodeId
from callmark.domain.numbers.proofs import code_queries, queries
from callmark.domain.numbers.proofs.model import (
    CODE_LIFETIME,
    CODE_TRIES,
    CODES_OF_ACCOUNT,
    CODES_OF_NUMBER,
    CODES_WITHIN,
    CodeChannel,
    NumberCode,
    NumberProof,
    ProofState,
    ProofWay,
)
from callmark.domain.numbers.proofs.service import end_left_requests, lock_provable
from callmark.domain.policy.model import Actor
from callmark.domain.work_names import WorkName
from callmark.kit.clock_watch import TRUSTED_WITHIN, past
from callmark.kit.errors import Conflict, InvalidInput, TooManyRequests
from callmark.kit.ids import new_id
from callmark.kit.installation import held_since
from callmark.kit.outbound.client import Outbound, Patience, Unreachable, networks_to
from callmark.kit.outbound.signed_posts import read_secret, signed_headers
from callmark.kit.phone import PhoneNumber, shorten
from callmark.kit.postgres.database import Row, Tx
from callmark.kit.secret_key import current_key, derive, known_keys, mark, marked_key
from callmark.kit.settings import Secret
from callmark.kit.work import Claimed, Work
from callmark.tables.phones import plain_text

log = structlog.get_logger(__name__)

PURPOSE = "number codes"
_DIGITS = 6
_PATIENCE = Patience(connect_s=5, read_s=10, total_s=15)
_PAUSES = (timedelta(seconds=2), timedelta(seconds=10))
"""Before each further attempt to hand a code to the hook."""


class CodeHookPost(msgspec.Struct):
    """What the hook gets."""

    number: str
    code: str
    channel: CodeChannel


def are_sent(deps: Deps) -> bool:
    """Whether this installation sends codes."""
    return bool(deps.settings.number_code_url)


async def send_code(
    deps: Deps, account_id: AccountId, number: PhoneNumber, channel: CodeChannel, *, by: Actor
) -> NumberCode:
    """A code is on its way to the number; an earlier one no longer counts.

    Raises Conflict where none are sent or the number is proven, InvalidInput for a number that cannot be proven,
    TooManyRequests.
    """
    if not are_sent(deps):
        raise Conflict("this installation sends no codes; send a letter of authorisation instead")
    now = deps.clock.now()
    async with deps.db.transaction() as tx:
        await accounts.lock_account(tx, account_id)
        if await held_since(tx):
            raise Conflict("this installation is a copy, which sends no codes until it is released")
        await _lock_unproven(tx, account_id, number, by)
        await _check_bounds(tx, account_id, number, now)
        code = NumberCode(channel, now, now + CODE_LIFETIME, CODE_TRIES, None, None)
        key_mark = mark(current_key(deps.settings, await marked_key(tx)))
        await code_queries.insert_code(tx, NumberCodeId(new_id()), account_id, number, code, by.email, key_mark)
        await audit.note(tx, by, AuditAction.NUMBERS_CODE_SENT, number, account_id=account_id, at=now, channel=channel)
        tx.after_commit(partial(deps.wake, WorkName.NUMBER_CODES))
    return code


async def find_code(deps: Deps, account_id: AccountId, number: PhoneNumber) -> NumberCode | None:
    """The newest code that the account asked for, while it counts."""
    now = deps.clock.now()
    async with deps.db.connection() as tx:
        found = await code_queries.select_newest(tx, account_id, number, now + TRUSTED_WITHIN)
    return found[1] if found and found[1].expires_at > now and found[1].tries_left else None


async def prove_by_code(deps: Deps, account_id: AccountId, number: PhoneNumber, text: str, *, by: Actor) -> NumberProof:
    """The proof, when `text` is the newest code, in digits of any script.

    A wrong one counts as a try, also when the answer is lost.

    Raises InvalidInput about `code`, Conflict when no code counts, or no longer, else as `send_code`.
    """
    text = "".join(plain_text(text).split())
    if len(text) != _DIGITS or not (text.isascii() and text.isdigit()):
        raise InvalidInput(f"code must have {_DIGITS} digits", field="code")
    now = deps.clock.now()
    async with deps.db.transaction() as tx:
        await _lock_unproven(tx, account_id, number, by)
        found = await code_queries.lock_newest(tx, account_id, number, now + TRUSTED_WITHIN)
        if found is None or found[1].expires_at <= now or not found[1].tries_left:
            raise Conflict("there is no code that counts; ask for a new one")
        code_id, code = found
        key = await _key_of(tx, deps, code_id)
        if key is None:
            raise Conflict("there is no code that counts; ask for a new one")
        is_right = hmac.compare_digest(text, code_of(key, code_id))
        proof = NumberProof(ProofState.PROVEN, ProofWay(code.channel.value), by.email, now)
        if is_right:
            await queries.put_proofs(tx, account_id, [number], proof)
            await end_left_requests(tx, account_id)
            await code_queries.end_code(tx, code_id, now)
            await audit.note(tx, by, AuditAction.NUMBERS_PROVEN, number, account_id=account_id, at=now, way=proof.way)
        else:
            await code_queries.count_try(tx, code_id)
    if is_right:
        return proof
    left = code.tries_left - 1
    raise InvalidInput(f"this is not the code; {left} {'try' if left == 1 else 'tries'} left", field="code")


async def _key_of(tx: Tx, deps: Deps, code_id: NumberCodeId) -> Secret | None:
    """The secret key that the code is derived with, also once another is the installation's: one code counts.

    None where it is not here any longer.
    """
    marked = await code_queries.select_key_mark(tx, code_id)
    return next((key for key in known_keys(deps.settings) if mark(key) == marked), None)


def code_of(key: Secret, code_id: NumberCodeId) -> str:
    """The code of a row, six digits."""
    digest = hmac.digest(derive(key, PURPOSE), code_id.bytes, hashlib.sha256)
    return f"{int.from_bytes(digest[:8]) % 10**_DIGITS:0{_DIGITS}d}"


def number_codes(deps: Deps) -> Work:
    """The work of handing codes to the operator's hook, three attempts within their lifetime."""

    async def run(claimed: Claimed) -> datetime | None:
        code_id, attempts = NumberCodeId(claimed.row["id"]), int(claimed.row["attempt_count"]) + 1
        useless = await _why_useless(deps, code_id, claimed.row)
        error = useless or await _post(deps, code_id, claimed)
        now = deps.clock.now()
        is_tried_again = error is not None and not useless and attempts <= len(_PAUSES)
        due_at = now + _PAUSES[attempts - 1] if is_tried_again else None
        async with deps.db.connection() as tx:
            sent_at, said = None if error else now, None if is_tried_again else error
            await code_queries.end_attempt(tx, code_id, attempts, sent_at, said)
        log.info("number_code_sent", phone=shorten(claimed.row["phone_number"]), number=attempts, error=error)
        return due_at

    return Work(
        name=WorkName.NUMBER_CODES,
        table="number_code",
        key="id",
        columns="id, account_id, phone_number, channel, expires_at, attempt_count",
        run=run,
        at_once=8,
        is_outgoing=True,
    )


async def _why_useless(deps: Deps, code_id: NumberCodeId, row: Row) -> str | None:
    """Why nobody can use the code, so that it is not sent: who got it would type it in vain."""
    now = deps.clock.now()
    if row["expires_at"] <= now:
        return "it expired before it was sent"
    number, account_id = PhoneNumber(row["phone_number"]), AccountId(row["account_id"])
    async with deps.db.connection() as tx:
        newest = await code_queries.select_newest(tx, account_id, number, now + TRUSTED_WITHIN)
        if newest and newest[0] != code_id:
            return "a newer code has replaced it"
        is_wanted = await code_queries.is_wanted(tx, code_id)
    return None if is_wanted else "the number is proven already, or no longer in this account"


async def _lock_unproven(tx: Tx, account_id: AccountId, number: PhoneNumber, by: Actor) -> None:
    await lock_provable(tx, account_id, [number], by.scope)
    proof = (await queries.select_proofs(tx, [number])).get(number)
    if proof and proof.state is ProofState.PROVEN:
        raise Conflict("this number is proven already")


async def _check_bounds(tx: Tx, account_id: AccountId, number: PhoneNumber, now: datetime) -> None:
    """Raises TooManyRequests for a number or an account that had as many codes as it can have in a day."""
    period = past(CODES_WITHIN, now)
    of_number = await code_queries.select_asked(tx, None, number, period)
    of_account = await code_queries.select_asked(tx, account_id, None, period)
    for asked, most in ((of_number, CODES_OF_NUMBER), (of_account, CODES_OF_ACCOUNT)):
        if len(asked) >= most:
            raise TooManyRequests(asked[-most] + CODES_WITHIN - now)


async def _post(deps: Deps, code_id: NumberCodeId, claimed: Claimed) -> str | None:
    """Why the hook did not take the code; None when it did."""
    url, secret = deps.settings.number_code_url, deps.settings.number_code_secret
    if not url or secret is None:
        return "this installation sends no codes"
    async with deps.db.connection() as tx:
        key = await _key_of(tx, deps, code_id)
    if key is None:
        return "the secret key that the code was made with is not here"
    code = code_of(key, code_id)
    row = claimed.row
    body = msgspec.json.encode(CodeHookPost(row["phone_number"], code, CodeChannel(row["channel"])))
    headers = signed_headers(code_id, body, [read_secret(secret.reveal())], deps.real_clock.now())
    async with Outbound(networks_to(url, deps.settings), patience=_PATIENCE) as outbound:
        result = await outbound.post(url, body, headers)
    if isinstance(result, Unreachable):
        return result.error
    return None if result.is_success else result.error or f"the answer was {result.status}"
