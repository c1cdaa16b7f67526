-- A request's instant that lies more than a minute ahead is from a clock that was wrong, and is none: else a token that
-- was used while a machine's clock was hours ahead is refused for hours once the clock is right.

CREATE OR REPLACE FUNCTION take_request(p_token bytea, p_bucket text, p_quota integer, p_window interval, p_now timestamptz)
  RETURNS TABLE (granted boolean, remaining integer, reset_at timestamptz)
LANGUAGE plpgsql AS $$
DECLARE
  ring timestamptz[];
  at timestamptz;
  known integer;
BEGIN
  IF p_bucket IS NULL THEN
    RETURN;
  END IF;
  UPDATE request_window w SET instants = w.instants[2:] || greatest(p_now, w.instants[p_quota])
    WHERE w.token_sha256 = p_token AND w.bucket = p_bucket AND cardinality(w.instants) = p_quota AND w.newest = p_quota
      AND w.instants[1] <= greatest(p_now, w.instants[p_quota]) - p_window
      AND w.instants[p_quota] <= p_now + interval '1 minute'
    RETURNING w.instants INTO ring;
  granted := FOUND;
  IF granted THEN
    at := ring[p_quota];
  ELSE
    INSERT INTO request_window (token_sha256, bucket, instants, newest)
      VALUES (p_token, p_bucket, array_fill('-infinity'::timestamptz, ARRAY[p_quota]), p_quota)
      ON CONFLICT DO NOTHING;
    SELECT w.instants[w.newest + 1:] || w.instants[:w.newest] INTO ring FROM request_window w
      WHERE w.token_sha256 = p_token AND w.bucket = p_bucket FOR UPDATE;
    known := width_bucket(p_now + interval '1 minute', ring);
    IF known < cardinality(ring) THEN
      ring := array_fill('-infinity'::timestamptz, ARRAY[cardinality(ring) - known]) || ring[:known];
    END IF;
    IF cardinality(ring) <> p_quota THEN
      ring := array_fill('-infinity'::timestamptz, ARRAY[greatest(p_quota - cardinality(ring), 0)])
        || ring[greatest(cardinality(ring) - p_quota, 0) + 1:];
    END IF;
    at := greatest(p_now, ring[p_quota]);
    granted := ring[1] <= at - p_window;
    IF granted THEN
      ring := ring[2:] || at;
      UPDATE request_window w SET instants = ring, newest = p_quota
        WHERE w.token_sha256 = p_token AND w.bucket = p_bucket;
    END IF;
  END IF;
  remaining := width_bucket(at - p_window, ring);
  reset_at := ring[remaining + 1] + p_window;
  RETURN NEXT;
END $$;
