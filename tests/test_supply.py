"""What comes from outside: licences, known weaknesses, and that an answer which never came is no answer."""

from typing import Any

import pytest
from tools.check_audit import judge_npm, judge_python
from tools.check_licences import faults
from tools.licences import Package, is_permissive, npm_packages, python_packages, supply

PERMISSIVE = frozenset({"MIT", "Apache-2.0"})
WEAK = {"id": "PYSEC-2026-1", "fix_versions": ["1.2"]}
ADVISORY = {"url": "https://github.com/advisories/GHSA-1", "title": "It bites"}


@pytest.mark.parametrize(
    ("expression", "allowed"),
    [
        ("MIT", True),
        ("GPL-3.0-only", False),
        ("GPL-3.0-only OR MIT", True),
        ("MIT AND GPL-3.0-only", False),
        ("(MIT OR Apache-2.0)", True),
        ("", False),
    ],
)
def test_a_licence_is_permissive_when_one_choice_is(expression: str, *, allowed: bool) -> None:
    assert is_permissive(expression, PERMISSIVE) is allowed


def test_an_unknown_licence_and_a_needless_reason_are_faults() -> None:
    packages = [Package("good", "1", "MIT"), Package("bad", "2", "SSPL-1.0"), Package("known", "3", "MPL-2.0")]
    found = list(faults(packages, PERMISSIVE, {"known": "used as it is", "gone": "used as it was"}))
    assert [line.split(" has ")[0] for line in found] == [
        "bad 2",
        "tools/supply.toml explains gone, which needs it no longer",
    ]


def test_production_installs_nothing_but_permissive_packages_and_a_list_of_certificates() -> None:
    told = supply()
    shipped = [*python_packages("server.txt"), *npm_packages(served=True)]
    assert len(shipped) > 20
    others = {one.name for one in shipped if not is_permissive(one.licence, frozenset(told["permissive"]))}
    assert others <= {"certifi"}


def test_a_weakness_is_told_unless_it_is_known_not_to_concern_us() -> None:
    told = {"dependencies": [{"name": "one", "version": "1.1", "vulns": [WEAK]}]}
    assert judge_python(told, {}).weaknesses == ["one 1.1 has PYSEC-2026-1; mended in 1.2"]
    assert judge_python(told, {"PYSEC-2026-1": "we do not call it"}).weaknesses == []
    npm = {"vulnerabilities": {"one": {"via": [ADVISORY, "two"], "range": "<2"}}}
    assert judge_npm(npm, {}).weaknesses == [f"one <2: It bites ({ADVISORY['url']})"]
    assert judge_npm(npm, {"GHSA-1": "it runs in tests alone"}).weaknesses == []


def test_what_nobody_answered_for_is_not_checked() -> None:
    skipped: dict[str, Any] = {
        "dependencies": [{"name": "one", "version": "1.1", "vulns": []}, {"name": "two", "skip_reason": "gone"}]
    }
    assert judge_python(skipped, {}).unchecked == "1 packages, the first because: gone"
    assert judge_npm({"message": "405 Method Not Allowed"}, {}).unchecked == "405 Method Not Allowed"
    assert judge_npm({}, {}).unchecked
    assert judge_npm({"vulnerabilities": {}}, {}).unchecked == ""
