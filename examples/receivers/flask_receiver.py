"""A webhook receiver in Flask: verifies, stores, answers.

CALLMARK_WEBHOOK_SECRET=whsec_… flask --app flask_receiver run --port 8080
"""

import logging
import os

import inbox
from flask import Flask, Response, request

import callmark

# While you rotate the secret, both: CALLMARK_WEBHOOK_SECRET=whsec_new,whsec_old
SECRETS = os.environ["CALLMARK_WEBHOOK_SECRET"].split(",")
app = Flask(__name__)
app.logger.setLevel(logging.INFO)


@app.post("/callmark")
def receive() -> Response:
    """A webhook request. The body is read as it came: a parsed and rewritten one no longer fits its signature."""
    try:
        event = callmark.webhooks.unwrap(request.get_data(), request.headers, secret=SECRETS)
    except callmark.WebhookVerificationError as error:
        app.logger.warning("refused a webhook: %s", error)
        return Response("not a valid webhook", status=400)
    is_new = inbox.keep(event)
    app.logger.info("event %s: %s", event.event_id, "stored" if is_new else "was here before")
    return Response(status=204)
