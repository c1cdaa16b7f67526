"""Static files: versioned, compressed, and nothing beside them."""

import runpy
import shutil
from collections.abc import AsyncGenerator
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette

from callmark.surfaces import assets


@pytest.fixture
async def http() -> AsyncGenerator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(Starlette(routes=assets.routes()))
    async with httpx.AsyncClient(transport=transport, base_url="http://callmark.test") as client:
        yield client


async def test_a_file_is_kept_for_ever_by_its_version_and_else_asked_for_again(http: httpx.AsyncClient) -> None:
    url = assets.url("console/console.css")
    versioned = await http.get(url)
    plain = await http.get("/static/console/console.css")
    old = await http.get("/static/console/console.css?v=old")
    assert "immutable" in versioned.headers["cache-control"]
    assert plain.headers["cache-control"] == old.headers["cache-control"] == "no-cache"
    assert versioned.text == plain.text == (assets.FOLDER / "console/console.css").read_text()


async def test_a_client_that_cannot_unzip_gets_the_same_bytes(http: httpx.AsyncClient) -> None:
    zipped = await http.get("/static/console/console.js")
    plain = await http.get("/static/console/console.js", headers={"Accept-Encoding": "identity"})
    assert zipped.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert zipped.content == plain.content
    assert zipped.headers["etag"] != plain.headers["etag"]


async def test_a_file_that_a_client_holds_is_not_sent_again(http: httpx.AsyncClient) -> None:
    url = "/static/console/console.css"
    tag = (await http.get(url)).headers["etag"]
    for condition, status in ((tag, 304), (f"W/{tag}", 304), (f'"x", W/{tag}', 304), (f'"x{tag[1:]}', 200), ("", 200)):
        assert (await http.get(url, headers={"If-None-Match": condition})).status_code == status, condition


@pytest.mark.parametrize(
    "path", ["../assets.py", "%2e%2e/assets.py", "..%2fassets.py", "console", "", "nothing.css", "%2fetc%2fpasswd"]
)
async def test_nothing_beside_the_folder_is_served(http: httpx.AsyncClient, path: str) -> None:
    assert (await http.get(f"/static/{path}")).status_code == 404


TOOL = Path(__file__).parents[2] / "tools/assets.py"


def test_what_is_missed_is_what_the_build_brings_in() -> None:
    brought = {path.relative_to(assets.FOLDER).as_posix() for path in runpy.run_path(str(TOOL))["expected"]()}
    served = {name for name in brought if Path(name).suffix in {".js", ".css", ".svg"}}
    assert served == set(assets.BROUGHT_IN)
    assert assets.missing() == []


def test_a_build_without_the_browsers_files_says_what_to_run(tmp_path: Path) -> None:
    (tmp_path / "tools").mkdir()
    copied = shutil.copy(TOOL, tmp_path / "tools")
    with pytest.raises(SystemExit, match="Run `make assets` first"):
        runpy.run_path(str(copied))["demand"]()


def test_style_sheets_that_are_brought_in_are_such_that_browsers_parse_once(tmp_path: Path) -> None:
    (tmp_path / "tools").mkdir()
    (tmp_path / "node_modules").symlink_to(TOOL.parents[1] / "node_modules")
    tool = runpy.run_path(str(shutil.copy(TOOL, tmp_path / "tools")))
    tool["main"]()
    sheets = [file for file in tool["expected"]() if file.suffix == ".css"]
    assert sheets
    assert [file for file in sheets if b"@charset" in file.read_bytes()] == []
