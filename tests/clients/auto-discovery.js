// What npm's clients with auto-discovery see at HOST:PORT, a line a call. The second argument says how they are played: `direct`, they
// are told their server; `one`, HOST:PORT is asked for the nodes, and names itself; `cluster`, it names others.
"use strict";

const { library, say, play, count, short } = require("./client.js");
const Elasticache = library("memcached-elasticache");
const { Memcache } = library("memcache");
const Client = library("memcache-pp");

const [server, how] = process.argv.slice(2);
const asks = how !== "direct";
const keys = count(40, (i) => `k:${i}`);

// That the nodes are others is for the eyes of this script.
function judge(nodes) {
  const good = how === "cluster" ? nodes.length === 2 && !nodes.includes(server) : nodes.join() === server;
  console.log(`nodes: ${good ? "as told" : nodes}`);
}

// The same calls for all; each is given as one that returns a promise. Of a value with line ends memcache-pp does not find the end.
async function calls({ set, get, remove, increment, lines = "\r\nEND\r\n" }) {
  await say("set", async () => new Set((await Promise.all(keys.map((key) => set(key, `value ${key}`)))).map(short)).size);
  await say("get", () => Promise.all(keys.map((key) => get(key))));
  await say("miss", () => get("k:none"));
  await say("lines", () => set("lines", lines));
  await say("lines", () => get("lines"));
  await say("100k", () => set("100k", "abcdefghij".repeat(10000)));
  await say("100k", () => get("100k"));
  await say("remove", () => remove("k:1"));
  await say("removed", () => get("k:1"));
  await say("number", () => set("n", "10"));
  await say("increment", () => increment("n", 5));
}

async function elasticache() {
  const c = new Elasticache(server, { autoDiscover: asks, timeout: 20000 });
  c.on("autoDiscoverFailure", (error) => console.log(`failure: ${error}`));
  judge(asks ? await new Promise((resolve) => { c.on("autoDiscover", resolve); }) : [server]);
  const call = (name) => (...args) => new Promise((resolve, reject) => {
    c[name](...args, (error, result) => (error ? reject(error) : resolve(result)));
  });
  const set = call("set");
  await calls({ set: (key, value) => set(key, value, 100), get: call("get"), remove: call("del"), increment: call("incr") });
  c.end();
}

async function memcache() {
  const c = new Memcache({ nodes: [server], timeout: 20000, autoDiscover: { enabled: asks, configEndpoint: server } });
  c.on("autoDiscoverError", (error) => console.log(`failure: ${error}`));
  await c.connect();
  judge(c.nodeIds.map((id) => id.replace(/^memcache:\/\//, "")));
  await calls({
    set: (key, value) => c.set(key, value, 100), get: (key) => c.get(key), remove: (key) => c.delete(key),
    increment: (key, by) => c.incr(key, by),
  });
  await c.disconnect();
}

// It takes a host that begins with a digit for the version, and then never has any nodes.
async function memcachePp() {
  const discovers = how === "cluster";
  const c = new Client({ hosts: [server], reconnect: false, autodiscover: discovers });
  await c.ready();
  await say("first", () => c.get("k:first"));
  judge(how === "one" ? [server] : c.hosts);
  await calls({
    set: (key, value) => c.set(key, value), get: (key) => c.get(key), remove: (key) => c.delete(key),
    increment: (key, by) => c.incr(key, by), lines: "one line",
  });
  await c.disconnect();
}

async function main() {
  await play([elasticache, memcache, memcachePp]);
  console.log("done");
  process.exit(0); // memcache-pp keeps the connection by which it has asked
}

main();
