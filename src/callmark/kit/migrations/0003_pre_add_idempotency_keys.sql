-- Idempotency keys, and the note on a batch that records of it were withdrawn.

CREATE TABLE idempotency_key (
  account_id uuid NOT NULL,
  key text COLLATE "C" NOT NULL,
  request_sha256 bytea NOT NULL,
  created_at timestamptz NOT NULL,
  lease_id uuid,
  leased_until timestamptz,
  batch_id uuid,
  status smallint,
  body bytea,
  PRIMARY KEY (account_id, key),
  CONSTRAINT idempotency_key_held_or_answered CHECK
    ((status IS NULL) = (lease_id IS NOT NULL) AND (status IS NULL) = (leased_until IS NOT NULL)
      AND (status IS NULL) = (body IS NULL))
);
CREATE INDEX idempotency_key_created ON idempotency_key (created_at);
COMMENT ON TABLE idempotency_key IS 'Claimed under a lease before the work, then kept with the answer for 24 hours.';
COMMENT ON COLUMN idempotency_key.batch_id IS 'Written under a claim whose answer is still to come.';

ALTER TABLE batch ADD COLUMN withdrawn_at timestamptz;
COMMENT ON COLUMN batch.withdrawn_at IS 'When records of it were last withdrawn.';
