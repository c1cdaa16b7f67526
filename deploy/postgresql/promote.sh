#!/bin/sh
# Makes the standby that PGHOST, PGPORT, PGUSER and PGPASSWORD name the primary. Be sure that the old one is off first.
set -eu
# It has no standby yet, so its commits must not wait for one.
psql -X -q -d "${PGDATABASE:-postgres}" -v ON_ERROR_STOP=1 <<'SQL'
ALTER SYSTEM SET synchronous_standby_names = '';
SELECT pg_reload_conf() \g /dev/null
SELECT CASE WHEN pg_promote(true, 60) THEN 'promoted' ELSE 'still a standby after a minute' END AS result \gset
\echo :result
SQL
