---@meta _

-- Types for editors of what tests see: `require "moongate.test"`. See _meta.lua. Never loaded.

---What a test gets from `require "moongate.test"`.
---@class moongate.test
local t = {}

---Tests that have something in common; may stand in another one.
---@param name string
---@param f fun()
function t.describe(name, f) end

---A test; without a function it is skipped.
---@param name string
---@param f fun()?
function t.it(name, f) end

---Runs before each test of this describe, or of the file.
---@param f fun()
function t.before(f) end

---Runs after each test of this describe, or of the file.
---@param f fun()
function t.after(f) end

---Loads the script in a file beside the test's. Its servers are fakes: empty memcacheds.
---@param path string
---@param options { servers: string[]? }?  what mg.servers is
---@return moongate.test.App
function t.load(path, options) end

---Loads a script from its text.
---@param text string
---@param options { servers: string[]? }?
---@return moongate.test.App
function t.load_text(text, options) end

---Lets so many seconds pass. Nothing waits for real.
---@param seconds number
function t.advance(seconds) end

---Seconds since 1970, as scripts see them. Each test begins with the year 2026.
---@return number
function t.now() end

---Something to say about a value.
---@param value any
---@return moongate.test.Expectation
function t.expect(value) end

---A connection to a script at work.
---@class moongate.test.Client
---@field is_closed boolean
local Client = {}

---Sends a request (one line without its end, and a value where it takes one) and waits for its reply.
---@param line string
---@param value string?
---@return moongate.test.Reply
function Client:ask(line, value) end

---The same, but does not wait: the reply is there once the clock has gone on far enough.
---@param line string
---@param value string?
---@return moongate.test.Reply
function Client:begin(line, value) end

---Sends bytes as they are; nothing is read.
---@param bytes string
function Client:write(bytes) end

---Goes away, whatever it waits for.
function Client:hang_up() end

---@param ... string  keys
---@return moongate.test.Reply
function Client:get(...) end

---@param ... string  keys
---@return moongate.test.Reply
function Client:gets(...) end

---@param exptime integer
---@param ... string  keys
---@return moongate.test.Reply
function Client:gat(exptime, ...) end

---@param exptime integer
---@param ... string  keys
---@return moongate.test.Reply
function Client:gats(exptime, ...) end

---@param key string
---@param value string
---@param flags (integer|string)?
---@param exptime integer?
---@return moongate.test.Reply
function Client:set(key, value, flags, exptime) end

---@param key string
---@param value string
---@param flags (integer|string)?
---@param exptime integer?
---@return moongate.test.Reply
function Client:add(key, value, flags, exptime) end

---@param key string
---@param value string
---@param flags (integer|string)?
---@param exptime integer?
---@return moongate.test.Reply
function Client:replace(key, value, flags, exptime) end

---@param key string
---@param value string
---@param flags (integer|string)?
---@param exptime integer?
---@return moongate.test.Reply
function Client:append(key, value, flags, exptime) end

---@param key string
---@param value string
---@param flags (integer|string)?
---@param exptime integer?
---@return moongate.test.Reply
function Client:prepend(key, value, flags, exptime) end

---@param key string
---@param value string
---@param cas number
---@param flags (integer|string)?
---@param exptime integer?
---@return moongate.test.Reply
function Client:cas(key, value, cas, flags, exptime) end

---@param key string
---@return moongate.test.Reply
function Client:delete(key) end

---@param key string
---@param delta number?
---@return moongate.test.Reply
function Client:incr(key, delta) end

---@param key string
---@param delta number?
---@return moongate.test.Reply
function Client:decr(key, delta) end

---@param key string
---@param exptime integer?
---@return moongate.test.Reply
function Client:touch(key, exptime) end

---A script at work in a test; it is its first client, too.
---@class moongate.test.App: moongate.test.Client
---@field sent { server: string, line: string, value: string? }[]  what its servers were sent, in order
local App = {}

---Another client.
---@return moongate.test.Client
function App:client() end

---The server of that name, as the script's pools have it: "10.0.0.1:11211".
---@param name string
---@return moongate.test.Server
function App:server(name) end

---Begins `sent` anew.
function App:forget() end

---Where a request would go, and why, without sending it: as `moongate explain` says it.
---@param line string
---@param value string?
---@return table<string, string>
function App:explain(line, value) end

---Another script takes over, as on a reload.
---@param path string  as shown
---@param text string
function App:reload(path, text) end

---A fake server. What it is told returns it again, for more. times: for so many requests, then as before.
---@class moongate.test.Server
---@field name string
local Server = {}

---As at first: an empty memcached, but with the items that it has.
---@return moongate.test.Server
function Server:is_up() end

---Closes its connections and takes no other.
---@return moongate.test.Server
function Server:is_down() end

---Takes requests and does not answer, until it is up.
---@return moongate.test.Server
function Server:is_silent() end

---Answers so many seconds later.
---@param seconds number
---@param times integer?
---@return moongate.test.Server
function Server:is_slow(seconds, times) end

---Answers that, whatever is asked; without the last CRLF.
---@param text string
---@param times integer?
---@return moongate.test.Server
function Server:answers(text, times) end

---Answers `SERVER_ERROR text`.
---@param text string?
---@param times integer?
---@return moongate.test.Server
function Server:errs(text, times) end

---Finds every key, with that value; stores and deletes everything.
---@param value string?
---@param times integer?
---@return moongate.test.Server
function Server:hits(value, times) end

---Finds no key, and stores none.
---@param times integer?
---@return moongate.test.Server
function Server:misses(times) end

---Puts an item there.
---@param key string
---@param value string
---@param flags (integer|string)?
---@param exptime integer?
---@return moongate.test.Server
function Server:put(key, value, flags, exptime) end

---The value of a key; nil when it has none.
---@param key string
---@return string?
function Server:value(key) end

---The item of a key; nil when there is none.
---@param key string
---@return { value: string, flags: integer, cas: integer, ttl: number? }?
function Server:item(key) end

---Has no item any more.
---@return moongate.test.Server
function Server:forgets() end

---What a client got for one request.
---@class moongate.test.Reply
---@field text string     all its bytes
---@field line string     what was asked
---@field seconds number  how long it took
---@field kind "hit"|"miss"|"refused"|"error"|"waiting"|"closed"|"nothing"
---@field value string?   of its first value
---@field flags integer?
---@field cas integer?
---@field ttl integer?    of a meta answer
---@field items { key: string, value: string, flags: integer, cas: integer? }[]  all values
---@field values table<string, string>  by their keys
---@field error string?   its line

---What a test says about a value; what is not so fails the test.
---@class moongate.test.Expectation
local Expectation = {}

---A reply: found, stored, done; with that value, where one is given.
---@param value string?
function Expectation:is_hit(value) end

---A reply: not found.
function Expectation:is_miss() end

---A reply: a plain no: NOT_STORED, EXISTS.
function Expectation:is_refused() end

---A reply: an error; with that text in it, where one is given.
---@param text string?
function Expectation:is_error(text) end

---A reply: nothing has come yet.
function Expectation:is_waiting() end

---A reply: these bytes, all of them.
---@param bytes string
function Expectation:is(bytes) end

---A reply: it took so many seconds, to within a millisecond (or `within`).
---@param seconds number
---@param within number?
function Expectation:took(seconds, within) end

---The same value; tables: the same items, at any depth.
---@param value any
function Expectation:equals(value) end

---Another value.
---@param value any
function Expectation:differs(value) end

---A string with that text in it; a table with that item.
---@param part any
function Expectation:contains(part) end

---A function that raises an error; with that text in it, where one is given.
---@param text string?
function Expectation:raises(text) end
