-- A window whose newest instant lies more than a second ahead is of a clock that was set back, or of a host whose clock
-- is ahead. It used to stand still until the clock that is behind had caught up. Now that clock's distance from the
-- newest instant is kept, and what it says is counted as so much later: the window passes as it does for the others.

ALTER TABLE request_window ADD COLUMN behind interval;
COMMENT ON COLUMN request_window.behind IS 'What is added to the present of a clock that is behind the newest instant. Null: no such clock asked since it.';

CREATE OR REPLACE FUNCTION take_request(p_token bytea, p_bucket text, p_quota integer, p_window interval, p_now timestamptz)
  RETURNS TABLE (granted boolean, remaining integer, reset_at timestamptz)
LANGUAGE plpgsql AS $$
DECLARE
  ring timestamptz[];
  at timestamptz;
  lag interval;
  known_lag interval;
BEGIN
  IF p_bucket IS NULL THEN
    RETURN;
  END IF;
  UPDATE request_window w SET instants = w.instants[2:] || greatest(p_now, w.instants[p_quota]), behind = NULL
    WHERE w.token_sha256 = p_token AND w.bucket = p_bucket AND cardinality(w.instants) = p_quota AND w.newest = p_quota
      AND w.instants[1] <= greatest(p_now, w.instants[p_quota]) - p_window
      AND w.instants[p_quota] <= p_now + interval '1 second'
    RETURNING w.instants INTO ring;
  granted := FOUND;
  IF granted THEN
    at := ring[p_quota];
  ELSE
    INSERT INTO request_window (token_sha256, bucket, instants, newest)
      VALUES (p_token, p_bucket, array_fill('-infinity'::timestamptz, ARRAY[p_quota]), p_quota)
      ON CONFLICT DO NOTHING;
    SELECT w.instants[w.newest + 1:] || w.instants[:w.newest], w.behind INTO ring, known_lag FROM request_window w
      WHERE w.token_sha256 = p_token AND w.bucket = p_bucket FOR UPDATE;
    IF cardinality(ring) <> p_quota THEN
      ring := array_fill('-infinity'::timestamptz, ARRAY[greatest(p_quota - cardinality(ring), 0)])
        || ring[greatest(cardinality(ring) - p_quota, 0) + 1:];
    END IF;
    IF ring[p_quota] > p_now + interval '1 second' THEN
      lag := known_lag;
      IF lag IS NULL OR p_now + lag < ring[p_quota] - interval '1 second' THEN
        lag := ring[p_quota] - p_now;
      END IF;
    END IF;
    at := greatest(p_now + lag, p_now, ring[p_quota]);
    granted := ring[1] <= at - p_window;
    IF granted THEN
      ring := ring[2:] || at;
    END IF;
    IF granted OR lag <> known_lag OR (lag IS NOT NULL AND known_lag IS NULL) THEN
      UPDATE request_window w SET instants = ring, newest = p_quota, behind = lag
        WHERE w.token_sha256 = p_token AND w.bucket = p_bucket;
    END IF;
  END IF;
  remaining := width_bucket(at - p_window, ring);
  reset_at := least(ring[remaining + 1] - coalesce(lag, interval '0'), p_now) + p_window;
  RETURN NEXT;
END $$;
