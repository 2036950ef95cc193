#!/bin/sh
# Expected: Dalli, given an ssl_context, does over TLS what it does without: get_multi returns the values, as get does.
# Happens: with Dalli 3.0.6 every get_multi over TLS raises NoMethodError, undefined method `server' for a Dalli::Socket::SSLSocket, though
#     get, set and all else work. When it waits for the answers it asks each socket whose server it is; its sockets for TLS have no
#     such method. So read_multi and fetch_multi of Rails' cache store cannot be used with a server that speaks TLS.
# Source: Debian bookworm's ruby-dalli 3.0.6-1.1, by its ruby3.1 3.1.2-7+deb12u1, and memcached 1.6.18-1.
# shellcheck source=findings/lib/memcached.sh
. "$(dirname "$0")/lib/memcached.sh"

have_memcached bookworm 1.6.18-1
have_package ruby3.1 bookworm 3.1.2-7+deb12u1
have_package ruby-dalli bookworm 3.0.6-1.1

ruby() {
    libraries=$(find "$work/root/usr/lib/ruby/3.1.0" "$work/root"/usr/lib/*/ruby/3.1.0 "$work"/root/usr/share/rubygems-integration/all/gems/dalli-*/lib \
        -maxdepth 0 | tr '\n' ':')
    RUBYLIB=$libraries run_package ruby3.1 --disable-gems "$@"
}

cat >"$work/certificate.rb" <<'X'
require "openssl"
key = OpenSSL::PKey::EC.generate("prime256v1")
certificate = OpenSSL::X509::Certificate.new
certificate.version = 2
certificate.serial = 1
certificate.subject = certificate.issuer = OpenSSL::X509::Name.parse("/CN=localhost")
certificate.public_key = key
certificate.not_before = Time.now - 3600
certificate.not_after = Time.now + 86400
extensions = OpenSSL::X509::ExtensionFactory.new(certificate, certificate)
certificate.add_extension(extensions.create_extension("basicConstraints", "CA:TRUE", true))
certificate.add_extension(extensions.create_extension("subjectAltName", "IP:127.0.0.1"))
certificate.sign(key, "SHA256")
File.write("#{ARGV[0]}/key.pem", key.to_pem)
File.write("#{ARGV[0]}/cert.pem", certificate.to_pem)
X
(ruby "$work/certificate.rb" "$work") || fail "no certificate"

cat >"$work/play.rb" <<'X'
require "logger"
require "dalli"
Dalli.logger = Logger.new(File::NULL)

def say(what)
  puts "#{what}: #{yield}"
rescue StandardError => e
  puts "#{what}: #{e.class}: #{e.message[/\A[^:]*(::\w+)*/]}"
end

context = OpenSSL::SSL::SSLContext.new
context.set_params(ca_file: ARGV[1], verify_mode: OpenSSL::SSL::VERIFY_PEER)
{ "without TLS" => {}, "over TLS" => { ssl_context: context } }.each do |how, options|
  client = Dalli::Client.new("127.0.0.1:#{ARGV[how == "over TLS" ? 0 : 2]}", options)
  say("#{how}: set") { client.set("a", "1").positive? }
  say("#{how}: get") { client.get("a") }
  say("#{how}: get_multi") { client.get_multi("a", "b") }
end
X

# Free ports: memcached says which it took, in the order of its listeners.
[ "$(id -u)" -ne 0 ] || set -- -u root
MEMCACHED_PORT_FILENAME=$work/port run_package memcached -l 127.0.0.1,notls:127.0.0.1 -p -1 -t 1 -m 64 -Z \
    -o "ssl_chain_cert=$work/cert.pem,ssl_key=$work/key.pem" "$@" &
process=$!
tries=0
until [ "$(grep -c INET "$work/port" 2>/dev/null)" = 2 ] || [ $((tries += 1)) -gt 100 ]; do sleep 0.05; done
expect "Dalli" "without TLS: set: true
without TLS: get: 1
without TLS: get_multi: {\"a\"=>\"1\"}
over TLS: set: true
over TLS: get: 1
over TLS: get_multi: NoMethodError: undefined method \`server' for #<Dalli::Socket::SSLSocket" \
    "$(ruby "$work/play.rb" "$(sed -n '1s/^TCP INET: //p' "$work/port")" "$work/cert.pem" "$(sed -n '2s/^TCP INET: //p' "$work/port")")"
echo "as before"
