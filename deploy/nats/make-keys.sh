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
command -v openssl >/dev/null || { echo "make-keys.sh: install openssl first" >&2; exit 1; }
directory=$1
shift
for host; do
  if [ -n "$(printf %s "$host" | LC_ALL=C tr -d '!-~')" ]; then
    echo "make-keys.sh: write HOST as DNS has it, with xn-- for other letters than a to z: $host" >&2
    exit 1
  fi
done
mkdir -p "$directory"
cd "$directory"

# write FILE COMMAND...: a file is there whole or not at all, so what a stopped run did not make, the next one makes.
write() {
  file=$1
  shift
  "$@" >"$file.new"
  mv "$file.new" "$file"
}
new_key() { openssl genpkey -quiet -algorithm EC -pkeyopt ec_paramgen_curve:P-256; }

if [ ! -s ca.crt ]; then
  [ -s ca.key ] || write ca.key new_key
  write ca.crt openssl req -x509 -new -key ca.key -subj "/CN=Callmark NATS" -days 3650 \
    -addext keyUsage=critical,keyCertSign,cRLSign
fi
[ -s password ] || write password openssl rand -hex 24
password=$(cat password)

url=
for host; do
  host=${host%.}
  mkdir -p "$host/tls"
  at=$host
  case $host in
  *:*) name=IP at="[$host]" ;;
  *[!0-9.]*) name=DNS ;;
  *) name=IP ;;
  esac
  if ! openssl x509 -in "$host/tls/server.crt" -noout -checkend 7776000 >/dev/null 2>&1; then
    new_key >"$host/tls/server.key.new"
    openssl req -new -key "$host/tls/server.key.new" -subj "/CN=Callmark NATS server" |
      openssl x509 -req -CA ca.crt -CAkey ca.key -days 825 -extfile /dev/fd/3 3<<END >"$host/tls/server.crt.new"
subjectAltName=$name:$host
basicConstraints=critical,CA:FALSE
keyUsage=critical,digitalSignature
extendedKeyUsage=serverAuth,clientAuth
subjectKeyIdentifier=hash
authorityKeyIdentifier=keyid
END
    # The key first: stopped between the two, the next run sees the old certificate and replaces both.
    mv "$host/tls/server.key.new" "$host/tls/server.key"
    mv "$host/tls/server.crt.new" "$host/tls/server.crt"
  fi
  cp ca.crt "$host/tls/ca.crt"
  printf 'authorization { user: callmark, password: "%s", timeout: 2 }\n' "$password" >"$host/users.conf"
  url="$url${url:+,}tls://callmark:$password@$at:4222"
done
printf '%s\n' "$url" >url
