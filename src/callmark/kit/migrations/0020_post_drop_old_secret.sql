-- sealed_old_secrets has taken their place.

-- squawk-ignore ban-drop-column
ALTER TABLE webhook DROP COLUMN sealed_old_secret;
-- squawk-ignore ban-drop-column
ALTER TABLE webhook DROP COLUMN old_secret_until;
