-- Call Me Back requests are old by the time for which a call was promised, so that none goes before it.

CREATE INDEX callback_request_over ON callback_request (greatest(requested_at, slot_starts_at));
DROP INDEX callback_request_requested;
