"""Asks pip-audit and npm whether a weakness of a package in the lock files is known.

Both ask a service on the internet. Where that does not answer, this says so and passes; with `--strict`, as before a
release, it fails. An answer counts for a day, as long as the lock files are the same.
"""

import hashlib
import json
import subprocess
import sys
import time
from collections.abc import Mapping
from typing import Any

from msgspec import Struct
from tools.licences import supply
from tools.sources import ROOT

Json = Mapping[str, Any]
_LOCKS = ("requirements/all.txt", "package-lock.json")
_PROBE, _WHOLE = "requirements/uv.txt", "requirements/all.txt"
_STAMP = ROOT / ".venv/.callmark/audited"
_FRESH_S = 24 * 3600
_PATIENCE_S = 120


class Audited(Struct, frozen=True):
    """What came of asking: weaknesses that were found, and why something was not checked, empty when all was."""

    weaknesses: list[str]
    unchecked: str = ""


def main(arguments: list[str]) -> int:
    """0, or 1 for a weakness, or with `--strict` for what could not be checked."""
    digest = _digest()
    if "--strict" not in arguments and _is_fresh(digest):
        return 0
    ignored = supply()["advisories"]
    results = [("pip-audit", _python(ignored)), ("npm audit", judge_npm(_npm_answer(), ignored))]
    for name, result in results:
        sys.stdout.writelines(f"{name}: {one}\n" for one in result.weaknesses)
        if result.unchecked:
            sys.stdout.write(f"{name}: NOT CHECKED: {result.unchecked}\n")
    is_whole = not any(result.unchecked for _, result in results)
    is_clean = not any(result.weaknesses for _, result in results)
    if is_whole and is_clean:
        _STAMP.write_text(digest)
    return 0 if is_clean and (is_whole or "--strict" not in arguments) else 1


def judge_python(told: Json, ignored: Mapping[str, str]) -> Audited:
    """What pip-audit's JSON says."""
    weaknesses: list[str] = []
    skipped: list[str] = []
    for one in told["dependencies"]:
        if "skip_reason" in one:
            skipped.append(one["skip_reason"])
        for found in one.get("vulns", ()):
            if found["id"] not in ignored:
                mended = ", ".join(found["fix_versions"]) or "no version yet"
                weaknesses.append(f"{one['name']} {one['version']} has {found['id']}; mended in {mended}")
    return Audited(weaknesses, f"{len(skipped)} packages, the first because: {skipped[0]}" if skipped else "")


def judge_npm(told: Json, ignored: Mapping[str, str]) -> Audited:
    """What npm's JSON says."""
    if "vulnerabilities" not in told:
        return Audited([], str(told.get("message") or "no answer that npm could read"))
    weaknesses: list[str] = []
    for name, one in told["vulnerabilities"].items():
        advisories: list[Json] = [found for found in one["via"] if not isinstance(found, str)]
        new = [found for found in advisories if found["url"].rpartition("/")[2] not in ignored]
        weaknesses += [f"{name} {one['range']}: {found['title']} ({found['url']})" for found in new]
    return Audited(weaknesses)


def _python(ignored: Mapping[str, str]) -> Audited:
    """One package is asked for first: where the service does not answer, asking for all takes long."""
    probed = judge_python(_pip_answer(_PROBE), ignored)
    return probed if probed.unchecked else judge_python(_pip_answer(_WHOLE), ignored)


def _pip_answer(lock: str) -> Json:
    asked = (f"{ROOT}/.venv/bin/pip-audit", "--requirement", lock, "--no-deps", "--disable-pip", "--format", "json")
    said = _run(*asked, "--progress-spinner", "off", "--timeout", "5")
    nothing = {"dependencies": [{"skip_reason": "the service cannot be reached"}]}
    return _first_object(said) or nothing


def _npm_answer() -> Json:
    return _first_object(_run(f"{ROOT}/tools/npm.sh", "audit", "--json")) or {}


def _run(*command: str) -> str:
    try:
        return subprocess.run(
            command, cwd=ROOT, capture_output=True, text=True, timeout=_PATIENCE_S, check=False
        ).stdout
    except subprocess.TimeoutExpired:
        return ""


def _first_object(text: str) -> Json | None:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _digest() -> str:
    return hashlib.sha256(b"".join((ROOT / lock).read_bytes() for lock in _LOCKS)).hexdigest()


def _is_fresh(digest: str) -> bool:
    return _STAMP.exists() and _STAMP.read_text() == digest and time.time() - _STAMP.stat().st_mtime < _FRESH_S


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
