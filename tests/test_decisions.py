"""What names a decision leads to its page: a link in pages, `docs/decisions/0001-parts.md` elsewhere.

A number alone is refused. It says nothing of the subject, so nobody notices a wrong one.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from tests.support.cases import for_each
from tools.sources import ROOT, sources

PAGES = ROOT / "docs/decisions"
_SOURCES = (".py", ".js", ".ts", ".html", ".css", ".sql", ".sh", ".md", ".yml", ".yaml", ".toml", ".service")
_LINK = re.compile(r"\[[Dd]ecision (\d+)\]\((?:decisions/)?((\d+)[\w-]*\.md)\)")
_PATH = re.compile(r"\bdocs/decisions/(\d[\w-]*\.md)")
_NUMBER = re.compile(r"\bdecisions?[ /]\d+\b(?!\*)", re.IGNORECASE)


def files() -> list[Path]:
    docs = [*ROOT.glob("*.*"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "deploy").rglob("*.*")]
    return [ROOT / "Makefile", *sources(*_SOURCES), *(path for path in docs if path.suffix in _SOURCES)]


def faults(text: str) -> Iterator[str]:
    """What is said of decisions by number alone, with another number, or of a page that does not exist."""
    text = re.sub(r"\s*\n[\s#*/-]*", " ", text)
    for number, page, of_page in _LINK.findall(text):
        if int(number) != int(of_page) or number != str(int(number)):
            yield f"decision {number} links to {page}"
    named = {page for _, page, _ in _LINK.findall(text)} | set(_PATH.findall(text))
    yield from (f"there is no {page}" for page in sorted(named) if not (PAGES / page).exists())
    yield from _NUMBER.findall(_PATH.sub("", _LINK.sub("", text)))


@for_each(
    [
        "(decision 13)",
        "(decision\n# 13)",
        "decisions 8, 13 and 14",
        "docs/decisions/0054",
        "docs/decisions/0054-ownership.md",
        "[decision 72](0076-structs-and-lean-imports.md)",
        "[decision 0015](decisions/0015-generated-clients.md)",
    ]
)
def test_another_spelling_is_found(text: str) -> None:
    assert list(faults(text))


def test_a_link_and_a_path_lead_to_their_page() -> None:
    assert not list(
        faults("[decision\n15](decisions/0015-generated-clients.md), docs/decisions/0054-number-ownership.md")
    )


def test_every_reference_to_a_decision_leads_to_its_page() -> None:
    found = {str(path.relative_to(ROOT)): list(faults(path.read_text())) for path in files() if path != Path(__file__)}
    assert len(found) > 500
    assert {name: said for name, said in found.items() if said} == {}
