"""Taking features from an account: what stops by that is named first."""

from starlette.responses import Response

from callmark.domain.accounts import service as accounts
from callmark.domain.accounts.model import Account
from callmark.domain.credentials import service as credentials
from callmark.domain.deps import Deps
from callmark.domain.feature_sets import service as feature_sets
from callmark.domain.feedback import service as campaigns
from callmark.domain.feedback.model import CampaignFilter, CampaignState
from callmark.domain.ids import AccountId
from callmark.domain.numbers import search as number_search
from callmark.domain.policy.model import Action
from callmark.domain.policy.plan import Feature
from callmark.kit.choices import SetChange
from callmark.surfaces.console import consequences, display_names
from callmark.surfaces.console.confirm import Confirm, confirmed
from callmark.surfaces.console.pages import Page
from callmark.surfaces.console.request import ConsoleRequest, Gone

_LIST = "/console/operator/accounts"


def question_url(account_id: AccountId, features: list[Feature]) -> str:
    """The page that asks whether to take these features from the account."""
    return f"{_LIST}/{account_id}/without/{','.join(features)}"


async def ask_remove(request: ConsoleRequest) -> Page:
    account, leaving = await _leaving(request)
    names = display_names.first_of([display_names.FEATURES[one] for one in leaving])
    lost = [await _stops(request.deps, account.id, one) for one in leaving]
    its, it = ("its", "it") if len(leaving) == 1 else ("their", "them")
    lost.append(
        f"Members cannot open {its} pages. Nothing is deleted, and everything works again once you select {it}."
    )
    return Confirm(f"Remove {names} from {account.name}?", lost, "Remove", f"{_LIST}/{account.id}")


async def remove(request: ConsoleRequest) -> Response:
    account, leaving = await _leaving(request)
    await accounts.update_account(request.deps, account.id, by=request.by, features=SetChange(lost=leaving))
    names = display_names.first_of([display_names.FEATURES[one] for one in leaving])
    were = display_names.agree(len(leaving), "was", "were")
    return request.go(f"{_LIST}/{account.id}", f"{names} {were} removed from {account.name}.")


async def _leaving(request: ConsoleRequest) -> tuple[Account, list[Feature]]:
    """The account, and the features of the path that it still has. Raises Gone where it has none of them."""
    account = await accounts.get_account(request.deps, request.id(AccountId))
    named = str(request.http.path_params["features"]).split(",")
    leaving = [one for one in Feature if one.value in named and one in account.features]
    if not leaving:
        raise Gone("the account does not have these features", f"{_LIST}/{account.id}", account.name)
    return account, leaving


async def _stops(deps: Deps, account_id: AccountId, feature: Feature) -> str:
    """What of the account stops without the feature."""
    keys = [one for one in await credentials.list_keys(deps, account_id) if feature in one.features]
    stops = [await _shown_no_more(deps, account_id, feature), consequences.keys_refused(len(keys))]
    return f"{display_names.FEATURES[feature]}: {' '.join(stops)}"


async def _shown_no_more(deps: Deps, account_id: AccountId, feature: Feature) -> str:
    match feature:
        case Feature.CALL_PERSONALISATION:
            return "No new call records are accepted; those accepted so far still show."
        case Feature.NUMBER_MANAGEMENT:
            found = await number_search.read_page(deps, account_id, None, page=1, limit=1)
            return consequences.numbers_stop(found.total)
        case Feature.CALL_ME_BACK:
            return consequences.offers_stop(await feature_sets.count_offering(deps, account_id))
        case Feature.USER_FEEDBACK:
            live = await campaigns.list_campaigns(deps, account_id, CampaignFilter(state=CampaignState.LIVE))
            return consequences.campaigns_stop(len(live))


ROUTES = confirmed("/operator/accounts/{id}/without/{features}", ask_remove, remove, Action.OPERATE)
