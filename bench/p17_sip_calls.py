"""P17: signed and verified calls through both proxies, a hundred a second for ten seconds; the same without them."""

import asyncio
import statistics
import tempfile
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from bench.cpu import microseconds_by_kind, per_item
from bench.report import Row, cost
from bench.stage import Stage, make_label, stage
from callmark.domain.ids import AccountId
from callmark.domain.labels.model import LabelType
from callmark.domain.policy.model import SYSTEM
from callmark.domain.signer_certificates import roots
from callmark.kit.ids import new_id
from callmark.kit.phone import PhoneNumber
from callmark.kit.ports import LOOPBACK, free_port
from callmark.processes.demo.seed import SEEDS
from callmark.processes.demo.structure import seed_branch
from callmark.processes.sip_lab.announcing import edge_token
from callmark.processes.sip_lab.caller import Dialling, sipp_options
from callmark.processes.sip_lab.network import proxies
from callmark.processes.sip_lab.programs import demand_programs, started

RATE, SECONDS = 100, 10
CALLS = RATE * SECONDS
CALLEE = PhoneNumber("12025550111")
WARM_UP = 50
UAS = """<?xml version="1.0" encoding="UTF-8"?>
<scenario name="callee">
<recv request="INVITE" rrs="true"/>
<send><![CDATA[
SIP/2.0 180 Ringing
[last_Via:]
[last_Record-Route:]
[last_From:]
[last_To:];tag=[pid]c[call_number]
[last_Call-ID:]
[last_CSeq:]
Contact: <sip:[local_ip]:[local_port]>
Content-Length: 0

]]></send>
<pause milliseconds="20"/>
<send retrans="500"><![CDATA[
SIP/2.0 200 OK
[last_Via:]
[last_Record-Route:]
[last_From:]
[last_To:];tag=[pid]c[call_number]
[last_Call-ID:]
[last_CSeq:]
Contact: <sip:[local_ip]:[local_port]>
Content-Type: application/sdp
Content-Length: [len]

v=0
o=callee 1 1 IN IP4 [local_ip]
s=-
c=IN IP4 [media_ip]
t=0 0
m=audio [media_port] RTP/AVP 0
]]></send>
<recv request="ACK" optional="true"/>
<recv request="BYE"/>
<send><![CDATA[
SIP/2.0 200 OK
[last_Via:]
[last_From:]
[last_To:]
[last_Call-ID:]
[last_CSeq:]
Content-Length: 0

]]></send>
</scenario>
"""


async def run() -> list[Row]:
    demand_programs()
    with tempfile.TemporaryDirectory(prefix="callmark-bench-sip-") as folder:
        return await _measure(Path(folder))


async def _measure(folder: Path) -> list[Row]:
    async with stage(roles="api,stir,worker", accounts_count=1, emulator=True) as on, _callee(folder) as callee_port:
        number = await listed_number(on)
        direct = await _load(folder / "direct", number, callee_port)
        async with (
            edge_token(on.deps, by=SYSTEM) as token,
            proxies(folder, stir_url=on.url, token=token, callee_port=callee_port, ring_s=30) as ports,
        ):
            await _load(folder / "warm", number, ports.originating, WARM_UP)
            before = microseconds_by_kind(on.pid)
            through = await _load(folder / "through", number, ports.originating)
            print(f"p17: processor time per call: {per_item(before, microseconds_by_kind(on.pid), CALLS)}")
            shown = await _shown(on) - WARM_UP
    return _rows(direct, through, shown)


def _rows(direct: list[float], through: list[float], shown: int) -> list[Row]:
    share, shown_share = len(through) / CALLS, shown / CALLS
    answered = f"SIP calls, {RATE}/s for {SECONDS} s: answered"
    without = f"{len(direct)} (no proxies)"
    p99 = statistics.quantiles(through, n=100)[98]
    return [
        Row("P17", answered, without, str(len(through)), f"{share:.2f}", "1.00", share),
        Row("P17", "… reported with the name shown", str(CALLS), str(shown), f"{shown_share:.2f}", "1.00", shown_share),
        cost(
            "P17",
            "… set-up time added at the median",
            ceiling=f"{statistics.median(direct):.1f} ms; p99 {p99:.1f} ms with them",
            figure=statistics.median(through) - statistics.median(direct),
            unit="ms",
            digits=1,
            aim="≤ 20 ms",
        ),
    ]


async def listed_number(on: Stage) -> PhoneNumber:
    """A proven number of the account, with a static identity, and a root that certifies it."""
    await roots.create_root(on.deps, "Bench", None, by=SYSTEM)
    account = AccountId(on.accounts[0].id)
    label = await make_label(on.deps, account, LabelType.STATIC)
    branch = SEEDS[0].branch
    await seed_branch(on.deps, account, branch, label.id, "bench@acme.example")
    return PhoneNumber(branch.numbers[0])


@asynccontextmanager
async def _callee(folder: Path) -> AsyncGenerator[int]:
    """A SIPp that answers every call; its port."""
    own = folder / "callee"
    own.mkdir()
    (own / "callee.xml").write_text(UAS)
    port = free_port()
    where = ["-i", LOOPBACK, "-p", str(port), "-ci", LOOPBACK, "-cp", str(free_port()), "-mp", str(free_port(4))]
    calm = ["-default_behaviors", "all,-abortunexp"]  # an INVITE that a busy proxy sends again is no fault
    async with started("sipp", ["-sf", own / "callee.xml", "-nostdin", *calm, *where], own):
        yield port


async def _load(folder: Path, number: PhoneNumber, port: int, calls: int = CALLS) -> list[float]:
    """How long it took from each INVITE to its answer, in milliseconds."""
    folder.mkdir()
    dialling = Dialling(caller=number, callee=CALLEE, proxy_port=port, call_id=f"{new_id()}-%u", talk_s=0.1)
    more = ["-r", str(RATE), "-l", str(CALLS), "-trace_rtt", "-rtt_freq", "1"]
    async with started("sipp", [*more, *sipp_options(dialling, folder, calls=calls)], folder) as child:
        if await child.wait():
            raise SystemExit(f"p17: some calls failed: {(folder / 'faults.log').read_text()[-1000:]}")
    (times,) = folder.glob("call_*_rtt.csv")
    return [float(line.split(";")[1]) for line in times.read_text().splitlines()[1:]]


async def _shown(on: Stage) -> int:
    """How many calls the platform knows as answered with their name shown, once all have been reported."""
    found = 0
    for _ in range(100):
        async with on.deps.db.connection() as tx:
            row = await tx.fetchrow(
                "SELECT count(*) AS calls FROM call WHERE receiver_number = $1 AND shown_at IS NOT NULL"
                " AND outcome = 'answered'",
                CALLEE,
            )
        found = row["calls"] if row else 0
        if found >= CALLS + WARM_UP:
            break
        await asyncio.sleep(0.1)
    return found
