#!/bin/sh
# Prepare the namespace: ended procedures stay visible for 30 days, and operators can search. Safe to repeat.
set -eu
: "${TEMPORAL_ADDRESS:?}" "${TEMPORAL_NAMESPACE:?}"
retention=720h

# A new namespace is known everywhere only after some seconds.
patiently() {
  tries=60
  until "$@"; do
    tries=$((tries - 1))
    [ "$tries" -gt 0 ] || { echo "gave up: $*" >&2; exit 1; }
    sleep 1
  done
}

patiently temporal operator cluster health
if temporal operator namespace describe --namespace "$TEMPORAL_NAMESPACE" >/dev/null 2>&1; then
  temporal operator namespace update --namespace "$TEMPORAL_NAMESPACE" --retention "$retention"
else
  temporal operator namespace create --namespace "$TEMPORAL_NAMESPACE" --retention "$retention"
fi

# As in workflows/search_attributes.py; a test compares the two.
patiently temporal operator search-attribute create --namespace "$TEMPORAL_NAMESPACE" \
  --name Procedure --type Keyword \
  --name Tenant --type Keyword \
  --name Customer --type Keyword \
  --name Subject --type Keyword \
  --name State --type Keyword \
  --name Attention --type Keyword \
  --name DueAt --type Datetime
echo "The namespace $TEMPORAL_NAMESPACE is ready."
