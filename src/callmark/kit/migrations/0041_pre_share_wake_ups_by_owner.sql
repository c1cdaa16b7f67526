-- Wake-ups take turns as other work does (docs/decisions/0013-effects-shares-returns.md): a batch for a hundred thousand
-- sleeping handsets does not stand before another account's real-time push.

ALTER TABLE wake_up ADD COLUMN owner text COLLATE "C" NOT NULL DEFAULT '';
COMMENT ON COLUMN wake_up.owner IS 'Who wants it and takes turns: an account''s batches, or its real-time pushes.';
CREATE INDEX wake_up_due_owner ON wake_up (owner, due_at) WHERE due_at IS NOT NULL;
