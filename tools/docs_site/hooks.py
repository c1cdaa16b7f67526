"""What MkDocs calls while it builds the site: adds what is made from the code, and the texts beside the pages."""

from collections.abc import Iterator
from fnmatch import fnmatch
from functools import cache
from pathlib import Path
from typing import Any, cast

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.nav import Navigation
from mkdocs.structure.pages import Page
from tools.docs_site import examples, reference, texts
from tools.sources import ROOT

ICON = ROOT / "src/callmark/surfaces/static/emulator/icon.svg"
LOOK = ROOT / "tools/docs_site/look/callmark.css"

Entry = str | list["Entry"] | dict[str, "Entry"]
"""A part of the navigation."""

_texts: dict[str, texts.Text] = {}
"""The text of each page of this build, by its path."""


@cache
def made_pages() -> dict[str, str]:
    """Markdown of every page that is no file of docs/, by its path in the site."""
    return {"changelog.md": (ROOT / "CHANGELOG.md").read_text(), **examples.pages(), **reference.pages()}


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Fills in the navigation's `folder/*`."""
    there = {path.relative_to(config.docs_dir).as_posix() for path in Path(config.docs_dir).rglob("*.md")}
    given = cast("Entry", config["nav"])
    config.nav = _expanded(given, sorted(there | set(made_pages())))
    return config


def _expanded(entry: Entry, paths: list[str]) -> Entry:
    match entry:
        case list():
            return [_expanded(one, paths) for one in entry]
        case dict():
            return {title: _expanded(one, paths) for title, one in entry.items()}
        case str() if entry.endswith("/*"):
            return list[Entry](sorted((path for path in paths if fnmatch(path, entry)), key=_index_first))
        case _:
            return entry


def _index_first(path: str) -> tuple[str, bool, str]:
    folder, _, name = path.rpartition("/")
    return folder, name not in {"README.md", "index.md"}, name


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the made pages, our icon and our colours."""
    for path, text in made_pages().items():
        files.append(File.generated(config, path, content=text))
    files.append(File.generated(config, "images/icon.svg", abs_src_path=str(ICON)))
    files.append(File.generated(config, "look/callmark.css", abs_src_path=str(LOOK)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:  # noqa: ARG001 - MkDocs' signature
    """The page's Markdown as the site shows it; kept for its twin."""
    path = page.file.src_uri
    text = texts.for_site(markdown, path)
    if path == "decisions/README.md":
        text += "\n" + "".join(_decisions(Path(config.docs_dir)))
    _texts[path] = texts.Text(texts.title_of(text), text)
    return text


def _decisions(docs: Path) -> Iterator[str]:
    for path in sorted(docs.glob("decisions/0*.md")):
        yield f"- [{texts.title_of(path.read_text())}]({path.name})\n"


def on_nav(nav: Navigation, config: MkDocsConfig, files: Files) -> Navigation:  # noqa: ARG001 - MkDocs' signature
    """Keeps the order of the pages, for llms.txt."""
    texts.SECTIONS.clear()
    for page in nav.pages:
        above = cast("list[Any]", page.ancestors)
        section = str(above[-1].title) if above else "Callmark"
        texts.SECTIONS.setdefault(section, []).append(page.file.src_uri)
    return nav


def on_post_build(config: MkDocsConfig) -> None:
    """Writes the twins in Markdown, llms.txt and llms-full.txt."""
    texts.write(Path(config.site_dir), _texts)
