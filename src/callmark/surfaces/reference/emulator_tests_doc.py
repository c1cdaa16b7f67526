"""The emulator's document: what tests of integrators need beside handsets, clock and accounts."""

from callmark.kit.errors import Conflict, InvalidInput, NotFound
from callmark.surfaces.emulator.control_api import wire
from callmark.surfaces.emulator.control_api.due_work import WorkOut
from callmark.surfaces.emulator.control_api.webhooks import WebhookMadeOut
from callmark.surfaces.reference.control_operation import ControlOperation
from callmark.surfaces.reference.emulator_examples import WEBHOOK, WEBHOOK_WANTED, WORK
from callmark.surfaces.reference.other_documents import told_by

FOR_TESTS = (
    ControlOperation(
        name="makeWebhook",
        route="POST webhooks",
        tag="Webhooks",
        summary="Make a webhook",
        text=(
            "Of an account, with its secret, which this answer alone has. It gets every event from now on, or those of"
            " the `event_types`. The name is a free one."
        ),
        sent=(wire.WantedWebhook, WEBHOOK_WANTED),
        answer=(WebhookMadeOut, WEBHOOK),
        status=201,
        errors=(
            told_by(NotFound, "no account with this id", "an unknown account"),
            told_by(
                InvalidInput,
                "url must be a complete address that starts with http:// or https://",
                "an address that cannot be called",
            ),
            told_by(Conflict, "an account can have at most 5 webhooks; delete one first", "a sixth webhook"),
        ),
    ),
    ControlOperation(
        name="readWork",
        route="GET work",
        tag="Work",
        summary="Is it idle?",
        text=(
            "How much of each kind of background work is due or under way. A delivery that failed and is due later does"
            " not count."
        ),
        answer=(WorkOut, WORK),
    ),
)
