-- With which secret key a code is derived, so that one code counts while the key is replaced.

ALTER TABLE number_code ADD COLUMN key_mark bytea;
COMMENT ON COLUMN number_code.key_mark IS 'A mark of the secret key that the code is derived with; null: of before this column.';
