"""A line of the operator API's tables: an ApiRoute that takes operator tokens, with its text for the reference."""

from callmark.domain.limits.model import OPERATING
from callmark.surfaces.api.own.route import UNKNOWN_ID, OwnRoute
from callmark.surfaces.api.route import ApiRoute, ErrorDoc, Family

OPERATOR_BASE = "/extensions/v1/operator"
_TAG = "Operator"
_UNKNOWN_ACCOUNT = ErrorDoc(404, "not-found", "no account with this id", "the id is unknown, or is not a UUID")


class OperatorRoute(OwnRoute, frozen=True):
    """A route of the installation, for operator tokens."""

    def api_route(self) -> ApiRoute:
        """The route as the API's table has it."""
        unknown = _UNKNOWN_ACCOUNT if self.path.startswith("accounts") else UNKNOWN_ID
        return ApiRoute(
            self.method,
            f"{OPERATOR_BASE}/{self.path}",
            self.handler,
            bucket=OPERATING,
            family=Family.OURS,
            doc=self.doc(_TAG, unknown),
            keyed=self.creates,
            for_operators=True,
            largest_bytes=self.largest_bytes,
        )
