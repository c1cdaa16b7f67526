"""Every route of the management API."""

from callmark.surfaces.api.management import (
    account,
    alert_recipients_doc,
    call_reasons,
    callbacks_doc,
    campaigns_doc,
    feature_sets_doc,
    labels,
    number_proofs_doc,
    numbers,
    structure_doc,
    webhooks_doc,
)

MANAGEMENT_ROUTES = tuple(
    one.api_route()
    for one in (
        *labels.ROUTES,
        *call_reasons.ROUTES,
        *structure_doc.ROUTES,
        *feature_sets_doc.ROUTES,
        *numbers.ROUTES,
        *number_proofs_doc.ROUTES,
        *callbacks_doc.ROUTES,
        *campaigns_doc.ROUTES,
        *webhooks_doc.ROUTES,
        *alert_recipients_doc.ROUTES,
        *account.ROUTES,
    )
)
