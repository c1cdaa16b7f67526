-- That an account may speak for a number: requests with letters, codes, and what came of them.

CREATE TABLE proof_request (
  id uuid PRIMARY KEY,
  account_id uuid NOT NULL REFERENCES client_account (id),
  state text NOT NULL,
  number_count integer NOT NULL,
  letter_name text,
  letter_type text,
  letter bytea,
  requested_by_email text NOT NULL,
  requested_at timestamptz NOT NULL,
  reviewed_by_email text,
  reviewed_at timestamptz,
  why text,
  CONSTRAINT proof_request_state CHECK (state IN ('waiting', 'approved', 'refused')),
  CONSTRAINT proof_request_letter CHECK ((letter IS NULL) = (letter_type IS NULL) AND (letter IS NULL) = (letter_name IS NULL)),
  CONSTRAINT proof_request_reviewed CHECK ((state = 'waiting') = (reviewed_at IS NULL)),
  CONSTRAINT proof_request_why CHECK ((state = 'refused') = (why IS NOT NULL))
);
CREATE INDEX proof_request_account_newest ON proof_request (account_id, requested_at DESC, id DESC);
CREATE INDEX proof_request_waiting ON proof_request (requested_at) WHERE state = 'waiting';
COMMENT ON TABLE proof_request IS 'An account asks the operator to find that it may call from numbers, as a rule with a letter of authorisation.';

CREATE TABLE number_proof (
  phone_number text COLLATE "C" PRIMARY KEY REFERENCES number (phone_number) ON DELETE CASCADE,
  account_id uuid NOT NULL REFERENCES client_account (id),
  state text NOT NULL,
  way text NOT NULL,
  by_email text NOT NULL,
  at timestamptz NOT NULL,
  why text,
  request_id uuid REFERENCES proof_request (id) ON DELETE SET NULL,
  CONSTRAINT number_proof_state CHECK (state IN ('waiting', 'proven', 'refused')),
  CONSTRAINT number_proof_way CHECK (way IN ('operator', 'letter', 'call', 'sms')),
  CONSTRAINT number_proof_why CHECK ((state = 'refused') = (why IS NOT NULL))
);
CREATE INDEX number_proof_account ON number_proof (account_id, phone_number);
CREATE INDEX number_proof_request ON number_proof (request_id) WHERE request_id IS NOT NULL;
COMMENT ON TABLE number_proof IS 'Whether its account may call from a number. No row: unproven. It goes with the number, and when the number changes hands.';

CREATE TABLE number_code (
  id uuid PRIMARY KEY,
  account_id uuid NOT NULL REFERENCES client_account (id),
  phone_number text COLLATE "C" NOT NULL,
  channel text NOT NULL,
  requested_by_email text NOT NULL,
  requested_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  try_count integer NOT NULL DEFAULT 0,
  attempt_count integer NOT NULL DEFAULT 0,
  sent_at timestamptz,
  error text,
  due_at timestamptz,
  lease_id uuid,
  leased_until timestamptz,
  CONSTRAINT number_code_channel CHECK (channel IN ('call', 'sms'))
);
CREATE INDEX number_code_number ON number_code (phone_number, requested_at DESC);
CREATE INDEX number_code_account ON number_code (account_id, requested_at DESC);
CREATE INDEX number_code_due ON number_code (due_at) WHERE due_at IS NOT NULL;
COMMENT ON TABLE number_code IS 'Codes by which accounts prove numbers. The code itself is derived from the id and the secret key, and stored nowhere.';
