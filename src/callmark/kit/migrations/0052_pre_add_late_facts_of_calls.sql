-- Figures count what becomes known of a call long after its first report, such as that a long call was answered.

ALTER TABLE call ADD COLUMN shown_known_at timestamptz, ADD COLUMN answered_known_at timestamptz;
COMMENT ON COLUMN call.shown_known_at IS 'When it became known that its record was shown, if that was late. Null: with the first report, or soon after it.';
COMMENT ON COLUMN call.answered_known_at IS 'The same, of a call of a record that was answered.';

-- Partial: a short call has no entry, so that its end stays an update in place.
CREATE INDEX call_shown_late ON call (shown_known_at) WHERE shown_known_at IS NOT NULL;
CREATE INDEX call_answered_late ON call (answered_known_at) WHERE answered_known_at IS NOT NULL;
