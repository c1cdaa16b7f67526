"""The Grafana dashboard: each query is PromQL and names metrics and labels that there are."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

from tests.support.alert_rules import PROMTOOL
from tests.support.cases import for_each
from tools.sources import ROOT

from callmark.surfaces.api.routes import ROUTES
from callmark.surfaces.api.waiting import WAIT_PARAM
from callmark.surfaces.metrics import describe

DASHBOARD: dict[str, Any] = json.loads((ROOT / "deploy/grafana/callmark.json").read_text())
PANELS: list[dict[str, Any]] = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
QUERIES = [target["expr"] for panel in PANELS for target in panel["targets"]]
_WINDOW, _INSTALLATION = "$__rate_interval", 'job="$job"'
_OF_PROMETHEUS = {"job", "instance", "le", "host"}  # the last is made of the instance
_KNOWN = {one.name: {*one.labels, *_OF_PROMETHEUS} for one in describe()}

NOT_ON_THE_DASHBOARD = {
    "callmark_log_lines_lost_total": "0, unless the log's disk is full or its reader is gone; log_lines_lost says it",
    "callmark_migrations_outstanding": "changes with a version; an alert reads it",
    "callmark_nats_reconnects_total": "an alert reads it",
    "callmark_outgoing_held": "says what the installation is; an alert reads it",
    "callmark_part_working": "the page of health and /readyz show parts",
    "callmark_pool_size": "a setting",
    "callmark_pool_waiting": "how long they wait is shown",
    "callmark_process_info": "says which process it is",
    "callmark_real_time_push_seconds": "how long their requests take is shown; an alert reads it",
    "callmark_schema_newest": "changes with a version",
    "callmark_schema_number": "changes with a version",
    "callmark_unit_working": "an alert reads it",
}
"""Metrics without a panel, and why."""


def named(query: str) -> set[str]:
    """The metrics of a query, a histogram by its own name."""
    found = re.findall(r"\b((?:callmark|process)_\w+)\b", re.sub(r'"[^"]*"', "", query))
    return {name if name in _KNOWN else re.sub(r"_(bucket|sum|count)$", "", name) for name in found}


def test_each_query_is_promql(tmp_path: Path) -> None:
    rules = [{"record": f"panel:{n}", "expr": query.replace(_WINDOW, "5m")} for n, query in enumerate(QUERIES)]
    file = tmp_path / "queries.yml"  # JSON is YAML
    file.write_text(json.dumps({"groups": [{"name": "panels", "rules": rules}]}))
    done = subprocess.run([PROMTOOL, "check", "rules", file], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(QUERIES)} rules found" in done.stdout


@for_each(QUERIES)
def test_each_query_names_metrics_and_labels_that_there_are(query: str) -> None:
    metrics = named(query)
    assert metrics
    assert metrics <= _KNOWN.keys()
    assert len(re.findall(r"\b(?:callmark|process)_\w+", query)) == query.count(f"{{{_INSTALLATION}")
    assert set(re.findall(r"\[(\D.*?|\d+[a-z])\]", query)) <= {
        _WINDOW,
        "1h",
    }  # a fixed one leaves gaps between far points
    labels = {label.strip() for group in re.findall(r"\bby \(([^)]*)\)", query) for label in group.split(",")}
    labels |= set(re.findall(r"(\w+)(?:=~|!=|=)\"", query))
    assert labels <= set().union(*(_KNOWN[name] for name in metrics))


def test_each_metric_of_callmark_that_moves_is_on_it() -> None:
    shown = {name for query in QUERIES for name in named(query)}
    assert {name for name in _KNOWN if name.startswith("callmark_")} - shown == NOT_ON_THE_DASHBOARD.keys()


def test_routes_that_wait_on_purpose_are_not_among_the_slowest() -> None:
    (query,) = [query for query in QUERIES if query.startswith("topk(")]
    (left_out,) = re.findall(r'route!~"(.*?)"', query)
    waits = {route.path for route in ROUTES if route.doc and WAIT_PARAM in route.doc.params}
    streams = {"/console/numbers/jobs/{id}/progress", "/console/uploads/{id}/progress"}
    assert {path for path in waits | streams if not re.fullmatch(left_out, path)} == set()
    assert {route.path for route in ROUTES if re.fullmatch(left_out, route.path)} == waits | {
        f"{prefix}/clients/{{clientAccountId}}/dynamic_call_record" for prefix in ("", "/v2", "/v3")
    }


def test_the_installation_is_chosen_among_the_jobs_that_are_scraped() -> None:
    chosen = {one["name"]: one for one in DASHBOARD["templating"]["list"]}["job"]
    assert chosen["query"]["query"] == chosen["definition"] == "label_values(callmark_build_info, job)"


def test_panels_do_not_overlap_and_each_has_its_unit() -> None:
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in PANELS]
    assert len(places) == len(set(places))
    assert all(panel["fieldConfig"]["defaults"]["unit"] for panel in PANELS)
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
