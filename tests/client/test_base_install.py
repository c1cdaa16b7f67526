"""What `pip install callmark` alone gives: the library, and a command that says how to get the rest."""

import ast
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from importlib import metadata
from importlib.resources import files
from pathlib import Path

import pytest
from tests.client.cli.record_files import GOOD, HEAD
from tests.support.workbooks import book

import callmark.client
import callmark.testing
from callmark.main import CLIENT_COMMANDS

SOURCE = Path(__file__).parents[2] / "src"
_NAME = re.compile(r"[A-Za-z0-9._-]+")


def distributions() -> dict[str, metadata.Distribution]:
    """What the base install brings: callmark's own requirements, and theirs; no extras."""
    found: dict[str, metadata.Distribution] = {}
    wanted = list(required("callmark"))
    while wanted:
        name = wanted.pop()
        if name not in found:
            found[name] = metadata.distribution(name)
            wanted += required(name)
    return found


def required(name: str) -> Iterator[str]:
    for line in metadata.requires(name) or []:
        if "extra ==" not in line and "sys_platform" not in line and "platform_system" not in line:
            match = _NAME.match(line)
            assert match
            try:
                metadata.distribution(match[0])
            except metadata.PackageNotFoundError:
                assert "python_version" in line, f"{match[0]}, which {name} needs, is not here"  # an older Python's
            else:
                yield match[0].lower()


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory that holds the base install and nothing else."""
    here = tmp_path_factory.mktemp("base")
    for one in [*distributions().values(), metadata.distribution("callmark")]:
        for top in {file.parts[0] for file in one.files or [] if file.parts[0] not in {"..", "__pycache__"}}:
            found = Path(str(one.locate_file(top)))
            if found.exists() and not (here / top).exists():
                (here / top).symlink_to(found)
    return here


def run(base: Path, *args: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    """Python with the base install alone."""
    environment = {"PYTHONPATH": f"{base}:{SOURCE}", "PATH": "/usr/bin:/bin", "HOME": str(base), **variables}
    return subprocess.run(
        [sys.executable, "-S", *args], env=environment, capture_output=True, text=True, check=False, timeout=60
    )


NOTHING: Mapping[str, str] = {}
_FORKED = """
import json, os, sys
import callmark.client
from callmark.main import cli
for words, variables in json.loads(sys.argv[1]):
    if not os.fork():
        os.environ.update(variables)
        cli(words, prog_name="callmark")
    print(f"ended with {os.waitstatus_to_exitcode(os.wait()[1])}", file=sys.stderr, flush=True)
"""


def run_each(base: Path, *lines: tuple[list[str], Mapping[str, str]]) -> list[tuple[int, str]]:
    """The exit code, and what it says on standard error, of commands with the base install alone.

    Each begins from the same program, which has imported the library, and reads its variables.
    """
    done = run(base, "-c", _FORKED, json.dumps(lines))
    assert done.returncode == 0, done.stderr
    said = re.split(r"^ended with (\d+)\n", done.stderr, flags=re.MULTILINE)
    return [(int(code), text) for text, code in zip(said[::2], said[1::2], strict=False)]


def test_it_brings_what_is_promised_and_no_server(base: Path) -> None:
    assert {"httpx", "msgspec", "click", "rich"} <= distributions().keys()
    done = run(base, "-c", "import starlette")
    assert "No module named 'starlette'" in done.stderr


def test_what_the_library_imports_is_declared() -> None:
    """What others bring along may be gone with their next version."""
    project = tomllib.loads((SOURCE.parent / "pyproject.toml").read_text())["project"]
    lines = [*project["dependencies"], *project["optional-dependencies"]["files"]]
    declared = {match[0] for line in lines if (match := _NAME.match(line))}
    imported = {name for file in (SOURCE / "callmark/client").rglob("*.py") for name in imports(file)}
    assert {"pyyaml" if name == "yaml" else name for name in imported} <= declared


def imports(file: Path) -> Iterator[str]:
    """The packages of others that a file imports, by their module."""
    for node in ast.walk(ast.parse(file.read_text())):
        modules = [one.name for one in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            modules.append(node.module or "")
        for module in modules:
            if (top := module.partition(".")[0]) not in sys.stdlib_module_names | {"callmark"}:
                yield top


def test_the_whole_library_can_be_imported(base: Path) -> None:
    program = "import callmark; [getattr(callmark, name) for name in dir(callmark)]; print(callmark.Client.__module__)"
    done = run(base, "-W", "error", "-c", program)
    assert (done.stdout, done.stderr) == ("callmark.client.sync_client\n", "")


def test_importing_costs_next_to_nothing_and_touches_nothing_of_the_server(base: Path) -> None:
    program = (
        "import sys, callmark; print('httpx' in sys.modules, 'msgspec' in sys.modules)\n"
        "callmark.Client, callmark.webhooks\n"
        "ours = {name.split('.')[1] for name in sys.modules if name.startswith('callmark.')}\n"
        "print(sorted(ours))"
    )
    assert run(base, "-c", program).stdout == "False False\n['broken_json', 'client', 'webhooks']\n"


def test_webhooks_can_be_imported_as_they_are_written(base: Path) -> None:
    """Each begins from the same program, which has imported what ours needs, and nothing of ours."""
    ways = (
        "from callmark.webhooks import unwrap",
        "import callmark.webhooks; unwrap = callmark.webhooks.unwrap",
        "from callmark import webhooks; from callmark.webhooks import unwrap",
    )
    program = f"""
