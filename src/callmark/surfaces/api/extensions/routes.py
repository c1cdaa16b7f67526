"""Every extension route (docs/extensions.md)."""

from callmark.domain.limits.model import EXTENSIONS, LINT
from callmark.domain.policy.plan import Feature
from callmark.surfaces.api.extensions import announced_calls, events, lint, lint_doc, records, records_doc as doc
from callmark.surfaces.api.own.route import BASE
from callmark.surfaces.api.route import ApiRoute, Family

_RECORD, _BATCH = f"{BASE}/records/{{recordId}}", f"{BASE}/batches/{{batchId}}"
_PUSH = Feature.CALL_PERSONALISATION

EXTENSION_ROUTES = (
    ApiRoute("GET", _RECORD, records.record_timeline, _PUSH, doc=doc.RECORD),
    ApiRoute("POST", f"{_RECORD}/cancel", records.cancel_record, _PUSH, EXTENSIONS, doc=doc.CANCEL_RECORD),
    ApiRoute("GET", _BATCH, records.batch_page, _PUSH, doc=doc.BATCH),
    ApiRoute("GET", f"{_BATCH}/funnel", records.batch_funnel, _PUSH, doc=doc.FUNNEL),
    ApiRoute("POST", f"{_BATCH}/cancel", records.cancel_batch, _PUSH, EXTENSIONS, doc=doc.CANCEL_BATCH),
    ApiRoute("GET", f"{BASE}/resolve", records.resolve, _PUSH, EXTENSIONS, doc=doc.RESOLVE),
    ApiRoute("POST", f"{BASE}/lint", lint.lint_batch, _PUSH, LINT, doc=lint_doc.LINT),
    ApiRoute(
        "GET",
        f"{BASE}/events",
        events.list_events,
        Feature.CALL_ME_BACK,
        doc=events.DOC,
        or_features=(Feature.USER_FEEDBACK, Feature.NUMBER_MANAGEMENT),
    ),
    ApiRoute(
        "POST",
        f"{BASE}/calls",
        announced_calls.announce_call,
        Feature.NUMBER_MANAGEMENT,
        EXTENSIONS,
        Family.OURS,
        announced_calls.DOC,
    ),
)
