// Writes keys with npm's memcached: memcached.js KEYS MODE HOST:PORT[:WEIGHT]...
"use strict";

const fs = require("fs");
const { library } = require("../clients/client.js");
const Memcached = library("memcached");

const [keys, , ...texts] = process.argv.slice(2);
const parts = texts.map((text) => /^([^:]*(?::\d+)?)(?::(\d+))?$/.exec(text));
const prefix = process.env.PREFIX || "";
// With weights the servers are an object, which keeps their order.
const servers = parts.some((part) => part[2])
  ? Object.fromEntries(parts.map((part) => [part[1], Number(part[2] || 1)]))
  : parts.map((part) => part[1]);
const client = new Memcached(servers, { poolSize: 1, namespace: prefix });
const left = fs.readFileSync(keys, "utf8").split("\n").slice(0, -1);

(function next() {
  if (left.length === 0) return client.end();
  const key = left.pop();
  client.set(key.slice(prefix.length), key, 0, (error) => {
    if (!error) return next();
    console.error(`memcached: ${key} was not stored: ${error}`);
    process.exit(1);
  });
})();
