"""Exports everything about a number while it is read: memory never holds more than the rows of one step."""

from asyncio import to_thread
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from datetime import datetime
from functools import partial
from time import monotonic
from typing import cast

import msgspec
from msgspec import Struct

from callmark.domain.audit import service as audit
from callmark.domain.audit.model import AuditAction
from callmark.domain.deps import Deps
from callmark.domain.persons import erasing, extracts, queries
from callmark.domain.persons.erasing import Decision
from callmark.domain.persons.masking import NumberMask
from callmark.domain.persons.queries import FoundRow
from callmark.domain.persons.spellings import decode, read_json
from callmark.domain.persons.table_queries import SearchedTable, TableName
from callmark.domain.policy.model import Actor
from callmark.kit.errors import Conflict, SetupError
from callmark.kit.phone import PhoneNumber
from callmark.kit.postgres.database import Tx
from callmark.kit.postgres.migrate import check_steps
from callmark.kit.tasks import to_the_end

_SILENT_S = 10.0
"""Proxies end an answer that says nothing for a minute. A blank between two words of JSON means nothing."""

Part = tuple[str, list[bytes]]
"""A table, and rows of it as JSON: none where a step found none."""


class PersonExport(Struct, frozen=True):
    """What is kept about a number. `is_listed`: a business has it, and its own number is left out."""

    phone_number: PhoneNumber
    exported_at: datetime
    is_listed: bool
    tables: AsyncGenerator[Part]
    """To be read once; a table of many rows comes in several parts."""


async def export_person(deps: Deps, number: PhoneNumber, *, by: Actor) -> PersonExport:
    """Everything that an erasure would take, in every table; nothing is changed. Reads the whole database.

    The audit log has it before anything is handed on, because a client that disconnects, or kills this process,
    keeps what was sent until then. How many rows were read is noted at its end. Raises Conflict beside a newer version,
    whose tables it would not look into.
    """
    async with deps.db.transaction() as tx:
        await _check_tables(tx)
        listed = await queries.is_listed(tx, number)
        await _note(tx, deps, number, by, AuditAction.PERSON_EXPORT_BEGUN)
    found = _parts(deps, NumberMask(number, keeps_business=listed), by, is_listed=listed)
    return PersonExport(number, deps.clock.now(), listed, found)


async def _check_tables(tx: Tx) -> None:
    try:
        await check_steps(tx, beside=False)
    except SetupError as exc:
        raise Conflict(f"an export would not be whole: {exc.message}") from exc


def _by_name(name: TableName) -> tuple[str, str]:
    """All parts of a table come together."""
    return name.of_table, name.key


async def _parts(deps: Deps, mask: NumberMask, by: Actor, *, is_listed: bool) -> AsyncGenerator[Part]:
    count = 0
    try:
        async for table in erasing.every_table(deps, _by_name):
            read = partial(_read, deps, table, mask.number)
            async for found in erasing.in_steps(table, read, erasing.lengths_of(deps, table, mask.number)):
                rows = await to_thread(_rows, table, found, mask, is_listed=is_listed)
                count += len(rows)
                yield table.of_table, rows
    finally:
        await to_the_end(_note_end(deps, mask.number, by, count), "person_export_not_noted")


async def _read(deps: Deps, table: SearchedTable, number: PhoneNumber, places: range) -> list[tuple[FoundRow, str]]:
    async with deps.db.connection() as tx:
        return await queries.select_rows(tx, table, number, places)


def _rows(
    table: SearchedTable, found: Sequence[tuple[FoundRow, str]], mask: NumberMask, *, is_listed: bool
) -> list[bytes]:
    """What is shown of the rows. A long text takes a while, and nothing else may wait for it."""
    return [
        _shown(table, row, decision, mask, whole)
        for row, whole in found
        if (decision := erasing.decide(table, row, mask, is_listed=is_listed)).changes
    ]


def _shown(table: SearchedTable, row: FoundRow, decision: Decision, mask: NumberMask, whole: str) -> bytes:
    """A row that is the person's, or of one that is others' too what it says about the person."""
    name = table.as_sent
    sent = cast("str | None", row.values[name]) if name else None
    if not decision.is_about_others:
        return read_json(f'{whole[:-1]},"{name}":{sent or "null"}}}' if name else whole, _compact)
    masks = {name: erasing.mask_of(table, row, name, mask) for name in decision.values or {}}
    shown = read_json(whole, lambda text: extracts.of_row(table, cast("Mapping[str, object]", decode(text)), masks))
    if name in masks and sent:
        shown[name] = extracts.of_sent(sent, masks[name], table.first_member)
    return msgspec.json.encode(shown)


def _compact(text: str) -> bytes:
    return msgspec.json.format(text.encode(), indent=-1)


async def _note_end(deps: Deps, number: PhoneNumber, by: Actor, count: int) -> None:
    async with deps.db.transaction() as tx:
        await _note(tx, deps, number, by, AuditAction.PERSON_EXPORTED, rows=count)


async def _note(tx: Tx, deps: Deps, number: PhoneNumber, by: Actor, action: AuditAction, **facts: object) -> None:
    await audit.note(tx, by, action, f"…{number[-2:]}", account_id=None, at=deps.clock.now(), **facts)


def as_json(made: PersonExport, exported_at: str) -> AsyncGenerator[bytes]:
    """One JSON object, `tables` last in it, in pieces."""
    return _written(made, exported_at, is_indented=False)


def indented(made: PersonExport) -> AsyncGenerator[bytes]:
    """The same for people, as a file."""
    return _written(made, made.exported_at, is_indented=True)


async def _written(made: PersonExport, exported_at: str | datetime, *, is_indented: bool) -> AsyncGenerator[bytes]:
    line_ends = [b"\n" + b"  " * depth if is_indented else b"" for depth in range(4)]
    colon = b": " if is_indented else b":"
    head = msgspec.json.encode(
        {"phone_number": made.phone_number, "exported_at": exported_at, "is_listed": made.is_listed}
    )
    beginning = (msgspec.json.format(head) if is_indented else head).removesuffix(line_ends[0] + b"}")
    yield beginning + b"," + line_ends[1] + b'"tables"' + colon + b"{"
    last, spoke = "", monotonic()
    async with aclosing(made.tables) as parts:
        async for table, rows in parts:
            if not rows:
                if monotonic() - spoke > _SILENT_S:
                    spoke = monotonic()
                    yield b" "
                continue
            begun = (line_ends[2] + b"]," if last else b"") + line_ends[2] + msgspec.json.encode(table) + colon + b"["
            before = b"," if table == last else begun
            last, spoke = table, monotonic()
            shown = [msgspec.json.format(row).replace(b"\n", line_ends[3]) for row in rows] if is_indented else rows
            yield before + b",".join(line_ends[3] + row for row in shown)
    yield (line_ends[2] + b"]" + line_ends[1] if last else b"") + b"}" + line_ends[0] + b"}"
