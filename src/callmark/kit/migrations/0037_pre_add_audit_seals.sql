-- The audit log as a chain: each entry is sealed with the digest of what it says and of the seal before it.

ALTER TABLE audit_entry ADD COLUMN seal_number bigint;
ALTER TABLE audit_entry ADD COLUMN content_sha256 bytea;
ALTER TABLE audit_entry ADD COLUMN seal_sha256 bytea;
ALTER TABLE audit_entry ADD COLUMN redacted_at timestamptz;
CREATE UNIQUE INDEX audit_entry_seal ON audit_entry (seal_number) WHERE seal_number IS NOT NULL;
CREATE INDEX audit_entry_unsealed ON audit_entry (id) WHERE seal_number IS NULL;
COMMENT ON COLUMN audit_entry.seal_number IS 'Its place in the chain, from 1 without a gap; null: not sealed yet.';
COMMENT ON COLUMN audit_entry.content_sha256 IS 'Of what it said when it was sealed.';
COMMENT ON COLUMN audit_entry.seal_sha256 IS 'Of the seal before it, its place and its content_sha256.';
COMMENT ON COLUMN audit_entry.redacted_at IS 'Since when it does not say a phone number any more that was erased.';

CREATE TABLE audit_head (
  only_row boolean PRIMARY KEY DEFAULT true,
  seal_number bigint NOT NULL,
  seal_sha256 bytea NOT NULL,
  CONSTRAINT audit_head_is_one CHECK (only_row)
);
INSERT INTO audit_head (seal_number, seal_sha256) VALUES (0, decode(repeat('00', 32), 'hex'));
COMMENT ON TABLE audit_head IS 'One row: the newest seal of the audit log.';

CREATE TABLE audit_checkpoint (
  seal_number bigint PRIMARY KEY,
  seal_sha256 bytea NOT NULL,
  entry_count bigint NOT NULL,
  pruned_at timestamptz NOT NULL
);
COMMENT ON TABLE audit_checkpoint IS 'The seal of the last entry that was deleted because of its age, so that the rest can be verified.';
