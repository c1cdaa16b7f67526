"""docs/management.md against the routes there are."""

import re
from pathlib import Path

import msgspec

from callmark.domain.limits.model import MANAGING
from callmark.surfaces.api.management.routes import MANAGEMENT_ROUTES
from callmark.surfaces.api.management.structure import UnitView
from callmark.surfaces.api.own.request import MOST, USUAL
from callmark.surfaces.api.own.route import BASE
from callmark.surfaces.http import ErrorBody

PAGE = (Path(__file__).parents[4] / "docs/management.md").read_text()


def test_the_page_has_every_route_once_and_no_other() -> None:
    told = re.findall(r"^\| `((?:GET|POST|PATCH|DELETE) [^`]+)` \|", PAGE, re.MULTILINE)
    assert sorted(told) == sorted(f"{one.method} {one.path.removeprefix(f'{BASE}/')}" for one in MANAGEMENT_ROUTES)


def test_the_page_has_the_limits() -> None:
    assert f"{MANAGING.quota} requests a second per token, bucket `{MANAGING.name}`" in PAGE
    assert f"`limit` is 1 to {MOST}, by default {USUAL}" in PAGE
    large = {route.path for route in MANAGEMENT_ROUTES if route.largest_bytes != 1 << 20}
    assert large == {f"{BASE}/labels", f"{BASE}/labels/{{labelId}}", f"{BASE}/number_proofs"}
    assert {route.largest_bytes for route in MANAGEMENT_ROUTES} == {1 << 20, 3 << 20, 8 << 20}


def test_the_examples_are_whole_answers() -> None:
    examples = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
    for text, kind in zip(examples, (UnitView, ErrorBody), strict=True):
        value = msgspec.json.decode(text, type=kind)
        assert msgspec.json.decode(msgspec.json.encode(value)) == msgspec.json.decode(text)
