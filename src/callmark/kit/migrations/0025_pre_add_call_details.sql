-- What Android tells of a call beside its outcome.

ALTER TABLE call ADD COLUMN verification text, ADD COLUMN duration_s integer, ADD COLUMN disconnect text;
COMMENT ON COLUMN call.verification IS 'What the network said of the caller''s number: passed, failed or none (not checked). Null: not reported.';
COMMENT ON COLUMN call.duration_s IS 'How long people talked.';
COMMENT ON COLUMN call.disconnect IS 'Why it ended, by Android''s names.';
