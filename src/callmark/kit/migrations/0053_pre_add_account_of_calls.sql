-- A number may change hands. Only the account whose call it was hears what its receiver asks for or answers.

ALTER TABLE call ADD COLUMN account_id uuid;
COMMENT ON COLUMN call.account_id IS 'Of the record that the first report named, else who held the caller''s number when it came. Null: nobody, or a version without this column.';
