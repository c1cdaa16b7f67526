#!/bin/sh
# Makes the secrets of deploy/compose.yaml in deploy/secrets, or in the directory given. It never replaces one.
# The proxy gets a certificate of its own making for the host name in CALLMARK_HOST_NAME (localhost); for browsers,
# replace proxy.crt and proxy.key by yours.
set -eu
umask 077
command -v openssl >/dev/null || { echo "make-secrets.sh: install openssl first" >&2; exit 1; }
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "${1:-$here/secrets}"
cd "${1:-$here/secrets}"
case $(ls -ld .) in
d???--[-S]--[-T]*) ;;
*)
  echo "make-secrets.sh: others have access to $(pwd) and could read every secret: chmod go-rwx it first" >&2
  exit 1
  ;;
esac
host=${CALLMARK_HOST_NAME:-localhost}
host=${host%.}
if [ -n "$(printf %s "$host" | LC_ALL=C tr -d '!-~')" ]; then
  echo "make-secrets.sh: write CALLMARK_HOST_NAME as DNS has it, with xn-- for other letters than a to z: $host" >&2
  exit 1
fi

new() { openssl rand -hex "$1"; }
# write FILE COMMAND...: a file is there whole or not at all, so what a stopped run did not make, the next one makes.
write() {
  file=$1
  shift
  "$@" >"$file.new"
  mv "$file.new" "$file"
}
dsn() {
  password=$(cat postgres-password)
  printf 'postgresql://callmark:%s@postgres/callmark\n' "$password"
}
object_store() {
  id=$(new 10)
  key=$(new 24)
  printf 'ROOT_ACCESS_KEY_ID=%s\nROOT_SECRET_ACCESS_KEY=%s\n' "$id" "$key"
}

[ -s postgres-password ] || write postgres-password new 24
[ -s postgres-dsn ] || write postgres-dsn dsn
[ -s secret-key ] || write secret-key new 32
[ -s object-store.env ] || write object-store.env object_store
[ -s callmark.env ] || write callmark.env sed -e s/^ROOT_ACCESS/AWS_ACCESS/ -e s/^ROOT_SECRET/AWS_SECRET/ object-store.env
case $host in
*:*) kind=IP check=-checkip ;;
*[!0-9.]*) kind=DNS check=-checkhost ;;
*) kind=IP check=-checkip ;;
esac
if [ ! -s proxy.crt ]; then
  write proxy.key openssl genpkey -quiet -algorithm EC -pkeyopt ec_paramgen_curve:P-256
  write proxy.crt openssl req -x509 -new -key proxy.key -days 365 -subj /CN=Callmark -addext "subjectAltName=$kind:$host"
fi
write proxy.pem cat proxy.crt proxy.key
said=$("$here/nats/make-keys.sh" nats nats1.internal nats2.internal nats3.internal 2>&1) || {
  printf '%s\n' "$said" >&2
  exit 1
}
# Containers see these files with the owner that they have here and run as other users. The directory keeps others out.
find . -type f ! -name ca.key -exec chmod a+r {} +
find . -mindepth 1 -type d -exec chmod a+rx {} +

# A certificate that is there stays, because it may be yours.
openssl x509 -in proxy.crt -noout -checkend 2592000 >/dev/null || {
  echo "make-secrets.sh: proxy.crt ends soon: $(openssl x509 -in proxy.crt -noout -enddate | cut -d= -f2)." >&2
  echo "Put a new one there, or remove it and run this again to have one made." >&2
}
case ${CALLMARK_HOST_NAME:+$(openssl x509 -in proxy.crt -noout $check "$host")} in
*"does NOT match"*)
  echo "make-secrets.sh: proxy.crt was there before and is not for $host." >&2
  echo "Put one for $host there, or remove it and run this again to have one made." >&2
  exit 1
  ;;
esac
