"""Campaigns of feedback."""

from tests.support.actors import ALICE
from tests.support.listed_number import QUESTIONS, Listed

from callmark.domain.deps import Deps
from callmark.domain.feedback import service as feedback
from callmark.domain.feedback.model import Campaign, CampaignType


async def draft(
    deps: Deps, listed: Listed, kind: CampaignType = CampaignType.QUESTIONS, name: str = "Delivery check"
) -> Campaign:
    return await feedback.create_campaign(
        deps,
        listed.account_id,
        feature_set_id=listed.feature_set_id,
        name=name,
        campaign_type=kind,
        questions=QUESTIONS if kind is CampaignType.QUESTIONS else (),
        by=ALICE,
    )


async def live(deps: Deps, listed: Listed, kind: CampaignType = CampaignType.QUESTIONS) -> Campaign:
    return await feedback.make_live(deps, listed.account_id, (await draft(deps, listed, kind)).id, by=ALICE)
