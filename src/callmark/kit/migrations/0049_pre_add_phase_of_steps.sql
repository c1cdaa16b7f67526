-- An older version that starts while a newer one is rolled out passes the newer one's `pre` steps, and no others. Steps
-- of before have no phase: every version that reads the column knows them by their files.

ALTER TABLE schema_migration ADD COLUMN phase text;
