"""A short run of chaos: a platform of its own, three cycles, faults that need no lease of a dead process to end."""

from pathlib import Path

from chaos.plan import OPERATION_KINDS
from chaos.report import report
from chaos.run import Order, run

KINDS = ["kill nats", "cut nats", "halve nats", "stop worker", "failing receiver", "resetting receiver"]


async def test_three_cycles_of_load_and_faults_break_no_promise(tmp_path: Path) -> None:
    told: list[str] = []
    outcome = await run(
        Order(seed=0, cycles=3, fault_kinds=KINDS, hosts=1), tmp_path, tell=told.append, is_over=lambda: False
    )
    assert [violation.text() for violation in outcome.violations] == []
    assert outcome.cycles == 3
    assert len(told) == 3
    assert outcome.faults
    assert outcome.done.keys() == outcome.operations.keys() == OPERATION_KINDS.keys()  # none was only tried
    assert outcome.entries["Push"] > 0
    assert outcome.entries["Held"] > 0
    assert outcome.entries["Received"] > 0
    assert outcome.entries["LogRead"] == 3  # of the platform and of both engines
    assert report(outcome).startswith("Seed 0: 3 cycles")
