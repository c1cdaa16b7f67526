"""The SQL of erasures in a restore, which runs statements at its end that take no parameters."""

from collections.abc import Sequence
from datetime import datetime
from typing import LiteralString

from callmark.domain.persons.model import KnownErasure
from callmark.kit.postgres.database import own_names


def sql_again(known: Sequence[KnownErasure], now: datetime) -> LiteralString:
    """Inserts those that are not there yet, due now. Every value in it is a UUID, an instant or hexadecimal digits."""
    return own_names(
        "".join(
            "INSERT INTO erasure (id, digest, sealed_key, requested_by, requested_at, due_at) VALUES"
            f" ('{one.id}', '\\x{one.digest.hex()}', '\\x{one.sealed_key.hex()}', 'restore',"
            f" '{one.requested_at.isoformat()}', '{now.isoformat()}') ON CONFLICT (id) DO NOTHING;\n"
            for one in known
        )
    )
