-- Handsets that are forgotten are deleted after a while, and those of revoked apps forgotten, by a job. It also clears
-- the push tokens of those that an older version forgot: the last index has these alone, so none once it has run.

CREATE INDEX registration_forgotten ON registration (forgotten_at) WHERE forgotten_at IS NOT NULL;
CREATE INDEX registration_of_app ON registration (app_id) WHERE token_sha256 IS NOT NULL;
CREATE INDEX registration_token_left ON registration (phone_number) WHERE token_sha256 IS NULL AND push_token IS NOT NULL;
