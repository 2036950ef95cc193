// What npm's memcached sees of the server HOST:PORT, a line a call.
"use strict";

const { library, say, play, common, everyByte, counters, count } = require("./client.js");
const Memcached = library("memcached");

// A method of the library as one that gives a promise.
const call = (c, name, ...args) => new Promise((resolve, reject) => {
  c[name](...args, (error, result) => (error ? reject(error) : resolve(result)));
});
const tell = (c, what, name, ...args) => say(`${what} ${name}`, () => call(c, name, ...args));

const { changes, numbers: plainNumbers, expiry, touch } = common(tell, { last: [0], remove: "del" });

const values = {
  empty: "", one: "x", text: "\u00e9t\u00e9", number: 42, float: -1.5, true: true, list: [1, null, "x"],
  map: { a: { b: 2 } }, lines: "\r\nEND\r\nVALUE a 0 1\r\n", bytes: everyByte, "100k": "0123456789".repeat(10240),
  "100k bytes": Buffer.alloc(102400, "\x01ab"),
};

async function storage(c) {
  for (const [name, value] of Object.entries(values)) {
    const key = `s:${name.replace(" ", "-")}`;
    await tell(c, name, "set", key, value, 0);
    await tell(c, name, "get", key);
  }
  await changes(c, " after", "before ");
  await tell(c, "too large", "set", "s:large", "x".repeat(2000000), 0);
  await tell(c, "long key", "set", "k".repeat(250), "long", 0);
  await tell(c, "long key", "get", "k".repeat(250));
  await tell(c, "longer key", "set", "k".repeat(251), "longer", 0);
}

async function many(c) {
  const keys = count(200, (i) => `m:${i}`);
  await say("set all", () => Promise.all(keys.map((key) => call(c, "set", key, `value ${key}`, 0))));
  await tell(c, "all", "getMulti", keys);
  await tell(c, "some", "getMulti", ["m:1", "m:none", "s:one", "s:100k", "m:7"]);
  await tell(c, "none", "getMulti", ["m:x", "m:y"]);
  await tell(c, "list", "get", ["m:1", "m:2"]);
  await say("get each", () => Promise.all(keys.map((key) => call(c, "get", key))));
}

async function cas(c) {
  await tell(c, "first", "set", "c", "1", 0);
  const found = await tell(c, "there", "gets", "c");
  await tell(c, "miss", "gets", "c:none");
  await tell(c, "right", "cas", "c", "2", found.cas, 0);
  await tell(c, "old", "cas", "c", "3", found.cas, 0);
  await tell(c, "miss", "cas", "c:none", "3", found.cas, 0);
  await tell(c, "after", "get", "c");
  const grown = await call(c, "gets", "c");
  await say("cas grows", () => BigInt(grown.cas) > BigInt(found.cas));
}

async function numbers(c) {
  await plainNumbers(c, 10);
}

async function other(c) {
  await say("version", async () => (await call(c, "version")).map((v) => /^\d+\.\d+\.\d+/.test(v.version)));
  await say("stats", async () => (await call(c, "stats")).map((s) => counters.filter((name) => name in s)));
  await say("settings", async () => (await call(c, "settings")).map((s) => Object.keys(s).length > 1));
  await say("slabs", async () => (await call(c, "slabs")).map((s) => Object.keys(s).length > 1));
  await say("items", async () => (await call(c, "items")).map((s) => Object.keys(s).length > 1));
  await tell(c, "after", "get", "s:one");
}

async function flush(c) {
  await tell(c, "all", "flush");
  await tell(c, "gone", "getMulti", ["m:1", "m:2", "m:3", "m:4", "c", "n"]);
}

async function main() {
  const modes = { plain: {}, namespace: { namespace: "space:", poolSize: 1 }, "long keys": { keyCompression: false, poolSize: 3 } };
  for (const [mode, options] of Object.entries(modes)) {
    console.log(`== ${mode}`);
    const c = new Memcached(process.argv[2], { timeout: 20000, retries: 0, ...options });
    await play([storage, many, cas, numbers, expiry, touch, other], c);
    if (mode === "long keys") await play([flush], c);
    c.end();
  }
  console.log("done");
}

main();
