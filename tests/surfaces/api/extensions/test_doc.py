"""docs/extensions.md against the routes, codes and bodies there are."""

import re
from pathlib import Path

import msgspec

from callmark.domain.limits.model import EXTENSIONS, LINT
from callmark.domain.personalisation.model import Outcome
from callmark.record_rules.fields import Fault
from callmark.surfaces.api.extensions.announced_calls import AnnouncedCallView
from callmark.surfaces.api.extensions.events import EventPage
from callmark.surfaces.api.extensions.lint import LintOut
from callmark.surfaces.api.extensions.records_out import CancelledBatch, Funnel, RecordTimeline, ResolveOut
from callmark.surfaces.api.extensions.routes import EXTENSION_ROUTES

PAGE = (Path(__file__).parents[4] / "docs/extensions.md").read_text()
BASE = "/extensions/v1/clients/{clientAccountId}/"


def test_the_page_has_every_route_with_its_limit_and_no_other() -> None:
    told = dict(re.findall(r"^\| `((?:GET|POST) [^`?]+)` \| .* \| (.+) \|$", PAGE, re.MULTILINE))
    limits = {
        None: "none",
        EXTENSIONS: "100 a second, bucket `extensions`",
        LINT: "60 a minute, bucket `lint`",
    }
    assert told == {f"{r.method} {r.path.removeprefix(BASE)}": limits[r.bucket] for r in EXTENSION_ROUTES}


def test_the_page_has_every_code_and_outcome() -> None:
    for code in (*Fault, *Outcome, "malformed", "size", "not_an_object", "unknown_field", "idempotency-key-reused"):
        assert f"`{code}`" in PAGE, code


def test_the_examples_are_whole_answers() -> None:
    examples = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
    kinds = (RecordTimeline, Funnel, ResolveOut, CancelledBatch, LintOut, AnnouncedCallView, EventPage)
    for text, kind in zip(examples, kinds, strict=True):
        value = msgspec.json.decode(text, type=kind)
        assert msgspec.json.decode(msgspec.json.encode(value)) == msgspec.json.decode(text)
