-- The ground: installation, processes, accounts, credentials, limits, labels, handsets, personalisation, calls.

CREATE TABLE installation (
  only_row boolean PRIMARY KEY DEFAULT true CONSTRAINT installation_is_one CHECK (only_row),
  id uuid NOT NULL,
  clock_offset interval NOT NULL DEFAULT interval '0',
  clock_version bigint NOT NULL DEFAULT 0
);
COMMENT ON TABLE installation IS 'One row. clock_offset moves the product clock of every process (emulator only).';

CREATE TABLE process (
  id uuid PRIMARY KEY,
  kind text NOT NULL,
  started_at timestamptz NOT NULL,
  heartbeat_at timestamptz NOT NULL,
  clock_version bigint NOT NULL
);
COMMENT ON TABLE process IS 'Live processes: real-clock heartbeats, and the product clock version each has confirmed.';

CREATE TABLE periodic_job (
  name text PRIMARY KEY,
  due_at timestamptz,
  lease_id uuid,
  leased_until timestamptz
);
COMMENT ON TABLE periodic_job IS 'Work that comes round by itself, once however many workers there are.';

-- accounts -----------------------------------------------------------------------------------------------------------

CREATE TABLE client_account (
  id uuid PRIMARY KEY,
  name text NOT NULL,
  state text NOT NULL CONSTRAINT client_account_state CHECK (state IN ('active', 'suspended')),
  features text[] NOT NULL,
  created_at timestamptz NOT NULL
);

CREATE TABLE member (
  id uuid PRIMARY KEY,
  account_id uuid NOT NULL REFERENCES client_account,
  email text NOT NULL,
  name text NOT NULL,
  role text NOT NULL CONSTRAINT member_role
    CHECK (role IN ('admin', 'department_owner', 'operation_owner', 'process_owner')),
  state text NOT NULL CONSTRAINT member_state CHECK (state IN ('invited', 'active', 'revoked')),
  created_at timestamptz NOT NULL
);
CREATE UNIQUE INDEX member_email_unique ON member (lower(email));
CREATE INDEX member_account ON member (account_id);

-- limits -------------------------------------------------------------------------------------------------------------

-- A ring of the last `quota` granted instants per (token, bucket). Unlogged: at worst one window's memory is lost with
-- the engine, and no request waits for the log.
CREATE UNLOGGED TABLE request_window (
  token_sha256 bytea NOT NULL,
  bucket text NOT NULL,
  instants timestamptz[] NOT NULL,
  newest integer NOT NULL,
  PRIMARY KEY (token_sha256, bucket)
) WITH (fillfactor = 30, autovacuum_vacuum_scale_factor = 0.05);

-- Takes one request out of the window when it has room. Exact and sliding: a request is granted when fewer than
-- p_quota were granted in the p_window that ends now. The row's lock orders concurrent calls; an instant never goes
-- behind the newest granted one, so that clocks a little apart cannot widen the window.
-- remaining: requests left now. reset_at: when the oldest counted request leaves the window. A null bucket takes nothing
-- and returns no row, so that one statement serves limited and unlimited routes.
CREATE FUNCTION take_request(p_token bytea, p_bucket text, p_quota integer, p_window interval, p_now timestamptz)
RETURNS TABLE (granted boolean, remaining integer, reset_at timestamptz)
LANGUAGE plpgsql AS $$
DECLARE
  ring timestamptz[];
  last integer;
  oldest_at integer;
  at timestamptz := p_now;
BEGIN
  IF p_bucket IS NULL THEN
    RETURN;
  END IF;
  SELECT w.instants, w.newest INTO ring, last FROM request_window w
    WHERE w.token_sha256 = p_token AND w.bucket = p_bucket FOR UPDATE;
  IF NOT FOUND THEN
    INSERT INTO request_window AS w (token_sha256, bucket, instants, newest)
      VALUES (p_token, p_bucket, array_fill('-infinity'::timestamptz, ARRAY[p_quota]), p_quota)
      ON CONFLICT DO NOTHING;
    SELECT w.instants, w.newest INTO ring, last FROM request_window w
      WHERE w.token_sha256 = p_token AND w.bucket = p_bucket FOR UPDATE;
  END IF;
  at := greatest(p_now, ring[last]);
  oldest_at := last % p_quota + 1;
  granted := ring[oldest_at] <= at - p_window;
  IF granted THEN
    ring[oldest_at] := at;
    UPDATE request_window w SET instants = ring, newest = oldest_at
      WHERE w.token_sha256 = p_token AND w.bucket = p_bucket;
  END IF;
  SELECT p_quota - count(*), min(i) + p_window INTO remaining, reset_at FROM unnest(ring) i WHERE i > at - p_window;
  RETURN NEXT;
END $$;

-- credentials --------------------------------------------------------------------------------------------------------

CREATE TABLE api_key (
  id uuid PRIMARY KEY,
  account_id uuid NOT NULL REFERENCES client_account,
  name text NOT NULL,
  description text NOT NULL,
  secret_sha256 bytea NOT NULL,
  features text[] NOT NULL,
  created_by_email text NOT NULL,
  created_at timestamptz NOT NULL,
  revoked_at timestamptz
);
CREATE INDEX api_key_account ON api_key (account_id);

CREATE TABLE access_token (
  sha256 bytea PRIMARY KEY,
  account_id uuid NOT NULL REFERENCES client_account,
  key_id uuid NOT NULL REFERENCES api_key,
  created_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL
);
CREATE INDEX access_token_account_created ON access_token (account_id, created_at);

