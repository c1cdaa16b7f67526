-- sealed_old_secrets has taken their place.

ALTER TABLE webhook DROP COLUMN sealed_old_secret;
ALTER TABLE webhook DROP COLUMN old_secret_until;
