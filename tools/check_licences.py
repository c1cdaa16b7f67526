"""Fails on a package whose licence is neither permissive nor explained in `supply.toml`, and on needless reasons."""

import sys
from collections.abc import Iterable, Iterator, Mapping

from tools.licences import Package, is_permissive, npm_packages, python_packages, supply


def main() -> int:
    """0, or 1 with a line for each finding."""
    told = supply()
    packages = [*python_packages("all.txt"), *npm_packages(served=False)]
    found = list(faults(packages, frozenset(told["permissive"]), told["reasons"]))
    sys.stdout.writelines(f"{fault}\n" for fault in found)
    return 1 if found else 0


def faults(packages: Iterable[Package], permissive: frozenset[str], reasons: Mapping[str, str]) -> Iterator[str]:
    """What is not allowed, and what is explained for nothing."""
    explained: set[str] = set()
    for one in packages:
        if not is_permissive(one.licence, permissive):
            explained.add(one.name)
            if one.name not in reasons:
                said = one.licence or "no licence"
                yield f"{one.name} {one.version} has {said}: replace it, or say in tools/supply.toml why it may stay"
    yield from (f"tools/supply.toml explains {name}, which needs it no longer" for name in reasons.keys() - explained)


if __name__ == "__main__":
    sys.exit(main())
