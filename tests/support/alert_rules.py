"""Which alerts fire: the rules of deploy/prometheus, evaluated by promtool on what processes really said."""

import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from tests.support.metrics_page import Scrape, Series
from tools.sources import ROOT

RULES = ROOT / "deploy/prometheus/callmark.rules.yml"
PROMTOOL = shutil.which("promtool") or "promtool"
GROUPS: list[dict[str, Any]] = yaml.safe_load(RULES.read_text())["groups"]
_NAMES = frozenset(re.findall(r"\b(?:callmark|process)_\w+", RULES.read_text()))
_OF_A_BUSY_MACHINE = {"CallmarkEventLoopLate": "callmark_event_loop_lag", "CallmarkPoolBusy": "callmark_pool_wait"}
"""What one late turn fires, and the metric that it reads: left out where a test is about something else."""
_WELL_FOR = 15
"""Minutes for which everything is well first."""
_EVALUATED = "3m"
"""Rarer than Prometheus does: an evaluation of all rules costs promtool milliseconds, and what fires stays."""


class Looks(NamedTuple):
    """What one process said before something broke and after; None: it did not answer."""

    before: Scrape | None
    after: Scrape | None


def judge(looks: Mapping[str, Looks], *expected: str, after_minutes: int = 20, once: bool = False) -> None:
    """None of the rules fires at first; so long after the break exactly the `expected` ones do.

    What was counted between the looks of a process is taken to repeat itself each minute, unless it came only `once`.
    """
    left_out = tuple(metric for alert, metric in _OF_A_BUSY_MACHINE.items() if alert not in expected)
    series = [
        one for instance, look in looks.items() for one in _series(instance, look, after_minutes, left_out, once=once)
    ]
    firing = 'group by (alertname) (ALERTS{alertstate="firing"})'
    samples = [{"labels": f'{{alertname="{name}"}}', "value": 1} for name in expected]
    test: dict[str, Any] = {
        "interval": "1m",
        "input_series": series,
        "promql_expr_test": [
            {"expr": firing, "eval_time": f"{_WELL_FOR}m", "exp_samples": []},
            {"expr": firing, "eval_time": f"{_WELL_FOR + after_minutes}m", "exp_samples": samples},
        ],
    }
    said = promtool_says(test)
    assert not said, said


def promtool_says(test: dict[str, Any], *alerts: str, evaluated: str = _EVALUATED) -> str:
    """What `promtool test rules` finds wrong; empty when nothing is. Of all rules, or those of these `alerts` only."""
    with tempfile.TemporaryDirectory() as folder:
        file, rules = Path(folder, "tests.yml"), Path(folder, "rules.yml")  # JSON is YAML
        rules.write_text(json.dumps({"groups": [_only(group, alerts) for group in GROUPS]}))
        file.write_text(json.dumps({"rule_files": [str(rules)], "evaluation_interval": evaluated, "tests": [test]}))
        done = subprocess.run(
            [PROMTOOL, "test", "rules", file],
            env={**os.environ, "GOGC": "off"},  # it ends before its memory (150 MB) is worth looking through
            capture_output=True,
            text=True,
            check=False,
        )
    return "" if done.returncode == 0 else done.stdout + done.stderr


def _only(group: dict[str, Any], alerts: Sequence[str]) -> dict[str, Any]:
    return group | {"rules": [rule for rule in group["rules"] if not alerts or rule["alert"] in alerts]}


def _series(instance: str, look: Looks, minutes: int, left_out: tuple[str, ...], *, once: bool) -> list[dict[str, str]]:
    empty = Scrape({}, frozenset())
    before, after = look.before or empty, look.after or empty
    found = [_one(Series("up"), instance, float(look.before is not None), float(look.after is not None), minutes)]
    for series in sorted(before.samples.keys() | after.samples.keys()):
        if any(series.name.startswith(name) for name in _NAMES) and not series.name.startswith(left_out):
            first, then = before.samples.get(series), after.samples.get(series)
            if series.name.endswith("_bucket") and first == then:
                continue  # nothing was counted in it: hundreds of these cost promtool seconds and say nothing
            grows = _growth(first or 0, then or 0) if series in after.counts and not once else 0
            found.append(_one(series, instance, first, then, minutes, grows=grows))
    return found


def _growth(first: float, then: float) -> float:
    """Of a counter between two looks; one that fell began again."""
    return then - first if then >= first else then


def _one(
    series: Series, instance: str, first: float | None, then: float | None, minutes: int, *, grows: float = 0
) -> dict[str, str]:
    labels = {**dict(series.labels), "job": "callmark", "instance": instance}
    text = ",".join(f"{name}={json.dumps(value)}" for name, value in labels.items())
    well = f"_x{_WELL_FOR + 1}" if first is None else f"{_number(first)}+0x{_WELL_FOR}"
    broken = "stale" if then is None else f"{_number(then)}+{_number(grows)}x{minutes - 1}"
    return {"series": f"{series.name}{{{text}}}", "values": f"{well} {broken}"}


def _number(value: float) -> str:
    return f"{value:.9f}"
