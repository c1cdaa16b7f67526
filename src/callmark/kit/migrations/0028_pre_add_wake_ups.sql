-- Handsets that sleep: how their app is woken, and whose wake-up is due.

ALTER TABLE registration ADD COLUMN push_service text, ADD COLUMN push_token text;
COMMENT ON COLUMN registration.push_token IS 'The app''s token at push_service, by which it is woken. Null: it is not woken.';

CREATE TABLE wake_up (
  phone_number text COLLATE "C" PRIMARY KEY,
  wanted_until timestamptz NOT NULL,
  attempt_count integer NOT NULL DEFAULT 0,
  sent_at timestamptz,
  due_at timestamptz,
  lease_id uuid,
  leased_until timestamptz
) WITH (fillfactor = 70);
CREATE INDEX wake_up_due ON wake_up (due_at) WHERE due_at IS NOT NULL;
COMMENT ON TABLE wake_up IS 'One row a phone number that was ever woken. wanted_until is when the last record to show has ended.';
