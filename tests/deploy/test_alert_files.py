"""The files of the alerts: promtool reads them, and each alert has its place on the page and its test."""

import re
import subprocess
from typing import Any

import pytest
from tests.support.alert_rules import GROUPS, PROMTOOL, RULES, promtool_says
from tests.support.cases import for_each

from callmark.kit import checks

ROOT = RULES.parents[2]
PAGE = (ROOT / "docs/observing.md").read_text()
FIRED = ROOT / "tests/deploy/test_alerts.py", ROOT / "tests/e2e/test_serve.py"
ALERTS: dict[str, dict[str, Any]] = {rule["alert"]: rule for group in GROUPS for rule in group["rules"]}

BROKEN = {
    "callmark_build_info{version='1.0'}": "1x200",
    "callmark_outgoing_held": "0x200",
    "callmark_processes{kind='worker'}": "0x200",
    "callmark_database_connections": "99x200",
    "callmark_database_connections_max": "100x200",
    "callmark_handsets_connected": "1000x139 0x60",
    "callmark_push_outcomes_total{outcome='failed_to_push'}": "0+60x200",
    "callmark_delivery_attempts_total{result='5xx'}": "0+60x200",
    **{
        f"callmark_queue_oldest_due_seconds{{queue='{queue}'}}": "0+60x200"
        for queue in ("alert_posts", "deliveries", "mails")
    },
}
COPY = {
    "callmark_build_info{version='1.1'}": "1x200",
    "callmark_outgoing_held": "1x200",
    "callmark_processes{kind='worker'}": "1x200",
    "callmark_database_connections": "5x200",
    "callmark_database_connections_max": "500x200",
    "callmark_handsets_connected": "3000x200",
    "callmark_push_outcomes_total{outcome='success'}": "0+600x200",
    "callmark_delivery_attempts_total{result='success'}": "0+600x200",
    "callmark_queue_rows{queue='batches',state='waiting'}": "0x200",
}
"""It does well, does more, and has a newer version."""


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
    assert said["runbook"] == f"docs/observing.md#{name.lower()}"  # no address: where the pages are is not known here
    assert f'"{name}"' in "".join(file.read_text() for file in FIRED)
    after = f" after {ALERTS[name]['for']}" if "for" in ALERTS[name] else ""
    _, heading, following = PAGE.partition(f"#### {name}\n")
    paragraph = " ".join(re.split(r"\n#+ ", following)[0].split())
    assert (heading, paragraph) == (f"#### {name}\n", f"**{severity}**{after}: {said['description']}")


@for_each(ALERTS)
def test_no_rule_mixes_the_installations_of_one_prometheus(name: str) -> None:
    expr = ALERTS[name]["expr"]
    assert not re.findall(r"\b(?:sum|min|max|avg|count|group)\s*\(", expr)
    assert all("job" in labels.split(", ") for labels in re.findall(r"\b(?:by|on) \(([^)]*)\)", expr))


def test_of_two_installations_neither_silences_the_other() -> None:
    expected = {
        "callmark": (
            *("ConnectionsScarce", "DeliveriesLate", "FactsMissing", "HandsetsLost", "MailsWait", "NoWorker"),
            *("PushesFail", "QueueLate", "WebhooksFail"),
        ),
        "callmark-copy": ("OutgoingHeld",),
    }
    series = [
        {"series": _with(f"job='{job}',instance='{job}:9400'", name), "values": values}
        for job, all_of_it in (("callmark", BROKEN), ("callmark-copy", COPY))
        for name, values in all_of_it.items()
    ]
    firing = 'group by (alertname, job) (ALERTS{alertstate="firing"})'
    samples = [
        {"labels": f'{{alertname="Callmark{name}",job="{job}"}}', "value": 1}
        for job, names in expected.items()
        for name in names
    ]
    wanted = {"expr": firing, "eval_time": "150m", "exp_samples": samples}
    test = {"interval": "1m", "input_series": series, "promql_expr_test": [wanted]}
    said = promtool_says(test)
    assert not said, said


def _with(labels: str, series: str) -> str:
    name, _, others = series.rstrip("}").partition("{")
    return f"{name}{{{','.join(filter(None, [others, labels]))}}}"


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


