"""One attempt: sign, post, decide. The same for deliveries and for tests."""

from time import perf_counter
from typing import NamedTuple

from callmark.domain.deps import Deps
from callmark.domain.webhooks import signing
from callmark.domain.webhooks.model import Attempt, DeliveryState, DueDelivery, Verdict, verdict_on
from callmark.kit.ids import new_id
from callmark.kit.outbound.client import Answered, Outbound, Unreachable
from callmark.kit.outbound.signed_posts import signed_headers
from callmark.kit.secret_key import Opener
from callmark.kit.telemetry import tracing
from callmark.kit.telemetry.tracing import SpanKind


class MadeAttempt(NamedTuple):
    """An attempt, and what it makes of its delivery."""

    attempt: Attempt
    verdict: Verdict


async def make(deps: Deps, outbound: Outbound, opener: Opener, due: DueDelivery) -> MadeAttempt:
    """Posts a delivery's body once, by the configuration that `due` carries. Writes nothing."""
    if due.traceparent is None:
        return await _make(deps, outbound, opener, due, None)
    facts = {"event": str(due.event_id), "webhook": str(due.to.webhook_id), "attempt": due.attempt_count + 1}
    with tracing.following(due.traceparent, "POST webhook", SpanKind.CLIENT, **facts) as span:
        made = await _make(deps, outbound, opener, due, span.traceparent)
        span.note("http.response.status_code", made.attempt.status or 0)
        if made.attempt.error or made.verdict.state is not DeliveryState.SUCCESS:
            span.fail(made.verdict.state.value)
    return made


async def _make(
    deps: Deps, outbound: Outbound, opener: Opener, due: DueDelivery, traceparent: str | None
) -> MadeAttempt:
    began_at, began = deps.clock.now(), perf_counter()
    secrets = signing.living(due.to.secrets, due.to.webhook_id, opener, began_at)
    headers = signed_headers(due.event_id, due.body, secrets, deps.real_clock.now())
    if traceparent:
        headers[tracing.HEADER] = traceparent
    result = await outbound.post(due.to.url, due.body, headers)
    duration_ms = round((perf_counter() - began) * 1000)
    verdict = verdict_on(result, due, deps.clock.now(), deps.real_clock.now())
    head = (new_id(), due.attempt_count + 1, began_at, duration_ms, due.to.url, _lines(headers))
    match result:
        case Answered():
            answer = (result.status, result.headers, result.body)
            return MadeAttempt(Attempt(*head, *answer, _why(result), result.note), verdict)
        case Unreachable():
            return MadeAttempt(Attempt(*head, None, None, None, result.error), verdict)


def _why(result: Answered) -> str | None:
    """What went wrong although an answer came; None for a success."""
    return None if result.is_success else result.error or f"the answer was {result.status}"


def _lines(headers: dict[str, str]) -> str:
    return "\n".join(f"{name}: {value}" for name, value in headers.items())
