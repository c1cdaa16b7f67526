"""What each error means and what to do: for the pages that answers link to, and for the documentation's site.

An answer names an error by its slug. A call record that cannot be shown has a fault or an outcome of its own; those are
no answers, but appear in the batch status and in timelines.
"""

from typing import NamedTuple

from callmark.domain.personalisation.model import Outcome
from callmark.kit.errors import SetupError
from callmark.record_rules.fields import Fault

NEVER_ANSWERED = {SetupError.slug}
"""Errors without help: commands print their text."""


class ErrorHelp(NamedTuple):
    """An error: its name for people, why it happens, and what to do about it; backquotes mark code."""

    title: str
    cause: str
    remedy: str


HELP = {
    "invalid-input": ErrorHelp(
        "The request is wrong",
        "Something in the request cannot be used: the body is not JSON, a field is missing, has the wrong type or is"
        " out of range, or a query parameter or header is wrong. `message` says which one and why. Only the first"
        " fault is reported.",
        "Change what `message` names, then send the request again. The same request fails every time. To find all"
        " faults of a batch at once, send it to `POST /extensions/v1/clients/{id}/lint`, or run `callmark lint` on a"
        " file.",
    ),
    "authorization-error": ErrorHelp(
        "No valid credential",
        "The token is missing, was not sent as `Authorization: Bearer …`, has expired (after 60 minutes), or is"
        " unknown. A token also ends when its API key is regenerated or deleted. On the token route, `key_id` and"
        " `api_key` do not belong to this account. Routes below `/extensions/v1/operator` take operator tokens only,"
        " which end when they expire or are revoked.",
        "Create a new token with `POST /clients/{id}/token`, then repeat the request once. If that also fails, check"
        " that account id, Key ID and secret belong together; an admin can regenerate the key in the console. Keep a"
        " token for its 60 minutes: an account can create ten in 30 minutes. For the operator API, an operator creates"
        " a token in the console or with `callmark operator token create`.",
    ),
    "forbidden-error": ErrorHelp(
        "The credential may not do this",
        "The token is valid, but not for this request. It belongs to another account, its API key lacks the feature of"
        " the route, the account's plan lacks that feature, or the account is suspended. In an emulator: the request"
        " came from another machine or another site without the emulator token.",
        "Compare the account id in the path with the key's. Ask an admin of the account to give the key access to the"
        " feature, and the operator if the account's plan lacks it. A new token is not needed after the key's access"
        " has changed.",
    ),
    "not-found": ErrorHelp(
        "Nothing there",
        "The path does not exist, or nothing with this id belongs to the account. What belongs to another account"
        " answers the same. Call records, events and deliveries are deleted after a time that the operator sets, as a"
        " rule 30 days. The log downloads answer so when nothing is in the range.",
        "Check the path, its version (`/v2`, `/v3`) and the ids in it. List what exists with the matching `GET` route."
        " Do not retry: the answer stays the same.",
    ),
    "method-not-allowed": ErrorHelp(
        "The path has no such method",
        "The path exists, but not with this method, for example `GET` on the token route.",
        "Use one of the methods that the answer's `Allow` header lists.",
    ),
    "request-timeout": ErrorHelp(
        "The request took too long to arrive",
        "The client opened a request and then sent nothing for too long. The connection is closed.",
        "Send the request in one piece and repeat it. If it happens often, look for a proxy or a network that delays"
        " bodies.",
    ),
    "conflict": ErrorHelp(
        "The present state does not allow it",
        "The request is right, but not now: a limit is reached (five webhooks, five keys), a name is taken, something"
        " is still in use, or something has ended. `message` says which. With an `Idempotency-Key` it can mean that the"
        " first request with this key is still running; then the answer has `Retry-After`.",
        "Read the current state, decide again, and send a new request. With `Retry-After`, send the same request again"
        " after that many seconds.",
    ),
    "link-expired": ErrorHelp(
        "The download link has expired",
        "A download link is valid for ten minutes.",
        "Request the log again. It answers with a new link to the same entries.",
    ),
    "payload-too-large": ErrorHelp(
        "The body is too large",
        "A body can have 1 MiB, for a label with its logo 3 MiB, for handsets and the emulator's control API 16 KiB."
        " `message` gives the limit of this route.",
        "Send less in one request: at most 500 call records in a batch, at most 10,000 phone numbers in a listing.",
    ),
    "unsupported-media-type": ErrorHelp(
        "The body is not in plain JSON",
        "The request has a `Content-Type` other than `application/json`, or its body is compressed.",
        "Send JSON with `Content-Type: application/json`, or without that header. Do not compress the body.",
    ),
    "idempotency-key-reused": ErrorHelp(
        "The idempotency key belongs to another request",
        "Within 24 hours the same `Idempotency-Key` came with another body or on another route.",
        "Create a new key for every new request. Repeat a key only with exactly the same body, for example after a"
        " time-out.",
    ),
    "too-many-requests": ErrorHelp(
        "Over the rate limit",
        "The token has used up its requests in this window, or the account has created ten tokens within 30 minutes."
        " `RateLimit-Policy` has the limit, `RateLimit` what is left. Limits are exact sliding windows for each token.",
        "Wait for the seconds in `Retry-After`, then send the same request again; send important requests first. Use"
        " batches of up to 500 records for many records. If tokens run out, keep each one for its 60 minutes and share"
        " it between your processes.",
    ),
    "internal-server-error": ErrorHelp(
        "A fault in the server",
        "The server failed in a way that nobody foresaw. It was logged with the request's id.",
        "Try again later, a few times at most. If it persists, give the operator the `X-Request-Id` of the answer:"
        " the log line with that id has the cause.",
    ),
    "service-unavailable": ErrorHelp(
        "The server cannot do it now",
        "The database or the message server cannot be reached, or this process is shutting down. What had been answered"
        " is safe.",
        "Send the same request again after the seconds in `Retry-After`. Operators: `/readyz` and `callmark doctor` say"
        " what cannot be reached.",
    ),
}
"""By slug; every slug that is answered has its entry."""

