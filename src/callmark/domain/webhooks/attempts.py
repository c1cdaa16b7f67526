"""One attempt: sign, post, judge. The same for deliveries and for tests."""

from time import perf_counter
from typing import NamedTuple

from callmark.domain.deps import Deps
from callmark.domain.webhooks import signing
from callmark.domain.webhooks.model import Attempt, Due, Verdict, judge
from callmark.kit.ids import new_id
from callmark.kit.outbound import Answered, Outbound, Unreachable
from callmark.kit.secret_key import Sealer


class Made(NamedTuple):
    """An attempt, and what it makes of its delivery."""

    attempt: Attempt
    verdict: Verdict


async def make(deps: Deps, outbound: Outbound, sealer: Sealer, due: Due) -> Made:
    """Posts a delivery's body once, by the configuration that `due` carries. Writes nothing."""
    began_at, began = deps.clock.now(), perf_counter()
    secrets = signing.living(due.to.secrets, due.to.webhook_id, sealer, began_at)
    headers = signing.headers(due.event_id, due.body, secrets, deps.real_clock.now())
    result = await outbound.post(due.to.url, due.body, headers)
    duration_ms = round((perf_counter() - began) * 1000)
    verdict = judge(result, due, deps.clock.now(), deps.real_clock.now())
    head = (new_id(), due.attempt_count + 1, began_at, duration_ms, due.to.url, _lines(headers))
    match result:
        case Answered():
            return Made(
                Attempt(*head, result.status, result.headers, result.body, _why(result.status, result.note)), verdict
            )
        case Unreachable():
            return Made(Attempt(*head, None, None, None, result.error), verdict)


def _why(status: int, note: str | None) -> str | None:
    """What went wrong although an answer came."""
    refused = None if 200 <= status < 300 else f"the answer was {status}"  # noqa: PLR2004 - HTTP's class of success
    return "; ".join(filter(None, (refused, note))) or None


def _lines(headers: dict[str, str]) -> str:
    return "\n".join(f"{name}: {value}" for name, value in headers.items())
