-- An account's own limits (docs/decisions/0045-limits-of-an-account.md). A window that was made for another number of
-- requests keeps its newest instants, so that a change of the limit is exact from the next request on.

ALTER TABLE client_account ADD COLUMN limits jsonb;
COMMENT ON COLUMN client_account.limits IS 'Limits that an operator has set, by name; null, or a name that is missing: the default.';

CREATE OR REPLACE FUNCTION take_request(p_token bytea, p_bucket text, p_quota integer, p_window interval, p_now timestamptz)
  RETURNS TABLE (granted boolean, remaining integer, reset_at timestamptz)
LANGUAGE plpgsql AS $$
DECLARE
  ring timestamptz[];
  last integer;
  oldest_at integer;
  at timestamptz := p_now;
BEGIN
  IF p_bucket IS NULL THEN
    RETURN;
  END IF;
  SELECT w.instants, w.newest INTO ring, last FROM request_window w
    WHERE w.token_sha256 = p_token AND w.bucket = p_bucket FOR UPDATE;
  IF NOT FOUND THEN
    INSERT INTO request_window AS w (token_sha256, bucket, instants, newest)
      VALUES (p_token, p_bucket, array_fill('-infinity'::timestamptz, ARRAY[p_quota]), p_quota)
      ON CONFLICT DO NOTHING;
    SELECT w.instants, w.newest INTO ring, last FROM request_window w
      WHERE w.token_sha256 = p_token AND w.bucket = p_bucket FOR UPDATE;
  END IF;
  IF cardinality(ring) <> p_quota THEN
    ring := array_fill('-infinity'::timestamptz, ARRAY[greatest(p_quota - cardinality(ring), 0)])
      || ARRAY(SELECT i FROM unnest(ring) i ORDER BY i OFFSET greatest(cardinality(ring) - p_quota, 0));
    last := p_quota;
  END IF;
  at := greatest(p_now, ring[last]);
  oldest_at := last % p_quota + 1;
  granted := ring[oldest_at] <= at - p_window;
  IF granted THEN
    ring[oldest_at] := at;
    UPDATE request_window w SET instants = ring, newest = oldest_at
      WHERE w.token_sha256 = p_token AND w.bucket = p_bucket;
  END IF;
  SELECT p_quota - count(*), min(i) + p_window INTO remaining, reset_at FROM unnest(ring) i WHERE i > at - p_window;
  RETURN NEXT;
END $$;
