"""Installs the built wheel with the lowest version that it allows of each package, and tries it.

The tests run with the versions of `requirements/`, which are the newest. What `pyproject.toml` calls enough is tried
here alone: for the client library and for the whole platform, each in an environment of its own. Every module is
imported and a short story is run, with warnings as errors. It asks an index of packages, so it is no part of the tests.
"""

import os
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

from msgspec import Struct
from tools.sources import ROOT

_HERE = Path(__file__).parent
_UV = ROOT / ".venv/bin/uv"
_DECLARED = ROOT / "pyproject.toml"
_OURS = "dev"
"""The extra with the tools of developers, which nobody installs but from `requirements/`."""


class _Install(Struct, frozen=True):
    """What people install: its extras, the package in which all can be imported then, and what is tried with it."""

    name: str
    extras: list[str]
    package: str
    story: str


def main() -> int:
    """0, or 1 with the command that failed, below what it said."""
    extras = [one for one in tomllib.loads(_DECLARED.read_text())["project"]["optional-dependencies"] if one != _OURS]
    with tempfile.TemporaryDirectory(prefix="callmark-floors-") as folder:
        try:
            wheel = _built(Path(folder))
            _try(_Install("client", [], "callmark.client", "client_story.py"), wheel)
            _try(_Install("platform", extras, "callmark", "platform_story.py"), wheel)
        except subprocess.CalledProcessError as exc:
            sys.stdout.write(f"the lowest versions are not enough: {' '.join(exc.cmd)}\n")
            return 1
    return 0


def _built(folder: Path) -> Path:
    pinned = ("--build-constraints", ROOT / "requirements/build.txt", "--require-hashes")
    _run(_UV, "build", "--quiet", "--wheel", *pinned, "--out-dir", folder)
    (wheel,) = folder.glob("*.whl")
    return wheel


def _try(install: _Install, wheel: Path) -> None:
    sys.stdout.write(f"{install.name}: ")
    sys.stdout.flush()
    place = wheel.with_name(install.name)
    python = place / "bin/python"
    _install(install, wheel, place)
    _run(python, "-I", "-W", "error", _HERE / "import_all.py", install.package)
    _run(python, "-P", _HERE / install.story, PYTHONWARNINGS="error")  # its processes have the variable too
    sys.stdout.write(f"{install.name}: the story went as it should\n")


def _install(install: _Install, wheel: Path, place: Path) -> None:
    """Makes an environment with the wheel and the lowest of each package that it names."""
    lowest = place.with_suffix(".txt")
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    extras = [option for extra in install.extras for option in ("--extra", extra)]
    _run(
        *(_UV, "pip", "compile", "--quiet", "--resolution", "lowest-direct", "--python-version", version),
        *(*extras, _DECLARED, "--output-file", lowest),
    )
    _run(_UV, "venv", "--quiet", "--python", sys.executable, place)
    into = ("--quiet", "--python", place / "bin/python")
    _run(_UV, "pip", "install", *into, "--no-build", "-r", lowest)  # whoever installs has wheels, and no compiler
    _run(_UV, "pip", "install", *into, "--no-deps", wheel)
    _run(_UV, "pip", "check", *into)


def _run(*command: str | Path, **variables: str) -> None:
    """Raises CalledProcessError."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    subprocess.run([str(one) for one in command], check=True, cwd=ROOT, env=inherited | variables)


if __name__ == "__main__":
    sys.exit(main())
