-- Due work by its owner first: a worker takes the oldest of each owner in turn (docs/decisions/0013-effects-shares-returns.md).

CREATE INDEX batch_due_account_id ON batch (account_id, due_at) WHERE due_at IS NOT NULL;
DROP INDEX batch_due;
CREATE INDEX upload_due_account_id ON upload (account_id, due_at) WHERE due_at IS NOT NULL;
DROP INDEX upload_due;
CREATE INDEX listing_job_due_account_id ON listing_job (account_id, due_at) WHERE due_at IS NOT NULL;
DROP INDEX listing_job_due;
CREATE INDEX mail_due_recipient ON mail (recipient, due_at) WHERE due_at IS NOT NULL;
DROP INDEX mail_due;
