-- Virtual handsets that sleep have a push token; wake-ups are told in the timelines of records.

ALTER TABLE virtual_handset ADD COLUMN push_token text;
COMMENT ON COLUMN virtual_handset.push_token IS 'By which its app is woken. Null: it never sleeps.';

ALTER TABLE wake_up ADD COLUMN sent_ats timestamptz[] NOT NULL DEFAULT '{}';
COMMENT ON COLUMN wake_up.sent_ats IS 'The newest wake-ups that the push service has taken, oldest first.';
