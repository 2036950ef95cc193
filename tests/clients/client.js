// What the scripts for npm's libraries share: results as lines of text, and the packages' place.
"use strict";

const crypto = require("crypto");
const { createRequire } = require("module");
const path = require("path");

// Packages are where deps/install puts them: build/node, or $NODE_CLIENTS.
const place = process.env.NODE_CLIENTS || path.join(__dirname, "../../build/node");
const library = createRequire(path.join(place, "package.json"));

function short(value) {
  if (value === undefined || value === null) return String(value);
  if (Buffer.isBuffer(value) || typeof value === "string") {
    const kind = Buffer.isBuffer(value) ? "buffer " : "";
    if (value.length > 80) {
      return `${kind}${value.length} ${crypto.createHash("md5").update(value).digest("hex")}`;
    }
    return kind + JSON.stringify(Buffer.isBuffer(value) ? value.toString("latin1") : value);
  }
  if (Array.isArray(value)) return `[${value.map(short).join(", ")}]`;
  if (typeof value === "object") {
    // A cas number is not for eyes: under its name, or as the last word of a VALUE line.
    const keys = Object.keys(value).filter((key) => !/^cas/.test(key)).sort();
    const seen = (key) => (key === "tokens" ? value[key].slice(0, 4) : value[key]);
    return `{${keys.map((key) => `${key}: ${short(seen(key))}`).join(", ")}}`;
  }
  return String(value);
}

// Prints what a call ends with, and gives it back.
async function say(what, call) {
  try {
    const result = await call();
    console.log(`${what}: ${short(result)}`);
    return result;
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    console.log(`${what}: error ${text.replaceAll(process.argv[2], "SERVER")}`);
    return undefined;
  }
}

// Plays parts in order, each an async function of the client.
async function play(parts, client) {
  for (const part of parts) {
    console.log(`-- ${part.name}`);
    await part(client);
  }
}

const everyByte = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
const month = 60 * 60 * 24 * 30;
const now = Math.floor(Date.now() / 1000);
const times = {
  0: 0, 100: 100, month, "past month": month + 1, negative: -1, absolute: now + 1000, "absolute past": now - 1000,
};
// The counters of the process: a proxy has no items, memory or evictions of its own.
const counters = [
  "pid", "uptime", "time", "version", "curr_connections", "cmd_get", "cmd_set", "get_hits", "get_misses", "bytes_read",
  "bytes_written", "threads",
];

function count(n, make) {
  return Array.from({ length: n }, (_, i) => make(i));
}

// Parts that are the same for all libraries, but for how they are called: tell(c, what, method, ...) prints what a method gives,
// `last` are arguments that storing methods want at their end, `remove` is what their delete is called, and expiring(time) is how
// they are told a time.
function common(tell, { last = [], remove = "delete", expiring = (time) => time }) {
  async function changes(c, after, before) {
    await tell(c, "miss", "get", "s:none");
    await tell(c, "there", "add", "s:one", "y", ...last);
    await tell(c, "new", "add", "s:add", "y", ...last);
    await tell(c, "there", "replace", "s:add", "z", ...last);
    await tell(c, "new", "replace", "s:none", "z", ...last);
    await tell(c, "there", "append", "s:add", after);
    await tell(c, "there", "prepend", "s:add", before);
    await tell(c, "both", "get", "s:add");
    await tell(c, "miss", "append", "s:none", "x");
    await tell(c, "miss", "prepend", "s:none", "x");
    await tell(c, "there", remove, "s:add");
    await tell(c, "again", remove, "s:add");
  }

  async function numbers(c, ten = "10") {
    await tell(c, "number", "set", "n", ten, ...last);
    await tell(c, "5", "incr", "n", 5);
    await tell(c, "3", "decr", "n", 3);
    await tell(c, "floor", "decr", "n", 100);
    await tell(c, "miss", "incr", "n:none", 1);
    await tell(c, "miss", "decr", "n:none", 1);
    await tell(c, "text", "set", "n:t", "text", ...last);
    await tell(c, "text", "incr", "n:t", 1);
    await tell(c, "text", "get", "n:t");
  }

  async function expiry(c) {
    for (const [name, time] of Object.entries(times)) {
      await tell(c, name, "set", "e", "v", expiring(time));
      await tell(c, name, "get", "e");
    }
  }

  async function touch(c) {
    await tell(c, "again", "set", "e", "v", ...last);
    await tell(c, "there", "touch", "e", 100);
    await tell(c, "miss", "touch", "e:none", 100);
    await tell(c, "touched", "get", "e");
    await tell(c, "past", "touch", "e", -1);
    await tell(c, "gone", "get", "e");
  }

  return { changes, numbers, expiry, touch };
}

module.exports = { library, say, play, common, short, everyByte, counters, count };
