-- Mails that let someone in are encrypted while they wait, and mails have an end after which they are not sent.

ALTER TABLE mail ADD COLUMN sealed bytea;
COMMENT ON COLUMN mail.sealed IS 'Text and HTML, encrypted with the secret key; plain and html are empty then, and when the mail was sent.';
ALTER TABLE mail ADD COLUMN expires_at timestamptz;
COMMENT ON COLUMN mail.expires_at IS 'When the link or the code in it ends: it is not sent from then on; null: at any time.';