FAULTS = {
    Fault.REQUIRED: ErrorHelp(
        "A field is missing",
        "A field that is needed is missing, null or empty. `label_id` and a name of its own may replace each other, as"
        " the reference of the route says.",
        "Send the field. Field names differ between the three generations: v1 names are not read on `/v2` and `/v3`.",
    ),
    Fault.INVALID: ErrorHelp(
        "A value has the wrong type",
        "A value has the wrong JSON type, an id is not a UUID, or an instant is before 1970 or after the year 9999.",
        "Send instants as whole numbers of milliseconds, without quotes and without a fraction.",
    ),
    Fault.PHONE: ErrorHelp(
        "Not a phone number",
        "The number does not have the form of this generation: country code and 7 to 15 digits in all. v1: digits only."
        " `/v2`: with or without `+`. `/v3`: with `+`.",
        "Write the number in international form, without spaces, dashes or leading zeros.",
    ),
    Fault.FOREIGN: ErrorHelp(
        "The caller belongs to another business",
        "Another account on this platform has listed this caller number, or is listing it.",
        "Call from a number of your own. If the number is yours, ask the operator to have it delisted there.",
    ),
    Fault.LABEL: ErrorHelp(
        "Not a dynamic label of this account",
        "The label is unknown, static, deleted, or belongs to another account.",
        "List the labels with `GET /clients/{id}/labels` (`callmark labels list`) and send the id of one of them.",
    ),
    Fault.NAME_LENGTH: ErrorHelp(
        "The name is too short or too long",
        "A name that replaces the label's has 3 to 40 characters; on v1 at most 40.",
        "Shorten the name, or leave it out: then the label's own name is shown.",
    ),
    Fault.NAME_CHARACTERS: ErrorHelp(
        "The name has characters that are not allowed",
        "The name has no visible character, or it has control characters, characters that change the direction of"
        " writing, or invisible ones.",
        "Remove them. They often come along when text is copied from documents or web pages.",
    ),
    Fault.REASON_LENGTH: ErrorHelp(
        "The call reason is too short or too long",
        "A call reason has 10 to 100 characters.",
        "Say in one short sentence why you call.",
    ),
    Fault.REASON_CHARACTERS: ErrorHelp(
        "The call reason has characters that are not allowed",
        "The call reason contains a special character that handsets do not show, or an invisible one.",
        "Remove it. `callmark lint` shows which character it is.",
    ),
    Fault.END_PAST: ErrorHelp(
        "The window is over",
        "`ends_at` is before the server's clock when the record arrives. Often seconds were sent instead of"
        " milliseconds, or the record waited too long in a queue.",
        "Send epoch milliseconds, and push the record before its window ends.",
    ),
    Fault.END_ORDER: ErrorHelp(
        "The window ends before it starts",
        "`ends_at` is not after `starts_at`.",
        "Send the instants in the right order.",
    ),
    Fault.TOO_LONG: ErrorHelp(
        "The window is longer than 24 hours",
        "There are more than 24 hours between `starts_at` and `ends_at`.",
        "Push the record again for each day on which you may call.",
    ),
}
"""Why a call record is `invalid`."""

OUTCOMES = {
    Outcome.NOT_REGISTERED: ErrorHelp(
        "The receiver has no handset",
        "No handset with a caller-ID app is registered under this number.",
        "Nothing: the call itself is not affected. Do not retry; the receiver may register later.",
    ),
    Outcome.OS_NOT_SUPPORTED: ErrorHelp(
        "The receiver's system cannot show it",
        "The receiver's handset runs a system that cannot show pushed identities, such as iOS.",
        "List the caller's number: a listed number shows its static identity on these handsets too.",
    ),
    Outcome.APP_VERSION_NOT_SUPPORTED: ErrorHelp(
        "The receiver's app is too old",
        "The app on the receiver's handset is older than `CALLMARK_MIN_APP_VERSION`.",
        "List the caller's number, as above. The record shows once the receiver has updated the app and connects.",
    ),
    Outcome.FAILED_TO_PUSH: ErrorHelp(
        "The handset did not confirm in time",
        "The handset was not connected, or did not answer within the deadline (2.5 s in real time, 10 s in bulk).",
        "Nothing, or push again shortly before the call. A handset that connects while the window is open still gets"
        " the record, and the outcome becomes `success`.",
    ),
}
"""Why a valid call record is not on the receiver's handset."""
