"""asyncpg's class of UUIDs, like any other: it is made, written as text and sent in a fraction of the time."""

from asyncpg.pgproto import pgproto

QuickUuid = pgproto.UUID
