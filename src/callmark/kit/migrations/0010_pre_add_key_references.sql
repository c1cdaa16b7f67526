-- Console addresses name an API key by an id of its own, because a Key ID is shown once (contract D47).
-- The default stays: processes of the release before may still make keys while this one starts.

-- An account has few keys, so the table is rewritten at once.
-- squawk-ignore adding-field-with-default
ALTER TABLE api_key ADD COLUMN reference uuid NOT NULL DEFAULT gen_random_uuid();
CREATE UNIQUE INDEX api_key_reference ON api_key (reference);
COMMENT ON COLUMN api_key.reference IS 'What pages address the key by; its id is half of the pair.';
