-- Calls that may forge the number of an account, as an event beside the two that there are.

CREATE TABLE possible_spoof (
  id uuid PRIMARY KEY,
  account_id uuid NOT NULL CONSTRAINT possible_spoof_account_id_fkey REFERENCES client_account,
  caller_number text COLLATE "C" NOT NULL,
  receiver_number text COLLATE "C" NOT NULL,
  cause text NOT NULL,
  raised_at timestamptz NOT NULL,
  CONSTRAINT possible_spoof_cause CHECK (cause IN ('foreign_signing_request', 'foreign_signature', 'not_announced'))
);
CREATE INDEX possible_spoof_account_newest ON possible_spoof (account_id, raised_at DESC, id DESC);
COMMENT ON TABLE possible_spoof IS 'A row an alarm, each also an event of the account.';

-- squawk-ignore ban-drop-constraint
ALTER TABLE event DROP CONSTRAINT event_type_known;
ALTER TABLE event ADD CONSTRAINT event_type_known
CHECK (event_type IN ('cmb', 'user_feedback', 'possible_spoof')) NOT VALID;
-- squawk-ignore ban-drop-constraint
ALTER TABLE webhook DROP CONSTRAINT webhook_event_types;
ALTER TABLE webhook ADD CONSTRAINT webhook_event_types
CHECK (cardinality(event_types) > 0 AND event_types <@ ARRAY['cmb', 'user_feedback', 'possible_spoof']) NOT VALID;
