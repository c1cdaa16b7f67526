-- Request limits count by one clock, the database's, which `take_place` reads after it has locked the window. Hosts whose
-- clocks differ took each other's places, or were let through beyond the limit. `p_now` is given where the product's
-- clock is moved, as the emulator does. An instant ahead of now (the clock was set back) counts as now.

CREATE FUNCTION take_place(p_token bytea, p_bucket text, p_quota integer, p_window interval, p_now timestamptz)
  RETURNS TABLE (granted boolean, remaining integer, reset_in interval)
LANGUAGE plpgsql AS $$
DECLARE
  ring timestamptz[];
  at timestamptz;
  past integer;
BEGIN
  IF p_bucket IS NULL THEN
    RETURN;
  END IF;
  UPDATE request_window w
    SET instants = w.instants[2:] || greatest(coalesce(p_now, clock_timestamp()), w.instants[p_quota])
    WHERE w.token_sha256 = p_token AND w.bucket = p_bucket AND cardinality(w.instants) = p_quota AND w.newest = p_quota
      AND w.instants[1] <= coalesce(p_now, clock_timestamp()) - p_window
      AND w.instants[p_quota] <= coalesce(p_now, clock_timestamp())
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
    at := coalesce(p_now, clock_timestamp());
    IF cardinality(ring) <> p_quota THEN
      ring := array_fill('-infinity'::timestamptz, ARRAY[greatest(p_quota - cardinality(ring), 0)])
        || ring[greatest(cardinality(ring) - p_quota, 0) + 1:];
    END IF;
    past := width_bucket(at, ring);
    ring := ring[:past] || array_fill(at, ARRAY[p_quota - past]);
    granted := ring[1] <= at - p_window;
    IF granted THEN
      ring := ring[2:] || at;
    END IF;
    IF granted OR past < p_quota THEN
      UPDATE request_window w SET instants = ring, newest = p_quota
        WHERE w.token_sha256 = p_token AND w.bucket = p_bucket;
    END IF;
  END IF;
  remaining := width_bucket(at - p_window, ring);
  reset_in := ring[remaining + 1] + p_window - at;
  RETURN NEXT;
END $$;

-- What builds before this one call with the present of their own clock. They count by the database's as well, so that
-- they cannot take the limit away while both run; what they are given is by their clock. A later step drops it.
CREATE OR REPLACE FUNCTION take_request(p_token bytea, p_bucket text, p_quota integer, p_window interval, p_now timestamptz)
  RETURNS TABLE (granted boolean, remaining integer, reset_at timestamptz)
LANGUAGE sql AS $$
  SELECT w.granted, w.remaining, p_now + w.reset_in FROM take_place(p_token, p_bucket, p_quota, p_window, NULL) w
$$;