import os, sys, httpx, msgspec
assert not [name for name in sys.modules if name.startswith("callmark")]
for way in {ways!r}:
    if not os.fork():
        exec(way + "; import callmark; print(unwrap is callmark.webhooks.unwrap, way, flush=True)")
        os._exit(0)
    os.wait()
"""
    done = run(base, "-W", "error", "-c", program)
    assert (done.stdout.splitlines(), done.stderr) == ([f"True {way}" for way in ways], "")


def test_the_package_is_the_command(base: Path) -> None:
    assert run(base, "-m", "callmark", "--version").stdout.startswith("python -m callmark, version")


def test_a_name_that_is_none_is_an_attribute_error(base: Path) -> None:
    done = run(base, "-c", "import callmark; callmark.Cliant")
    assert "AttributeError: module 'callmark' has no attribute 'Cliant'" in done.stderr


def test_a_misspelt_name_is_one_for_type_checkers_too() -> None:
    """They refuse an ignore that is not needed."""
    with pytest.raises(AttributeError, match="Cliant"):
        _ = callmark.Cliant  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownVariableType] - misspelt
    with pytest.raises(AttributeError, match="Emulater"):
        _ = callmark.testing.Emulater  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownVariableType] - misspelt
    client = callmark.Client(base_url="http://a.test", account_id="a", key_id="k", api_key="s")
    with pytest.raises(TypeError, match="timeot"):
        client.with_options(timeot=5)  # pyright: ignore[reportCallIssue] - misspelt
    client.close()


def test_type_checkers_see_the_names_that_there_are() -> None:
    assert names_for_checkers("callmark/__init__.py") == set(callmark.client.__all__)
    for name in names_for_checkers("callmark/testing/__init__.py"):
        assert getattr(callmark.testing, name).__name__ == name


def names_for_checkers(module: str) -> set[str]:
    """What a module imports for type checkers alone."""
    tree = ast.parse((SOURCE / module).read_text())
    checked = next(node for node in tree.body if isinstance(node, ast.If))
    return {one.name for node in checked.body if isinstance(node, ast.ImportFrom) for one in node.names}


def test_a_command_of_the_server_says_how_to_get_it(base: Path) -> None:
    """Each begins from the same program, which has imported none of them."""
    program = """
import os, sys
from callmark.main import cli
for name in sys.argv[1:]:
    if not os.fork():
        cli([name], prog_name="callmark")
    print(name, os.waitstatus_to_exitcode(os.wait()[1]), flush=True)
