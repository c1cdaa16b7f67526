-- What the emulator's control API has set: faults on demand and the seed of the handsets' randomness.

CREATE TABLE emulator_state (
  only_row boolean PRIMARY KEY DEFAULT true CONSTRAINT emulator_state_is_one CHECK (only_row),
  seed bigint,
  fault_slug text,
  faults_left integer NOT NULL DEFAULT 0 CONSTRAINT emulator_state_faults CHECK (faults_left >= 0),
  latency_ms integer NOT NULL DEFAULT 0,
  drop_every integer NOT NULL DEFAULT 0
);
COMMENT ON TABLE emulator_state IS 'One row. Every API request of emulator mode looks at it; never read outside it.';

INSERT INTO emulator_state DEFAULT VALUES;
