"""What the fields of JSON beside the business API mean, for documents made from Structs that say only their types.

A new Struct rather says it at the field, by `Meta(description=…)`.
"""

from inspect import cleandoc
from typing import cast

from callmark.surfaces.api.doc_parts import Json

_SCHEMAS = "#/components/schemas/"
_INSTANT: Json = {"format": "date-time"}
_UUID: Json = {"format": "uuid"}
_INT64: Json = {"format": "int64"}
_TAG = "Tells one kind of identity from another."
"""Of the field that msgspec adds for the tag of a Struct: there is no place to describe it."""

_NUMBER = "Country code and digits."

_ABOUT = {
    "SeedOut": "The seed of the handsets' randomness.",
    "FaultsOut": "What is left of the faults.",
    "FaultsIn": "The faults to set in place of those there are; what is left out is not set.",
}
"""Descriptions that replace a docstring written for readers of the code."""

_FIELDS: dict[str, str | tuple[str, Json]] = {
    "WantedWebhook WebhookMadeOut.event_types": "The kinds of events that it gets.",
    "WorkOut.idle": "Whether nothing is due or under way.",
    "WebhookMadeOut.secret": "What signs its deliveries (docs/webhooks.md).",
    "WebhookMadeOut.id": ("The webhook.", _UUID),
    "WebhookMadeOut.name": "Its name.",
    "WebhookMadeOut.url": "Where its events are sent.",
    "WantedWebhook.url": "Where its events are sent: a public address, one of this machine, or a sink's.",
    "WorkOut.work": "Of each kind of work, how much is due or under way.",
    "ClockIn.advance_s": "Seconds to move the clock on: more than 0, at most 34,560,000 (400 days).",
    "CallMeBackIn CallMeBackOut.alternate_number": ("Another number to be called at; null or empty for none."),
    "WantedAccount.name": "The account's name.",
    "EmulatorAccountOut.name": "The account's name.",
    "FeedbackIn.answers": "What is said to each question, at least one.",
    "KeyOut.api_key": "The key's secret; only in the answer that made it.",
    "HandsetChangeIn HandsetIn HandsetOut.app_version": (
        "One to four whole numbers joined by dots; what follows them, as in `4.2.0-beta1`, does not count."
    ),
    "SinkRequestOut.at": ("When it came, by the product clock.", _INSTANT),
    "CallMeBackIn CallMeBackOut FeedbackIn FeedbackOut.business_number": (f"The number that had called. {_NUMBER}"),
    "FeedbackOut.call_id": "The call; the handset makes an id for each.",
    "CallOut.call_reason": "The second line on the screen; null for none.",
    "FeedbackOut.call_type": "How the call ended.",
    "FeedbackIn.call_type": ("How the call ended.", {"enum": ["answered", "missed"]}),
    "CallIn.caller": f"The number that rings. {_NUMBER}",
    "FeedbackIn FeedbackOut.campaign_id": "The campaign, as offered.",
    "EmulatorAccountOut WantedWebhook.client_account_id": ("The account.", _UUID),
    "HandsetOut.connected": "Whether its stream is open at this moment.",
    "HandsetOut.asleep": "Whether it has no stream and waits to be woken.",
    "FaultsIn.count": "How many requests fail; 1 when it is left out beside a status or slug.",
    "FaultsOut.count": "How many requests are still to fail.",
    "MailOut.created_at": ("When it was written, by the product clock.", _INSTANT),
    "SinkIn SinkOut.delay_s": "Seconds before it answers.",
    "SinkIn.drip": (
        "Seconds between the bytes of the answer's body; `true` is half a second, `false` or 0 sends it whole."
    ),
    "SinkOut.drip": "Seconds between the bytes of the answer's body; 0 when it is sent whole.",
    "FaultsIn FaultsOut.drop_every": "Loses every n-th push; 1 loses all, 0 none.",
    "MemberOut WantedMember.email": "Their email address.",
    "KeyOut.features": "What the key gives access to.",
    "WantedAccount.features": "What the account subscribes to; everything when left out.",
    "EmulatorAccountOut.features": "What the account subscribes to.",
    "WantedKey.features": "What the key gives access to; the features of the account when left out.",
    "SinkIn SinkOut SinkRequestOut.headers": "Headers by their names.",
    "HandsetOut.held": "How many records it holds.",
    "MailOut.html": "The mail as HTML.",
    "AccountLabelOut MailOut.id": "Its id.",
    "CallMeBackIn CallMeBackOut.interested": "Whether the receiver wants to be called back.",
    "KeyOut.key_id": ("The key.", _UUID),
    "EmulatorAccountOut.keys": "Its live keys.",
    "WantedAccount.keys": "Its keys; one when left out.",
    "WantedKey.name": "The key's name.",
    "KeyOut.name": "The key's name.",
    "EmulatorAccountOut.labels": "Its labels, oldest first.",
    "WantedAccount.labels": "Its labels; a dynamic one of the account's name when left out.",
    "WantedLabel.name": "The label's name.",
    "AccountLabelOut.name": "The label's name.",
    "WantedLabel.type": "What the label is for; `dynamic` when left out.",
    "AccountLabelOut.type": "What the label is for.",
    "FaultsIn FaultsOut.latency_ms": "Milliseconds that each request of the REST API waits first.",
    "CallOut.logo_url": "A picture that never changes.",
    "SnapshotOut.made_at": ("When it was made, by the real clock.", _INSTANT),
    "EmulatorAccountOut WantedAccount.members": "Its people.",
    "WantedMember.name": "Their name.",
    "MemberOut.name": "Their name.",
    "SinkRequestOut.method": "Its method.",
    "HandsetOut.most_held": "How many records it holds at most.",
    "CallOut.name": "The first line on the screen; null when nothing showed.",
    "SinkOut.name": "The sink's name.",
    "ClockOut.now": ("The product clock.", _INSTANT),
    "SnapshotOut.now": ("The product clock when it was made.", _INSTANT),
    "SnapshotOut.name": "The snapshot's name.",
    "CallOut.offers": "What the screen may offer after the call.",
    "HandsetChangeIn HandsetIn HandsetOut.online": "Whether it should be connected.",
    "HandsetOut.os": "What it runs.",
    "HandsetIn.os": ("What it runs; `android` when left out.", {"enum": ["android", "ios"]}),
    "HandsetChangeIn.os": ("What it runs; another one registers again.", {"enum": ["android", "ios"]}),
    "CallOut.outcome": "How the call ended.",
    "CallIn.outcome": (
        "How the call is to end; the handset's script decides when it is left out.",
        {"enum": ["answered", "missed", "rejected"]},
    ),
    "MemberOut.password": "Their password for the console; only in the answer that made it.",
    "WantedMember.password": "Their password for the console; made up when left out.",
    "HandsetIn HandsetOut.phone_number": f"Its phone number. {_NUMBER}",
    "HandsetChangeIn.phone_number": "May only repeat that of the path.",
    "SinkRequestOut.query": "What stood behind the `?` of the address.",
    "CallIn.receiver": f"The number that is called. {_NUMBER}",
    "HandsetOut.refused_pushes": "Pushes that it did not take because it was full.",
    "HandsetOut.registered": "Whether the app on it has a registration; without one it rings and shows nothing.",
    "CallMeBackOut.request_id": ("An id that the handset makes for each request; repeated, it changes nothing."),
    "SinkOut.requests": "How many requests are kept.",
    "SinkIn SinkOut.reset": "Whether it cuts the connection in place of an answer.",
    "MemberOut WantedMember.role": "What they may do.",
    "HandsetChangeIn.script": "How it behaves where it differs from a plain handset; replaces the old one whole.",
    "HandsetIn HandsetOut.script": "How it behaves where it differs from a plain handset.",
    "SeedIn.seed": ("A whole number of 64 bits, with a sign.", _INT64),
    "SeedOut.seed": ("A whole number of 64 bits; null when none is set.", _INT64),
    "CallMeBackIn CallMeBackOut.sim_unknown": ("Whether the call came to a SIM whose number is not known."),
    "CallMeBackIn CallMeBackOut.slot": (
        "One of the offered slots as it was given; null without a slot picker or without interest."
    ),
    "FaultsIn FaultsOut.slug": "The error's slug; null for none.",
    "CallOut.source": "Where the identity comes from.",
    "SinkIn SinkOut.status": "The status that it answers with.",
    "FaultsIn.status": "The status to fail with; the slug alone will do, too.",
    "FaultsOut.status": "The status that requests fail with; null when none is to fail.",
    "MailOut.subject": "Its subject.",
    "MailOut.text": "As plain text.",
    "HandsetOut.time_zone": "Its time zone, a name or an offset from UTC.",
    "MailOut.to": "Who it goes to.",
    "ResetIn.to": "`seed`: nothing stays but what was seeded.",
    "SinkOut.url": "Where webhooks are sent.",
    "CallOut.verified": "Whether the business behind it was verified.",
    "CallOut.why": "Why it is what it is, for people; do not compare it.",
    "SinkIn SinkOut.body": "The body of its answers.",
    "SinkRequestOut.body": "The body as it came.",
}
"""The Structs that have the field, and its name: the sentence, and what the schema says beyond the type."""

