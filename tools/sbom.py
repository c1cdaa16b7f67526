"""Writes what a production host installs, and what the wheel brings for browsers, as a CycloneDX bill of materials.

The Python part is made by cyclonedx-py from the locked requirements. This adds the licences and the packages of npm,
and checks the whole against the schema. The same commit gives the same bytes.
"""

import json
import subprocess
import sys
from base64 import b64decode
from pathlib import Path
from typing import Any

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from tools.licences import Package, npm_packages, python_packages
from tools.sources import ROOT

from callmark import __version__

_LOCK = "server.txt"
_HASHES = {"sha512": "SHA-512", "sha256": "SHA-256", "sha384": "SHA-384", "sha1": "SHA-1"}
_ASKED = ("requirements", f"requirements/{_LOCK}", "--spec-version", "1.6", "--output-format", "JSON")


def main(to: Path) -> int:
    """0, or 1 when the bill does not fit the schema."""
    text = json.dumps(bill(), indent=2, sort_keys=True) + "\n"
    fault = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    if fault:
        sys.stdout.write(f"the bill of materials is not valid: {fault}\n")
        return 1
    to.write_text(text)
    return 0


def bill() -> dict[str, Any]:
    """The whole bill."""
    command = (f"{ROOT}/.venv/bin/cyclonedx-py", *_ASKED, "--output-reproducible", "--no-validate")
    made = json.loads(subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout)
    licences = {one.name: one.licence for one in python_packages(_LOCK)}
    for one in made["components"]:
        del one["description"]  # the line of the file, hashes and all
        one["externalReferences"] = [
            {name: value for name, value in reference.items() if name != "comment"}
            for reference in one["externalReferences"]
        ]
        if licence := licences.get(one["name"]):
            one["licenses"] = _licences(licence)
    made["components"] += [_npm_component(one) for one in npm_packages(served=True)]
    root = {"bom-ref": "callmark", "type": "application", "name": "callmark", "version": __version__}
    made.setdefault("metadata", {})["component"] = root | {"licenses": _licences("Apache-2.0")}
    refs = sorted(one["bom-ref"] for one in made["components"])
    made["dependencies"] = [{"ref": "callmark", "dependsOn": refs}, *({"ref": ref} for ref in refs)]
    return made


def _npm_component(one: Package) -> dict[str, Any]:
    kind, _, digest = one.integrity.partition("-")
    purl = f"pkg:npm/{one.name.replace('@', '%40')}@{one.version}"
    return {
        "bom-ref": purl,
        "type": "library",
        "name": one.name,
        "version": one.version,
        "purl": purl,
        "hashes": [{"alg": _HASHES[kind], "content": b64decode(digest).hex()}],
        "licenses": _licences(one.licence),
    }


def _licences(expression: str) -> list[dict[str, Any]]:
    return [{"expression": expression}]


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
