// Whether npm's memcached, at HOST:PORT, goes on although keys of one server behind it cannot be had: it takes an error for the end
// of its only server, and asks no more.
"use strict";

const { library, count } = require("./client.js");
const Memcached = library("memcached");

const KEYS = count(60, (i) => `k:${i}`);

async function main() {
  const c = new Memcached(process.argv[2], { timeout: 20000 });
  const call = (name, ...args) => new Promise((resolve) => {
    c[name](...args, (error, result) => resolve({ error: error && String(error.message || error), result }));
  });
  const stored = [];
  let odd = 0;
  let wrong = 0;
  for (const key of KEYS) {
    const { error, result } = await call("set", key, `value ${key}`, 0);
    if (result === true) stored.push(key);
    else if (error !== "Item is not stored") odd++;
  }
  for (const key of KEYS) {
    const { error, result } = await call("get", key);
    if (error) odd++;
    else if (result !== (stored.includes(key) ? `value ${key}` : undefined)) wrong++;
  }
  console.log(`errors: ${odd}`);
  console.log(`wrong: ${wrong}`);
  console.log(`most are stored: ${stored.length > KEYS.length / 3}`);
  c.end();
  console.log("done");
}

main();
