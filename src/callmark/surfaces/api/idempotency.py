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
from callmark.surfaces.api.request import ApiRequest
from callmark.surfaces.api.route import ApiRoute, ErrorDoc, ParamDoc
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
    route: ApiRoute, request: ApiRequest, keys: list[str], refused: Callable[[InvalidInput], Response]
) -> Response:
    """The answer of the route's handler, or the one that an earlier request with the key got.

    Kept are what the handler keeps (successes) and faults of the body; after anything else the key is free again.
    """
    named = f"{route.method} {route.path}\n".encode()
    claim = await idempotency.claim(
        request.deps, request.account_id, parse_key(keys), hashlib.sha256(named + request.body).digest()
    )
    if isinstance(claim, KeptAnswer):
        return Response(claim.status, claim.body, [JSON, NO_STORE, _REPLAYED])
    request = replace(request, claim=claim)
    try:
        return await route.handler(request)
    except InvalidInput as exc:
        return await kept(request, refused(exc))
    except Exception:
        await idempotency.give_back(request.deps, claim)
        raise


def kept_with_batch(request: ApiRequest, answer: Callable[[BatchId], Response]) -> Also | None:
    """Keeps the answer in the transaction that writes the batch; None for a request without a key."""
    claim = request.claim
    if claim is None:
        return None

    async def keep(tx: Tx, batch_id: BatchId) -> None:
        given = answer(batch_id)
        await idempotency.keep(tx, claim, KeptAnswer(given.status, given.body))

    return keep


def tied_to_batch(request: ApiRequest) -> Also | None:
    """Notes the batch with the key in the transaction that writes it; None for a request without a key."""
    claim = request.claim
    if claim is None:
        return None

    async def attach(tx: Tx, batch_id: BatchId) -> None:
        await idempotency.attach_batch(tx, claim, batch_id)

    return attach


async def kept(request: ApiRequest, answer: Response) -> Response:
    """The answer, kept under the request's key if it has one."""
    if request.claim is not None:
        await idempotency.keep_alone(request.deps, request.claim, KeptAnswer(answer.status, answer.body))
    return answer


async def earlier_push(request: ApiRequest) -> PushResult | None:
    """What became of the record that an earlier request with this key wrote, and died before it answered.

    None without such a one; raises StillRunning while a worker is about to settle it.
    """
    if request.claim is None or request.claim.batch_id is None:
        return None
    records = await personalisation.batch_status(request.deps, request.account_id, request.claim.batch_id)
    if not records:
        return None
    if records[0].outcome is Outcome.PENDING:
        raise StillRunning
    return PushResult(request.claim.batch_id, records[0].outcome)
