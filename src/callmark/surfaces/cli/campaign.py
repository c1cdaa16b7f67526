"""`callmark campaign`: User Feedback campaigns and their results."""

from collections.abc import Sequence

import click

from callmark.domain.deps import Deps
from callmark.domain.feedback import service as feedback
from callmark.domain.feedback.model import (
    CallType,
    Campaign,
    CampaignResults,
    CampaignType,
    NewQuestion,
    QuestionResult,
    average_text,
)
from callmark.domain.ids import AccountId, CampaignId, FeatureSetId, QuestionId
from callmark.domain.policy.plan import Feature
from callmark.surfaces.cli.command import FeatureGroup, operator, operator_at_terminal
from callmark.surfaces.cli.options import CommaList, account_option, at_least_one, id_argument, yes_option
from callmark.surfaces.cli.prompts import sure
from callmark.terminal import Output, Row

_COLUMNS = ("id", "name", "campaign_type", "call_types", "state", "feature_set_id")
_RESULT_COLUMNS = ("question", "answered", "counts", "average")


class QuestionText(click.ParamType[NewQuestion]):
    """A question, and behind `|` its options, if it has any."""

    name = "question"

    def convert(
        self, value: str | NewQuestion, param: click.Parameter | None, ctx: click.Context | None
    ) -> NewQuestion:
        """The question as it is written; the campaign checks it."""
        del param, ctx  # click's signature
        if isinstance(value, NewQuestion):
            return value
        text, *options = (part.strip() for part in value.split("|"))
        return NewQuestion(text, options)


_calls_option = click.option(
    "--calls",
    type=CommaList("calls", CallType),
    help="Calls that it asks about: answered, missed (includes rejected), or both.",
)
_question_option = click.option(
    "--question",
    "questions",
    type=QuestionText(),
    multiple=True,
    metavar="TEXT",
    help='A question (repeat in order). Add options after |: "On time? | Yes | No". Without options: free text.',
)


@click.group(cls=FeatureGroup, feature=Feature.USER_FEEDBACK)
def group() -> None:
    """Manage User Feedback campaigns: draft, live, ended."""


@group.command
@account_option
@click.option(
    "--feature-set", type=click.UUID, required=True, metavar="ID", help="The feature set whose calls it asks about."
)
@click.option("--name", required=True, help="The campaign's name, at most 100 characters.")
@click.option(
    "--type",
    "campaign_type",
    type=click.Choice(CampaignType, case_sensitive=False),
    default="questions",
    show_default=True,
    help="questions: up to 10 questions of your own. call_rating: one rating from 1 to 5.",
)
@_calls_option
@_question_option
@operator
async def create(
    deps: Deps,
    out: Output,
    account: AccountId,
    feature_set: FeatureSetId,
    name: str,
    campaign_type: CampaignType,
    calls: frozenset[CallType] | None,
    questions: Sequence[NewQuestion],
) -> None:
    """Create a campaign as a draft; by default it asks about answered and missed calls."""
    campaign = await feedback.create_campaign(
        deps,
        account,
        by=operator_at_terminal(),
        feature_set_id=feature_set,
        name=name,
        campaign_type=campaign_type,
        call_types=feedback.ALL_CALLS if calls is None else calls,
        questions=questions,
    )
    after = f"Next: `callmark campaign live {campaign.id} --account {account}` starts it."
    out.item(_row(campaign, out), "Campaign created.", after)


@group.command("list")
@account_option
@operator
async def list_(deps: Deps, out: Output, account: AccountId) -> None:
    """List an account's campaigns, newest first."""
    rows = [_row(campaign, out) for campaign in await feedback.list_campaigns(deps, account)]
    hint = f"No campaigns yet. Create one with `callmark campaign create --account {account} --feature-set ID`."
    out.rows(rows, _COLUMNS, empty=hint)


@group.command
@id_argument
@account_option
@operator
async def show(deps: Deps, out: Output, id: CampaignId, account: AccountId) -> None:
    """Show one campaign with its questions."""
    out.item(_row(await feedback.get_campaign(deps, account, id), out))


@group.command
@id_argument
@account_option
@click.option("--name", help="A new name.")
@_calls_option
@_question_option
@click.option("--order", metavar="LIST", help="A new order of the questions, by their current positions: 2,1,3.")
@operator
async def update(
    deps: Deps,
    out: Output,
    id: CampaignId,
    account: AccountId,
    name: str | None,
    calls: frozenset[CallType] | None,
    questions: Sequence[NewQuestion],
    order: str | None,
) -> None:
    """Change a draft; the questions you give replace all that it has."""
    at_least_one(name, calls, questions or None, order)
    if questions and order:
        raise click.UsageError("give either --question or --order, not both")
    ordered = None if order is None else _ordered(await feedback.get_campaign(deps, account, id), order)
    campaign = await feedback.update_campaign(
        deps,
        account,
        id,
        by=operator_at_terminal(),
        name=name,
        call_types=calls,
        questions=questions or None,
        order=ordered,
    )
    out.item(_row(campaign, out), "Campaign updated.")


