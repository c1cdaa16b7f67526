-- An entry of a clock that was ahead kept all later ones from being deleted by their age: an entry is now old too when
-- it was sealed long ago. Those that are there count as sealed now; such a default writes no row.

ALTER TABLE audit_entry ADD COLUMN sealed_at timestamptz DEFAULT now();
-- Nobody relies on the default: it is there for one statement.
-- squawk-ignore ban-drop-default
ALTER TABLE audit_entry ALTER COLUMN sealed_at DROP DEFAULT;
COMMENT ON COLUMN audit_entry.sealed_at IS 'When it got its seal: seconds after it was written, whatever its own instant says.';
