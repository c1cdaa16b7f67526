"""Every route of the operator API."""

from callmark.surfaces.api.operator import accounts, audit_log, limits, persons

OPERATOR_ROUTES = tuple(
    one.api_route() for one in (*accounts.ROUTES, *limits.ROUTES, *audit_log.ROUTES, *persons.ROUTES)
)
