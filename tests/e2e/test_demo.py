"""`callmark demo` as its users start it: a process, its files, its end."""

import json
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.e2e.serving import STOPPED_WITHIN_S, children, run_here, until
from tests.support.engines import reachable_directory
from tests.support.markdown import programs

from callmark import __version__
from callmark.surfaces.emulator.curl_example import CREDENTIALS_ENV, CREDENTIALS_JSON, curl_walk
from callmark.surfaces.emulator.handsets.magic_receivers import MAGIC
from callmark.surfaces.emulator.handsets.model import Script

ROOT = Path(__file__).parents[2]
CALLMARK = Path(sys.executable).parent / "callmark"
WITHIN_S = 240
"""What hangs ends; a page's lines are up to forty commands, each of which starts Python on a busy machine."""
ENVIRON = {name: value for name, value in os.environ.items() if not name.startswith("CALLMARK_")}
WEB = shutil.which("curl"), shutil.which("bash")
PASTED = (
    "operator-commands.md", "operator-api.md", "management.md", "alerts.md", "logs.md", "extensions.md", "emulator.md",
    "handset-app.md", "push.md", "quickstart.md", "../README.md",
)  # fmt: skip
"""Pages whose shell lines are run as one program, from their first to their last, one after the other on one demo.

The last that one reads comes first: what a page needs of an earlier one is not there yet, what others leave is.
"""
_FAILING_CURL = 'curl() { command curl --fail-with-body "$@"; }\n'


@pytest.fixture(scope="module")
def data() -> Generator[Path]:
    """A data directory that the tests of this file share, as one user's demos would."""
    directory = reachable_directory()
    yield directory / "data"
    shutil.rmtree(directory)


def once(data: Path, *options: str) -> "subprocess.CompletedProcess[str]":
    """A demo that tells its story and ends."""
    argv = [CALLMARK, "demo", "--once", "--port", "0", "--data", data, *options]
    return subprocess.run(argv, env=ENVIRON, capture_output=True, text=True, timeout=WITHIN_S, check=False)


