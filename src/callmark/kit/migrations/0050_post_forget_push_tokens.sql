-- A handset that is forgotten is deleted after a while, and its push token at once, also of those forgotten before. From
-- this step on, because no process is left that would leave a token behind.

UPDATE registration SET push_service = NULL, push_token = NULL
WHERE token_sha256 IS NULL AND push_token IS NOT NULL;

CREATE INDEX registration_forgotten ON registration (forgotten_at) WHERE forgotten_at IS NOT NULL;
CREATE INDEX registration_of_app ON registration (app_id) WHERE token_sha256 IS NOT NULL;
