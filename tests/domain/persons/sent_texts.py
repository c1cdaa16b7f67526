"""What businesses sent, kept as they wrote it."""

import msgspec
from tests.support.table_rows import put_row

from callmark.domain.deps import Deps
from callmark.kit.ids import new_id


async def put_old(deps: Deps, cells: tuple[str, ...], region: str) -> None:
    """Rows of a file as versions before kept them: a cell as it was written, and a line that could not be read."""
    upload_id = new_id()
    rows = [
        {"line": at, "values": ["", cell, "", "", "Your loan", "", ""], "fault": ""} for at, cell in enumerate(cells)
    ]
    faulty = [{"line": 99, "values": [""] * 7, "fault": f"no valid row: x, {cell}, y"} for cell in cells]
    async with deps.db.transaction() as tx:
        await put_row(tx, "upload", deps.clock.now(), {"id": upload_id, "region": region})
        for part, of in enumerate((rows, faulty)):
            text = msgspec.json.encode(of).decode()
            await put_row(tx, "upload_part", deps.clock.now(), {"upload_id": upload_id, "number": part, "rows": text})


async def put_faulty(deps: Deps, sent: str, number: str = "") -> None:
    """A record with a fault, which keeps what was sent."""
    async with deps.db.transaction() as tx:
        given = {"receiver_number": number, "submitted": sent, "outcome": "invalid"}
        await put_row(tx, "call_record", deps.clock.now(), given)


async def sent_texts(deps: Deps) -> str:
    async with deps.db.connection() as tx:
        parts = await tx.fetch("SELECT rows FROM upload_part ORDER BY number")
        records = await tx.fetch("SELECT submitted FROM call_record ORDER BY submitted::text")
    return "\n".join(str(row[0]) for row in (*parts, *records))
