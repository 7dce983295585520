#!/bin/sh
# Run once, on an empty cluster: the roles and databases of the product and of Temporal. The product's own role owns
# nothing and is bound by row-level security; migrations run as the owner.
set -eu
: "${OWNER_DATABASE_PASSWORD:?}" "${APP_DATABASE_PASSWORD:?}" "${TEMPORAL_DATABASE_PASSWORD:?}"

psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --username="${POSTGRES_USER:-postgres}" --dbname=postgres <<'SQL'
\getenv owner_password OWNER_DATABASE_PASSWORD
\getenv app_password APP_DATABASE_PASSWORD
\getenv temporal_password TEMPORAL_DATABASE_PASSWORD
SET log_statement = 'none';
SET log_min_error_statement = 'panic';
CREATE ROLE owner LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE PASSWORD :'owner_password';
CREATE ROLE app LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE PASSWORD :'app_password';
CREATE ROLE temporal LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE PASSWORD :'temporal_password';
CREATE DATABASE tetsuzuki OWNER owner;
CREATE DATABASE temporal OWNER temporal;
CREATE DATABASE temporal_visibility OWNER temporal;
REVOKE ALL ON DATABASE tetsuzuki, temporal, temporal_visibility FROM PUBLIC;
GRANT CONNECT ON DATABASE tetsuzuki TO app;
SQL
