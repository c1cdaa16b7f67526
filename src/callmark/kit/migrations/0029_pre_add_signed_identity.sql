-- Signed caller identity: who may ask for signatures, whom we trust, and with what we sign.

CREATE TABLE edge (
  id uuid PRIMARY KEY,
  name text NOT NULL,
  account_id uuid CONSTRAINT edge_account_id_fkey REFERENCES client_account,
  token_sha256 bytea NOT NULL CONSTRAINT edge_token_unique UNIQUE,
  created_at timestamptz NOT NULL,
  last_used_at timestamptz,
  revoked_at timestamptz
) WITH (fillfactor = 70);
COMMENT ON TABLE edge IS 'Call servers. Without an account: the operator''s, which signs for every account.';

CREATE TABLE trust_root (
  id uuid PRIMARY KEY,
  name text NOT NULL,
  certificate bytea NOT NULL,
  sha256 bytea NOT NULL CONSTRAINT trust_root_unique UNIQUE,
  sealed_key bytea,
  provider_code text,
  added_at timestamptz NOT NULL,
  CONSTRAINT trust_root_own CHECK (sealed_key IS NOT NULL OR provider_code IS NULL)
);
CREATE UNIQUE INDEX trust_root_one_own ON trust_root ((true)) WHERE sealed_key IS NOT NULL;
COMMENT ON TABLE trust_root IS 'Roots whose certificates count when a call is verified, in DER. The installation has the key of one at most: it issues certificates of accounts.';

CREATE TABLE signer_certificate (
  id uuid PRIMARY KEY,
  account_id uuid CONSTRAINT signer_certificate_account_id_fkey REFERENCES client_account,
  serial text COLLATE "C" NOT NULL CONSTRAINT signer_certificate_serial_unique UNIQUE,
  chain text NOT NULL,
  sealed_key bytea,
  is_imported boolean NOT NULL,
  lot_start text COLLATE "C" NOT NULL DEFAULT '',
  not_before timestamptz NOT NULL,
  not_after timestamptz NOT NULL,
  created_at timestamptz NOT NULL,
  retired_at timestamptz,
  CONSTRAINT signer_certificate_keyed CHECK (sealed_key IS NOT NULL OR retired_at IS NOT NULL)
);
CREATE INDEX signer_certificate_in_use ON signer_certificate (account_id) WHERE retired_at IS NULL;
COMMENT ON TABLE signer_certificate IS 'What calls are signed with, its chain in PEM as verifiers get it. Retired ones sign nothing and have no key, but can be got as long as a signature may be checked. Without an account: the operator''s. All instants are of the real clock.';
COMMENT ON COLUMN signer_certificate.lot_start IS 'An account with very many numbers has a certificate for each lot; this one''s are from here to the next lot''s start.';
