#!/bin/sh
# Makes what the nodes of a NATS cluster need: a certificate authority, a certificate for each host, a password.
#
#   make-keys.sh DIRECTORY HOST...
#
# DIRECTORY/HOST/ is what belongs below /etc/nats of that host. DIRECTORY/ca.crt is CALLMARK_NATS_CA, and
# DIRECTORY/url is CALLMARK_NATS_URL (both are for every host that runs Callmark). Keep DIRECTORY/ca.key elsewhere.
# Run again, it replaces certificates that end within 90 days and keeps everything else.
set -eu
umask 077
directory=$1
shift
mkdir -p "$directory"
cd "$directory"

new_key() { openssl genpkey -quiet -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1"; }

if [ ! -f ca.key ]; then
  new_key ca.key
  openssl req -x509 -new -key ca.key -subj "/CN=Callmark NATS" -days 3650 -out ca.crt \
    -addext keyUsage=critical,keyCertSign,cRLSign
fi
[ -f password ] || openssl rand -hex 24 >password

url=
for host; do
  mkdir -p "$host/tls"
  case $host in *[!0-9.]*) name=DNS ;; *) name=IP ;; esac
  if ! openssl x509 -in "$host/tls/server.crt" -noout -checkend 7776000 >/dev/null 2>&1; then
    new_key "$host/tls/server.key"
    openssl req -new -key "$host/tls/server.key" -subj "/CN=$host" |
      openssl x509 -req -CA ca.crt -CAkey ca.key -days 825 -out "$host/tls/server.crt" -extfile /dev/fd/3 3<<END
subjectAltName=$name:$host
basicConstraints=critical,CA:FALSE
keyUsage=critical,digitalSignature
extendedKeyUsage=serverAuth,clientAuth
subjectKeyIdentifier=hash
authorityKeyIdentifier=keyid
END
  fi
  cp ca.crt "$host/tls/ca.crt"
  printf 'authorization { user: callmark, password: "%s", timeout: 2 }\n' "$(cat password)" >"$host/users.conf"
  url="$url${url:+,}tls://callmark:$(cat password)@$host:4222"
done
printf '%s\n' "$url" >url
