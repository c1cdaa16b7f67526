"""The emulator's document: accounts for tests, resets and snapshots."""

from callmark.domain.sessions.model import EMAIL_TAKEN
from callmark.kit.errors import Conflict, NotFound
from callmark.surfaces.api.route import ParamDoc
from callmark.surfaces.emulator.control_api import wire
from callmark.surfaces.emulator.control_api.accounts import EmulatorAccountOut
from callmark.surfaces.emulator.control_api.snapshots import SnapshotOut
from callmark.surfaces.emulator.states import snapshots
from callmark.surfaces.reference.control_operation import ControlOperation
from callmark.surfaces.reference.emulator_examples import ACCOUNT, ACCOUNT_WANTED, CLOCK, LISTED_ACCOUNT, SNAPSHOT
from callmark.surfaces.reference.other_documents import told_by

_NAME = ParamDoc(
    "name",
    "The snapshot's name: 1 to 64 letters, digits, dots, hyphens and underscores.",
    {"type": "string", "pattern": "^[A-Za-z0-9._-]{1,64}$"},
    "path",
    required=True,
    example="before-checkout",
)
_UNKNOWN = told_by(NotFound, "there is no snapshot with this name", "make it first")
_BAD_NAME = told_by(
    NotFound, "a snapshot's name must have 1 to 64 letters, digits, dots, hyphens and underscores", "another name"
)
_OTHER_VERSION = told_by(
    Conflict,
    "this snapshot was made by another version and cannot be restored. make it again.",
    "Callmark was upgraded since",
)

STATES = (
    ControlOperation(
        name="makeAccount",
        route="POST accounts",
        tag="Accounts",
        summary="Make an account",
        text=(
            "With keys, people and labels as asked, all or nothing. Without `keys` it has one for all features of the"
            " account, without `labels` a dynamic one of its name. This answer alone has the secrets."
        ),
        sent=(wire.WantedAccount, ACCOUNT_WANTED),
        answer=(EmulatorAccountOut, ACCOUNT),
        status=201,
        errors=(told_by(Conflict, EMAIL_TAKEN, "a person of another account has it"),),
    ),
    ControlOperation(
        name="listAccounts",
        route="GET accounts",
        tag="Accounts",
        summary="List accounts",
        text="Every account of the installation, oldest first, without secrets.",
        answer=(list[EmulatorAccountOut], [LISTED_ACCOUNT]),
    ),
    ControlOperation(
        name="resetEmulator",
        route="POST reset",
        tag="Reset",
        summary="Reset",
        text=(
            "Back to before anything happened; accounts, members, keys, labels and webhooks stay. With"
            ' `{"to": "seed"}` nothing stays but what was seeded, with its ids and secrets.'
        ),
        sent=(wire.ResetIn, {"to": "seed"}),
        answer=(wire.ClockOut, CLOCK),
        errors=(
            told_by(
                Conflict,
                "this installation was not seeded; `callmark demo` starts one that is",
                "there is no seed to go back to",
            ),
        ),
        is_body_required=False,
    ),
    ControlOperation(
        name="listSnapshots",
        route="GET snapshots",
        tag="Snapshots",
        summary="List snapshots",
        text="By name.",
        answer=(list[SnapshotOut], [SNAPSHOT]),
    ),
    ControlOperation(
        name="readSnapshot",
        route="GET snapshots/{name}",
        tag="Snapshots",
        summary="Read a snapshot",
        text="When it was made.",
        answer=(SnapshotOut, SNAPSHOT),
        params=(_NAME,),
        errors=(_UNKNOWN, _BAD_NAME),
    ),
    ControlOperation(
        name="makeSnapshot",
        route="PUT snapshots/{name}",
        tag="Snapshots",
        summary="Make a snapshot",
        text="Keeps everything as it is at this moment, in place of an earlier snapshot of this name.",
        sent=(wire.NothingIn, {}),
        answer=(SnapshotOut, SNAPSHOT),
        params=(_NAME,),
        errors=(
            _BAD_NAME,
            told_by(Conflict, f"there can be {snapshots.MOST} snapshots. delete one first.", "too many"),
        ),
        is_body_required=False,
    ),
    ControlOperation(
        name="restoreSnapshot",
        route="POST snapshots/{name}/restore",
        tag="Snapshots",
        summary="Restore a snapshot",
        text="Everything is as it was when the snapshot was made, the product clock too. Handsets sync again.",
        sent=(wire.NothingIn, {}),
        answer=(wire.ClockOut, CLOCK),
        params=(_NAME,),
        errors=(_UNKNOWN, _BAD_NAME, _OTHER_VERSION),
        is_body_required=False,
    ),
    ControlOperation(
        name="deleteSnapshot",
        route="DELETE snapshots/{name}",
        tag="Snapshots",
        summary="Forget a snapshot",
        text="Nothing else changes.",
        params=(_NAME,),
        errors=(_BAD_NAME,),
    ),
)
