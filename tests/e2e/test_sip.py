"""`callmark sip-lab` beside a running demo, as its operator runs it."""

import json
import os
import re
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.browsing import CALLMARK, Demo
from tests.e2e.serving import ENVIRON, children, run_here, tree, until, watched

pytestmark = pytest.mark.sip
ENDS_WITHIN_S = 30


def argv(demo: Demo, *options: str) -> list[str | Path]:
    return [CALLMARK, "sip-lab", "--data", demo.data, *options]


def lab(demo: Demo, *options: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(argv(demo, *options), env=ENVIRON, capture_output=True, text=True, timeout=60, check=False)


def lab_in_time(demo: Demo, *options: str) -> "subprocess.CompletedProcess[str]":
    """A call that was verified: a proxy has a second for that, so on a busy machine there may be another call."""
    for _ in range(2):
        done = lab(demo, *options)
        if "No-TN-Validation" not in done.stdout + done.stderr:
            return done
    return lab(demo, *options)


def edges(demo: Demo) -> list[dict[str, Any]]:
    """Those of the lab."""
    done = run_here("edge", "list", "--json", "--data", demo.data)
    assert done.returncode == 0, done.stderr
    return [one for one in json.loads(done.stdout) if one["name"].startswith("sip-lab ")]


def running(demo: Demo, *options: str) -> "subprocess.Popen[str]":
    """A lab whose phone and proxies are up."""
    process = subprocess.Popen(argv(demo, *options), env=ENVIRON, stdout=subprocess.PIPE, text=True)
    until(lambda: len(children(process.pid)) >= 3)
    return process


def test_the_phone_shows_the_pushed_name_and_the_record_knows_how_the_call_ended(demo: Demo) -> None:
    done = lab_in_time(demo, "--json")
    found = json.loads(done.stdout)
    assert done.returncode == 0, done.stderr
    assert found["shown"]["name"] == "Acme Deliveries"
    assert re.fullmatch(r"SIP lab call \d{4}", found["shown"]["call_reason"])
    assert re.fullmatch(rf"{demo.http.base_url}/?brand/[0-9a-f]{{64}}-\d+x\d+\.png", found["shown"]["icon_url"])
    assert demo.http.get(found["shown"]["icon_url"]).headers["Content-Type"] == "image/png"
    assert (found["verstat"], found["outcome"]) == ("TN-Validation-Passed", "answered")


@pytest.mark.parametrize(
    ("scene", "verstat"), [("--spoof", "TN-Validation-Failed"), ("--service-down", "No-TN-Validation")]
)
def test_without_a_good_signature_the_phone_shows_no_name(demo: Demo, scene: str, verstat: str) -> None:
    done = (lab_in_time if scene == "--spoof" else lab)(demo, scene, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"shown": None, "verstat": verstat, "outcome": "answered"}


def test_a_killed_lab_leaves_nothing_running_and_the_next_one_revokes_its_token(demo: Demo) -> None:
    process = running(demo, "--ring-out")
    with watched(tree(process.pid)) as left:
        process.kill()
        process.communicate()
        assert left(ENDS_WITHIN_S) == []
    done = lab_in_time(demo, "--decline")
    assert done.returncode == 0, done.stderr
    assert re.search(r"The phone showed:\n", done.stdout)
    assert re.search(r"^name +Acme Deliveries$", done.stdout, re.MULTILINE)
    assert re.search(r"^outcome +rejected$", done.stdout, re.MULTILINE)
    assert all(one["revoked_at"] for one in edges(demo))


def test_ctrl_c_ends_the_lab_and_takes_its_files_and_token_away(demo: Demo, tmp_path: Path) -> None:
    process = subprocess.Popen(argv(demo, "--ring-out"), env=ENVIRON | {"TMPDIR": str(tmp_path)})
    until(lambda: len(children(process.pid)) >= 3)
    with watched(tree(process.pid)) as left:
        os.kill(process.pid, signal.SIGINT)
        assert process.wait(ENDS_WITHIN_S) == 130
        assert left(0) == []
    assert list(tmp_path.iterdir()) == []
    assert all(one["revoked_at"] for one in edges(demo))
