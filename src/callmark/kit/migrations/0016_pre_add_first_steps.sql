-- The first steps of a new account stay on its home until somebody hides them; accounts that are there need none.

SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '60s';

ALTER TABLE client_account ADD COLUMN first_steps_hidden_at timestamptz;
COMMENT ON COLUMN client_account.first_steps_hidden_at IS 'Since when home does not show the first steps; null while it does.';
UPDATE client_account SET first_steps_hidden_at = created_at;
