"""What the worker does by itself."""

import inspect
import pkgutil
from collections import Counter
from collections.abc import Iterator
from importlib import import_module

from callmark import domain
from callmark.domain.background.registry import PERIODIC, works
from callmark.domain.deps import Deps
from callmark.domain.work_names import WorkName
from callmark.kit.outbound import Outbound


def clearing_jobs() -> Iterator[object]:
    """Every `drop_…` and `forget_…` of the concepts' jobs."""
    for module in pkgutil.walk_packages(domain.__path__, f"{domain.__name__}."):
        if module.name.endswith(".jobs"):
            jobs = import_module(module.name)
            for name, made in inspect.getmembers(jobs, inspect.iscoroutinefunction):
                if name.startswith(("drop_", "forget_")) and made.__module__ == module.name:
                    yield made


def test_every_job_that_clears_away_comes_round_by_itself() -> None:
    there = set(clearing_jobs())
    assert there
    assert there <= {job for _, job in PERIODIC.values()}


async def test_every_kind_of_work_is_done_once_and_none_has_a_name_that_nobody_wakes(deps: Deps) -> None:
    async with Outbound(()) as outbound:
        assert Counter(work.name for work in works(deps, outbound)) == Counter(WorkName)
