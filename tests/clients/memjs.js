// What npm's memjs sees of the server HOST:PORT, a line a call: it speaks binary alone.
"use strict";

const { library, say, play, everyByte, counters, count } = require("./client.js");
const memjs = library("memjs");

// Values come back as buffers, with flags; of set and its like as true.
const tell = (c, what, name, ...args) => say(`${what} ${name}`, async () => {
  const result = await c[name](...args);
  return result && result.value !== undefined ? [result.value, result.flags] : result;
});

const values = {
  empty: "", one: "x", text: "\u00e9t\u00e9", lines: "\r\nEND\r\n", bytes: everyByte, none: Buffer.alloc(0),
  "100k": Buffer.concat(Array(400).fill(everyByte)), "1000k": Buffer.concat(Array(4000).fill(everyByte)),
};

async function storage(c) {
  for (const [name, value] of Object.entries(values)) {
    await tell(c, name, "set", `s:${name}`, value, {});
    await tell(c, name, "get", `s:${name}`);
  }
  await tell(c, "miss", "get", "s:none");
  await tell(c, "there", "add", "s:one", "y", {});
  await tell(c, "new", "add", "s:add", "y", {});
  await tell(c, "there", "replace", "s:add", "z", {});
  await tell(c, "new", "replace", "s:nowhere", "z", {});
  await tell(c, "there", "append", "s:add", "\0after");
  await tell(c, "there", "prepend", "s:add", "before\r\n");
  await tell(c, "both", "get", "s:add");
  await tell(c, "miss", "append", "s:nowhere", "x");
  await tell(c, "miss", "prepend", "s:nowhere", "x");
  await tell(c, "there", "delete", "s:add");
  await tell(c, "again", "delete", "s:add");
  await tell(c, "too large", "set", "s:large", Buffer.alloc(2000000), {});
  await tell(c, "too large", "get", "s:large");
  await tell(c, "long key", "set", "k".repeat(250), "long", {});
  await tell(c, "long key", "get", "k".repeat(250));
}

// Those of one moment go out together, each with its number, by which the answers are told apart.
async function many(c) {
  const keys = count(200, (i) => `m:${i}`);
  await say("set all", () => Promise.all(keys.map((key) => c.set(key, `value ${key}`, { expires: 100 }))));
  await say("get all", async () => (await Promise.all(keys.map((key) => c.get(key)))).map((r) => String(r.value)));
  await say("get some", async () => (await Promise.all(["m:1", "m:none", "s:100k", "m:7"].map((key) => c.get(key)))).map((r) => r.value));
}

async function numbers(c) {
  await tell(c, "new", "increment", "n", 5, { initial: 10 });
  await tell(c, "there", "increment", "n", 5, { initial: 10 });
  await tell(c, "there", "decrement", "n", 3, {});
  await tell(c, "floor", "decrement", "n", 100, {});
  await tell(c, "without initial", "increment", "n:zero", 5, {});
  await tell(c, "new", "decrement", "n:down", 5, { initial: 7, expires: 100 });
  await tell(c, "down", "get", "n:down");
  await tell(c, "text", "set", "n:t", "text", {});
  await tell(c, "text", "increment", "n:t", 1, {});
  await tell(c, "text", "get", "n:t");
}

async function expiry(c) {
  const month = 60 * 60 * 24 * 30;
  const now = Math.floor(Date.now() / 1000);
  for (const [name, expires] of Object.entries({ 0: 0, 100: 100, month, absolute: now + 1000, past: now - 1000 })) {
    await tell(c, name, "set", "e", "v", { expires });
    await tell(c, name, "get", "e");
  }
  await tell(c, "again", "set", "e", "v", {});
  await tell(c, "there", "touch", "e", 100);
  await tell(c, "miss", "touch", "e:none", 100);
  await tell(c, "touched", "get", "e");
  await tell(c, "past", "touch", "e", now - 1000);
  await tell(c, "gone", "get", "e");
}

async function other(c) {
  const stats = (name, ...args) => new Promise((resolve, reject) => {
    c[name](...args, (error, server, found) => (error ? reject(error) : resolve(found)));
  });
  await say("stats", async () => { const found = await stats("stats"); return counters.filter((name) => name in found); });
  await say("stats settings", async () => Object.keys(await stats("statsWithKey", "settings")).length > 0);
  await say("reset", async () => Boolean(await stats("resetStats")));
  await tell(c, "after", "get", "s:one");
  await say("set", () => Promise.all(["f:1", "f:2", "f:3"].map((key) => c.set(key, "v", {}))));
  await say("flush", async () => Object.values(await new Promise((resolve) => { c.flush((error, results) => resolve(error || results)); })));
  await say("gone", async () => (await Promise.all(["f:1", "f:2", "f:3"].map((key) => c.get(key)))).map((r) => r.value));
}

async function main() {
  const client = (password) => memjs.Client.create(process.argv[2], {
    timeout: 20, conntimeout: 20, retries: 0, logger: { log() {} }, username: process.env.CLIENT_USER, password,
  });
  if (process.env.CLIENT_USER) {
    const intruder = client("wrong");
    if (await intruder.set("u", "v", {}).catch(() => false)) process.exit(1);
    intruder.close();
  }
  const c = client(process.env.CLIENT_PASSWORD);
  await play([storage, many, numbers, expiry, other], c);
  c.close();
  console.log("done");
}

main();
