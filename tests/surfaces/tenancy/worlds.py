"""Things of every kind that a business can have, by the names that routes have for their ids."""

import re
from uuid import UUID

import msgspec
from tests.support.factories import Sent, make_cast, make_label, phone, submit_batch
from tests.surfaces.api.management.managing import make_everything
from tests.surfaces.console.browser import make_operator
from tests.surfaces.gateway.helpers import make_handset

from callmark.domain.credentials import service as credentials
from callmark.domain.deps import Deps
from callmark.domain.edges import service as edges
from callmark.domain.ids import AccountId
from callmark.domain.members import service as members
from callmark.domain.operators.tokens import service as operator_tokens
from callmark.domain.personalisation import service as personalisation
from callmark.domain.personalisation.uploads import service as uploads
from callmark.domain.personalisation.uploads.model import RowTexts, UploadRow
from callmark.domain.personalisation.validation import V2
from callmark.domain.persons import service as persons
from callmark.domain.policy.model import SYSTEM, Role
from callmark.domain.previewed_files import service as previewed_files
from callmark.domain.previewed_files.model import FilePurpose, PreviewedFile
from callmark.domain.sessions import handovers, service as sessions
from callmark.domain.sessions.model import TOKEN_LENGTH, MemberState, Origin, Person
from callmark.instants import to_ms
from callmark.kit.ids import new_id, random_text
from callmark.record_rules.fields import NewRecord
from callmark.surfaces.console.kept_forms import KeptForm

World = dict[str, str]
"""The id of one thing of each kind."""

UNITS = ("departmentId", "operationId", "processId")
"""All of them are units of the structure."""

CALLER = "918047770001"
_REASON = "Your parcel arrives today"


async def make_world(deps: Deps, account_id: AccountId) -> World:
    """Everything that an account can have, in a department of its own, whose owner it is that has the sessions."""
    found = await make_everything(deps, account_id)
    key = await credentials.create_key(deps, account_id, name=random_text(8), features=[], by=SYSTEM)
    owner = await members.create_without_rules(
        deps,
        account_id,
        email=f"{random_text(8).lower()}@far.example",
        name="Far",
        role=Role.DEPARTMENT_OWNER,
        state=MemberState.ACTIVE,
        node_id=UUID(found["departmentId"]),
        by=SYSTEM,
    )
    list_file = await _keep_file(deps, account_id, FilePurpose.NUMBERS, UUID(found["featureSetId"]))
    return (
        found
        | await _pushed(deps, account_id)
        | await _uploaded(deps, account_id)
        | await _signed_in(deps, Person(member_id=owner.id))
        | {
            "keyId": str(key.reference),
            "memberId": str(owner.id),
            "surveyId": found["campaignId"],
            "clientAccountId": str(account_id),
            "listFileId": str(list_file.id),
            "erasureId": str((await persons.request_erasure(deps, phone(), by=SYSTEM)).id),
        }
    )


def unknown_world(like: World) -> World:
    """Ids of the same kinds that nobody has."""
    return {kind: _unknown(id_) for kind, id_ in like.items()}


def _unknown(id_: str) -> str:
    if id_.isdigit():
        return phone()
    return random_text(TOKEN_LENGTH) if re.fullmatch(rf"\w{{{TOKEN_LENGTH}}}", id_) else str(new_id())


async def _pushed(deps: Deps, account_id: AccountId) -> World:
    label, now, receiver = await make_label(deps, account_id), to_ms(deps.clock.now()), phone()
    new = NewRecord(CALLER, receiver, str(label.id), None, _REASON, now, now + 3_600_000)
    batch = await submit_batch(deps, account_id, V2, [Sent(new, lambda: b"{}")])
    (record,) = await personalisation.records_of_batch(deps, batch.id, None)
    return {
        "batchId": str(batch.id),
        "recordId": str(record.key.id),
        "receiver": receiver,
        "dynamicLabelId": str(label.id),
    }


async def _uploaded(deps: Deps, account_id: AccountId) -> World:
    waiting = await _keep_file(deps, account_id, FilePurpose.RECORDS)
    used = await _keep_file(deps, account_id, FilePurpose.RECORDS)
    row = UploadRow(2, RowTexts(caller=CALLER, receiver=phone(), call_reason=_REASON))
    upload = await uploads.submit_upload(deps, used, [row], "IN", by=SYSTEM)
    return {"uploadFileId": str(waiting.id), "uploadId": str(upload.id)}


async def _keep_file(
    deps: Deps, account_id: AccountId, purpose: FilePurpose, subject_id: UUID | None = None
) -> PreviewedFile:
    return await previewed_files.keep_file(
        deps,
        account_id,
        purpose,
        file_name="list.csv",
        content=f"receiver\n{phone()}\n".encode(),
        choices={},
        by=SYSTEM,
        subject_id=subject_id,
    )


async def _signed_in(deps: Deps, person: Person) -> World:
    """A session, a secret that waits to be shown in it, and a form that waits for its person."""
    async with deps.db.transaction() as tx:
        token = await sessions.begin_session(deps, tx, person, Origin("203.0.113.8", "test"))
    session = await sessions.find_session(deps, token)
    assert session
    form = msgspec.msgpack.encode(KeptForm("/console/keys/new", [("name", "dialer")], [], had_password=False, page=""))
    return {
        "sessionId": str(session.id),
        "shownToken": await handovers.hand_to_session(deps, session, "keys/shown.html", b"{}"),
        "keptFormToken": await handovers.hand_to_person(deps, person, "form", form),
    }


async def every_credential(deps: Deps) -> dict[str, str]:
    """Everything that opens one surface or another, by what it is; and what opens none."""
    cast, olive = await make_cast(deps), await make_operator(deps)
    handset = await make_handset(deps, phone())
    async with deps.db.transaction() as tx:
        session = await sessions.begin_session(deps, tx, Person(operator_id=olive.id), Origin("203.0.113.8", "test"))
    return {
        "nothing": "",
        "made up": random_text(86),
        "access token": cast.token,
        "a key's secret": cast.api_key,
        "a key's id": cast.key_id,
        "operator token": (await operator_tokens.create_token(deps, random_text(8), by=SYSTEM)).secret,
        "the operator's edge": (await edges.create_edge(deps, "proxy", None, by=SYSTEM))[1],
        "an account's edge": (await edges.create_edge(deps, "proxy", cast.account.id, by=SYSTEM))[1],
        "handset": handset.token,
        "app": handset.credential,
        "session": session,
    }
