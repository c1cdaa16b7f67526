-- Figures of the console's home (docs/decisions/0011-home-figures.md), and files of call records uploaded there.

CREATE TABLE record_day (
  account_id uuid NOT NULL REFERENCES client_account (id),
  day date NOT NULL,
  accepted bigint NOT NULL DEFAULT 0,
  invalid bigint NOT NULL DEFAULT 0,
  success bigint NOT NULL DEFAULT 0,
  not_registered bigint NOT NULL DEFAULT 0,
  os_not_supported bigint NOT NULL DEFAULT 0,
  app_version_not_supported bigint NOT NULL DEFAULT 0,
  failed_to_push bigint NOT NULL DEFAULT 0,
  late bigint NOT NULL DEFAULT 0,
  shown bigint NOT NULL DEFAULT 0,
  answered bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (account_id, day)
) WITH (fillfactor = 50);
COMMENT ON TABLE record_day IS 'Counts of call records by day (UTC): of their acceptance, and for shown and answered of the call. Added to by periodic jobs, behind the pushing.';
COMMENT ON COLUMN record_day.late IS 'Of success: delivered after a first failure.';

CREATE TABLE count_mark (
  what text PRIMARY KEY,
  up_to_at timestamptz,
  up_to_id uuid NOT NULL
);
COMMENT ON TABLE count_mark IS 'How far each job has counted into record_day.';
INSERT INTO count_mark (what, up_to_at, up_to_id) VALUES
  ('batches', NULL, '00000000-0000-0000-0000-000000000000'),
  ('late', '-infinity', '00000000-0000-0000-0000-000000000000'),
  ('calls', '-infinity', '00000000-0000-0000-0000-000000000000');

CREATE TABLE uncounted_batch (
  batch_id uuid PRIMARY KEY,
  account_id uuid NOT NULL,
  accepted_at timestamptz NOT NULL,
  record_count integer NOT NULL
);
CREATE INDEX uncounted_batch_account ON uncounted_batch (account_id);
COMMENT ON TABLE uncounted_batch IS 'Batches that the mark has passed while records of theirs had no outcome yet.';

-- Partial: only what a handset takes after a first failure has an entry, so that pushing does not pay for it.
CREATE INDEX call_record_late ON call_record (delivered_late_at) WHERE delivered_late_at IS NOT NULL;

-- uploads ------------------------------------------------------------------------------------------------------------

CREATE TABLE upload (
  id uuid PRIMARY KEY,
  account_id uuid NOT NULL REFERENCES client_account (id),
  file_name text NOT NULL,
  region text NOT NULL,
  row_count integer NOT NULL,
  submitted_count integer NOT NULL DEFAULT 0,
  created_by_email text NOT NULL,
  created_at timestamptz NOT NULL,
  due_at timestamptz,
  lease_id uuid,
  leased_until timestamptz
) WITH (fillfactor = 80);
CREATE INDEX upload_due ON upload (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX upload_account_newest ON upload (account_id, created_at DESC, id DESC);

CREATE TABLE upload_part (
  upload_id uuid NOT NULL REFERENCES upload (id) ON DELETE CASCADE,
  number integer NOT NULL,
  rows json NOT NULL,
  batch_id uuid,
  PRIMARY KEY (upload_id, number)
);
COMMENT ON TABLE upload_part IS 'Up to 500 rows of a file, as they were read; batch_id is set in the transaction that submits them, so that none is submitted twice.';
