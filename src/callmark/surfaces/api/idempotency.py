"""`Idempotency-Key`: a POST that is sent again is answered again, not done again (docs/extensions.md).

A key is claimed before the handler runs. The handler keeps its answer: in the very transaction of the work where it
can, else tied to its batch, so that a repetition after a crash finds what was done.
"""

import hashlib
from collections.abc import Callable
from dataclasses import replace

from starlette.types import Scope

from callmark.domain.idempotency import service as idempotency
from callmark.domain.idempotency.model import KEPT_FOR, LONGEST_KEY, KeptAnswer, parse_key
from callmark.domain.ids import BatchId
from callmark.domain.personalisation import service as personalisation
from callmark.domain.personalisation.model import Outcome
from callmark.domain.personalisation.service import Also, PushResult
from callmark.kit.db import Tx
from callmark.kit.errors import InvalidInput, KeyReused, StillRunning
from callmark.surfaces.api.call import Call, ErrorDoc, ParamDoc, Route
from callmark.surfaces.http import JSON, NO_STORE, Header, Response

_REPLAYED: Header = (b"idempotent-replayed", b"true")

KEY_PARAM = ParamDoc(
    "Idempotency-Key",
    "A name of your own for this request: sent again with the same key and body within "
    f"{KEPT_FOR.total_seconds() / 3600:.0f} hours it is answered again, with `Idempotent-Replayed: true`, and not done "
    "again. Without it every POST makes new records.",
    {"type": "string", "minLength": 1, "maxLength": LONGEST_KEY, "pattern": "^[ -~]+$"},
    place="header",
    example="order-4711-reminder",
)
KEY_ERRORS = (
    ErrorDoc(
        400,
        "invalid-input",
        f"Idempotency-Key must be one value of 1 to {LONGEST_KEY} printable ASCII characters",
        "the key is empty, too long, not printable, or sent twice",
    ),
    ErrorDoc(409, "conflict", StillRunning().message, "the first request with this key is still running; retry"),
    ErrorDoc(
        422, KeyReused.slug, KeyReused().message, "the key was already used with another body or on another route"
    ),
)


def keys_of(scope: Scope) -> list[str]:
    """The values of the request's `Idempotency-Key` headers; empty for nearly every request."""
    return [value.decode("latin-1") for name, value in scope["headers"] if name == b"idempotency-key"]


async def answer_once(
    route: Route, call: Call, keys: list[str], refused: Callable[[InvalidInput], Response]
) -> Response:
    """The answer of the route's handler, or the one that an earlier request with the key got.

    Kept are what the handler keeps (successes) and faults of the body; after anything else the key is free again.
    """
    named = f"{route.method} {route.path}\n".encode()
    claim = await idempotency.claim(
        call.deps, call.account_id, parse_key(keys), hashlib.sha256(named + call.body).digest()
    )
    if isinstance(claim, KeptAnswer):
        return Response(claim.status, claim.body, [JSON, NO_STORE, _REPLAYED])
    call = replace(call, claim=claim)
    try:
        return await route.handler(call)
    except InvalidInput as exc:
        return await kept(call, refused(exc))
    except Exception:
        await idempotency.give_back(call.deps, claim)
        raise


def kept_with_batch(call: Call, answer: Callable[[BatchId], Response]) -> Also | None:
    """Keeps the answer in the transaction that writes the batch; None for a request without a key."""
    claim = call.claim
    if claim is None:
        return None

    async def keep(tx: Tx, batch_id: BatchId) -> None:
        given = answer(batch_id)
        await idempotency.keep(tx, claim, KeptAnswer(given.status, given.body))

    return keep


def tied_to_batch(call: Call) -> Also | None:
    """Notes the batch with the key in the transaction that writes it; None for a request without a key."""
    claim = call.claim
    if claim is None:
        return None

    async def attach(tx: Tx, batch_id: BatchId) -> None:
        await idempotency.attach_batch(tx, claim, batch_id)

    return attach


async def kept(call: Call, answer: Response) -> Response:
    """The answer, kept under the request's key if it has one."""
    if call.claim is not None:
        await idempotency.keep_alone(call.deps, call.claim, KeptAnswer(answer.status, answer.body))
    return answer


async def earlier_push(call: Call) -> PushResult | None:
    """What became of the record that an earlier request with this key wrote, and died before it answered.

    None without such a one; raises StillRunning while a worker is about to settle it.
    """
    if call.claim is None or call.claim.batch_id is None:
        return None
    records = await personalisation.batch_status(call.deps, call.account_id, call.claim.batch_id)
    if not records:
        return None
    if records[0].outcome is Outcome.PENDING:
        raise StillRunning
    return PushResult(call.claim.batch_id, records[0].outcome)