@contextmanager
def staying(data: Path) -> Generator[tuple["subprocess.Popen[str]", str]]:
    """A demo that stays up, and what it printed until it was up."""
    argv = [CALLMARK, "demo", "--no-browser", "--port", "0", "--data", data]
    process = subprocess.Popen(argv, env=ENVIRON, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    printed = ""
    try:
        for line in process.stdout:
            printed += line
            if "Ctrl-C stops it" in line:
                break
        yield process, printed
    finally:
        process.terminate()
        process.communicate(timeout=STOPPED_WITHIN_S)


def below(pid: int) -> list[str]:
    """What a process and all below it were started with; those of PostgreSQL's connections are among them."""
    try:
        line = Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ").strip()
    except OSError:  # it has ended meanwhile
        return []
    return [line, *(one for child in children(pid) for one in below(child))]


def credentials_of(path: Path) -> dict[str, Any]:
    """The JSON, which only its owner can read."""
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    return json.loads(path.read_text())


@pytest.fixture(scope="module")
def told(data: Path) -> "subprocess.CompletedProcess[str]":
    """The first demo on the data directory."""
    return once(data, "--sip", "--credentials", str(data.with_name("first.json")))


def test_it_tells_the_story_once(told: "subprocess.CompletedProcess[str]") -> None:
    assert told.returncode == 0, told.stdout + told.stderr
    assert "the handset shows: Acme Deliveries (verified) - Your order" in told.stdout
    assert "the handset shows: Borealis Bank (verified) - About your card" in told.stdout
    assert "the handset shows: Acme Support (verified) - About your delivery" in told.stdout
    assert told.stdout.count("signature verified") == 2
    assert "the phone showed: Acme Deliveries - Your parcel" in told.stdout
    assert told.stdout.count(" ms\n") == 16
    assert told.stderr == ""


@pytest.mark.usefixtures("told")
def test_the_log_leads_from_a_push_to_what_a_worker_did_for_it(data: Path) -> None:
    lines = log_of(data, "all-roles-0")
    assert {line["process"] for line in lines} == {"all-roles-0"}
    assert {line["host"] for line in lines} == {socket.gethostname()}
    assert {line["version"] for line in lines} == {__version__}
    assert all(line["pid"] and line["timestamp"] and line["level"] for line in lines)
    pushed = [line for line in lines if line["event"] == "request" and "batch" in line]
    assert pushed
    assert all(line["request_id"] for line in pushed)
    done = {line["batch"] for line in lines if line["event"] == "batch_pushed"}
    assert done
    assert done <= {line["batch"] for line in pushed}


def log_of(data: Path, name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (data / f"logs/{name}.log").read_text().splitlines()]


@pytest.mark.usefixtures("told")
def test_the_credentials_have_all_that_a_script_needs(data: Path) -> None:
    made = credentials_of(data.with_name("first.json"))
    assert made.keys() == {
        "base_url",
        "console_url",
        "emulator_url",
        "emulator_token",
        "handset_app_key",
        "operator",
        "accounts",
    }
    assert made["operator"]["email"]
    assert made["operator"]["password"]
    assert made["console_url"] == f"{made['base_url']}/console"
    assert made["handset_app_key"].startswith("cmapp_")
    assert made["emulator_url"] == f"{made['base_url']}/emulator/v1"
    for account, name in zip(made["accounts"], ("Acme Deliveries", "Borealis Bank"), strict=True):
        assert account["name"] == name
        assert account["client_account_id"]
        assert account["key_id"]
        assert account["api_key"]
        assert [one["role"] for one in account["members"]] == ["admin", "process_owner"]
        assert all(one["password"] for one in account["members"])
        assert len(account["labels"]["dynamic"]) == 2
        assert len(account["labels"]["static"]) == 1
        assert all(account["structure"].values())
        assert account["structure"].keys() == {"department_id", "operation_id", "process_id", "sub_process_id"}
        assert [one["status"] for one in account["feature_sets"]] == ["published", "draft"]
        assert all(one["id"] for one in account["feature_sets"])
        assert account["campaign_id"]
    assert [account["listed_numbers"][0] for account in made["accounts"]] == ["918040001234", "918061110001"]
    assert [one["name"] for one in made["accounts"][0]["feature_sets"]] == ["Delivery default", "Delivery draft"]
    assert [one["name"] for one in made["accounts"][0]["labels"]["dynamic"]] == ["Acme Deliveries", "Acme Returns"]


@pytest.mark.usefixtures("told")
def test_a_second_one_stays_up_its_shell_lines_work_when_pasted_and_it_ends(data: Path, tmp_path: Path) -> None:
    with staying(data) as (process, printed):
        made = credentials_of(data / CREDENTIALS_JSON)
        _accounts_are_the_same(credentials_of(data.with_name("first.json")), made)
        url = made["base_url"]
        assert url in printed
        assert httpx.get(f"{url}/readyz", trust_env=False, timeout=60).status_code == 200
        assert "Acme Deliveries" in httpx.get(f"{url}/", trust_env=False, timeout=60).text
        walk = curl_walk(data / CREDENTIALS_ENV)
        assert walk in printed
        if all(WEB):
            pasted = subprocess.run(
                [WEB[1] or "", "-c", walk], capture_output=True, text=True, check=True, timeout=WITHIN_S
            )
            assert '"status":"success"' in pasted.stdout
            assert pasted.stdout.splitlines()[-1].startswith('{"name":"Acme Deliveries",')
            assert '"why":' in pasted.stdout
            assert '"offers":' not in pasted.stdout  # longer than the rest together
        _the_client_needs_no_more(data / CREDENTIALS_ENV)
        _the_guide_registers_webhooks(made, data, tmp_path)
        _goes_back_to_the_seed(made)
        for page in PASTED:
            _the_page_can_be_pasted(page, made, data, tmp_path)
        _the_example_runs(data / CREDENTIALS_JSON)
        _moves_the_clock_everywhere(made)
        _goes_back_to_the_seed(made)
        again = run_here("demo", "--once", "--port", "0", "--data", data)
        assert again.returncode == 1
        assert "is in use by a running Callmark" in again.stderr
        until(lambda: len(below(process.pid)) <= 15)  # PostgreSQL has one more for a moment, now and then
        assert again.stderr.count("\n") <= 2
        _nobody_else_gets_its_port(url, data.with_name("other"))
        process.send_signal(signal.SIGINT)
        assert process.wait(STOPPED_WITHIN_S) == 0


def _accounts_are_the_same(first: dict[str, Any], second: dict[str, Any]) -> None:
    changing = {"base_url", "console_url", "emulator_url"}
    assert all(second[name] for name in changing)
    assert {name: first[name] for name in first.keys() - changing} == {
        name: second[name] for name in second.keys() - changing
    }


def _nobody_else_gets_its_port(url: str, other: Path) -> None:
    port = url.rpartition(":")[2]
    failed = run_here("demo", "--once", "--port", port, "--data", other)
    assert failed.returncode == 1
    assert f"cannot listen on port {port}" in failed.stderr
    assert failed.stderr.count("\n") == 1


def _the_client_needs_no_more(credentials: Path) -> None:
    """The variables of the file reach the client's commands once a shell has read it."""
    if WEB[1]:
        line = f". {credentials}; {CALLMARK} labels list"
        listed = subprocess.run(
            [WEB[1], "-c", line], env=ENVIRON, capture_output=True, text=True, check=False, timeout=WITHIN_S
        )
        assert "Acme Deliveries" in listed.stdout, listed.stderr


def _the_page_can_be_pasted(page: str, made: dict[str, Any], data: Path, home: Path) -> None:
    """In an empty folder; an error answer of any request fails it."""
    if not all(WEB):
        return
    program = programs(ROOT / "docs" / page, "sh").replace("/var/lib/callmark-demo", str(data))
    program = program.replace(".venv/bin", str(CALLMARK.parent)).replace("http://127.0.0.1:8700", made["base_url"])
    here = home / Path(page).name
    here.mkdir(parents=True)
    ran = subprocess.run(
        [WEB[1] or "", "-euo", "pipefail", "-c", _FAILING_CURL + program],
        env=ENVIRON | {"HOME": str(here)}, cwd=here, capture_output=True, text=True, check=False, timeout=WITHIN_S,
    )  # fmt: skip
    assert ran.returncode == 0, f"{page}: {ran.stdout[-500:]} {ran.stderr}"


def _the_guide_registers_webhooks(made: dict[str, Any], data: Path, home: Path) -> None:
    """Each way of docs/webhooks.md as it is printed: its sink gets the event that the last lines cause."""
    if not all(WEB):
        return
    page = (ROOT / "docs/webhooks.md").read_text()
    section = page[page.index("## Register a webhook") : page.index("## The request")]
    program = "\n".join(re.findall(r"^```sh\n(.*?)^```", section, re.MULTILINE | re.DOTALL))
    for printed, here in ((".venv/bin", CALLMARK.parent), ("/var/lib/callmark-demo", data)):
        assert printed in program
        program = program.replace(printed, str(here))
    argv = [WEB[1] or "", "-euc", program]
    ran = subprocess.run(
        argv,
        env=ENVIRON | {"HOME": str(home)},
        cwd=home,
        capture_output=True,
        text=True,
        check=False,
        timeout=WITHIN_S,
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.count("whsec_") == 3
    assert json.loads((home / "secrets.json").read_text())["stock"].startswith("whsec_")
    for sink in ("orders", "crm", "stock", "scripts"):
        requests = f"{made['emulator_url']}/sinks/{sink}/requests"
        until(lambda requests=requests: httpx.get(requests, trust_env=False, timeout=60).json())


def _the_example_runs(credentials: Path) -> None:
    argv = [sys.executable, ROOT / "examples/push_and_ring.py", credentials]
    ran = subprocess.run(argv, capture_output=True, text=True, check=True, timeout=WITHIN_S)
    assert "918040001234 calls 919900000003: Acme Deliveries - Your parcel arrives today" in ran.stdout


def _moves_the_clock_everywhere(made: dict[str, Any]) -> None:
    """After two hours what was pushed shows no more, by the handset's own clock; the listed number's label does."""
    emulator = made["emulator_url"]
    shown = f"{emulator}/handsets/919900000001/screen?caller=918040001234"
    assert httpx.get(shown, trust_env=False, timeout=60).json()["name"] == "Acme Deliveries"
    moved = httpx.post(f"{emulator}/clock", json={"advance_s": 7300}, trust_env=False, timeout=60)
    assert moved.status_code == 200
    after = httpx.get(shown, trust_env=False, timeout=60).json()
    assert (after["name"], after["source"]) == ("Acme Support", "listed_number")


def _goes_back_to_the_seed(made: dict[str, Any]) -> None:
    """What was pushed and made is gone; the pairs of the credentials' file work, and numbers are listed."""
    with httpx.Client(base_url=made["emulator_url"] + "/", trust_env=False, timeout=60) as emulator:
        assert emulator.post("accounts", json={"name": "Other"}).status_code == 201
        assert emulator.post("reset", json={"to": "seed"}).status_code == 200
        there = {one["name"]: one for one in emulator.get("accounts").json()}
        assert list(there) == ["Acme Deliveries", "Borealis Bank"]
        for account in made["accounts"]:
            assert [key["key_id"] for key in there[account["name"]]["keys"]] == [account["key_id"]]
            pair = {name: account[name] for name in ("key_id", "api_key")}
            url = f"{made['base_url']}/clients/{account['client_account_id']}/token"
            assert httpx.post(url, json=pair, trust_env=False, timeout=60).status_code == 200
        shown = emulator.get("handsets/919900000001/screen?caller=918040001234").json()
        assert (shown["name"], shown["source"]) == ("Acme Support", "listed_number")
        assert all(one["connected"] == one["online"] for one in emulator.get("handsets").json() if one["registered"])


def test_the_guide_shows_the_lines_that_the_demo_prints() -> None:
    guide = (ROOT / "docs/emulator.md").read_text()
    assert curl_walk(Path("/var/lib/callmark-demo") / CREDENTIALS_ENV) in guide


def test_the_guide_names_every_magic_receiver_key_and_path() -> None:
    guide = (ROOT / "docs/emulator.md").read_text()
    named = [f"…{one.handset.phone_number[-4:]}" if one.handset.phone_number[-4:] == "0009" else "" for one in MAGIC]
    named += [f"`{one.handset.phone_number}`" for one in MAGIC if one.handset.phone_number[-2:] > "09"]
    for word in (*named, *Script.__struct_fields__, "/clock", "/handsets", "/screen", "/calls"):
        assert word in guide
