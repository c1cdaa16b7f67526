"""Every code block of the documentation is one that works.

What can be judged as it stands is judged here: JSON, YAML and TOML are read, programs are compiled, and the lines of a
shell name only commands, options, targets, files and addresses that exist. The tests in `RUN_BY`, and the demo's, run
the blocks of their pages.
"""

import ast
import json
import os.path
import re
import shlex
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
import yaml
from tests.support.cases import for_each
from tests.support.markdown import PAGES, ROOT, Block, blocks
from tests.support.openapi import DOCUMENTS, operations

from callmark.main import cli

ALL = [block for page in PAGES for block in blocks(page)]
READERS = {"json": json.loads, "yaml": yaml.safe_load, "toml": tomllib.loads, "python": ast.parse}
SHOWN = {"", "text", "csv", "js", "kotlin", "ini", "nginx", "http"}
"""Output, other programs' files, and `js` and `kotlin`, which are compared with the files that they come from."""
RUN_BY = {
    "docs/client.md": "tests/client/test_docs.py",
    "docs/client-commands.md": "tests/client/cli/test_docs.py",
    "docs/config-file.md": "tests/client/cli/test_account_file.py",
    "docs/passport.md": "tests/passport/test_docs.py",
    "docs/receiving.md": "tests/client/test_docs.py",
    "docs/signed-calls-operators.md": "tests/surfaces/cli/test_signed_call_commands.py",
    "docs/testing.md": "tests/testing/test_projects.py",
    "docs/webhooks.md": "tests/e2e/test_demo.py",
    "examples/dialer/README.md": "tests/examples/test_pushing.py",
    "examples/handset_app/README.md": "tests/examples/test_handset_app.py",
    "examples/receivers/README.md": "tests/examples/test_receivers.py",
}
MOST_UNTESTED = 30
_MAKEFILE = (ROOT / "Makefile").read_text()
_TARGETS = set(re.findall(r"^([a-z0-9-]+):", _MAKEFILE, re.MULTILINE))
_PATHS = [one.path.split("/") for of in DOCUMENTS for one in operations(of)]


def of_language(*languages: str) -> list[Block]:
    return [block for block in ALL if block.language in languages]


def test_there_are_blocks_of_each_kind_and_of_no_other() -> None:
    assert len(ALL) > 90
    assert {block.language for block in ALL} <= {*READERS, *SHOWN, "sh"}
    assert [str(block) for block in ALL if block.rest] == []


def test_lines_can_be_pasted_into_any_shell() -> None:
    """At its prompt zsh, which macOS has, takes what follows `#` as arguments, and `?` in an address as a pattern."""
    found: list[str] = []
    for block in of_language("sh"):
        for line in block.text.splitlines():
            bare = re.sub(r"'[^']*'|\"\$\(.*\)\"|\"[^\"]*\"|\$\?", "quoted", line)
            if re.search(r"(^|\s)#|\?", bare):
                found.append(f"{block}: {line}")
    assert found == []


def test_few_blocks_are_not_run_and_each_says_why() -> None:
    reasons = {str(block): block.untested for block in ALL if block.untested}
    assert {where for where, reason in reasons.items() if len(reason) < len("never ends")} == set()
    assert len(reasons) <= MOST_UNTESTED, reasons


def test_a_page_with_programs_is_run_by_a_test_that_names_it() -> None:
    for page, test in RUN_BY.items():
        assert (ROOT / page).name in (ROOT / test).read_text() or "README" in page
    run = {*RUN_BY, *(os.path.normpath(f"docs/{name}") for name in pages_of_the_demo())}
    left = {
        block.page.relative_to(ROOT).as_posix() for block in of_language("sh", "python") if not block.untested
    } - run
    assert left == set(), "run their blocks, or say in their opening line why they are not run"


def pages_of_the_demo() -> list[str]:
    """Those that tests/e2e/test_demo.py runs."""
    found = re.search(r"^PASTED = \((.*?)\)$", (ROOT / "tests/e2e/test_demo.py").read_text(), re.MULTILINE | re.DOTALL)
    assert found
    return re.findall(r'"([\w./-]+\.md)"', found[1])


@for_each(of_language(*READERS))
def test_data_and_programs_can_be_read(block: Block) -> None:
    READERS[block.language](block.text)


def test_bash_can_read_shell_lines(tmp_path: Path) -> None:
    """One bash for all, since none of them is run; it tells of each that is wrong."""
    for number, block in enumerate(of_language("sh")):
        (tmp_path / f"{number:03}-{block.page.name}").write_text(block.text)
    command = ["/bin/bash", "-c", 'for one; do "$BASH" -n "$one"; done', "bash", *sorted(tmp_path.iterdir())]
    checked = subprocess.run(command, capture_output=True, check=False)
    assert checked.stderr.decode() == ""


@for_each(of_language("sh"))
def test_shell_lines_name_only_what_exists(block: Block) -> None:
    for words in commands(block.text):
        match words:
            case ["make", "-C", _, *targets] | ["make", *targets]:
                assert {one for one in targets if "=" not in one} <= _TARGETS
            case ["callmark", *rest]:
                check_command(rest)
            case _:
                pass
    for path in re.findall(r"(?<![\w/$}])(?:examples|deploy|tools)/[\w./-]+", block.text):
        assert (ROOT / path).exists(), path
    for path in re.findall(r"(?<=\$BASE_URL)/[^\s\"')]+", block.text):
        sent = path.partition("?")[0].split("/")
        assert any(begins_with(known, sent) for known in _PATHS), path


def test_pages_name_only_targets_of_make_that_exist() -> None:
    pages = [page for page in (*PAGES, ROOT / "SECURITY.md") if page.name != "CHANGELOG.md"]
    named = {one for page in pages for one in re.findall(r"`make ((?!-)[a-z0-9-]+)[^`]*`", page.read_text())}
    assert named > {"bench", "chaos", "check-audit", "demo", "test"}
    assert named - _TARGETS == set()


def test_what_make_calls_a_target_has_a_rule() -> None:
    phony = set(re.findall(r"(?<=[ ])[a-z0-9-]+", " ".join(re.findall(r"^\.PHONY:.*", _MAKEFILE, re.MULTILINE))))
    assert phony > {"demo", "soak"}
    assert phony - _TARGETS == set()


def begins_with(known: list[str], sent: list[str]) -> bool:
    """Whether the parts of a path begin those of a documented one; variables and parameters fit anything."""
    return len(sent) <= len(known) and all(
        one == two or one.startswith("{") or two.startswith("$") for one, two in zip(known, sent, strict=False)
    )


def commands(text: str) -> Iterator[list[str]]:
    """The simple commands of a script, without what is set before them; those inside of `$(…)` too."""
    for line in text.replace("\\\n", " ").splitlines():
        for part in re.split(r"\$\(|&&|\|\|?|;|\bthen\b|\bdo\b", line):
            try:
                words = shlex.split(part, comments=True)
            except ValueError:  # cut inside quotes: bash itself has judged it
                words = part.split()
            while words and re.fullmatch(r"\w+=.*|sudo|env|!", words[0]):
                words = words[1:]
            if words:
                yield [words[0].rpartition("/")[2], *words[1:]]


def check_command(words: list[str]) -> None:
    command: click.Command | None = cli
    context = click.Context(cli)
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        command, words = command.get_command(context, words[0]), words[1:]
    assert command, words
    known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    used = {word.partition("=")[0] for word in words if re.match(r"--?[a-z]", word)}
    assert used <= known | {"--help", "--version"}
