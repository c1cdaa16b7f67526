"""P15 and P16: calls signed by one process, and the same calls verified; each call once, as in life."""

import itertools
from collections.abc import Callable, Iterator

import msgspec

from bench.cpu import microseconds_by_kind, per_item
from bench.load import closed_loop, open_loop, request
from bench.p17_sip_calls import listed_number
from bench.report import Row, cost, speed
from bench.stage import Stage, stage
from callmark.domain.policy.model import SYSTEM
from callmark.kit.ids import random_uuid
from callmark.kit.phone import PhoneNumber
from callmark.passport import read_identity
from callmark.processes.sip_lab.announcing import edge_token

CALLS, WARM_UP, CONNECTIONS = 4000, 200, 32
CALM_RATE, CALM_SECONDS = 200, 5


async def run() -> list[Row]:
    async with (
        stage(roles="stir,worker", accounts_count=1, emulator=True) as on,
        edge_token(on.deps, by=SYSTEM) as token,
    ):
        questions = _signings(on, token, await listed_number(on))
        answers: list[bytes] = []
        await closed_loop(on.url, _some(questions, WARM_UP), connections=CONNECTIONS)
        before = microseconds_by_kind(on.pid)
        signing = await closed_loop(on.url, _some(questions, CALLS), connections=CONNECTIONS, keep=answers.append)
        between = microseconds_by_kind(on.pid)
        checks = iter([_verification(on, token, answer) for answer in answers])
        verdicts: list[bytes] = []
        verifying = await closed_loop(on.url, _some(checks, CALLS), connections=CONNECTIONS, keep=verdicts.append)
        print(f"p15: processor time per signing: {per_item(before, between, CALLS)}")
        print(f"p16: processor time per verification: {per_item(between, microseconds_by_kind(on.pid), CALLS)}")
        calm = list(itertools.islice(questions, CALM_RATE * CALM_SECONDS))
        slow = await open_loop(on.url, calm, per_second=CALM_RATE, connections=CONNECTIONS)
    passed = sum(b'"verstat":"TN-Validation-Passed"' in one for one in verdicts)
    if signing.failures or slow.failures or passed != CALLS:
        raise SystemExit(f"p15: {signing.failures + slow.failures} not signed, {CALLS - passed} not verified")
    p99 = slow.percentile_ms(0.99)
    return [
        speed("P15", "calls signed, with look-up", figure=signing.per_second, aim="≥ 1,000/s"),
        cost("P15", f"… latency p99 at {CALM_RATE}/s", figure=p99, unit="ms", digits=1, aim="≤ 10 ms"),
        speed("P16", "calls verified, two tokens each", figure=verifying.per_second, aim="≥ 1,000/s"),
    ]


def _some(requests: Iterator[bytes], count: int) -> Callable[[], bytes | None]:
    """The next of so many, then None."""
    some = itertools.islice(requests, count)
    return lambda: next(some, None)


def _signings(on: Stage, token: str, caller: PhoneNumber) -> Iterator[bytes]:
    """Calls to one receiver after the other, dated when they are asked for."""
    for number in itertools.count():
        asked = {
            "attest": "A",
            "orig": {"tn": caller},
            "dest": {"tn": [f"9198{number:08d}"]},
            "iat": int(on.deps.real_clock.now().timestamp()),
            "origid": str(random_uuid()),
        }
        yield request(f"{on.url}/stir/v1/signing", msgspec.json.encode({"signingRequest": asked}), token)


def _verification(on: Stage, token: str, answer: bytes) -> bytes:
    """The question about a call that was signed so."""
    signed = msgspec.json.decode(answer)["signingResponse"]
    claims = read_identity(signed["identity"]).claims
    asked = {
        "identityHeaders": [signed["identity"], *signed["identityHeaders"]],
        "from": {"tn": claims.orig.numbers[0]},
        "to": {"tn": list(claims.dest.numbers)},
    }
    return request(f"{on.url}/stir/v1/verification", msgspec.json.encode({"verificationRequest": asked}), token)
