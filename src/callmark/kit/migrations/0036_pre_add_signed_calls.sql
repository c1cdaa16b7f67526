-- Calls on the telephone network: what was signed, what was verified, which tokens have counted.

CREATE TABLE signed_call (
  id uuid PRIMARY KEY,
  edge_id uuid NOT NULL,
  account_id uuid NOT NULL,
  caller_number text COLLATE "C" NOT NULL,
  receiver_number text COLLATE "C" NOT NULL,
  origid uuid NOT NULL,
  issued_at timestamptz NOT NULL,
  attest text NOT NULL,
  source text NOT NULL,
  record_id uuid,
  signed_at timestamptz NOT NULL,
  CONSTRAINT signed_call_once UNIQUE (receiver_number, caller_number, origid, issued_at),
  CONSTRAINT signed_call_attest CHECK (attest IN ('A', 'B', 'C')),
  CONSTRAINT signed_call_source CHECK (source IN ('call_record', 'listed_number', 'none')),
  CONSTRAINT signed_call_record CHECK ((source = 'call_record') = (record_id IS NOT NULL))
);
CREATE INDEX signed_call_account_newest ON signed_call (account_id, signed_at DESC, id DESC);
CREATE INDEX signed_call_of_record ON signed_call (record_id) WHERE record_id IS NOT NULL;
CREATE INDEX signed_call_signed ON signed_call USING brin (signed_at);
COMMENT ON TABLE signed_call IS 'A row a signing that was answered. origid is in the token, so a verified call is known again.';
COMMENT ON COLUMN signed_call.issued_at IS 'The iat of the tokens, by the real clock. signed_at is of the product clock.';
COMMENT ON COLUMN signed_call.source IS 'Where name and icon in the second token came from; none: there was no second token.';

CREATE TABLE verified_call (
  id uuid PRIMARY KEY,
  edge_id uuid NOT NULL,
  account_id uuid,
  caller_number text COLLATE "C" NOT NULL,
  receiver_number text COLLATE "C" NOT NULL,
  verstat text NOT NULL,
  reason_code integer,
  detail text,
  name text,
  record_id uuid,
  verified_at timestamptz NOT NULL,
  CONSTRAINT verified_call_verstat CHECK (verstat IN ('TN-Validation-Passed', 'TN-Validation-Failed', 'No-TN-Validation')),
  CONSTRAINT verified_call_reason CHECK ((verstat = 'TN-Validation-Passed') = (reason_code IS NULL))
);
CREATE INDEX verified_call_account_newest ON verified_call (account_id, verified_at DESC, id DESC)
WHERE account_id IS NOT NULL;
CREATE INDEX verified_call_pair ON verified_call (receiver_number, caller_number, verified_at DESC);
CREATE INDEX verified_call_of_record ON verified_call (record_id) WHERE record_id IS NOT NULL;
CREATE INDEX verified_call_verified ON verified_call USING brin (verified_at);
COMMENT ON TABLE verified_call IS 'A row a verification that was answered. Its account listed the caller''s number or signed the call.';
COMMENT ON COLUMN verified_call.name IS 'The name that the answer lets the phone show. Null: none.';

CREATE TABLE counted_token (
  digest bytea PRIMARY KEY,
  verified_call_id uuid NOT NULL,
  edge_id uuid NOT NULL,
  request_id text,
  counted_at timestamptz NOT NULL
) WITH (fillfactor = 70);
CREATE INDEX counted_token_counted ON counted_token (counted_at);
COMMENT ON TABLE counted_token IS 'Tokens that counted once, by the SHA-256 of their signed text, until they are stale anyway. Of the real clock.';