-- labels -------------------------------------------------------------------------------------------------------------

CREATE TABLE label (
  id uuid PRIMARY KEY,
  account_id uuid NOT NULL REFERENCES client_account,
  label_type text NOT NULL CONSTRAINT label_type_known CHECK (label_type IN ('dynamic', 'static')),
  name text NOT NULL,
  category integer NOT NULL,
  sub_category integer NOT NULL,
  logo_sha256 bytea NOT NULL,
  is_default boolean NOT NULL,
  created_by_email text NOT NULL,
  created_at timestamptz NOT NULL,
  deleted_at timestamptz
);
CREATE INDEX label_account_newest ON label (account_id, created_at DESC, id DESC);
CREATE UNIQUE INDEX label_one_default ON label (account_id) WHERE is_default AND deleted_at IS NULL;

CREATE TABLE logo (
  sha256 bytea PRIMARY KEY,
  png bytea NOT NULL
);
COMMENT ON TABLE logo IS 'Decoded and re-encoded PNGs by content; never changed, so that their address may be cached.';

-- handsets -----------------------------------------------------------------------------------------------------------

CREATE TABLE handset_app (
  id uuid PRIMARY KEY,
  name text NOT NULL,
  credential_sha256 bytea NOT NULL CONSTRAINT handset_app_credential_unique UNIQUE,
  created_at timestamptz NOT NULL,
  revoked_at timestamptz
);

CREATE TABLE registration (
  phone_number text COLLATE "C" PRIMARY KEY,
  generation bigint NOT NULL,
  app_id uuid NOT NULL REFERENCES handset_app,
  os text NOT NULL,
  app_version text NOT NULL,
  token_sha256 bytea CONSTRAINT registration_token_unique UNIQUE,
  registered_at timestamptz NOT NULL,
  forgotten_at timestamptz
);
COMMENT ON TABLE registration IS 'One row a phone number: its live registration, or (token null) that it was forgotten.';

-- personalisation ----------------------------------------------------------------------------------------------------

CREATE TABLE batch (
  id uuid PRIMARY KEY,
  account_id uuid NOT NULL REFERENCES client_account,
  accepted_at timestamptz NOT NULL,
  record_count integer NOT NULL,
  ends_from timestamptz NOT NULL,
  ends_to timestamptz NOT NULL,
  due_at timestamptz,
  lease_id uuid,
  leased_until timestamptz
) WITH (fillfactor = 80);
CREATE INDEX batch_due ON batch (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX batch_account_newest ON batch (account_id, accepted_at DESC, id DESC);
COMMENT ON COLUMN batch.due_at IS 'When a worker is to push it; null once every record has an outcome.';

-- No foreign key into or out of it: it is partitioned by the day its windows end, and may be sharded by receiver.
CREATE TABLE call_record (
  receiver_number text COLLATE "C" NOT NULL,
  ends_at timestamptz NOT NULL,
  id uuid NOT NULL,
  batch_id uuid NOT NULL,
  account_id uuid NOT NULL,
  position smallint NOT NULL,
  caller_number text COLLATE "C",
  label_id uuid,
  label_name text,
  call_reason text,
  starts_at timestamptz,
  accepted_at timestamptz NOT NULL,
  outcome text NOT NULL CONSTRAINT call_record_outcome CHECK (outcome IN ('pending', 'success', 'invalid',
    'not_registered', 'os_not_supported', 'app_version_not_supported', 'failed_to_push')),
  fault_field text,
  fault text,
  submitted json,
  sent_at timestamptz,
  settled_at timestamptz,
  first_outcome text,
  delivered_late_at timestamptz,
  withdrawn_at timestamptz,
  PRIMARY KEY (receiver_number, ends_at, id)
) PARTITION BY RANGE (ends_at);
CREATE INDEX call_record_id ON call_record (id);
CREATE INDEX call_record_batch ON call_record (batch_id);
CREATE TABLE call_record_rest PARTITION OF call_record DEFAULT WITH (fillfactor = 60);
COMMENT ON TABLE call_record_rest IS 'Records that end beyond the days ahead; moved when their day gets its partition.';

-- calls --------------------------------------------------------------------------------------------------------------

CREATE TABLE call (
  receiver_number text COLLATE "C" NOT NULL,
  id uuid NOT NULL,
  caller_number text COLLATE "C" NOT NULL,
  source text NOT NULL CONSTRAINT call_source CHECK (source IN ('call_record', 'listed_number', 'none')),
  record_id uuid,
  shown_at timestamptz,
  outcome text CONSTRAINT call_outcome CHECK (outcome IN ('answered', 'missed', 'rejected')),
  ended_at timestamptz,
  reported_at timestamptz NOT NULL,
  PRIMARY KEY (receiver_number, id)
);
CREATE INDEX call_record_shown ON call (record_id) WHERE record_id IS NOT NULL;
CREATE INDEX call_reported ON call (reported_at);

-- emulator -----------------------------------------------------------------------------------------------------------

CREATE TABLE virtual_handset (
  phone_number text COLLATE "C" PRIMARY KEY,
  os text NOT NULL,
  app_version text NOT NULL,
  online boolean NOT NULL,
  registered boolean NOT NULL,
  script json NOT NULL,
  token text
);
COMMENT ON TABLE virtual_handset IS 'Handsets the emulator plays; empty outside emulator mode.';
