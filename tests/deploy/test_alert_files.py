"""The files of the alerts: promtool reads them, and each alert has its place on the page and its test."""

import re
import subprocess

import pytest
from tests.support.alert_rules import PROMTOOL, RULES

ROOT = RULES.parents[2]
PAGE = (ROOT / "docs/observing.md").read_text()
FIRED = ROOT / "tests/deploy/test_alerts.py", ROOT / "tests/e2e/test_serve.py"


def alerts() -> list[str]:
    return re.findall(r"- alert: (\w+)", RULES.read_text())


def test_promtool_reads_the_rules_and_the_sample_that_scrapes() -> None:
    done = subprocess.run(
        [PROMTOOL, "check", "config", RULES.with_name("prometheus.yml")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(alerts())} rules found" in done.stdout


@pytest.mark.parametrize("name", alerts())
def test_every_alert_is_explained_and_is_fired_by_a_test(name: str) -> None:
    (rule,) = re.findall(rf"- alert: {name}\n(.*?)(?=\n      - alert|\n  - name|\Z)", RULES.read_text(), re.DOTALL)
    assert re.search(r"severity: (critical|warning|info)", rule)
    assert all(f"{part}: " in rule for part in ("summary", "description"))
    assert f"runbook_url: docs/observing.md#{name.lower()}" in rule
    assert f"#### {name}\n" in PAGE
    assert f'"{name}"' in "".join(file.read_text() for file in FIRED)
