"""The documentation's site, built once as `make docs` builds it: whole, of itself, with its text beside each page."""

import json
import os.path
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
_LOADED = {"script": "src", "img": "src", "iframe": "src", "source": "src", "audio": "src", "video": "src"}
_LOADING_TAG = re.compile(rf"<(?:link|{'|'.join(_LOADED)})\b(?:[^\"'>]|\"[^\"]*\"|'[^']*')*>|</script>", re.IGNORECASE)
"""The parser gets these alone: most of a page is menu and text, which takes it ten times as long."""
_LOADED_LINKS = {"stylesheet", "icon", "preload", "preconnect", "dns-prefetch", "modulepreload", "manifest"}


class _Loaded(HTMLParser):
    """The addresses that a browser asks for when it shows a page."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "link" and _LOADED_LINKS & set((given.get("rel") or "").split()):
            self.addresses.append(given.get("href") or "")
        if name := _LOADED.get(tag):
            self.addresses.append(given.get(name) or "")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("docs") / "site"
    argv = [sys.executable, "-m", "tools.docs_site.build", str(folder)]
    built = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)
    assert built.returncode == 0, f"dead links, or pages that mkdocs.yml does not name:\n{built.stderr}"
    return folder


def test_no_page_loads_anything_from_another_host(site: Path) -> None:
    found: list[str] = []
    loaded = 0
    for page in site.rglob("*.html"):
        parser = _Loaded()
        parser.feed("".join(_LOADING_TAG.findall(page.read_text())))
        loaded += len(parser.addresses)
        found += [one for one in parser.addresses if re.match(r"(https?:)?//", one)]
    for sheet in site.rglob("*.css"):
        found += re.findall(r"(?:url\(|@import )[\"']?(?:https?:)?//[^)]*", sheet.read_text())
    assert found == []
    assert loaded > 1000, "scripts, style sheets and icons of each page"


def test_each_page_has_its_text_beside_it_and_a_line_in_llms_txt(site: Path) -> None:
    pages = [path.relative_to(site) for path in site.rglob("*.html") if path.name != "404.html"]
    listed = re.findall(r"^- \[.+?\]\((.+?)\): .*$", (site / "llms.txt").read_text(), re.MULTILINE)
    assert len(pages) > 50
    assert sorted(listed) == sorted(page.with_suffix(".md").as_posix() for page in pages)
    whole = (site / "llms-full.txt").read_text()
    for twin in listed:
        text = (site / twin).read_text()
        assert text.startswith("# ")
        assert twin in whole


def test_the_links_of_the_texts_lead_to_texts(site: Path) -> None:
    texts = [*site.rglob("*.md"), site / "llms-full.txt"]
    links = [(twin, link) for twin in texts for link in linked(twin.read_text())]
    assert [link for twin, link in links if not Path(os.path.normpath(twin.parent / link)).exists()] == []


def test_a_name_is_found_by_what_people_type_of_it(site: Path) -> None:
    index = json.loads((site / "search/search_index.json").read_text())
    shown = "\n".join(re.sub(r"<[^>]*>", " ", page["text"]) for page in index["docs"])
    words = {word.lower() for word in re.split(index["config"]["separator"], shown)}
    settings = {name.lower() for name in re.findall(r"CALLMARK_([A-Z][A-Z_]+[A-Z])\b", shown)}
    assert len(settings) > 50
    assert settings - words == set(), "without the prefix"
    assert {"push_many", "dynamic_call_records", "openapi.json"} - words == set(), "whole, also inside a path"


def linked(markdown: str) -> list[str]:
    """What the prose links to, without other hosts."""
    prose = re.sub(r"^( *)```.*?^\1```", "", markdown, flags=re.MULTILINE | re.DOTALL)
    return re.findall(r"\]\((?!https?:|#)([^)#\s]+)", re.sub(r"`[^`\n]+`", "", prose))


def test_the_readme_s_links_lead_somewhere() -> None:
    links = linked((ROOT / "README.md").read_text())
    assert len(links) > 5
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_pictures_are_small_and_each_is_shown() -> None:
    shown = "".join(page.read_text() for page in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
    pictures = list((ROOT / "docs/images").iterdir())
    assert len(pictures) > 8
    assert {one.name: size for one in pictures if (size := one.stat().st_size) > 150_000} == {}
    assert [one.name for one in pictures if f"images/{one.name}" not in shown] == []
