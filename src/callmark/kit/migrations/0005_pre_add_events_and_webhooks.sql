-- The event log; webhooks, their deliveries and attempts; the mark of the secret key.

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

-- webhooks -----------------------------------------------------------------------------------------------------------

CREATE TABLE webhook (
  id uuid PRIMARY KEY,
  account_id uuid NOT NULL REFERENCES client_account (id),
  name text NOT NULL,
  url text NOT NULL,
  event_types text[] NOT NULL,
  sealed_secret bytea NOT NULL,
  sealed_old_secret bytea,
  old_secret_until timestamptz,
  honours_retry_after boolean NOT NULL,
  stops_on_gone boolean NOT NULL,
  created_by_email text NOT NULL,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  paused_at timestamptz,
  deleted_at timestamptz,
  CONSTRAINT webhook_event_types CHECK (cardinality(event_types) > 0 AND event_types <@ ARRAY['cmb', 'user_feedback']),
  CONSTRAINT webhook_old_secret CHECK ((sealed_old_secret IS NULL) = (old_secret_until IS NULL))
);
CREATE INDEX webhook_account ON webhook (account_id);
COMMENT ON COLUMN webhook.url IS 'Called exactly as it is stored.';
COMMENT ON COLUMN webhook.sealed_secret IS 'Encrypted with the installation''s secret key; the old one still signs beside it until old_secret_until.';

CREATE TABLE webhook_queue (
  webhook_id uuid PRIMARY KEY REFERENCES webhook (id),
  is_paused boolean NOT NULL DEFAULT false,
  due_at timestamptz,
  lease_id uuid,
  leased_until timestamptz
) WITH (fillfactor = 50);
CREATE INDEX webhook_queue_due ON webhook_queue (due_at) WHERE due_at IS NOT NULL AND NOT is_paused;
COMMENT ON TABLE webhook_queue IS 'Whose turn it is: the worker that holds the lease makes all attempts of this webhook, so that it alone bounds those in flight.';

CREATE TABLE delivery (
  id uuid NOT NULL,
  account_id uuid NOT NULL,
  webhook_id uuid NOT NULL,
  event_id uuid NOT NULL,
  event_type text NOT NULL,
  event_number bigint,
  created_at timestamptz NOT NULL,
  state text NOT NULL,
  attempt_count integer NOT NULL DEFAULT 0,
  ended_at timestamptz,
  mailed_at timestamptz,
  sample json,
  PRIMARY KEY (id, created_at),
  CONSTRAINT delivery_state CHECK (state IN ('pending', 'success', 'rescheduled', 'webhook_not_found', 'failed', 'stopped')),
  CONSTRAINT delivery_ended CHECK ((ended_at IS NULL) = (state IN ('pending', 'rescheduled'))),
  CONSTRAINT delivery_of_log_or_sample CHECK ((event_number IS NULL) = (sample IS NOT NULL))
) PARTITION BY RANGE (created_at);
CREATE INDEX delivery_account_newest ON delivery (account_id, created_at DESC, id DESC);
CREATE INDEX delivery_webhook_newest ON delivery (webhook_id, created_at DESC, id DESC);
CREATE INDEX delivery_event ON delivery (event_id);
COMMENT ON TABLE delivery IS 'One event to one webhook; a partition a day, by the instant of the event.';
COMMENT ON COLUMN delivery.sample IS 'The body of a test; other bodies are in the event log.';

CREATE TABLE delivery_rest PARTITION OF delivery DEFAULT;
COMMENT ON TABLE delivery_rest IS 'Deliveries of days that have no partition yet; moved when their day gets its own.';

CREATE TABLE waiting_delivery (
  delivery_id uuid PRIMARY KEY,
  webhook_id uuid NOT NULL,
  due_at timestamptz NOT NULL,
  created_at timestamptz NOT NULL,
  event_id uuid NOT NULL,
  event_number bigint NOT NULL,
  attempt_count integer NOT NULL,
  failures integer NOT NULL DEFAULT 0,
  body json NOT NULL
) WITH (fillfactor = 70);
CREATE INDEX waiting_delivery_due ON waiting_delivery (webhook_id, due_at, event_number);
CREATE INDEX waiting_delivery_created ON waiting_delivery (created_at);
COMMENT ON TABLE waiting_delivery IS 'Deliveries with an attempt to come, apart from the log, so that what is due is found in a small table.';
COMMENT ON COLUMN waiting_delivery.failures IS 'Failed attempts since the schedule began, which a resent delivery begins anew; attempt_count counts all.';

CREATE TABLE attempt (
  delivery_id uuid NOT NULL,
  id uuid NOT NULL,
  number integer NOT NULL,
  began_at timestamptz NOT NULL,
  duration_ms integer NOT NULL,
  url text NOT NULL,
  request_headers text NOT NULL,
  status integer,
  answer_headers text,
  answer_body bytea,
  error text,
  PRIMARY KEY (delivery_id, began_at, id)
) PARTITION BY RANGE (began_at);
COMMENT ON TABLE attempt IS 'One HTTP request of a delivery, with the beginning of its answer; a partition a day.';

CREATE TABLE attempt_rest PARTITION OF attempt DEFAULT;
COMMENT ON TABLE attempt_rest IS 'Attempts of days that have no partition yet; moved when their day gets its own.';

-- Makes an event's deliveries in the transaction that appends it. The queue rows are locked, so that a worker that finds
-- nothing left to do for a webhook and gives it back either sees the new delivery or is seen by us.
CREATE FUNCTION deliver_event() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  subscribed uuid[];
BEGIN
  subscribed := ARRAY (
    SELECT q.webhook_id FROM webhook w JOIN webhook_queue q ON q.webhook_id = w.id
    WHERE w.account_id = NEW.account_id AND w.deleted_at IS NULL AND NEW.event_type = ANY (w.event_types)
    ORDER BY q.webhook_id FOR NO KEY UPDATE OF q
  );
  IF cardinality(subscribed) = 0 THEN
    RETURN NULL;
  END IF;
  WITH made AS (
    INSERT INTO delivery (id, account_id, webhook_id, event_id, event_type, event_number, created_at, state)
    SELECT gen_random_uuid(), NEW.account_id, s.webhook_id, NEW.id, NEW.event_type, NEW.number, NEW.created_at, 'pending'
    FROM unnest(subscribed) AS s (webhook_id)
    RETURNING id, webhook_id
  )
  INSERT INTO waiting_delivery (delivery_id, webhook_id, due_at, created_at, event_id, event_number, attempt_count, body)
  SELECT made.id, made.webhook_id, NEW.created_at, NEW.created_at, NEW.id, NEW.number, 0, NEW.body FROM made;
  UPDATE webhook_queue SET due_at = NEW.created_at
    WHERE webhook_id = ANY (subscribed) AND (due_at IS NULL OR due_at > NEW.created_at);
  RETURN NULL;
END $$;

CREATE TRIGGER event_delivered AFTER INSERT ON event FOR EACH ROW EXECUTE FUNCTION deliver_event();

-- the installation's secret key --------------------------------------------------------------------------------------

ALTER TABLE installation ADD COLUMN secret_key_mark bytea;
COMMENT ON COLUMN installation.secret_key_mark IS 'A mark of the key that secrets are encrypted with (not the key), so that a process with another key is refused.';
