"""A line of the management API's tables: an ApiRoute that asks the policy of keys, with its text for the reference."""

from functools import partial

from callmark.domain.accounts import service as accounts
from callmark.domain.limits.model import MANAGING
from callmark.domain.policy.model import PLAN, Action, check_key
from callmark.domain.policy.plan import MANAGEMENT, not_in_plan
from callmark.surfaces.api.own.route import BASE, OwnRoute
from callmark.surfaces.api.request import ApiRequest
from callmark.surfaces.api.route import ApiRoute, ErrorDoc, Family, Handler
from callmark.surfaces.http import Response

TAG = "Management"
_NO_FEATURE = "the account lacks the feature"


class ManagedRoute(OwnRoute, frozen=True):
    """A route below the account, for keys with the access `management` whose policy allows `needs`."""

    needs: Action

    def api_route(self) -> ApiRoute:
        """The route as the API's table has it."""
        feature = PLAN.get(self.needs)
        lacks = [ErrorDoc(403, "forbidden-error", f"{not_in_plan(feature)}.", _NO_FEATURE)] if feature else []
        return ApiRoute(
            self.method,
            f"{BASE}/{self.path}",
            partial(_checked, self.handler, self.needs),
            MANAGEMENT,
            MANAGING,
            Family.OURS,
            self.doc(TAG, more=lacks),
            keyed=self.creates,
            needs=self.needs,
            largest_bytes=self.largest_bytes,
        )


async def _checked(handler: Handler, needs: Action, request: ApiRequest) -> Response:
    """Answers when the key may do that: admission has found that it has the access."""
    account = await accounts.get_account(request.deps, request.account_id)
    check_key((MANAGEMENT,), account.features, needs)
    return await handler(request)
