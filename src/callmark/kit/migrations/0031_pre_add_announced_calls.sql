-- Calls that businesses announce while they ring, and accounts whose identity shows in announced calls only.

ALTER TABLE client_account ADD COLUMN announced_calls_only boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN client_account.announced_calls_only IS 'Its static identities show only in calls that it announced.';

CREATE TABLE announced_call (
  account_id uuid NOT NULL REFERENCES client_account (id),
  call_id text NOT NULL,
  caller_number text COLLATE "C" NOT NULL,
  receiver_number text COLLATE "C" NOT NULL,
  state text NOT NULL,
  announced_at timestamptz NOT NULL,
  changed_at timestamptz NOT NULL,
  shown_until timestamptz NOT NULL,
  PRIMARY KEY (account_id, call_id),
  CONSTRAINT announced_call_state CHECK (state IN ('ringing', 'connected', 'ended'))
);
CREATE INDEX announced_call_pair ON announced_call (receiver_number, caller_number, shown_until);
CREATE INDEX announced_call_shown_until ON announced_call (shown_until);
COMMENT ON TABLE announced_call IS 'A call that its account says it makes. call_id is the account''s own name for it.';