FIELDS = {
    f"{struct}.{field}": told
    for structs, _, field, told in ((*key.rpartition("."), told) for key, told in _FIELDS.items())
    for struct in structs.split()
}
"""The same for each Struct."""


def described(components: Json) -> Json:
    """The components with a description on each, and on each of their fields. Raises LookupError for one without."""
    return {name: _described(name, component) for name, component in components.items()} | _named_choices(components)


def _described(name: str, component: Json) -> Json:
    told = component | {"description": _ABOUT.get(name) or " ".join(cleandoc(component["description"]).split())}
    if "enum" in told:
        told["type"] = "string"
    if fields := cast("dict[str, Json]", told.get("properties")):
        told["properties"] = {field: _field(name, field, schema) for field, schema in fields.items()}
    return told


def _field(struct: str, field: str, schema: Json) -> Json:
    found = schema.get("description") or (_TAG if _is_tag(field, schema) else FIELDS[f"{struct}.{field}"])
    description, more = (found, {}) if isinstance(found, str) else found
    choices = cast("list[Json]", schema.get("anyOf", []))
    inner = next((one for one in choices if "anyOf" in one), None)
    if inner is not None:
        schema = schema | {"anyOf": [{"$ref": _SCHEMAS + _name_of(inner)}, {"type": "null"}]}
    if "enum" in schema:
        schema = schema | {"type": "string"}
    return schema | more | {"description": description}


def _is_tag(field: str, schema: Json) -> bool:
    return field == "type" and len(schema.get("enum", ())) == 1


def _named_choices(components: Json) -> Json:
    """A component for each choice between kinds that is inside another: generators understand only named ones."""
    found: Json = {}
    for component in components.values():
        for schema in cast("Json", component.get("properties", {})).values():
            for inner in (one for one in schema.get("anyOf", []) if "anyOf" in one):
                rest = {key: one for key, one in inner.items() if key != "anyOf"}
                found[_name_of(inner)] = rest | {"oneOf": inner["anyOf"], "description": "One of several kinds."}
    return found


def _name_of(choice: Json) -> str:
    return "Or".join(one["$ref"].rpartition("/")[2] for one in choice["anyOf"])
