-- Who gets which alerts, and what is posted to addresses such as a chat's.

CREATE TABLE alert_recipient (
  id uuid PRIMARY KEY,
  account_id uuid NOT NULL REFERENCES client_account (id),
  kind text NOT NULL,
  role text,
  email text,
  name text,
  url text,
  alert_kinds text[] NOT NULL,
  confirmed_at timestamptz,
  created_by_email text NOT NULL,
  created_at timestamptz NOT NULL,
  last_sent_at timestamptz,
  last_failed_at timestamptz,
  last_error text,
  CONSTRAINT alert_recipient_kind CHECK (
    CASE kind
      WHEN 'role' THEN role IN ('admin', 'department_owner', 'operation_owner', 'process_owner')
      WHEN 'email' THEN email IS NOT NULL
      WHEN 'channel' THEN url IS NOT NULL AND name IS NOT NULL
      ELSE false
    END
  ),
  CONSTRAINT alert_recipient_error CHECK ((last_failed_at IS NULL) = (last_error IS NULL))
);
CREATE INDEX alert_recipient_account ON alert_recipient (account_id, created_at, id);
CREATE UNIQUE INDEX alert_recipient_role ON alert_recipient (account_id, role) WHERE role IS NOT NULL;
CREATE UNIQUE INDEX alert_recipient_email ON alert_recipient (account_id, lower(email)) WHERE email IS NOT NULL;
COMMENT ON TABLE alert_recipient IS 'Members of a role, an address that is confirmed by a link, or a channel: a URL that alerts are posted to.';
COMMENT ON COLUMN alert_recipient.id IS 'That of the admins is the account''s: they are recipients before they have a row.';

CREATE TABLE alert_post (
  id uuid PRIMARY KEY,
  recipient_id uuid NOT NULL REFERENCES alert_recipient (id) ON DELETE CASCADE,
  body text NOT NULL,
  created_at timestamptz NOT NULL,
  attempt_count integer NOT NULL DEFAULT 0,
  due_at timestamptz,
  lease_id uuid,
  leased_until timestamptz
);
CREATE INDEX alert_post_due_recipient_id ON alert_post (recipient_id, due_at) WHERE due_at IS NOT NULL;
COMMENT ON TABLE alert_post IS 'Alerts that are to be posted to a channel; a row goes when it was posted or given up.';

CREATE TABLE alert_once (
  account_id uuid NOT NULL REFERENCES client_account (id),
  alert_kind text NOT NULL,
  what text NOT NULL,
  at timestamptz NOT NULL,
  PRIMARY KEY (account_id, alert_kind, what)
);
CREATE INDEX alert_once_at ON alert_once (at);
COMMENT ON TABLE alert_once IS 'What was announced, so that it is announced once.';
