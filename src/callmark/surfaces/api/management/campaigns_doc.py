"""The routes of User Feedback, with their texts for the reference."""

from callmark.domain.feedback.model import CampaignState
from callmark.domain.policy.model import Action
from callmark.surfaces.api.doc_parts import bad, conflict
from callmark.surfaces.api.example_values import AT, EMAIL, FEATURE_SET_ID
from callmark.surfaces.api.management import campaigns
from callmark.surfaces.api.management.campaigns import (
    AnswerList,
    CampaignChangeBody,
    CampaignList,
    CampaignResultsView,
    CampaignView,
    NewCampaignBody,
)
from callmark.surfaces.api.management.numbers import FEATURE_SET
from callmark.surfaces.api.management.route import ManagedRoute
from callmark.surfaces.api.own.route import PAGING
from callmark.surfaces.api.route import ParamDoc

_ONE = "campaigns/{campaignId}"
_CAMPAIGN_ID = "a0b1c2d3-e4f5-4678-89ab-cdef01234567"
_QUESTION_ID = "0b0a1c2d-3e4f-4a5b-8c6d-7e8f90a1b2c3"
_TEXT = "Did the courier arrive on time?"
_DRAFT = {
    "id": _CAMPAIGN_ID,
    "feature_set_id": FEATURE_SET_ID,
    "name": "Delivery check",
    "campaign_type": "questions",
    "call_types": ["answered", "missed"],
    "questions": [{"id": _QUESTION_ID, "text": _TEXT, "kind": "choice", "options": ["Yes", "No"]}],
    "state": "draft",
    "created_by_email": EMAIL,
    "created_at": AT,
    "updated_at": AT,
    "live_at": None,
    "ended_at": None,
}
_LIVE = _DRAFT | {"state": "live", "live_at": AT}
_ENDED = _LIVE | {"state": "ended", "ended_at": AT}
_RESULT = {
    "question_id": _QUESTION_ID,
    "question": _TEXT,
    "answered": 12,
    "counts": {"Yes": 9, "No": 3},
    "average": None,
}
_ANSWER = {
    "id": "d4e5f607-1829-4a3b-8c5d-6e7f80910213",
    "business_number": "918040001234",
    "receiver_number": "919900112233",
    "call_type": "answered",
    "responded_at": AT,
    "responses": [{"question_id": _QUESTION_ID, "question": _TEXT, "answer": "Yes"}],
}
_STATE = ParamDoc("state", "Only campaigns in this state.", {"type": "string", "enum": [*CampaignState]})
_RULES = (
    bad("campaign name is required", "the name is empty, too long, or has characters that are not allowed", "name"),
    bad("call_types is required", "an empty list", "call_types"),
    bad("a question must have 2 to 10 options", "a question breaks a rule, or there are too many", "questions"),
)
_NOT_DRAFT = conflict("this campaign is live; only a draft can be changed", "it is not a draft")

ROUTES = (
    ManagedRoute(
        "GET",
        "campaigns",
        campaigns.list_campaigns,
        Action.FEEDBACK_VIEW,
        name="listCampaigns",
        summary="List campaigns",
        description="Returns the account's feedback campaigns, newest first.",
        response=CampaignList,
        answer={"campaigns": [_DRAFT], "next_after": None},
        params=(FEATURE_SET, _STATE, *PAGING),
    ),
    ManagedRoute(
        "POST",
        "campaigns",
        campaigns.create_campaign,
        Action.FEEDBACK_MANAGE,
        name="createCampaign",
        summary="Create a campaign",
        description="Creates a draft.",
        request=NewCampaignBody,
        sent={
            "feature_set_id": FEATURE_SET_ID,
            "name": "Delivery check",
            "campaign_type": "questions",
            "questions": [{"text": _TEXT, "options": ["Yes", "No"]}],
        },
        response=CampaignView,
        answer=_DRAFT,
        errors=_RULES,
        creates=True,
    ),
    ManagedRoute(
        "GET",
        _ONE,
        campaigns.get_campaign,
        Action.FEEDBACK_VIEW,
        name="getCampaign",
        summary="Get a campaign",
        description="Returns one campaign with its questions.",
        response=CampaignView,
        answer=_DRAFT,
    ),
    ManagedRoute(
        "PATCH",
        _ONE,
        campaigns.change_campaign,
        Action.FEEDBACK_MANAGE,
        name="changeCampaign",
        summary="Change a draft",
        description="Changes what is given of a draft. `questions` replaces all of them.",
        request=CampaignChangeBody,
        sent={"name": "Delivery survey"},
        response=CampaignView,
        answer=_DRAFT | {"name": "Delivery survey"},
        errors=(*_RULES, _NOT_DRAFT),
    ),
    ManagedRoute(
        "POST",
        f"{_ONE}/live",
        campaigns.make_live,
        Action.FEEDBACK_MANAGE,
        name="makeCampaignLive",
        summary="Make a campaign live",
        description="Asks from the next call. The questions can no longer change.",
        response=CampaignView,
        answer=_LIVE,
        errors=(
            bad("a campaign needs at least one question before it goes live", "it has none", "questions"),
            _NOT_DRAFT,
            conflict("the survey switch of this campaign's feature set is off; turn it on first", "`survey` is off"),
            conflict("another campaign of this feature set is live for missed calls", "one asks after such calls"),
        ),
    ),
    ManagedRoute(
        "POST",
        f"{_ONE}/end",
        campaigns.end_campaign,
        Action.FEEDBACK_MANAGE,
        name="endCampaign",
        summary="End a campaign",
        description="Stops asking permanently; answers and results stay. You can safely repeat the request.",
        response=CampaignView,
        answer=_ENDED,
        errors=(conflict("this campaign is a draft; delete it instead", "it is a draft"),),
    ),
    ManagedRoute(
        "DELETE",
        _ONE,
        campaigns.delete_campaign,
        Action.FEEDBACK_MANAGE,
        name="deleteCampaign",
        summary="Delete a campaign",
        description="Deletes a draft, or an ended campaign with its answers, and returns what it was.",
        response=CampaignView,
        answer=_ENDED,
        errors=(conflict("this campaign is live; end it first", "it is live"),),
    ),
    ManagedRoute(
        "GET",
        f"{_ONE}/results",
        campaigns.get_results,
        Action.FEEDBACK_VIEW,
        name="getCampaignResults",
        summary="Get the results of a campaign",
        description="Counts the answers to each question.",
        response=CampaignResultsView,
        answer={
            "campaign_id": _CAMPAIGN_ID,
            "answered": 12,
            "by_call_type": {"answered": 10, "missed": 2},
            "questions": [_RESULT],
        },
    ),
    ManagedRoute(
        "GET",
        f"{_ONE}/answers",
        campaigns.list_answers,
        Action.FEEDBACK_VIEW,
        name="listCampaignAnswers",
        summary="List the answers to a campaign",
        description="Returns each answer with the number that gave it, newest first.",
        response=AnswerList,
        answer={"answers": [_ANSWER], "next_after": None},
        params=PAGING,
    ),
)
