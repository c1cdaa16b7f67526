-- A copy of a database is recognised by its place, and sends nothing while it is held
-- (docs/decisions/0044-copies-of-an-installation.md).

ALTER TABLE installation ADD COLUMN held_at timestamptz;
ALTER TABLE installation ADD COLUMN place text;
COMMENT ON COLUMN installation.held_at IS 'Since when (real clock) no webhook, mail or alert is sent; null: they are.';
COMMENT ON COLUMN installation.place IS 'Where the database was when it was first started; null: not started yet.';
