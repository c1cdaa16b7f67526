"""Every route of the management API."""

from callmark.surfaces.api.management import (
    account,
    alert_recipient_routes,
    call_reasons,
    callback_routes,
    campaign_routes,
    feature_set_routes,
    labels,
    number_proof_routes,
    numbers,
    structure_routes,
    webhook_routes,
)

MANAGEMENT_ROUTES = tuple(
    one.api_route()
    for one in (
        *labels.ROUTES,
        *call_reasons.ROUTES,
        *structure_routes.ROUTES,
        *feature_set_routes.ROUTES,
        *numbers.ROUTES,
        *number_proof_routes.ROUTES,
        *callback_routes.ROUTES,
        *campaign_routes.ROUTES,
        *webhook_routes.ROUTES,
        *alert_recipient_routes.ROUTES,
        *account.ROUTES,
    )
)
