-- What failed is few among all that waits or was sent: the page of webhooks counts the retries of each, and the page of
-- queues lists the emails that could not be sent.

CREATE INDEX waiting_delivery_failed ON waiting_delivery (webhook_id, due_at) WHERE failures > 0;
CREATE INDEX mail_unsent ON mail (created_at, id)
  WHERE state = 'failed' OR (state = 'waiting' AND attempt_count > 0);
