"""One attempt: sign, post, judge. The same for deliveries and for tests."""

from time import perf_counter
from typing import NamedTuple

from callmark.domain.deps import Deps
from callmark.domain.webhooks import signing
from callmark.domain.webhooks.model import Attempt, DueDelivery, Verdict, judge
from callmark.domain.webhooks.signing import Opener
from callmark.kit.ids import new_id
from callmark.kit.outbound import Answered, Outbound, Unreachable


class MadeAttempt(NamedTuple):
    """An attempt, and what it makes of its delivery."""

    attempt: Attempt
    verdict: Verdict


async def make(deps: Deps, outbound: Outbound, opener: Opener, due: DueDelivery) -> MadeAttempt:
    """Posts a delivery's body once, by the configuration that `due` carries. Writes nothing."""
    began_at, began = deps.clock.now(), perf_counter()
    secrets = signing.living(due.to.secrets, due.to.webhook_id, opener, began_at)
    headers = signing.headers(due.event_id, due.body, secrets, deps.real_clock.now())
    result = await outbound.post(due.to.url, due.body, headers)
    duration_ms = round((perf_counter() - began) * 1000)
    verdict = judge(result, due, deps.clock.now(), deps.real_clock.now())
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
