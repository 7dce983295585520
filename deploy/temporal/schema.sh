#!/bin/sh
# Make Temporal's tables, or bring them up to the version of this image. Safe to repeat.
set -eu
: "${POSTGRES_SEEDS:?}" "${POSTGRES_USER:?}" "${SQL_PASSWORD:?}"

for database in temporal:temporal temporal_visibility:visibility; do
  name=${database%%:*}
  sql() {
    temporal-sql-tool --plugin postgres12 --ep "$POSTGRES_SEEDS" -p "${DB_PORT:-5432}" -u "$POSTGRES_USER" --db "$name" "$@"
  }
  sql setup-schema -v 0.0
  sql update-schema -d "/etc/temporal/schema/postgresql/v12/${database##*:}/versioned"
done
