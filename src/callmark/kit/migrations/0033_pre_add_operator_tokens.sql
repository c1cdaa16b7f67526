-- What programs of operators show the operator API.

CREATE TABLE operator_token (
  id uuid PRIMARY KEY,
  name text NOT NULL,
  sha256 bytea NOT NULL CONSTRAINT operator_token_sha256 UNIQUE,
  created_by_email text NOT NULL,
  created_at timestamptz NOT NULL,
  expires_at timestamptz,
  last_used_at timestamptz,
  revoked_at timestamptz
);
CREATE UNIQUE INDEX operator_token_name ON operator_token (lower(name)) WHERE revoked_at IS NULL;
COMMENT ON TABLE operator_token IS 'Tokens of the operator API; only their hashes are kept. Revoked ones stay, so that the audit log can be understood.';
COMMENT ON COLUMN operator_token.last_used_at IS 'To the minute.';
