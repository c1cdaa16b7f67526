-- Mail to be sent; the emulator's programmable webhook receivers.

CREATE TABLE mail (
  id uuid PRIMARY KEY,
  recipient text NOT NULL,
  subject text NOT NULL,
  plain text NOT NULL,
  html text NOT NULL,
  created_at timestamptz NOT NULL,
  state text NOT NULL DEFAULT 'waiting',
  attempt_count integer NOT NULL DEFAULT 0,
  ended_at timestamptz,
  last_error text,
  due_at timestamptz,
  lease_id uuid,
  leased_until timestamptz,
  CONSTRAINT mail_state CHECK (state IN ('waiting', 'sent', 'failed', 'caught')),
  CONSTRAINT mail_ended CHECK ((state = 'waiting') = (ended_at IS NULL) AND (state = 'waiting') = (due_at IS NOT NULL))
);
CREATE INDEX mail_due ON mail (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX mail_created ON mail (created_at, id);
COMMENT ON TABLE mail IS 'Mails to one recipient each, written in the transaction of what they tell of and sent afterwards.';

CREATE TABLE sink (
  name text PRIMARY KEY,
  status integer NOT NULL,
  delay_s double precision NOT NULL,
  headers json NOT NULL,
  body text NOT NULL,
  drip_s double precision NOT NULL,
  reset boolean NOT NULL
);
COMMENT ON TABLE sink IS 'Emulator only: how a programmable webhook receiver answers.';

CREATE TABLE sink_request (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  sink text NOT NULL,
  at timestamptz NOT NULL,
  method text NOT NULL,
  query text NOT NULL,
  headers json NOT NULL,
  body text NOT NULL
);
CREATE INDEX sink_request_newest ON sink_request (sink, id);
COMMENT ON TABLE sink_request IS 'Emulator only: what a programmable webhook receiver was sent; the newest of each are kept.';
