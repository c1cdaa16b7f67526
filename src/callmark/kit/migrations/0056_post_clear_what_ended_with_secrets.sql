-- Secrets go with the webhook that is deleted and push tokens with the handset that is forgotten. What ended before that
-- was so, periodic jobs have cleared since; this step does so where they never ran, and takes what they needed.

UPDATE webhook SET sealed_secret = '', sealed_old_secrets = '{}', old_secrets_until = '{}'
WHERE deleted_at IS NOT NULL AND sealed_secret <> '';
DELETE FROM periodic_job
WHERE name = 'deleted_webhooks';

UPDATE registration SET push_service = NULL, push_token = NULL
WHERE token_sha256 IS NULL AND push_token IS NOT NULL;
DROP INDEX registration_token_left;