@group.command
@id_argument
@account_option
@operator
async def live(deps: Deps, out: Output, id: CampaignId, account: AccountId) -> None:
    """Start a draft; a live campaign can no longer be changed."""
    campaign = await feedback.make_live(deps, account, id, by=operator_at_terminal())
    out.item(_row(campaign, out), "Campaign is live.")


@group.command
@id_argument
@account_option
@yes_option
@operator
async def end(deps: Deps, out: Output, id: CampaignId, account: AccountId, *, yes: bool) -> None:
    """End a live campaign. This cannot be undone."""
    campaign = await feedback.get_campaign(deps, account, id)
    sure(f"End {campaign.name!r}? You cannot start it again.", yes=yes)
    ended = await feedback.end_campaign(deps, campaign.account_id, campaign.id, by=operator_at_terminal())
    out.item(_row(ended, out), "Campaign ended.")


@group.command
@id_argument
@account_option
@yes_option
@operator
async def delete(deps: Deps, out: Output, id: CampaignId, account: AccountId, *, yes: bool) -> None:
    """Delete a draft, or an ended campaign and its answers."""
    campaign = await feedback.get_campaign(deps, account, id)
    sure(f"Delete {campaign.name!r} and its answers?", yes=yes)
    await feedback.delete_campaign(deps, campaign.account_id, campaign.id, by=operator_at_terminal())
    out.done({"id": campaign.id}, f"Campaign {campaign.name!r} deleted.")


@group.command
@id_argument
@account_option
@operator
async def results(deps: Deps, out: Output, id: CampaignId, account: AccountId) -> None:
    """Show a campaign's results so far, question by question."""
    found = await feedback.results(deps, account, id)
    if out.as_json:
        out.item(_results_row(found))
        return
    calls = ", ".join(f"{count} {kind.value}" for kind, count in found.by_call_type.items())
    number = "1 call" if found.answered == 1 else f"{found.answered} calls"
    click.echo(f"{found.campaign.name}: answered for {number} ({calls}).")
    out.rows([_result_line(one) for one in found.questions], _RESULT_COLUMNS, empty="This campaign has no questions.")


def _ordered(draft: Campaign, order: str) -> list[QuestionId]:
    """The draft's questions by their places in `order`."""
    try:
        places = [int(place) for place in order.split(",")]
    except ValueError:
        places = []
    if sorted(places) != list(range(1, len(draft.questions) + 1)):
        raise click.UsageError(f"--order must list each position from 1 to {len(draft.questions)} exactly once")
    return [draft.questions[place - 1].id for place in places]


def _row(campaign: Campaign, out: Output) -> Row:
    return {
        "id": campaign.id,
        "feature_set_id": campaign.feature_set_id,
        "name": campaign.name,
        "campaign_type": campaign.campaign_type,
        "call_types": campaign.call_types,
        "questions": _questions(campaign) if out.as_json else _numbered(campaign),
        "state": campaign.state,
        "created_by_email": campaign.created_by_email,
        "created_at": campaign.created_at,
        "updated_at": campaign.updated_at,
        "live_at": campaign.live_at,
        "ended_at": campaign.ended_at,
    }


def _questions(campaign: Campaign) -> list[Row]:
    return [
        {"id": one.id, "question": one.text, "kind": one.kind, "options": one.options} for one in campaign.questions
    ]


def _numbered(campaign: Campaign) -> str:
    """The questions as one line: `1. On time? (Yes | No); 2. …`."""
    told = ((one.text, f" ({' | '.join(one.options)})" if one.options else "") for one in campaign.questions)
    return "; ".join(f"{place}. {text}{options}" for place, (text, options) in enumerate(told, 1))


def _results_row(found: CampaignResults) -> Row:
    return {
        "id": found.campaign.id,
        "name": found.campaign.name,
        "answered": found.answered,
        "by_call_type": {kind.value: count for kind, count in found.by_call_type.items()},
        "questions": [_result_row(one) for one in found.questions],
    }


def _result_row(result: QuestionResult) -> Row:
    return {
        "id": result.question.id,
        "question": result.question.text,
        "kind": result.question.kind,
        "answered": result.answered,
        "counts": result.counts,
        "average": result.average,
    }


def _result_line(result: QuestionResult) -> Row:
    counts = ", ".join(f"{option}: {count}" for option, count in result.counts.items())
    average = "" if result.average is None else average_text(result.average, 2)
    return {**_result_row(result), "counts": counts, "average": average}
