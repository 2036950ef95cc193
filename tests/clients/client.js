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

module.exports = { library, say, play, short, everyByte, times, counters, count };
