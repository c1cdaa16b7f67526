-- How long a webhook has failed, what was said about it, and whether the platform has paused it for that.

CREATE TABLE webhook_outage (
  webhook_id uuid PRIMARY KEY REFERENCES webhook (id),
  failing_since timestamptz,
  last_failed_at timestamptz,
  failures integer NOT NULL DEFAULT 0,
  notices integer NOT NULL DEFAULT 0,
  is_open boolean NOT NULL DEFAULT false,
  announced_at timestamptz,
  working_since timestamptz,
  CONSTRAINT webhook_outage_failing CHECK ((failing_since IS NULL) = (failures = 0))
) WITH (fillfactor = 70);
COMMENT ON TABLE webhook_outage IS 'Webhooks that fail or failed a short time ago. failing_since is the first failed attempt after the last success.';
COMMENT ON COLUMN webhook_outage.is_open IS 'An alert said that the webhook fails, and none has said since that it works again.';

ALTER TABLE webhook ADD COLUMN paused_for_failing boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN webhook.paused_for_failing IS 'The platform paused it, because no attempt had succeeded for five days.';