def test_a_process_is_down_that_has_answered_whatever_its_job_is_called() -> None:
    up, told = "up{job='%s',instance='a:9400'}", "callmark_build_info{job='%s',instance='a:9400'}"
    values = {
        up % "shop": "1x5 0x20",
        told % "shop": "1x5 _x20",
        up % "monitoring/callmark": "0x25",
        up % "callmark-postgres-exporter": "0x25",
    }
    series = [{"series": name, "values": of} for name, of in values.items()]
    down = 'group by (job) (ALERTS{alertname="CallmarkDown",alertstate="firing"})'
    samples = [{"labels": f'{{job="{job}"}}', "value": 1} for job in ("monitoring/callmark", "shop")]
    wanted = {"expr": down, "eval_time": "20m", "exp_samples": samples}
    test = {"interval": "1m", "input_series": series, "promql_expr_test": [wanted]}
    said = promtool_says(test)
    assert not said, said


def test_two_requests_that_fail_in_a_quiet_hour_are_no_outage() -> None:
    answered = {"200": "0+2x60", "503": "0x20 1x3 2x40"}  # a minute; four minutes lie between the two
    series = [
        {"series": _with("job='callmark'", f"callmark_requests_total{{status='{status}'}}"), "values": values}
        for status, values in answered.items()
    ]
    fired = 'count_over_time(ALERTS{alertname="CallmarkErrors",alertstate="firing"}[1h])'
    wanted: dict[str, Any] = {"expr": fired, "eval_time": "60m", "exp_samples": []}
    test: dict[str, Any] = {"interval": "1m", "input_series": series, "promql_expr_test": [wanted]}
    said = promtool_says(test, "CallmarkErrors", evaluated="1m")
    assert not said, said


def test_a_part_that_does_not_work_is_told_once_and_with_its_place() -> None:
    """Each process reports all parts of its `callmark serve`, and each has parts of the same names."""
    values = {
        ("9400", "a:9400"): 0,
        ("9400", "a:9401"): 0,
        ("9500", "a:9500"): 0,
        ("9600", "a:9600"): 1,
        ("9400", "b:9400"): 1,
        ("", "bare"): 1,
    }
    series = [
        {"series": _part("working", "http-0", port, instance), "values": f"{value}x10"}
        for (port, instance), value in values.items()
    ]
    series += [
        {"series": _part("restarts_total", "http-1", "", instance), "values": "0+1x10"}
        for instance in ("[::1]:9400", "[::1]:9401")
    ]
    firing = 'ALERTS{alertstate="firing"}'
    samples = [
        {"labels": f"{firing[:-1]},alertname='{name}',severity='{severity}',job='callmark',{where}}}", "value": 1}
        for name, severity, where in (
            ("CallmarkPartNotWorking", "critical", "unit='http-0',host='a',admin_port='9400'"),
            ("CallmarkPartNotWorking", "critical", "unit='http-0',host='a',admin_port='9500'"),
            ("CallmarkRestarts", "warning", "unit='http-1',host='[::1]'"),
        )
    ]
    wanted = {"expr": f'{firing[:-1]},alertname=~".*(Working|Restarts)"}}', "eval_time": "8m", "exp_samples": samples}
    test = {"interval": "1m", "input_series": series, "promql_expr_test": [wanted]}
    said = promtool_says(test)
    assert not said, said


def _part(name: str, unit: str, port: str, instance: str) -> str:
    return f"callmark_unit_{name}{{job='callmark',unit='{unit}',admin_port='{port}',instance='{instance}'}}"


@pytest.mark.parametrize(
    ("alert", "count", "fires"),
    [
        ("CallmarkRestarts", "callmark_unit_restarts_total", 3),
        ("CallmarkNatsUnstable", "callmark_nats_reconnects_total", 4),
    ],
)
def test_an_alert_about_a_count_fires_at_the_next_whole_number(alert: str, count: str, fires: int) -> None:
    """`increase` gives fractions: of two within a quarter of an hour it makes 2.009."""
    for rises in (fires - 1, fires):
        values = "0x60 " + " ".join(f"{number}x3" for number in range(1, rises)) + f" {rises}x60"
        series = [{"series": _with("job='callmark',unit='http-0',instance='a:1'", count), "values": values}]
        fired = 'count(count_over_time(ALERTS{alertstate="firing"}[1h]))'
        samples = [{"labels": "{}", "value": 1}] if rises == fires else []
        wanted: dict[str, Any] = {"expr": fired, "eval_time": "30m", "exp_samples": samples}
        test: dict[str, Any] = {"interval": "15s", "input_series": series, "promql_expr_test": [wanted]}
        said = promtool_says(test, alert, evaluated="7s")
        assert not said, (rises, said)
