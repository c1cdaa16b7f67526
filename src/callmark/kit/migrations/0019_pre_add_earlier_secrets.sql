-- Every earlier secret of a webhook signs until its own overlap ends (contract D53b); what was odd about an answer stands
-- beside what went wrong (contract D48); when the installation's secret key was replaced.

ALTER TABLE webhook ADD COLUMN sealed_old_secrets bytea[] NOT NULL DEFAULT '{}';
ALTER TABLE webhook ADD COLUMN old_secrets_until timestamptz[] NOT NULL DEFAULT '{}';
UPDATE webhook SET sealed_old_secrets = ARRAY[sealed_old_secret], old_secrets_until = ARRAY[old_secret_until]
  WHERE sealed_old_secret IS NOT NULL AND old_secret_until IS NOT NULL;
COMMENT ON COLUMN webhook.sealed_old_secrets IS 'Secrets that were replaced, newest first, each good until the instant at the same place of old_secrets_until.';

ALTER TABLE attempt ADD COLUMN note text;
COMMENT ON COLUMN attempt.note IS 'What was odd about an answer that was taken all the same.';

ALTER TABLE installation ADD COLUMN secret_key_changed_at timestamptz;
COMMENT ON COLUMN installation.secret_key_changed_at IS 'By the real clock. Links signed with the key before it are good for their lifetime after this.';
