-- The console: passwords, sessions, links by mail, second factor, throttle, operators, places of members, audit.

ALTER TABLE client_account ADD COLUMN requires_code boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN client_account.requires_code IS 'Whether its members confirm a sign-in with a code sent by mail.';

-- Members are few, and these columns are new: checking them is quick.
-- squawk-ignore-file adding-foreign-key-constraint, constraint-missing-not-valid
ALTER TABLE member
  ADD COLUMN password_hash text,
  ADD COLUMN department_id uuid REFERENCES department (id) ON DELETE SET NULL,
  ADD COLUMN operation_id uuid REFERENCES calling_operation (id) ON DELETE SET NULL,
  ADD COLUMN process_id uuid REFERENCES calling_process (id) ON DELETE SET NULL,
  ADD CONSTRAINT member_place_fits_role CHECK (
    (department_id IS NULL OR role = 'department_owner')
    AND (operation_id IS NULL OR role = 'operation_owner')
    AND (process_id IS NULL OR role = 'process_owner'));
CREATE INDEX member_department ON member (department_id) WHERE department_id IS NOT NULL;
CREATE INDEX member_operation ON member (operation_id) WHERE operation_id IS NOT NULL;
CREATE INDEX member_process ON member (process_id) WHERE process_id IS NOT NULL;
COMMENT ON COLUMN member.department_id IS 'What an owner owns, by its role; all null until it is given a place, which then shows nothing.';

CREATE TABLE operator_user (
  id uuid PRIMARY KEY,
  email text NOT NULL,
  name text NOT NULL,
  password_hash text NOT NULL,
  created_at timestamptz NOT NULL
);
CREATE UNIQUE INDEX operator_user_email_unique ON operator_user (lower(email));
COMMENT ON TABLE operator_user IS 'People who run the installation.';

CREATE TABLE console_session (
  id uuid PRIMARY KEY,
  token_sha256 bytea NOT NULL CONSTRAINT console_session_token_unique UNIQUE,
  member_id uuid REFERENCES member (id) ON DELETE CASCADE,
  operator_id uuid REFERENCES operator_user (id) ON DELETE CASCADE,
  acting_account_id uuid REFERENCES client_account (id),
  created_at timestamptz NOT NULL,
  seen_at timestamptz NOT NULL,
  address text NOT NULL,
  user_agent text NOT NULL,
  CONSTRAINT console_session_of_one CHECK ((member_id IS NULL) <> (operator_id IS NULL)),
  CONSTRAINT console_session_acting CHECK (acting_account_id IS NULL OR operator_id IS NOT NULL)
) WITH (fillfactor = 80);
CREATE INDEX console_session_member ON console_session (member_id) WHERE member_id IS NOT NULL;
CREATE INDEX console_session_operator ON console_session (operator_id) WHERE operator_id IS NOT NULL;
CREATE INDEX console_session_created ON console_session (created_at);
COMMENT ON COLUMN console_session.acting_account_id IS 'The business that an operator acts for.';

CREATE TABLE mailed_link (
  sha256 bytea PRIMARY KEY,
  kind text NOT NULL CONSTRAINT mailed_link_kind CHECK (kind IN ('invitation', 'password_reset')),
  member_id uuid REFERENCES member (id) ON DELETE CASCADE,
  operator_id uuid REFERENCES operator_user (id) ON DELETE CASCADE,
  expires_at timestamptz NOT NULL,
  CONSTRAINT mailed_link_of_one CHECK ((member_id IS NULL) <> (operator_id IS NULL))
);
CREATE INDEX mailed_link_member ON mailed_link (member_id);
CREATE INDEX mailed_link_operator ON mailed_link (operator_id);
COMMENT ON TABLE mailed_link IS 'Links that work once: the row goes with their use.';

CREATE TABLE sign_in_code (
  sha256 bytea PRIMARY KEY,
  member_id uuid NOT NULL REFERENCES member (id) ON DELETE CASCADE,
  code_sha256 bytea NOT NULL,
  tries_left integer NOT NULL,
  expires_at timestamptz NOT NULL,
  CONSTRAINT sign_in_code_tries CHECK (tries_left >= 0)
);
CREATE INDEX sign_in_code_member ON sign_in_code (member_id);
COMMENT ON TABLE sign_in_code IS 'Sign-ins whose password was right and whose code is awaited; the key is what the browser keeps.';

CREATE TABLE known_device (
  sha256 bytea PRIMARY KEY,
  member_id uuid NOT NULL REFERENCES member (id) ON DELETE CASCADE,
  expires_at timestamptz NOT NULL
);
CREATE INDEX known_device_member ON known_device (member_id);
COMMENT ON TABLE known_device IS 'Browsers that need no code for a while.';

CREATE TABLE throttle (
  what text NOT NULL,
  who text NOT NULL,
  instants timestamptz[] NOT NULL,
  PRIMARY KEY (what, who)
);
COMMENT ON TABLE throttle IS 'Recent tries of what is limited, by who tries: sign-ins by address and e-mail, mails by e-mail.';

CREATE TABLE audit_entry (
  id uuid PRIMARY KEY,
  account_id uuid REFERENCES client_account (id),
  actor_email text NOT NULL,
  by_operator boolean NOT NULL,
  action text NOT NULL,
  subject text NOT NULL,
  details json NOT NULL,
  address text NOT NULL,
  at timestamptz NOT NULL
);
CREATE INDEX audit_entry_account_newest ON audit_entry (account_id, at DESC, id DESC);
CREATE INDEX audit_entry_newest ON audit_entry (at DESC, id DESC);
COMMENT ON TABLE audit_entry IS 'Every change made in the console; account null: a change to the installation.';

ALTER TABLE api_key ADD COLUMN last_used_at timestamptz;
COMMENT ON COLUMN api_key.last_used_at IS 'When a token was last made with it.';
