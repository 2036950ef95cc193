#!/bin/sh
# Expected: memcached resumes TLS sessions only with ssl_session_cache ("to support session resumption", says its help), which is off by
#     default. A server that does not resume gives no tickets, or makes a full handshake with a client that offers one.
# Happens: it gives tickets without that option, too. Where it asks for no client certificates, it resumes by them. With ssl_verify_mode=1,
#     2 or 3 it ends the handshake of each client that offers one with the alert internal_error, under TLS 1.2 and 1.3. A client that then
#     forgets its ticket gets in at every second try, a client that keeps it never again. OpenSSL wants a session id context of a server that
#     asks for client certificates; memcached sets one only with ssl_session_cache. 1.6.38 and 1.6.45 do the same.
# Source: Debian bookworm's memcached 1.6.18-1, and openssl 3.0.20-1~deb12u2, which makes the certificate.
# shellcheck source=findings/lib/memcached.sh
. "$(dirname "$0")/lib/memcached.sh"

cat >"$work/play.py" <<'PY'
"""play.py PORT CERTIFICATE KEY: makes three connections that offer the newest ticket, and one that offers none; prints how each ended."""
import socket
import ssl
import sys

port, certificate, key = sys.argv[1:]


def connection(context, session):
    with socket.create_connection(("127.0.0.1", int(port)), timeout=5) as plain:
        try:
            with context.wrap_socket(plain, server_hostname="127.0.0.1", session=session) as peer:
                peer.sendall(b"mn\r\n")  # its answer comes after the tickets
                assert peer.recv(100) == b"MN\r\n"
                assert peer.session.has_ticket
                return "resumed" if peer.session_reused else "full", peer.session
        except ssl.SSLError as error:
            return "internal_error" if error.reason.endswith("ALERT_INTERNAL_ERROR") else error.reason, session


for version in ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3:
    client = ssl.create_default_context(cafile=certificate)
    client.load_cert_chain(certificate, key)
    client.minimum_version = client.maximum_version = version
    seen, ticket = [], None
    for _ in range(3):
        how, ticket = connection(client, ticket)
        seen.append(how)
    print(f"{version.name}: {' '.join(seen)}, then {connection(client, None)[0]}", end="; ")
PY

# A free port: memcached says which it took.
seen() { # option of -o...
    rm -f "$work/port"
    [ "$(id -u)" -ne 0 ] || as="-u root"
    # shellcheck disable=SC2086
    MEMCACHED_PORT_FILENAME=$work/port run_package memcached -l 127.0.0.1 -p -1 -t 1 -m 64 $as -Z \
        -o "ssl_chain_cert=$work/cert.pem,ssl_key=$work/key.pem,ssl_ca_cert=$work/cert.pem$1" 2>"$work/log" &
    process=$!
    tries=0
    until [ -s "$work/port" ] || [ $((tries += 1)) -gt 100 ]; do sleep 0.05; done
    said=$(timeout 20 python3 -B "$work/play.py" "$(sed -n 's/^TCP INET: //p' "$work/port")" "$work/cert.pem" "$work/key.pem") ||
        fail "$(cat "$work/log")"
    stop
}

as=
have_memcached bookworm 1.6.18-1
have_package openssl bookworm 3.0.20-1~deb12u2
(run_package openssl req -config /dev/null -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=localhost \
    -addext subjectAltName=IP:127.0.0.1 -addext basicConstraints=critical,CA:TRUE -keyout "$work/key.pem" -out "$work/cert.pem" -days 2) \
    2>"$work/log" || fail "$(cat "$work/log")"
seen ""
expect "no client certificates" "TLSv1_2: full resumed resumed, then full; TLSv1_3: full resumed resumed, then full; " "$said"
for mode in 1 2 3; do
    seen ",ssl_verify_mode=$mode"
    expect "ssl_verify_mode=$mode" "TLSv1_2: full internal_error internal_error, then full; \
TLSv1_3: full internal_error internal_error, then full; " "$said"
done
seen ",ssl_verify_mode=2,ssl_session_cache"
expect "with ssl_session_cache" "TLSv1_2: full resumed resumed, then full; TLSv1_3: full resumed resumed, then full; " "$said"
echo "as before"
