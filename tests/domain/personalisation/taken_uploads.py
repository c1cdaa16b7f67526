"""Uploads of files of records, and the job that submits their rows."""

from datetime import timedelta

from tests.support.factories import Cast

from callmark.domain.deps import Deps
from callmark.domain.personalisation.uploads import jobs, service as uploads
from callmark.domain.personalisation.uploads.model import RowDefaults, Upload
from callmark.domain.personalisation.uploads.preview import PreviewOptions, UploadPreview, preview_upload
from callmark.domain.policy.model import Actor, ActorKind
from callmark.domain.previewed_files import service as previewed_files
from callmark.domain.previewed_files.model import FilePurpose
from callmark.kit.worker import Worker
from callmark.record_rules.fields import Field
from callmark.tables.reader import Reading

ALICE = Actor(ActorKind.MEMBER, "alice@acme.example")


async def look(
    deps: Deps, cast: Cast, text: str | bytes, *, region: str = "", chosen: dict[Field, str] | None = None
) -> UploadPreview:
    """The preview of a file whose window and label are the form's."""
    now = deps.clock.now()
    defaults = RowDefaults(
        caller="+91 80 4000 1234",
        label_id=str(cast.label.id),
        starts_at=now,
        lasts=timedelta(hours=1),
        labels={"acme deliveries": str(cast.label.id)},
    )
    file = text if isinstance(text, bytes) else text.encode()
    return await preview_upload(
        deps, cast.account.id, file, PreviewOptions(Reading(region=region), defaults, chosen or {})
    )


async def take(deps: Deps, cast: Cast, text: str | bytes, *, region: str = "") -> Upload:
    """An upload of all that `look` shows."""
    found = await look(deps, cast, text, region=region)
    file = await previewed_files.keep_file(
        deps, cast.account.id, FilePurpose.RECORDS, file_name="sheet.csv", content=b"", choices={}, by=ALICE
    )
    return await uploads.submit_upload(deps, file, found.rows, region, by=ALICE)


async def run(deps: Deps) -> int:
    """Submits what is due."""
    return await Worker(deps.db, deps.gather, deps.fabric, deps.clock, deps.real_clock).run_due(jobs.uploads(deps))
