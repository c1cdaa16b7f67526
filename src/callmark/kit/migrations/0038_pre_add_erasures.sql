-- Phone numbers whose data is to be erased, or was: the number itself is kept only while that is done.

CREATE TABLE erasure (
  id uuid PRIMARY KEY,
  digest bytea NOT NULL,
  sealed_key bytea,
  phone_number text COLLATE "C",
  is_listed boolean DEFAULT false NOT NULL,
  requested_by text NOT NULL,
  requested_at timestamptz NOT NULL,
  pass_number integer DEFAULT 1 NOT NULL,
  pass_changes bigint DEFAULT 0 NOT NULL,
  table_count integer DEFAULT 0 NOT NULL,
  tables_done integer DEFAULT 0 NOT NULL,
  last_table text,
  counts json DEFAULT '{}' NOT NULL,
  redacted uuid[] DEFAULT '{}' NOT NULL,
  ended_at timestamptz,
  due_at timestamptz,
  lease_id uuid,
  leased_until timestamptz
);
CREATE INDEX erasure_due ON erasure (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX erasure_newest ON erasure (requested_at DESC, id DESC);
COMMENT ON TABLE erasure IS 'Kept for ever: a backup that is restored has the data again, and its number is known by the digest.';
COMMENT ON COLUMN erasure.digest IS 'HMAC-SHA-256 of the number, with a key that is encrypted with the installation''s secret key in sealed_key.';
COMMENT ON COLUMN erasure.sealed_key IS 'Null: the secret key was lost.';
COMMENT ON COLUMN erasure.phone_number IS 'Null once it is done; or before, where the number is to be found by its digest.';
COMMENT ON COLUMN erasure.is_listed IS 'A business had the number at the last look: what is about its own number stayed.';
COMMENT ON COLUMN erasure.last_table IS 'Up to which table, in alphabetical order, this pass has come.';
