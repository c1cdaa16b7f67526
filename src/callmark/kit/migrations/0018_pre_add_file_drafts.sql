CREATE TABLE file_draft (
  id uuid PRIMARY KEY,
  account_id uuid NOT NULL REFERENCES client_account (id),
  purpose text NOT NULL CONSTRAINT file_draft_purpose CHECK (purpose IN ('records', 'numbers')),
  subject_id uuid,
  file_name text NOT NULL,
  content bytea NOT NULL,
  choices json NOT NULL,
  created_by_email text NOT NULL,
  created_at timestamptz NOT NULL
);
CREATE INDEX file_draft_account ON file_draft (account_id, created_at);
CREATE INDEX file_draft_created ON file_draft (created_at);
COMMENT ON TABLE file_draft IS 'Files that were uploaded and are previewed; gone when they are used, or after a day.';
COMMENT ON COLUMN file_draft.subject_id IS 'The feature set that a list of numbers is for.';

ALTER TABLE upload ADD COLUMN left_out_count integer NOT NULL DEFAULT 0;
COMMENT ON COLUMN upload.left_out_count IS 'Rows that could not be read as a record, such as one with too many cells; row_count does not count them.';
