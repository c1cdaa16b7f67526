"""Imports every module of the packages named, and says which cannot be. Runs without our other tools."""

import importlib
import pkgutil
import sys
from collections.abc import Iterator
from pathlib import Path


def main(packages: list[str]) -> int:
    """0, or 1 with a line for each module that cannot be imported."""
    if Path(sys.prefix) not in Path(importlib.import_module("callmark").__file__ or "").parents:
        sys.stdout.write("callmark is not what was installed here\n")
        return 1
    modules = [name for package in packages for name in _modules(package)]
    faults = [fault for name in modules for fault in _faults(name)]
    sys.stdout.write(f"{len(modules)} modules imported, {len(faults)} faults\n")
    sys.stdout.writelines(f"  {fault}\n" for fault in faults)
    return 1 if faults else 0


def _modules(package: str) -> Iterator[str]:
    """All names of modules in it, without importing more than packages; not those that run when imported."""
    yield package
    path = importlib.import_module(package).__path__
    for found in pkgutil.walk_packages(path, f"{package}.", onerror=lambda _: None):
        if not found.name.endswith(".__main__"):
            yield found.name


def _faults(name: str) -> Iterator[str]:
    try:
        importlib.import_module(name)
    except Exception as exc:  # noqa: BLE001 - each module is a finding of its own
        yield f"{name}: {type(exc).__name__}: {exc}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
