"""Markdown as the site shows it, and what is written beside the pages: a twin of each in Markdown, and llms.txt."""

import os.path
import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from markdown.extensions.toc import slugify
from tools.docs_site.examples import name_of
from tools.sources import ROOT

SECTIONS: dict[str, list[str]] = {}
"""The pages of each section of the navigation, in its order."""
FENCE = re.compile(r"^( *)```([a-z]+)(?: +\w+=\"[^\"]*\")*$", re.MULTILINE)
"""The opening of a code block; what stands behind the language is for the tests."""
_LINK = re.compile(r"(\]\()(?!https?:|mailto:|#)([^)#\s]+)(#[^)\s]*)?\)")
_CODE = re.compile(r"^( *)```.*?^\1```|`[^`\n]+`", re.MULTILINE | re.DOTALL)
_NO_PROSE = ("#", "|", "```", "!", "<", "[", "- ", "* ")
_ABOUT = "Open, self-hosted platform for verified business caller ID, wire-compatible with the Verified Business APIs."


class Text(NamedTuple):
    """A page's title and its Markdown."""

    title: str
    markdown: str


def title_of(markdown: str) -> str:
    """The first heading. Raises LookupError for a page without one."""
    found = re.search(r"^# (.+)$", markdown, re.MULTILINE)
    if found is None:
        raise LookupError(f"a page without a title: {markdown[:60]!r}")
    return found[1].replace("`", "")


def for_site(markdown: str, path: str) -> str:
    """A page's Markdown with links that lead inside the site, and plain openings of code blocks."""
    source = PurePosixPath(_source_of(path))

    def linked(match: re.Match[str]) -> str:
        target = os.path.normpath(source.parent / match[2])
        place, anchor = _place_of(target, match[3] or "")
        return f"{match[1]}{os.path.relpath(place, PurePosixPath(path).parent)}{anchor})"

    return FENCE.sub(r"\1```\2", _LINK.sub(linked, markdown))


def _source_of(path: str) -> str:
    """The file of the project that a page of the site comes from."""
    if path == "changelog.md":
        return "CHANGELOG.md"
    return path if path.startswith("examples/") else f"docs/{path}"


def _place_of(target: str, anchor: str) -> tuple[str, str]:
    """Where the site shows a file of the project."""
    if target == "CHANGELOG.md":
        return "changelog.md", anchor
    if target.startswith("examples/") and not target.endswith(".md"):
        file = ROOT / target
        readme = next(one for one in (file, *file.parents) if (one / "README.md").exists()) / "README.md"
        inside = "" if file.is_dir() else "#" + slugify(name_of(file), "-")
        return readme.relative_to(ROOT).as_posix(), inside
    return target.removeprefix("docs/"), anchor


def write(site: Path, pages: Mapping[str, Text]) -> None:
    """The twins, `llms.txt` with a line for each page, and `llms-full.txt` with all of them."""
    lines, whole = [f"# Callmark\n\n> {_ABOUT}\n"], list[str]()
    for section, paths in SECTIONS.items():
        lines.append(f"\n## {section}\n\n")
        for path in paths:
            page, twin = pages[path], twin_of(path)
            text = page.markdown.replace("README.md", "index.md")
            (site / twin).write_text(text)
            lines.append(f"- [{page.title}]({twin}): {first_sentence(page.markdown) or page.title}\n")
            whole.append(f"<!-- {twin} -->\n\n{from_root(text, twin).strip()}\n\n")
    (site / "llms.txt").write_text("".join(lines))
    (site / "llms-full.txt").write_text("".join(whole))


def from_root(markdown: str, path: str) -> str:
    """A page's Markdown with links as they lead from the root of the site; code stays as it is."""
    folder = PurePosixPath(path).parent

    def linked(match: re.Match[str]) -> str:
        return f"{match[1]}{os.path.normpath(folder / match[2])}{match[3] or ''})"

    written, at = list[str](), 0
    for code in _CODE.finditer(markdown):
        written += [_LINK.sub(linked, markdown[at : code.start()]), code[0]]
        at = code.end()
    return "".join([*written, _LINK.sub(linked, markdown[at:])])


def first_sentence(markdown: str) -> str:
    """What a page begins with after its title, without links; empty for one that begins with a table or a list."""
    start = next((part for part in markdown.split("\n\n")[1:] if not part.startswith(_NO_PROSE)), "")
    plain = " ".join(re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", start).replace("**", "").split())
    return re.split(r"(?<=\.) ", plain)[0].rstrip(":")


def twin_of(path: str) -> str:
    """The Markdown beside a page's HTML."""
    return path.replace("README.md", "index.md")
