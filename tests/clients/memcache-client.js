// What npm's memcache-client sees of the server HOST:PORT, a line a call.
"use strict";

const fs = require("fs");
const zlib = require("zlib");
const { library, say, play, common, everyByte, counters, count } = require("./client.js");
const { MemcacheClient } = library("memcache-client");

const tls = process.env.CLIENT_CA ? { ca: fs.readFileSync(process.env.CLIENT_CA) } : undefined;

const tell = (c, what, name, ...args) => say(`${what} ${name}`, () => c[name](...args));

const { changes, numbers, expiry, touch } = common(tell, { expiring: (lifetime) => ({ lifetime }) });

const values = {
  empty: "", one: "x", text: "\u00e9t\u00e9", number: 42, float: -1.5, list: [1, null, "x"], map: { a: { b: 2 } },
  lines: "\r\nEND\r\nVALUE a 0 1\r\n", bytes: everyByte, none: Buffer.alloc(0),
  "100k": Buffer.concat(Array(400).fill(everyByte)), "1000k": Buffer.concat(Array(4000).fill(everyByte)),
};

async function storage(c) {
  for (const [name, value] of Object.entries(values)) {
    await tell(c, name, "set", `s:${name}`, value);
    await tell(c, name, "get", `s:${name}`);
  }
  await changes(c, "\0after", "before\r\n");
  await tell(c, "too large", "set", "s:large", Buffer.alloc(2000000));
  await tell(c, "too large", "get", "s:large");
  await tell(c, "long key", "set", "k".repeat(250), "long");
  await tell(c, "long key", "get", "k".repeat(250));
  await tell(c, "longer key", "get", "k".repeat(251));
  await tell(c, "ignored", "add", "s:one", "y", { ignoreNotStored: true });
  await tell(c, "zip", "set", "s:zip", "compress me ".repeat(9000), { compress: true });
  await tell(c, "zip", "get", "s:zip");
}

async function many(c) {
  const keys = count(200, (i) => `m:${i}`);
  await say("set all", () => Promise.all(keys.map((key) => c.set(key, `value ${key}`))));
  await tell(c, "all", "get", keys);
  await tell(c, "some", "get", ["m:1", "m:none", "s:one", "s:100k", "m:7"]);
  await tell(c, "none", "get", ["m:x", "m:y"]);
  await tell(c, "some", "gets", ["m:1", "m:none", "m:2"]);
  await say("get each", () => Promise.all(keys.map((key) => c.get(key))));
}

async function cas(c) {
  await tell(c, "first", "set", "c", "1");
  const { casUniq } = await c.gets("c");
  await tell(c, "there", "gets", "c");
  await tell(c, "miss", "gets", "c:none");
  await tell(c, "right", "cas", "c", "2", { casUniq });
  await tell(c, "old", "cas", "c", "3", { casUniq });
  await tell(c, "miss", "cas", "c:none", "3", { casUniq });
  await tell(c, "after", "get", "c");
  const grown = await c.gets("c");
  await say("cas grows", () => BigInt(grown.casUniq) > BigInt(casUniq));
}

async function noreply(c) {
  const silent = { noreply: true };
  const keys = count(100, (i) => `q:${i}`);
  keys.forEach((key) => c.set(key, `value ${key}`, silent));
  c.add("q:1", "no", silent);
  c.replace("q:2", "replaced", silent);
  c.append("q:3", " after", silent);
  c.prepend("q:4", "before ", silent);
  c.delete("q:5", silent);
  c.touch("q:6", 100, silent);
  c.set("q:7", "5", silent);
  c.incr("q:7", 2, silent);
  c.decr("q:7", 1, silent);
  c.incr("q:8", 1, silent);
  c.set("q:9", Buffer.alloc(100000), silent);
  c.set("q:10", Buffer.alloc(2000000), silent);
  await tell(c, "all", "get", keys);
}

async function raw(c) {
  await tell(c, "raw", "send", "set raw 65536 0 5\r\nhello\r\n");
  await tell(c, "raw", "get", "raw");
  await tell(c, "gat", "cmd", "gat 100 raw");
  await tell(c, "unknown", "cmd", "nosuch");
  await tell(c, "few", "cmd", "incr raw");
  await tell(c, "after", "get", "raw");
}

async function other(c) {
  await say("version", async () => (await c.version()).map((v) => /^(VERSION|\d+\.\d+\.\d+.*)$/.test(v)).slice(0, 1));
  await say("stats", async () => {
    const names = (await c.cmd("stats")).STAT.map((stat) => stat[0]);
    return counters.filter((name) => names.includes(name));
  });
  await say("settings", async () => (await c.cmd("stats settings")).STAT.length > 1);
  await say("flush", () => c.cmd("flush_all"));
  await tell(c, "gone", "get", ["m:1", "m:2", "m:3", "m:4", "c", "n"]);
}

const compressor = {
  compressSync: ({ input }) => zlib.deflateSync(input),
  decompressSync: ({ input }) => zlib.inflateSync(input),
};

async function main() {
  for (const maxConnections of [1, 4]) {
    console.log(`== connections: ${maxConnections}`);
    const server = { server: process.argv[2], maxConnections };
    const c = new MemcacheClient({ server, compressor, cmdTimeout: 20000, noDelay: maxConnections > 1, tls });
    const parts = [storage, many, cas, numbers, expiry, touch, raw];
    // Over several connections no order is promised.
    if (maxConnections === 1) parts.push(noreply);
    await play([...parts, other], c);
    c.shutdown();
  }
  console.log("done");
}

main();
