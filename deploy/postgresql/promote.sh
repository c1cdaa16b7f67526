#!/bin/sh
# Makes the standby that PGHOST, PGPORT, PGUSER and PGPASSWORD name the primary. Be sure that the old one is off first.
# promote.sh [SECONDS]: how long to wait, 60 if not given. Exit status 0 only when it is the primary by then.
set -eu
# It has no standby yet, so its commits must not wait for one.
psql -X -q -d "${PGDATABASE:-postgres}" -v ON_ERROR_STOP=1 -v within_s="${1:-60}" <<'SQL'
ALTER SYSTEM SET synchronous_standby_names = '';
SELECT pg_reload_conf() \g /dev/null
SELECT pg_promote(true, :within_s) AS done \gset
\if :done
\echo promoted
\else
DO $$ BEGIN RAISE 'still a standby; it becomes the primary once it has replayed what it has'; END $$;
\endif
SQL