"""
    names = ("serve", "demo", "account")
    done = run(base, "-c", program, *names)
    assert done.stdout.splitlines() == [f"{name} 2" for name in names]
    told = done.stderr.split("Error: ")
    assert (told[0], len(told)) == ("", 1 + len(names))
    for name, one in zip(names, told[1:], strict=True):
        assert one.startswith(f"`callmark {name}` needs the server's packages")
        assert "pip install 'callmark[server]'" in one
    assert "Traceback" not in done.stderr


def test_a_command_of_the_server_completes_to_nothing(base: Path) -> None:
    """An error would be in the middle of what someone types."""
    program = "from callmark.main import cli; cli(prog_name='callmark')"
    for words, count, proposed in (
        ("callmark serve --", 2, ""),
        ("callmark key create --", 3, ""),
        ("callmark account", 2, ""),
        ("callmark lab", 1, "plain,labels"),
    ):
        asked = {"_CALLMARK_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(count)}
        done = run(base, "-c", program, **asked)
        assert (done.stdout.strip(), done.stderr) == (proposed, ""), words


def test_a_system_without_file_locks_gets_no_advice_that_does_not_help(base: Path) -> None:
    """Windows has no fcntl, and no extra brings it."""
    program = """
import sys; sys.modules['fcntl'] = None
from callmark import FileTokenStore as Store
try: Store('tokens.json').acquire('key')
except Exception as exc: print(type(exc).__name__, exc)
from callmark.client.cli.session import token_store; print(type(token_store()).__name__)
from callmark.main import cli; cli(['push', 'orders.csv'])
"""
    done = run(base, "-c", program)
    assert done.stderr == ("Error: `callmark push` works on Linux and macOS only: Python has no fcntl on this system\n")
    refused, shared = done.stdout.splitlines()
    assert refused.startswith("CallmarkError FileTokenStore works on Linux and macOS only")
    assert shared == "MemoryTokenStore"


def test_an_account_file_can_be_json_and_yaml_says_how_to_get_it(base: Path, tmp_path: Path) -> None:
    files = {"a.yaml": "pip install 'callmark[files]'", "a.json": "missing: base_url="}
    for name in files:
        (tmp_path / name).write_text('{"departments": []}')
    said = run_each(base, *((["plan", str(tmp_path / name)], NOTHING) for name in files))
    for (name, told), (code, text) in zip(files.items(), said, strict=True):
        assert (code, told in text) == (2, True), (name, text)


def test_files_are_read_in_utc_without_zones_and_a_workbook_says_how_to_get_it(base: Path, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(HEAD + GOOD)
    (tmp_path / "a.xlsx").write_bytes(book([["phone"], ["919900000001"]]))
    machine = str(files("tzdata") / "zoneinfo")
    lines = (
        ("", ["a.csv"], 0, "1 row, 0 at fault"),
        (machine, ["a.csv", "--time-zone", "Asia/Kolkata"], 0, "1 row, 0 at fault"),
        ("", ["a.csv", "--time-zone", "Asia/Kolkata"], 2, "this machine knows no time zones; `pip install tzdata`"),
        ("", ["a.xlsx"], 2, "an Excel workbook needs `pip install 'callmark[files]'`"),
    )
    said = run_each(
        base, *((["lint", str(tmp_path / name), *more], {"PYTHONTZPATH": zones}) for zones, (name, *more), *_ in lines)
    )
    for (zones, words, exit_code, told), (code, text) in zip(lines, said, strict=True):
        assert (code, told in text) == (exit_code, True), (zones, words, text)


def test_help_names_what_can_be_run(base: Path) -> None:
    done = run(base, "-m", "callmark.main", "--help")
    assert done.returncode == 0
    assert "pip install 'callmark[server]'" in done.stdout
    assert "serve" not in done.stdout.replace("callmark[server]", "")
    assert "  login " in done.stdout


def test_client_commands_need_nothing_else(base: Path) -> None:
    """Nor Rich, before there is a table to draw. Each begins from a program that has imported none of the others."""
    program = """
import os, sys
sys.modules["rich"] = None
import callmark.client, httpx
from callmark.main import CLIENT_COMMANDS, cli
for name in CLIENT_COMMANDS:
    if not os.fork():
        cli([name, "--help"])
    if os.wait()[1]:
        print(name, file=sys.stderr)
print("done")
"""
    done = run(base, "-W", "error", "-c", program)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("Usage: ") == len(CLIENT_COMMANDS)
    assert done.stdout.endswith("\ndone\n")
