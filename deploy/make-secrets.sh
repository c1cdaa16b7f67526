#!/bin/sh
# Makes the secrets of deploy/compose.yaml in deploy/secrets, or in the directory given. It never replaces one.
# The proxy gets a certificate of its own making for the host name in CALLMARK_HOST_NAME (localhost); for browsers,
# replace proxy.crt and proxy.key by yours.
set -eu
umask 077
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "${1:-$here/secrets}"
cd "${1:-$here/secrets}"
host=${CALLMARK_HOST_NAME:-localhost}

new() { openssl rand -hex "$1"; }
[ -f postgres-password ] || new 24 >postgres-password
[ -f postgres-dsn ] || printf 'postgresql://callmark:%s@postgres/callmark\n' "$(cat postgres-password)" >postgres-dsn
[ -f secret-key ] || new 32 >secret-key
if [ ! -f object-store.env ]; then
  id=$(new 10) key=$(new 24)
  printf 'ROOT_ACCESS_KEY_ID=%s\nROOT_SECRET_ACCESS_KEY=%s\n' "$id" "$key" >object-store.env
  printf 'AWS_ACCESS_KEY_ID=%s\nAWS_SECRET_ACCESS_KEY=%s\n' "$id" "$key" >callmark.env
fi
if [ ! -f proxy.crt ]; then
  openssl genpkey -quiet -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out proxy.key
  openssl req -x509 -new -key proxy.key -out proxy.crt -days 365 -subj "/CN=$host" -addext "subjectAltName=DNS:$host"
fi
cat proxy.crt proxy.key >proxy.pem
"$here/nats/make-keys.sh" nats nats1.internal nats2.internal nats3.internal >/dev/null 2>&1
# Containers see these files with the owner that they have here and run as other users. The directory keeps others out.
find . -type f ! -name ca.key -exec chmod a+r {} +
find . -mindepth 1 -type d -exec chmod a+rx {} +
