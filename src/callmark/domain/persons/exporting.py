"""What is kept about a number, handed on while it is read: at no time is more of it in memory than one step read."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime
from time import monotonic

import msgspec

from callmark.domain.audit import service as audit
from callmark.domain.deps import Deps
from callmark.domain.persons import erasing, queries
from callmark.domain.persons.masking import NumberMask
from callmark.domain.persons.queries import SearchedTable
from callmark.domain.policy.model import Actor
from callmark.kit.phone import PhoneNumber

_SILENT_S = 10.0
"""Proxies end an answer that says nothing for a minute. A blank between two words of JSON means nothing."""

Part = tuple[str, list[bytes]]
"""A table, and rows of it as JSON: none where a step found none."""


@dataclass(frozen=True)
class PersonExport:
    """What is kept about a number. `is_listed`: a business has it, and its own number is left out."""

    phone_number: PhoneNumber
    exported_at: datetime
    is_listed: bool
    parts: AsyncGenerator[Part]
    """To be read once; the audit log has it at the end, also when that is before all was read."""


async def export_person(deps: Deps, number: PhoneNumber, *, by: Actor) -> PersonExport:
    """Everything that an erasure would take, in every table; nothing is changed. Reads the whole database."""
    async with deps.db.connection() as tx:
        listed, tables = await queries.is_listed(tx, number), await queries.select_tables(tx)
    tables.sort(key=lambda table: (table.of_table, table.key))
    parts = _parts(deps, NumberMask(number, keeps_business=listed), tables, by, is_listed=listed)
    return PersonExport(number, deps.clock.now(), listed, parts)


async def _parts(
    deps: Deps, mask: NumberMask, tables: list[SearchedTable], by: Actor, *, is_listed: bool
) -> AsyncGenerator[Part]:
    count = 0
    try:
        for table in tables:
            for blocks in erasing.ranges_of(table):
                async with deps.db.connection() as tx:
                    found = await queries.select_rows(tx, table, mask.number, blocks)
                rows = [
                    msgspec.json.format(whole.encode(), indent=-1)
                    for row, whole in found
                    if erasing.decide(table, row, mask, is_listed=is_listed).changes
                ]
                count += len(rows)
                yield table.of_table, rows
    finally:
        async with deps.db.transaction() as tx:
            now, subject = deps.clock.now(), f"…{mask.number[-2:]}"
            await audit.note(tx, by, "person.exported", subject, account_id=None, at=now, rows=count)


async def as_json(made: PersonExport, exported_at: str) -> AsyncGenerator[bytes]:
    """One JSON object, `tables` last in it, in pieces."""
    head = {"phone_number": made.phone_number, "exported_at": exported_at, "is_listed": made.is_listed}
    yield msgspec.json.encode(head)[:-1] + b',"tables":{'
    last, spoke = "", monotonic()
    async with aclosing(made.parts) as parts:
        async for table, rows in parts:
            if not rows:
                if monotonic() - spoke > _SILENT_S:
                    spoke = monotonic()
                    yield b" "
                continue
            before = b"," if table == last else (b"]," if last else b"") + msgspec.json.encode(table) + b":["
            last, spoke = table, monotonic()
            yield before + b",".join(rows)
    yield b"]}}" if last else b"}}"


async def indented(made: PersonExport) -> AsyncGenerator[bytes]:
    """The same for people, as a file."""
    head = {
        "phone_number": made.phone_number,
        "exported_at": made.exported_at,
        "is_listed": made.is_listed,
    }
    yield msgspec.json.format(msgspec.json.encode(head))[:-2] + b',\n  "tables": {'
    last = ""
    async with aclosing(made.parts) as parts:
        async for table, rows in parts:
            if not rows:
                continue
            before = b"," if table == last else (b"\n    ]," if last else b"") + b'\n    "%s": [' % table.encode()
            last = table
            yield before + b",".join(_INDENT + msgspec.json.format(row).replace(b"\n", _INDENT) for row in rows)
    yield b"\n    ]\n  }\n}" if last else b"}\n}"


_INDENT = b"\n      "
