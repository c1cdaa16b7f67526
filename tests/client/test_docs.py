"""The programs of docs/client.md run as they are printed, one after the other, and print what the page says."""

import asyncio
import contextlib
import io
import re
from pathlib import Path
from typing import Any

import pytest
from tests.client.cli.conftest import working
from tests.client.conftest import Platform
from tests.client.webhook_events import CALLBACK, SECRET, event, signed
from tests.support.markdown import programs

import callmark

PAGES = Path(__file__).parents[2] / "docs"
PAGE = (PAGES / "client.md").read_text()
PROGRAMS = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


async def test_the_programs_of_the_guide(platform: Platform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in platform.options.items():
        monkeypatch.setenv(f"CALLMARK_{name.upper()}", value)
    monkeypatch.chdir(tmp_path)
    async with working(platform):
        printed = await asyncio.to_thread(run, "\n".join(PROGRAMS))
    assert "success Record processed successfully" in printed
    assert "919900000001 success" in printed
    assert "{'pending': 0, 'success': 1, 'error': 2, 'invalid': 0}" in printed
    assert "reason - reason must be between 10 and 100 characters" in printed
    assert "0 reciever reciever is not a field of a record; do you mean receiver?" in printed
    assert "nobody asked to be called back" in printed
    assert "call 919900112233" in printed


def test_the_receiver_of_the_guide_refuses_what_is_not_signed_and_takes_an_event_once(
    capsys: pytest.CaptureFixture[str],
) -> None:
    names: dict[str, Any] = {"__name__": "guide"}
    exec(programs(PAGES / "receiving.md", "python"), names)
    assert capsys.readouterr().out == "400\n"
    names["SECRET"] = SECRET
    body = event("cmb", CALLBACK)
    headers = signed(body)
    assert [names["received"](body, headers) for _ in range(2)] == [204, 204]
    assert capsys.readouterr().out.count("cmb") == 1


def run(program: str) -> str:
    """What a program prints; its function is called with a webhook, and the client closed."""
    names: dict[str, object] = {"__name__": "guide"}
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(program, names)
        body = event("cmb", CALLBACK)
        received = names["received"]
        assert callable(received)
        received(body, signed(body), SECRET)
    for name in ("client", "shared"):
        client = names[name]
        assert isinstance(client, callmark.Client)
        client.close()
    return out.getvalue()


@pytest.mark.parametrize(
    ("opening", "kind"),
    [
        ("Every event is a `callmark.Event`", callmark.Event),
        ("A `CallMeBackEvent`", callmark.CallMeBackEvent),
        ("A `FeedbackEvent`", callmark.FeedbackEvent),
    ],
)
def test_the_page_has_every_attribute_of_an_event_and_no_other(opening: str, kind: type[callmark.Event]) -> None:
    paragraph, table = PAGE[PAGE.index(f"\n{opening}") :].split("\n\n")[:2]
    names = {name for first in re.findall(r"^\| (`.*?) \|", table, re.MULTILINE) for name in re.findall(r"\w+", first)}
    assert names == attributes(kind) - (attributes(callmark.Event) if "also has" in paragraph else set())


def attributes(kind: type[callmark.Event]) -> set[str]:
    """What a program reads of an event, its properties too."""
    return {name for name in (*kind.__dataclass_fields__, *dir(kind)) if not name.startswith("_")}


def test_every_name_of_the_library_is_on_the_page_or_made_by_it() -> None:
    """Classes that users name in their programs; the others come out of methods."""
    told = set(re.findall(r"\b[A-Z]\w+\b", PAGE)) | {"webhooks"}
    named = {name for name in callmark.__dir__() if name.endswith(("Error", "Event", "Store", "Client"))}
    assert named - told <= {"Event", "MemoryTokenStore", "TokenStore"}
