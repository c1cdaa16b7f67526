-- What one page of the console hands to the next for a short time, and the time zone that each person's pages use.

CREATE TABLE handed_over (
  sha256 bytea PRIMARY KEY,
  kind text NOT NULL,
  session_id uuid REFERENCES console_session (id) ON DELETE CASCADE,
  member_id uuid REFERENCES member (id) ON DELETE CASCADE,
  operator_id uuid REFERENCES operator_user (id) ON DELETE CASCADE,
  sealed bytea NOT NULL,
  expires_at timestamptz NOT NULL
);
CREATE INDEX handed_over_session ON handed_over (session_id) WHERE session_id IS NOT NULL;
CREATE INDEX handed_over_member ON handed_over (member_id) WHERE member_id IS NOT NULL;
CREATE INDEX handed_over_operator ON handed_over (operator_id) WHERE operator_id IS NOT NULL;
CREATE INDEX handed_over_expires ON handed_over (expires_at);
COMMENT ON TABLE handed_over IS 'New secrets that the next page shows once, and forms that wait for a sign-in. The key to each is in an address and nowhere here.';
COMMENT ON COLUMN handed_over.session_id IS 'The only session that may take it; null: whoever has the address and is the person, if one is named.';

ALTER TABLE member ADD COLUMN zone text;
COMMENT ON COLUMN member.zone IS 'The time zone in which pages show times to this person, as Asia/Kolkata; null until the first sign-in with a browser that names one.';
ALTER TABLE operator_user ADD COLUMN zone text;
COMMENT ON COLUMN operator_user.zone IS 'As member.zone.';
