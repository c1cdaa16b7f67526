-- The trace that a row's work goes on with (docs/decisions/0046-traces.md); null: none.

ALTER TABLE batch ADD COLUMN traceparent text;
ALTER TABLE waiting_delivery ADD COLUMN traceparent text;
