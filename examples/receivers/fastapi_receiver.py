"""A webhook receiver in FastAPI: verifies, stores, answers.

CALLMARK_WEBHOOK_SECRET=whsec_… uvicorn fastapi_receiver:app --port 8080
"""

import logging
import os

import inbox
from fastapi import FastAPI, HTTPException, Request
from fastapi.concurrency import run_in_threadpool

import callmark

# While you rotate the secret, both: CALLMARK_WEBHOOK_SECRET=whsec_new,whsec_old
SECRETS = os.environ["CALLMARK_WEBHOOK_SECRET"].split(",")
log = logging.getLogger("uvicorn.error")
app = FastAPI()


@app.post("/callmark", status_code=204)
async def receive(request: Request) -> None:
    """A webhook request. The body is read as it came: a parsed and rewritten one no longer fits its signature."""
    body = await request.body()
    try:
        event = callmark.webhooks.unwrap(body, request.headers, secret=SECRETS)
    except callmark.WebhookVerificationError as error:
        log.warning("refused a webhook: %s", error)
        raise HTTPException(400, "not a valid webhook") from error
    is_new = await run_in_threadpool(inbox.keep, event)
    log.info("event %s: %s", event.event_id, "stored" if is_new else "was here before")
