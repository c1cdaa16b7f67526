"""What the API reference says of the dry run."""

from callmark.surfaces.api.doc_parts import bad
from callmark.surfaces.api.example_values import ENDS_AT, LABEL_ID, STARTS_AT
from callmark.surfaces.api.extensions.lint import LintIn, LintOut
from callmark.surfaces.api.extensions.records_doc import TAG
from callmark.surfaces.api.route import Doc, ParamDoc

LINT = Doc(
    name="lintBatch",
    summary="Check a batch without sending it",
    description=(
        "Takes the same body as a generation's batch route and returns every fault of every"
        " record, with that route's error text and a code for programs. It also warns about"
        " each field name that would be ignored and suggests the closest valid name. Nothing"
        " is stored or pushed. A body that is not JSON is reported as a fault. For a batch"
        " that is too large, the first 500 records are checked."
    ),
    tag=TAG,
    request=LintIn,
    requests={
        "A v1 name on v2": {
            "call_records": [
                {
                    "caller": "918040001234",
                    "receiver_number": "919900112233",
                    "label_id": LABEL_ID,
                    "starts_at": STARTS_AT,
                    "ends_at": ENDS_AT,
                }
            ]
        }
    },
    response=LintOut,
    responses={
        "A v1 name on v2": {
            "generation": "v2",
            "accepted": True,
            "counts": {"records": 1, "good": 0, "faulty": 1, "faults": 1, "warnings": 1},
            "faults": [
                {
                    "index": 0,
                    "field": "caller_number",
                    "code": "required",
                    "message": "Request body is invalid: caller_number is required",
                    "hint": "the record has caller; in v2 the field is caller_number",
                }
            ],
            "warnings": [
                {
                    "index": 0,
                    "field": "caller",
                    "code": "unknown_field",
                    "message": "caller is not a field of v2 and is ignored",
                    "hint": "caller_number",
                }
            ],
        }
    },
    params=(
        ParamDoc(
            "generation",
            "The generation of the batch route; v1 means the paths without a prefix.",
            {"type": "string", "enum": ["v1", "v2", "v3"]},
            required=True,
            example="v2",
        ),
    ),
    errors=(
        bad("generation is required", "missing or empty"),
        bad("generation is invalid", "not v1, v2 or v3"),
    ),
)
