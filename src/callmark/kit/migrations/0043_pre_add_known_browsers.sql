-- Sign-in that others cannot block, and Forgot password that takes as long for every address
-- (docs/decisions/0072-what-sign-in-gives-away.md).

CREATE TABLE known_browser (
  sha256 bytea PRIMARY KEY,
  member_id uuid REFERENCES member (id) ON DELETE CASCADE,
  operator_id uuid REFERENCES operator_user (id) ON DELETE CASCADE,
  expires_at timestamptz NOT NULL,
  CONSTRAINT known_browser_of_one CHECK ((member_id IS NULL) <> (operator_id IS NULL))
);
COMMENT ON TABLE known_browser IS 'Browsers in which a person has signed in: wrong passwords count apart there. They open nothing.';
CREATE INDEX known_browser_member ON known_browser (member_id) WHERE member_id IS NOT NULL;
CREATE INDEX known_browser_operator ON known_browser (operator_id) WHERE operator_id IS NOT NULL;

CREATE TABLE reset_request (
  id uuid PRIMARY KEY,
  email text NOT NULL,
  requested_at timestamptz NOT NULL,
  due_at timestamptz,
  lease_id uuid,
  leased_until timestamptz
);
COMMENT ON TABLE reset_request IS 'Addresses that a new password was requested for, whether or not anyone has them; a row goes once it was answered.';
CREATE INDEX reset_request_due ON reset_request (due_at) WHERE due_at IS NOT NULL;
