#!/bin/sh
# Expected: memjs's client.prepend(key, value) puts the value before the one that is there, as memcached's PREPEND does.
# Happens: memjs 1.3.2 sends the same opcode for it as for append, 0x0e, so the value is put behind. It says true. memcached's own prepend,
#     in text, puts it before.
# Source: memjs 1.3.2 from the npm registry, under nodejs; Debian bookworm's memcached 1.6.18-1.
# shellcheck source=findings/lib/memcached.sh
. "$(dirname "$0")/lib/memcached.sh"

have_memcached bookworm 1.6.18-1
npm install --prefix "$work" --no-audit --no-fund --ignore-scripts --silent memjs@1.3.2 || exit 2
echo "node $(node --version), memjs $(sed -n 's/.*"version": "\(.*\)".*/\1/p' "$work/node_modules/memjs/package.json")"

# A free port: memcached says which it took.
[ "$(id -u)" -ne 0 ] || set -- -u root
MEMCACHED_PORT_FILENAME=$work/port run_package memcached -l 127.0.0.1 -p -1 -t 1 -m 64 "$@" &
process=$!
tries=0
until [ -s "$work/port" ] || [ $((tries += 1)) -gt 100 ]; do sleep 0.05; done

cat >"$work/play.js" <<'X'
"use strict";

const net = require("net");
const memjs = require("memjs");

const port = process.argv[2];
const client = memjs.Client.create(`127.0.0.1:${port}`);

// The answer to a request in text.
const inText = (request) => new Promise((done) => {
  const peer = net.connect(port, "127.0.0.1", () => peer.write(request));
  peer.once("data", (bytes) => { peer.destroy(); done(String(bytes).trim().replaceAll("\r\n", "|")); });
});

async function main() {
  await client.set("a", "middle", {});
  await client.set("b", "middle", {});
  console.log(`append: ${await client.append("a", "-after")}, then ${(await client.get("a")).value}`);
  console.log(`prepend: ${await client.prepend("b", "before-")}, then ${(await client.get("b")).value}`);
  console.log(`prepend in text: ${await inText("prepend a 0 0 7\r\nbefore-\r\n")}, then ${(await client.get("a")).value}`);
  client.close();
}

main();
X
expect "memjs" "append: true, then middle-after
prepend: true, then middlebefore-
prepend in text: STORED, then before-middle-after" \
    "$(NODE_PATH=$work/node_modules timeout 30 node "$work/play.js" "$(sed -n 's/^TCP INET: //p' "$work/port")")"
echo "as before"
