"""Feature sets with numbers, and what a list of numbers does to them, as pages see it."""

import re

import httpx
from tests.domain.numbers.staging import run_jobs
from tests.support.factories import make_label
from tests.surfaces.console.browser import (
    Browser,
    Business,
    text_of,
)

from callmark.domain.deps import Deps
from callmark.domain.feature_sets import service as feature_sets
from callmark.domain.feature_sets.model import NewFeatureSet
from callmark.domain.ids import FeatureSetId, ProcessId
from callmark.domain.labels.model import LabelType
from callmark.domain.numbers import service as numbers
from callmark.domain.policy.model import SYSTEM

NUMBERS = "/console/numbers"
SETS = "/console/feature-sets"


async def make_set(
    deps: Deps, business: Business, name: str = "Doorstep", process: ProcessId | None = None
) -> FeatureSetId:
    """A draft with a label."""
    label = await make_label(deps, business.account.id, label_type=LabelType.STATIC, name=f"Label of {name}")
    made = await feature_sets.create_feature_set(
        deps,
        business.account.id,
        process or business.process,
        NewFeatureSet(name, label_id=label.id),
        by=SYSTEM,
    )
    return made.id


async def list_in(deps: Deps, business: Business, feature_set_id: FeatureSetId, *listed: str) -> None:
    """Lists numbers, and waits for it."""
    await numbers.publish(deps, business.account.id, feature_set_id, listed, by=SYSTEM)
    await run_jobs(deps)


async def applied(browser: Browser, at: str, mode: str, text: str, **more: str) -> str:
    """What the page says after a list went through preview and apply, with what the preview's form holds."""
    shown = await browser.follow(await browser.post(f"{at}/listing", {"mode": mode, "list": text, **more}))
    return text_of(await browser.follow(await browser.post(f"{at}/listing/apply", {**hidden_fields(shown), **more})))


def hidden_fields(shown: httpx.Response) -> dict[str, str]:
    """What the forms of a preview or a confirmation send back of what it shows."""
    return dict(re.findall(r'type="hidden" name="(mode|numbers|rejected|draft|seen)" value="([^"]*)"', shown.text))
