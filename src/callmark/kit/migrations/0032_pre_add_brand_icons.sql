-- Icons of brands for telephone networks, drawn from logos.

CREATE TABLE brand_icon (
  logo_sha256 bytea REFERENCES logo (sha256),
  side smallint,
  sha256 bytea NOT NULL,
  png bytea NOT NULL,
  PRIMARY KEY (logo_sha256, side)
);
CREATE INDEX brand_icon_content ON brand_icon (sha256);
COMMENT ON TABLE brand_icon IS 'Kept for ever: signed calls and certificates hold their digests, and another version of the library would draw other bytes.';
