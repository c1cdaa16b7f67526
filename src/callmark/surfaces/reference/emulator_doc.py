"""`/emulator/openapi.json`: the emulator's control API, from the Structs it reads and answers with."""

from callmark.kit.errors import Conflict, InvalidInput, NotFound
from callmark.surfaces.api.doc_parts import Json
from callmark.surfaces.api.route import Doc, ParamDoc
from callmark.surfaces.emulator.control_api import mails, sinks, wire
from callmark.surfaces.emulator.control_api.faults import FaultsOut
from callmark.surfaces.emulator.control_api.routing import PREFIX
from callmark.surfaces.emulator.handsets.model import Screen
from callmark.surfaces.reference.control_operation import PHONE, ControlOperation
from callmark.surfaces.reference.emulator_examples import (
    ANSWERED,
    BACK,
    CALL_ID,
    CLOCK,
    FAULTS,
    HANDSET,
    MAIL,
    QUESTION,
    RECEIVED,
    SCREEN,
    SINK,
)
from callmark.surfaces.reference.emulator_states_doc import STATES
from callmark.surfaces.reference.emulator_tests_doc import FOR_TESTS
from callmark.surfaces.reference.openapi import DocumentInfo, bearer
from callmark.surfaces.reference.other_documents import DocumentedRoute, document_of, told_by

ABOUT = DocumentInfo(
    "Callmark emulator",
    "Virtual handsets, calls, a clock that you move, faults on demand, sinks for webhooks, caught mails",
    """\
Drives the emulator of an installation in emulator mode; elsewhere these paths answer 404. Programs on the same machine
need no credential. A program elsewhere sends the emulator token, which is in the demo's credentials files.

Bodies are JSON of at most 16 KiB (`feedback`: 64 KiB); unknown keys are refused with those that are known. Phone
numbers are taken with or without `+`. An answer comes when the change is in force. Errors are `{"slug", "message"}`;
503 means that a process is not there (yet): ask again after `Retry-After` seconds. Every answer carries `X-Request-Id`.
""",
    {"emulatorToken": bearer("The emulator token, `cm_emulator_…`; programs on the same machine need none.")},
)
_CALLER = ParamDoc("caller", "The number that would ring.", {"type": "string"}, required=True, example="918040001234")
_NAME = ParamDoc(
    "name",
    "The sink's name: 1 to 64 letters, digits, dots, hyphens and underscores.",
    {"type": "string", "pattern": "^[A-Za-z0-9._-]{1,64}$"},
    "path",
    required=True,
    example="orders",
)
_NO_HANDSET = told_by(NotFound, "no virtual handset has the number 919900112233", "make it first")
_OFFLINE = told_by(Conflict, "919900000001 is offline; put it online first", "nothing on it that could answer")
_NO_CALL = told_by(Conflict, "no missed or rejected call from this number has been reported", "place one first")
_BAD_NAME = told_by(
    NotFound, "a sink's name consists of 1 to 64 letters, digits, dots, hyphens and underscores", "another name"
)


