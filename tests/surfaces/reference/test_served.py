"""What is served where: the documents by role, the page with everything it needs and nothing that its policy stops."""

import re

import httpx
import msgspec
import pytest
from msgspec.structs import replace

from callmark.domain.deps import Deps
from callmark.surfaces.app import build_app

_API = {"/openapi.json", "/docs"}
_GATEWAY = {"/asyncapi.json", "/handset/openapi.json", "/docs/handset"}
_STIR = {"/stir/openapi.json", "/docs/stir"}
_EMULATOR = {"/emulator/openapi.json", "/docs/emulator"}


def client(deps: Deps, *roles: str) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(build_app(deps, frozenset(roles)))
    return httpx.AsyncClient(transport=transport, base_url="http://callmark.test")


@pytest.mark.parametrize(
    ("role", "there", "elsewhere"),
    [
        ("api", _API, _GATEWAY | _STIR | _EMULATOR),
        ("gateway", _GATEWAY, _API | _STIR | _EMULATOR),
        ("stir", _STIR, _API | _GATEWAY | _EMULATOR),
    ],
)
async def test_a_role_serves_its_own_documents(deps: Deps, role: str, there: set[str], elsewhere: set[str]) -> None:
    async with client(deps, role) as http:
        assert {path: (await http.get(path)).status_code for path in there} == dict.fromkeys(there, 200)
        assert {path: (await http.get(path)).status_code for path in elsewhere} == dict.fromkeys(elsewhere, 404)


async def test_a_document_names_this_installation_and_need_not_be_sent_twice(deps: Deps) -> None:
    async with client(deps, "api", "gateway") as http:
        first = await http.get("/openapi.json")
        assert first.json()["servers"][0]["url"] == deps.public_url
        assert first.headers["content-type"] == "application/json"
        known = {"If-None-Match": f'"other", W/{first.headers["etag"]}'}
        again = await http.get("/openapi.json", headers=known)
        assert (again.status_code, again.content) == (304, b"")
        assert (await http.get("/asyncapi.json", headers=known)).status_code == 200


async def test_the_emulators_document_is_there_where_the_emulator_is(deps: Deps) -> None:
    settings = msgspec.structs.replace(deps.settings, emulator=True)
    async with client(replace(deps, settings=settings), "console") as http:
        assert {path: (await http.get(path)).status_code for path in _EMULATOR} == dict.fromkeys(_EMULATOR, 200)


@pytest.mark.parametrize(
    ("page", "document"),
    [
        ("/docs", "/openapi.json"),
        ("/docs/handset", "/handset/openapi.json"),
        ("/docs/emulator", "/emulator/openapi.json"),
        ("/docs/stir", "/stir/openapi.json"),
    ],
)
async def test_a_page_needs_nothing_from_elsewhere_and_no_inline_script(deps: Deps, page: str, document: str) -> None:
    settings = msgspec.structs.replace(deps.settings, emulator=True)
    async with client(replace(deps, settings=settings), "api", "gateway", "stir", "console") as http:
        told = await http.get(page)
        policy = told.headers["content-security-policy"]
        assert "unsafe" not in policy
        assert "default-src 'none'" in policy
        assert re.findall(r"<script(?![^>]* src=)|<style|\sstyle=|\son\w+=", told.text) == []
        wanted = set(re.findall(r'(?:href|src)="([^"]+)"', told.text))
        assert {document, "/asyncapi.json", "/docs", "/docs/handset", "/docs/stir", "/docs/emulator"} < wanted
        assert re.findall(r'href="([^"]+)" aria-current="page"', told.text) == [page]
        assert f'data-document="{document}"' in told.text
        assert all(path.startswith("/") for path in wanted)
        assert {path: (await http.get(path)).status_code for path in wanted} == dict.fromkeys(wanted, 200)
        script = (await http.get("/static/reference/start.js")).text
        assert re.findall(r'"(/[\w./-]+)"', script) == []
