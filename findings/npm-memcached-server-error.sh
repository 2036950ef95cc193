#!/bin/sh
# Expected: a SERVER_ERROR is the answer to one request; the next request is sent to the server.
# Happens: npm's memcached 2.2.2 takes it for the death of the server and sends nothing for the time of its option `retry`. The get
#     that met the SERVER_ERROR is a miss; with one server every further one is an error, "Server at ... not available", although the
#     server would answer. So one such answer, of a server without memory or of a proxy with one dead server behind it, takes the
#     whole cache away.
# Source: memcached 2.2.2 from the npm registry, under nodejs 20. The server here is a script of a few lines that answers as
#     memcached does.
work=$(mktemp -d) || exit 2
child=
leave() {
    [ -z "$child" ] || kill "$child" 2>/dev/null
    rm -rf "$work"
}
trap leave EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

npm install --prefix "$work" --no-audit --no-fund --ignore-scripts --silent memcached@2.2.2 || exit 2
echo "node $(node --version), memcached $(sed -n 's/.*"version": "\(.*\)".*/\1/p' "$work/node_modules/memcached/package.json")"

cat >"$work/play.js" <<'X'
"use strict";

const net = require("net");
const Memcached = require("memcached");

let asked = 0;

// A server with one item: `good`. It cannot give `bad`.
function serve(peer) {
  let text = "";
  peer.on("error", () => {});
  peer.on("data", (bytes) => {
    const lines = (text + bytes).split("\r\n");
    text = lines.pop();
    for (const line of lines) {
      asked++;
      if (line === "get good") peer.write("VALUE good 0 2\r\nok\r\nEND\r\n");
      else peer.write("SERVER_ERROR out of memory writing get response\r\n");
    }
  });
}

const server = net.createServer(serve).listen(0, "127.0.0.1", async () => {
  const name = `127.0.0.1:${server.address().port}`;
  const client = new Memcached(name);
  const get = (key) => new Promise((done) => {
    client.get(key, (error, value) => {
      const said = error ? `error: ${error.message || error}` : value;
      console.log(`get ${key}: ${String(said).replace(name, "SERVER")} (the server was asked ${asked} times)`);
      done();
    });
  });
  for (const key of ["good", "bad", "good", "good"]) await get(key);
  process.exit(0);
});
X
NODE_PATH=$work/node_modules timeout 30 node "$work/play.js" >"$work/seen" 2>&1 &
child=$!
wait "$child"
child=
cat "$work/seen"
cat >"$work/wanted" <<'X'
get good: ok (the server was asked 1 times)
get bad: false (the server was asked 2 times)
get good: error: Server at SERVER not available (the server was asked 2 times)
get good: error: Server at SERVER not available (the server was asked 2 times)
X
cmp -s "$work/wanted" "$work/seen" || {
    echo "FAILED: not as before, which was:"
    cat "$work/wanted"
    exit 1
}
echo "as before"
