"""Downloads of what receivers asked for and answered, for people (contract, section 8)."""

from dataclasses import dataclass
from datetime import datetime

from callmark.domain.access.changes import note
from callmark.domain.access.model import Actor, check
from callmark.domain.deps import Deps
from callmark.domain.events.model import EventType
from callmark.domain.exports import service as exports
from callmark.domain.exports.model import Export, FileFormat, Link
from callmark.domain.feedback.model import Campaign
from callmark.domain.ids import CampaignId
from callmark.domain.policy.model import Action


@dataclass(frozen=True)
class Range:
    """From `since` up to, not with, `before`, and how the file is written."""

    since: datetime
    before: datetime
    file_format: FileFormat


async def requests_link(deps: Deps, actor: Actor, wanted: Range) -> Link | None:
    """A link to the whole account's requests of a range, None when there is none. Raises Forbidden."""
    check(actor, Action.CALLBACKS_EXPORT)
    return await _link(deps, actor, _export(actor, EventType.CALL_ME_BACK, None, wanted), "Call Me Back requests")


async def answers_link(deps: Deps, actor: Actor, campaign: Campaign, wanted: Range) -> Link | None:
    """A link to a campaign's answers of a range, None when there is none."""
    export = _export(actor, EventType.USER_FEEDBACK, campaign.id, wanted)
    return await _link(deps, actor, export, f"answers to {campaign.name}")


def _export(actor: Actor, kind: EventType, campaign_id: CampaignId | None, wanted: Range) -> Export:
    return Export(actor.account_id, kind, campaign_id, wanted.since, wanted.before, wanted.file_format)


async def _link(deps: Deps, actor: Actor, export: Export, what: str) -> Link | None:
    link = await exports.make_link(deps, export)
    if link is not None:
        days = f"{export.since:%Y-%m-%d} to {export.before:%Y-%m-%d}"
        await note(deps, actor, "log.exported", what, range=days, format=export.file_format.value)
    return link
