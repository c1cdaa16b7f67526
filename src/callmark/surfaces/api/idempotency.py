"""`Idempotency-Key`: a POST that is sent again is answered again, not done again (docs/extensions.md).

A key is claimed before the handler runs. The handler keeps its answer in the transaction that does the work (`kept`).
A real-time push ties its claim to its batch there instead, so that a repetition after a crash finds what was done, and
keeps its answer once it has one (`kept_alone`).
"""

import asyncio
import hashlib
from collections.abc import Callable

from msgspec import structs
from starlette.types import Scope

from callmark.domain.idempotency import service as idempotency
from callmark.domain.idempotency.model import KEPT_FOR, LONGEST_KEY, KeptAnswer, parse_key
from callmark.kit.errors import InvalidInput, KeyReused, StillRunning
from callmark.kit.postgres.database import Tx
from callmark.surfaces.api.doc_parts import bad, conflict
from callmark.surfaces.api.request import ApiRequest
from callmark.surfaces.api.route import ApiRoute, ErrorDoc, ParamDoc
from callmark.surfaces.http import JSON, NO_STORE, Header, Response, header_values, help_link

_REPLAYED: Header = (b"idempotent-replayed", b"true")

KEY_PARAM = ParamDoc(
    "Idempotency-Key",
    "A name of your own for this request: sent again with the same key and body within "
    f"{KEPT_FOR.total_seconds() / 3600:.0f} hours it is answered again, with `Idempotent-Replayed: true`, and not done "
    "again. Without it every request is carried out.",
    {"type": "string", "minLength": 1, "maxLength": LONGEST_KEY, "pattern": "^[ -~]+$"},
    place="header",
    example="order-4711-reminder",
)
KEY_ERRORS = (
    bad(
        f"Idempotency-Key must be one value of 1 to {LONGEST_KEY} printable ASCII characters",
        "the key is empty, too long, not printable, or sent twice",
    ),
    conflict(StillRunning().message, "the first request with this key is still running; retry"),
    ErrorDoc(
        422, KeyReused.slug, KeyReused().message, "the key was already used with another body or on another route"
    ),
)


def keys_of(scope: Scope) -> list[str]:
    """The values of the request's `Idempotency-Key` headers; empty for nearly every request."""
    return [value.decode("latin-1") for value in header_values(scope, b"idempotency-key")]


async def answer_once(
    route: ApiRoute, request: ApiRequest, keys: list[str], refused: Callable[[InvalidInput], Response]
) -> Response:
    """The answer of the route's handler, or the one that an earlier request with the key got.

    Kept are what the handler keeps (successes) and faults of the body; after anything else the key is free again.
    """
    own = None if route.for_operators else "clientAccountId"  # keys are the account's own, or the installation's
    of = [value for name, value in request.path.items() if name != own]
    named = "".join(f"{part}\n" for part in (f"{route.method} {route.path}", *of)).encode()
    claim = await idempotency.claim(
        request.deps, request.account_id, parse_key(keys), hashlib.sha256(named + request.body).digest()
    )
    if isinstance(claim, KeptAnswer):
        lead = [help_link(InvalidInput.slug)] if claim.status == InvalidInput.status else []
        return Response(claim.status, claim.body, [JSON, NO_STORE, _REPLAYED, *lead])
    request = structs.replace(request, claim=claim)
    try:
        return await route.handler(request)
    except InvalidInput as exc:
        return await kept_alone(request, refused(exc))
    except (Exception, asyncio.CancelledError):  # cut by a stop of the server, its client is asked to repeat it
        await idempotency.give_back(request.deps, claim)
        raise


async def kept(tx: Tx, request: ApiRequest, answer: Response) -> Response:
    """The answer, kept under the request's key if it has one, in the transaction that does the work.

    Raises StillRunning, and so undoes the work, when another request has taken the key over.
    """
    if request.claim is not None:
        await idempotency.keep(tx, request.claim, KeptAnswer(answer.status, answer.body))
    return answer


async def kept_alone(request: ApiRequest, answer: Response) -> Response:
    """The answer to work that is done, or that was none, kept under the request's key if it has one."""
    if request.claim is not None:
        await idempotency.keep_alone(request.deps, request.claim, KeptAnswer(answer.status, answer.body))
    return answer
