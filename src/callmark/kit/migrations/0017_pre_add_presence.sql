-- Which handset's stream was open when a gateway went, so that pushes wait for those that are on their way back
-- (docs/decisions/0013-effects-shares-returns.md).

CREATE TABLE gateway (
  id uuid PRIMARY KEY,
  beat_at timestamptz NOT NULL,
  lost_at timestamptz
);
COMMENT ON TABLE gateway IS 'Gateways, each for the life of its process. Instants are real ones.';
COMMENT ON COLUMN gateway.lost_at IS 'When it ended, or was found to be dead.';

CREATE TABLE presence (
  phone_number text COLLATE "C" PRIMARY KEY,
  stream text NOT NULL,
  gateway_id uuid NOT NULL,
  lost_at timestamptz
) WITH (fillfactor = 80);
COMMENT ON TABLE presence IS 'The newest stream of each handset that has ever connected.';
COMMENT ON COLUMN presence.lost_at IS 'When it ended (real time), -infinity when the handset said goodbye; null: open, unless its gateway is lost.';