_TIME = (
    ControlOperation(
        name="readClock",
        route="GET clock",
        tag="Clock",
        summary="Read the product clock",
        text="The time by which everything is judged.",
        answer=(wire.ClockOut, CLOCK),
    ),
    ControlOperation(
        name="moveClock",
        route="POST clock",
        tag="Clock",
        summary="Move the product clock",
        text="Answers once every process has the new time. What has become due starts at once.",
        sent=(wire.ClockIn, {"advance_s": 7200}),
        answer=(wire.ClockOut, CLOCK),
        errors=(
            told_by(InvalidInput, "advance_s must be more than 0 and at most 34560000 (400 days)", "out of bounds"),
        ),
    ),
)
_HANDSETS = (
    ControlOperation(
        name="listHandsets",
        route="GET handsets",
        tag="Handsets",
        summary="List virtual handsets",
        text="Every one, by its number.",
        answer=(list[wire.HandsetOut], [HANDSET]),
    ),
    ControlOperation(
        name="makeHandset",
        route="POST handsets",
        tag="Handsets",
        summary="Make a handset",
        text=(
            "A fresh installation of the app, registered and as online as asked when this is answered. A number that "
            "has a handset gets a new installation, which holds nothing."
        ),
        sent=(wire.HandsetIn, {"phone_number": "919900112233", "script": {"ack_delay_s": 2}}),
        answer=(wire.HandsetOut, HANDSET),
        status=201,
    ),
    ControlOperation(
        name="changeHandset",
        route="PATCH handsets/{phone}",
        tag="Handsets",
        summary="Change a handset",
        text="Changes what the body names. Another `os` or `app_version` registers again.",
        sent=(wire.HandsetChangeIn, {"online": False}),
        answer=(wire.HandsetOut, HANDSET | {"online": False, "connected": False}),
        params=(PHONE,),
        errors=(_NO_HANDSET,),
    ),
    ControlOperation(
        name="removeHandset",
        route="DELETE handsets/{phone}",
        tag="Handsets",
        summary="Remove a handset",
        text=(
            "The app is uninstalled, and the handset gone. One that sleeps cannot say so: its registration ends with"
            " the next wake-up."
        ),
        params=(PHONE,),
        errors=(_NO_HANDSET,),
    ),
    ControlOperation(
        name="readScreen",
        route="GET handsets/{phone}/screen",
        tag="Handsets",
        summary="See what would show",
        text="What the handset would show if the caller rang now. Nothing is reported.",
        answer=(Screen, SCREEN),
        params=(PHONE, _CALLER),
        errors=(told_by(InvalidInput, "the query parameter caller is required", "it is missing"), _NO_HANDSET),
    ),
)
_CALLS = (
    ControlOperation(
        name="placeCall",
        route="POST calls",
        tag="Calls",
        summary="Place a call",
        text="Rings a handset and tells what showed. The handset reports the call as a real one would.",
        sent=(wire.CallIn, {"caller": "918040001234", "receiver": "919900000001", "outcome": "answered"}),
        answer=(wire.CallOut, SCREEN | {"outcome": "answered"}),
        errors=(_NO_HANDSET,),
    ),
    ControlOperation(
        name="askToBeCalledBack",
        route="POST handsets/{phone}/call-me-back",
        tag="Calls",
        summary="Ask to be called back",
        text="What the receiver does after a missed or rejected call; answers once it is stored.",
        sent=(wire.CallMeBackIn, BACK),
        answer=(wire.CallMeBackOut, BACK | {"request_id": "5a0e2f0c-8f0e-4a9e-9a55-0f8f2f0a7e21"}),
        params=(PHONE,),
        errors=(_NO_HANDSET, _OFFLINE, _NO_CALL),
    ),
    ControlOperation(
        name="giveFeedback",
        route="POST handsets/{phone}/feedback",
        tag="Calls",
        summary="Answer a campaign",
        text="About the newest call of that type from the number; answers once it is stored.",
        sent=(wire.FeedbackIn, ANSWERED | {"answers": [{"question_id": QUESTION, "answer": "Yes"}]}),
        answer=(wire.FeedbackOut, ANSWERED | {"call_id": CALL_ID}),
        params=(PHONE,),
        errors=(_NO_HANDSET, _OFFLINE, _NO_CALL),
    ),
)
_TROUBLE = (
    ControlOperation(
        name="readFaults",
        route="GET faults",
        tag="Faults",
        summary="Read the faults",
        text="What is left of the faults on demand.",
        answer=(FaultsOut, FAULTS),
    ),
    ControlOperation(
        name="setFaults",
        route="PUT faults",
        tag="Faults",
        summary="Set faults",
        text="In place of those there are. The next requests of the REST API fail so, or wait first.",
        sent=(wire.FaultsIn, {"status": 503, "count": 2}),
        answer=(FaultsOut, FAULTS),
        errors=(told_by(InvalidInput, "count needs a status or a slug", "nothing to count"),),
    ),
    ControlOperation(
        name="clearFaults",
        route="DELETE faults",
        tag="Faults",
        summary="Clear the faults",
        text="None are left.",
    ),
    ControlOperation(
        name="readSeed",
        route="GET seed",
        tag="Faults",
        summary="Read the seed",
        text="The seed of the handsets' randomness.",
        answer=(wire.SeedOut, {"seed": 7}),
    ),
    ControlOperation(
        name="setSeed",
        route="PUT seed",
        tag="Faults",
        summary="Set the seed",
        text="Every handset counts and draws from the beginning.",
        sent=(wire.SeedIn, {"seed": 7}),
        answer=(wire.SeedOut, {"seed": 7}),
    ),
)
_MAILS = (
    ControlOperation(
        name="listMails",
        route="GET mails",
        tag="Mails",
        summary="List caught mails",
        text=f"Those that would have gone out, oldest first, at most the newest {mails.MOST_SHOWN}.",
        answer=(list[mails.MailOut], [MAIL]),
    ),
    ControlOperation(
        name="deleteMails",
        route="DELETE mails",
        tag="Mails",
        summary="Forget caught mails",
        text="None are left.",
    ),
)
_AT_SINK = ((_NAME,), (_BAD_NAME,))
_SINKS = (
    ControlOperation(
        name="listSinks",
        route="GET sinks",
        tag="Sinks",
        summary="List sinks",
        text="Those that were set or were sent something, by name.",
        answer=(list[sinks.SinkOut], [SINK]),
    ),
    ControlOperation(
        name="readSink",
        route="GET sinks/{name}",
        tag="Sinks",
        summary="Read a sink",
        text="How it answers.",
        answer=(sinks.SinkOut, SINK),
        params=_AT_SINK[0],
        errors=_AT_SINK[1],
    ),
    ControlOperation(
        name="setSink",
        route="PUT sinks/{name}",
        tag="Sinks",
        summary="Set a sink",
        text="How it answers from now on; what is left out is as in a fresh one.",
        sent=(sinks.SinkIn, {"status": 503}),
        answer=(sinks.SinkOut, SINK),
        params=_AT_SINK[0],
        errors=(told_by(InvalidInput, "headers is invalid: content-length is the server's own", "not ours"), _BAD_NAME),
        is_body_required=False,
    ),
    ControlOperation(
        name="deleteSink",
        route="DELETE sinks/{name}",
        tag="Sinks",
        summary="Forget a sink",
        text="And what it was sent.",
        params=_AT_SINK[0],
        errors=_AT_SINK[1],
    ),
    ControlOperation(
        name="listSinkRequests",
        route="GET sinks/{name}/requests",
        tag="Sinks",
        summary="List what a sink was sent",
        text="Oldest first, at most the newest 1000.",
        answer=(list[sinks.SinkRequestOut], [RECEIVED]),
        params=_AT_SINK[0],
        errors=_AT_SINK[1],
    ),
    ControlOperation(
        name="deleteSinkRequests",
        route="DELETE sinks/{name}/requests",
        tag="Sinks",
        summary="Forget what a sink was sent",
        text="How it answers stays.",
        params=_AT_SINK[0],
        errors=_AT_SINK[1],
    ),
)
_SEND = DocumentedRoute(
    "POST",
    f"{PREFIX}sinks/{{name}}",
    Doc(
        name="sendToSink",
        summary="Send a webhook to a sink",
        description="The receiver itself: keeps what it is sent, at most 1 MiB, and answers as it was set.",
        tag="Sinks",
        response=None,
        params=_AT_SINK[0],
        errors=_AT_SINK[1],
    ),
    ({},),
    largest_body_bytes=sinks.LARGEST_REQUEST_BYTES,
    takes_anything=True,
)
OPERATIONS = (
    *(one.operation() for one in (*_TIME, *_HANDSETS, *_CALLS, *_TROUBLE, *STATES, *FOR_TESTS, *_MAILS, *_SINKS)),
    _SEND,
)


def emulator_openapi(public_url: str, version: str) -> Json:
    """The OpenAPI document of the emulator's control API."""
    return document_of(ABOUT, OPERATIONS, public_url, version)
