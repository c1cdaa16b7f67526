"""State machines of hypothesis over real use cases: few examples in `make test`, many with `make models`."""

import asyncio
import os
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test
from tests.support.engines import Engines
from tests.support.fake_clock import FakeClock
from tests.support.opened_deps import opened_deps

from callmark.domain.deps import Deps
from callmark.kit.errors import AppError

_T = TypeVar("_T")
DEEP = os.environ.get("MODELS") == "deep"
EXAMPLES = int(os.environ.get("MODELS_EXAMPLES") or 200)
"""Of each machine, with `make models`."""

BOUNDS = settings(
    max_examples=EXAMPLES if DEEP else 5,
    stateful_step_count=60 if DEEP else 20,
    derandomize=not DEEP,  # the same steps in every run of the suite
    deadline=None,
    database=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)


class Machine(RuleBasedStateMachine):
    """A machine whose rules run use cases of one installation, with a clock that the rules move on."""

    runner: ClassVar[asyncio.Runner]
    deps: ClassVar[Deps]
    clock: ClassVar[FakeClock]

    def run(self, asked: Coroutine[Any, Any, _T]) -> _T:
        """What a coroutine gives."""
        return self.runner.run(asked)

    def attempt(self, asked: Coroutine[Any, Any, _T]) -> "_T | type[AppError]":
        """What a coroutine gives, or the kind of the refusal."""
        try:
            return self.runner.run(asked)
        except AppError as exc:
            return type(exc)


def run_machine(machine: type[Machine], engines: Engines, data: Path) -> None:
    """Runs examples of the machine, one after the other on one installation."""
    clock = FakeClock()
    with asyncio.Runner() as runner:
        opened = opened_deps(engines, clock, data)
        deps = runner.run(opened.__aenter__())
        try:
            made: Any = type("Here", (machine,), {"runner": runner, "deps": deps, "clock": clock})
            run_state_machine_as_test(made, settings=BOUNDS)
        finally:
            runner.run(opened.__aexit__(None, None, None))
