"""Generates clients of the API documents, in Python and TypeScript, and compiles them.

The documents are the same until someone changes them, so what passed is not generated again: `.venv/.callmark/clients`
holds the hash of what did.
"""

import hashlib
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import msgspec
from tools.sources import ROOT

from callmark.surfaces.api.routes import ROUTES
from callmark.surfaces.gateway.http_verbs import TABLE
from callmark.surfaces.reference.emulator_doc import emulator_openapi
from callmark.surfaces.reference.handset_doc import handset_openapi
from callmark.surfaces.reference.openapi import openapi
from callmark.surfaces.reference.stir_doc import stir_openapi

_URL, _VERSION = "http://callmark.test", "0"
_PASSED = ROOT / ".venv/.callmark/clients"
_USAGE = ROOT / "tools/clients/usage.ts"
_GENERATORS = (Path(__file__), _USAGE, ROOT / "package-lock.json", ROOT / "requirements/all.txt")
_TYPESCRIPT, _TSC = "node_modules/openapi-typescript/bin/cli.js", "node_modules/typescript/bin/tsc"
_IMPORT_ALL = """
import importlib, pkgutil, {name}_client as client
for one in pkgutil.walk_packages(client.__path__, client.__name__ + "."):
    importlib.import_module(one.name)
"""


def main() -> int:
    """0, or 1 with what a generator or a compiler says."""
    documents = {
        "business": openapi(ROUTES, _URL, _VERSION),
        "handset": handset_openapi(TABLE, _URL, _VERSION),
        "emulator": emulator_openapi(_URL, _VERSION),
        "stir": stir_openapi(_URL, _VERSION),
    }
    written = {name: msgspec.json.encode(one) for name, one in documents.items()}
    mark = hashlib.sha256(b"".join([*written.values(), *(path.read_bytes() for path in _GENERATORS)])).hexdigest()
    if _PASSED.is_file() and _PASSED.read_text() == mark:
        return 0
    with tempfile.TemporaryDirectory(prefix="callmark-clients-") as directory:
        here = Path(directory)
        for name, content in written.items():
            (here / f"{name}.json").write_bytes(content)
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            faults = [*pool.map(partial(_in_python, here), written), *pool.map(partial(_in_typescript, here), written)]
        faults.append(_compiled(here))
    sys.stdout.writelines(faults)
    if any(faults):
        return 1
    _PASSED.write_text(mark)
    return 0


def _in_python(here: Path, name: str) -> str:
    """What goes wrong with the Python client of a document; empty when nothing does."""
    client = here / f"{name}_client"
    source, target = ("--path", here / f"{name}.json"), ("--output-path", client, "--meta", "none")
    made = _run(here, Path(sys.executable).parent / "openapi-python-client", "generate", *source, *target)
    return made or _run(here, sys.executable, "-W", "error", "-c", _IMPORT_ALL.format(name=name))


def _in_typescript(here: Path, name: str) -> str:
    options = ("--default-non-nullable=false", "--output", here / f"{name}.ts")  # what has a default may be left out
    return _node(here, _TYPESCRIPT, here / f"{name}.json", *options)


def _compiled(here: Path) -> str:
    usage = here / _USAGE.name
    usage.write_bytes(_USAGE.read_bytes())
    return _node(here, _TSC, "--noEmit", "--strict", "--target", "es2022", "--moduleResolution", "bundler", usage)


def _node(here: Path, script: str, *options: str | Path) -> str:
    return _run(here, ROOT / "tools/node.sh", ROOT / script, *options)


def _run(here: Path, *command: str | Path) -> str:
    """What a command says that fails or warns; empty for one that passes."""
    done = subprocess.run([str(part) for part in command], cwd=here, capture_output=True, text=True, check=False)
    said = done.stdout + done.stderr
    return f"{command[0]}: {said}" if done.returncode or "WARNING" in said else ""


if __name__ == "__main__":
    sys.exit(main())
