-- The event log. (Webhooks, deliveries and attempts follow below it.)

CREATE TABLE event_counter (
  account_id uuid PRIMARY KEY REFERENCES client_account (id),
  last_number bigint NOT NULL
) WITH (fillfactor = 50);
COMMENT ON TABLE event_counter IS 'Taken by the last statement of a transaction, so that numbers have no gap and follow the order of commits.';

CREATE TABLE event (
  account_id uuid NOT NULL,
  number bigint NOT NULL,
  id uuid NOT NULL,
  event_type text NOT NULL,
  campaign_id uuid,
  created_at timestamptz NOT NULL,
  body json NOT NULL,
  PRIMARY KEY (account_id, number, created_at),
  CONSTRAINT event_type_known CHECK (event_type IN ('cmb', 'user_feedback')),
  CONSTRAINT event_campaign CHECK ((event_type = 'user_feedback') = (campaign_id IS NOT NULL))
) PARTITION BY RANGE (created_at);
CREATE INDEX event_id ON event (id);
CREATE INDEX event_account_type ON event (account_id, event_type, created_at, number);
CREATE INDEX event_campaign_created ON event (campaign_id, created_at, number) WHERE campaign_id IS NOT NULL;
COMMENT ON TABLE event IS 'Append-only; a partition a day. body is the documented JSON, byte for byte.';

CREATE TABLE event_rest PARTITION OF event DEFAULT;
COMMENT ON TABLE event_rest IS 'Events of days that have no partition yet; moved when their day gets its own.';
