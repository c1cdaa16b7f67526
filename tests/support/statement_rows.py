"""How many rows each statement on a table changed."""

from typing import Literal, LiteralString

from callmark.kit.postgres.database import Tx, own_names

_COUNTED: LiteralString = """
CREATE TABLE IF NOT EXISTS statement_rows (of_table text, count bigint);
CREATE OR REPLACE FUNCTION note_rows() RETURNS trigger LANGUAGE plpgsql AS
  'BEGIN INSERT INTO statement_rows SELECT TG_TABLE_NAME, count(*) FROM changed; RETURN NULL; END';
CREATE TRIGGER counted AFTER {verb} ON {table} REFERENCING OLD TABLE AS changed
  FOR EACH STATEMENT EXECUTE FUNCTION note_rows();
"""


async def count_rows_of_statements(tx: Tx, table: str, verb: Literal["DELETE", "UPDATE"]) -> None:
    """From now on statements on the table are noted."""
    await tx.execute(own_names(_COUNTED.format(table=table, verb=verb)))


async def rows_of_statements(tx: Tx, table: str) -> list[int]:
    """How many rows those on the table changed, the fewest first; those that changed none are left out."""
    counts = "SELECT count FROM statement_rows WHERE of_table = $1 AND count > 0 ORDER BY count"
    return [row["count"] for row in await tx.fetch(counts, table)]
