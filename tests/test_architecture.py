"""docs/architecture.md names files and what is in them: all of it is there. A class is unique in the tree."""

import ast
import re
from collections import Counter
from pathlib import Path

from tests.support.cases import for_each

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src/callmark"
PAGE = (ROOT / "docs/architecture.md").read_text()
_NAMED = re.compile(r"`([a-z_./0-9]+?/[\w./]*|\w+\.(?:py|toml|md))(?:: (\w+))?`")
"""`path` or `path: name`."""


def named() -> list[tuple[str, str]]:
    return sorted({(path, name or "") for path, name in _NAMED.findall(PAGE) if not path.startswith("/")})


def file_of(path: str) -> Path:
    """Below the package for its floors, else below the project."""
    return next((place for place in (SOURCE / path, ROOT / path) if place.exists()), SOURCE / path)


def test_the_page_names_enough_to_be_worth_checking() -> None:
    assert len(named()) > 80


@for_each(named())
def test_what_the_page_names_exists(place: tuple[str, str]) -> None:
    path, name = place
    file = file_of(path)
    assert file.exists(), f"{path} is not there"
    if name:
        defined = rf"^(?:async )?(?:def|class) {name}\b|^{name}\b.*="
        assert re.search(defined, file.read_text(), re.MULTILINE), f"{path} defines no {name}"


def test_every_thing_of_the_domain_is_named() -> None:
    folders = {f"domain/{found.parent.name}/" for found in (SOURCE / "domain").glob("*/__init__.py")}
    assert len(folders) > 30
    assert folders - {path for path, _ in named()} == set()


def test_a_word_can_be_looked_up_in_the_glossary() -> None:
    words = re.findall(r"^\| `?([^|`]+?)`? \|", (ROOT / "docs/glossary.md").read_text(), re.MULTILINE)
    assert len(words) > 100
    assert words[1:] == sorted(words[1:], key=str.casefold)


def repeated(sources: list[Path], pattern: str) -> list[str]:
    names = Counter(name for path in sources for name in re.findall(pattern, path.read_text(), re.MULTILINE))
    assert len(names) > 50
    return [name for name, count in names.items() if count > 1]


def test_no_two_classes_have_the_same_name() -> None:
    """Nor does the client library name two things alike; it has its own words for what the server also names."""
    library = [*(SOURCE / "client").rglob("*.py")]
    server = [path for path in SOURCE.rglob("*.py") if path not in library]
    assert repeated(server, r"^class (\w+)") == []
    assert repeated(library, r"^class ([A-Z]\w*)") == []


def test_no_test_imports_another_test() -> None:
    taken = re.compile(r"^(?:from|import) tests\.(?:\w+\.)*test_\w+", re.MULTILINE)
    found = [
        str(path.relative_to(ROOT)) for path in sorted((ROOT / "tests").rglob("*.py")) if taken.search(path.read_text())
    ]
    assert found == [], "what several tests use stands in a module of its own, in their folder or in tests/support"


def test_get_raises_and_find_gives_none() -> None:
    for path in [*(SOURCE / "domain").rglob("*.py"), *(SOURCE / "surfaces").rglob("*.py")]:
        for one in ast.walk(ast.parse(path.read_text())):
            if isinstance(one, ast.AsyncFunctionDef) and one.returns:
                kind = one.name.lstrip("_").partition("_")[0]
                assert kind != "get" or not ast.unparse(one.returns).endswith("| None"), f"{path}: {one.name}"
                assert kind != "find" or "NotFound" not in (ast.get_docstring(one) or ""), f"{path}: {one.name}"


_CLEAN_UP = re.compile(r"(close|stop|aclose|__aexit__|stop_\w+|close_\w+|drained)$")


def bounded_clean_ups(tree: ast.AST) -> list[int]:
    """Lines of `asyncio.timeout` where a task cleans up that may have been cancelled; for `kit.tasks.ends_within`."""
    within: list[ast.AST] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.AsyncFunctionDef) and _CLEAN_UP.match(node.name):
            within.append(node)
        elif isinstance(node, ast.Try):
            within += node.finalbody
    calls = {node for inside in within for node in ast.walk(inside) if isinstance(node, ast.Call)}
    return sorted({call.lineno for call in calls if ast.unparse(call.func) == "asyncio.timeout"})


def test_a_bound_of_a_clean_up_holds_in_a_task_that_was_cancelled() -> None:
    """On every Python that we support: with `asyncio.timeout` what comes after the time was not done on some."""
    assert bounded_clean_ups(ast.parse("async def close():\n async with asyncio.timeout(1): ...")) == [2]
    assert bounded_clean_ups(ast.parse("try: ...\nfinally:\n asyncio.timeout(1)")) == [3]
    found = {
        str(file.relative_to(ROOT)): bounded_clean_ups(ast.parse(file.read_text())) for file in SOURCE.rglob("*.py")
    }
    assert {name: lines for name, lines in found.items() if lines} == {}
