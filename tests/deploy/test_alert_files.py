"""The files of the alerts: promtool reads them, and each alert has its place on the page and its test."""

import re
import subprocess
from typing import Any

import yaml
from tests.support.alert_rules import PROMTOOL, RULES, promtool_says
from tests.support.cases import for_each

from callmark.kit import checks

ROOT = RULES.parents[2]
PAGE = (ROOT / "docs/observing.md").read_text()
FIRED = ROOT / "tests/deploy/test_alerts.py", ROOT / "tests/e2e/test_serve.py"
ALERTS: dict[str, dict[str, Any]] = {
    rule["alert"]: rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]
}


def test_promtool_reads_the_rules_and_the_sample_that_scrapes() -> None:
    done = subprocess.run(
        [PROMTOOL, "check", "config", RULES.with_name("prometheus.yml")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(ALERTS)} rules found" in done.stdout


@for_each(ALERTS)
def test_every_alert_is_explained_and_is_fired_by_a_test(name: str) -> None:
    said, severity = ALERTS[name]["annotations"], ALERTS[name]["labels"]["severity"]
    assert severity in {"critical", "warning", "info"}
    assert said["summary"]
    assert said["runbook_url"] == f"docs/observing.md#{name.lower()}"
    assert f'"{name}"' in "".join(file.read_text() for file in FIRED)
    after = f" after {ALERTS[name]['for']}" if "for" in ALERTS[name] else ""
    _, heading, following = PAGE.partition(f"#### {name}\n")
    paragraph = " ".join(re.split(r"\n#+ ", following)[0].split())
    assert (heading, paragraph) == (f"#### {name}\n", f"**{severity}**{after}: {said['description']}")


@for_each(
    [
        ("CallmarkConnectionsScarce", checks.MOST_SHARE_OF_CONNECTIONS),
        ("CallmarkClockOff", checks.CLOCK_TOLERANCE.total_seconds()),
        ("CallmarkDiskFull", checks.LEAST_FREE_BYTES),
    ]
)
def test_an_alert_and_the_doctor_have_the_same_bound(case: tuple[str, float]) -> None:
    name, bound = case
    number, _, exponent = re.split(r"[<>]", ALERTS[name]["expr"])[1].partition(" * 1024 ^ ")
    assert float(number) * 1024 ** int(exponent or 0) == bound


def test_a_part_that_does_not_work_is_told_once_and_with_its_host() -> None:
    """Each process reports all parts of its host, and each host has parts of the same names."""
    values = {"a:9400": 0, "a:9401": 0, "b:9400": 1, "[::1]:9400": 1, "bare": 1}
    series = [
        {"series": f'callmark_unit_working{{unit="http-0",instance="{instance}"}}', "values": f"{value}x10"}
        for instance, value in values.items()
    ]
    series += [
        {"series": f'callmark_unit_restarts_total{{unit="http-1",instance="{instance}"}}', "values": "0+1x10"}
        for instance in ("[::1]:9400", "[::1]:9401")
    ]
    firing = 'ALERTS{alertstate="firing"}'
    samples = [
        {"labels": f'{firing[:-1]},alertname="{name}",severity="{severity}",unit="{unit}",host="{host}"}}', "value": 1}
        for name, severity, unit, host in (
            ("CallmarkPartNotWorking", "critical", "http-0", "a"),
            ("CallmarkRestarts", "warning", "http-1", "[::1]"),
        )
    ]
    wanted = {"expr": f'{firing[:-1]},alertname=~".*(Working|Restarts)"}}', "eval_time": "8m", "exp_samples": samples}
    test = {"interval": "1m", "input_series": series, "promql_expr_test": [wanted]}
    said = promtool_says({"rule_files": [str(RULES)], "evaluation_interval": "1m", "tests": [test]})
    assert not said, said
