---@meta _

-- Types for editors of what tests get from `require "moongate.test"`. See _meta.lua. Never loaded.

---What a test gets from `require "moongate.test"`.
---@class moongate.test
local t = {}

---Groups the tests that f makes. May stand in another describe.
---@param name string
---@param f fun()
function t.describe(name, f) end

---A test; without a function it is skipped.
---@param name string
---@param f fun()?
function t.it(name, f) end

---Runs f before each test of this describe, or of the file.
---@param f fun()
function t.before(f) end

---Runs f after each test of this describe, or of the file.
---@param f fun()
function t.after(f) end

---Loads the script in a file beside the test. Its servers are fakes: small, empty memcached servers.
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

---Begins an expectation about a value.
---@param value any
---@return moongate.test.Expectation
function t.expect(value) end

---A connection to a script at work.
---@class moongate.test.Client
---@field is_closed boolean
local Client = {}

---Sends a request (one line without its end, and a value where the command takes one) and waits for its reply.
---@param line string
---@param value string?
---@return moongate.test.Reply
function Client:ask(line, value) end

---The same, but does not wait: the reply is there once the clock has moved far enough.
---@param line string
---@param value string?
---@return moongate.test.Reply
function Client:begin(line, value) end

---A place that a request may touch. role: "main", "on miss", "instead", "also", "background"; when: "always", or a condition;
---share: of requests, 0 to 1.
---@alias moongate.test.Place { pool: string, server: string, role: string, when: string, share: number, request: string }

---Where a request would go, and why, without sending it: as `moongate explain` shows it.
---@param line string
---@param value string?
---@return { route: string, pool: string?, server: string?, request: string?, error: string?, places: moongate.test.Place[] }
function Client:explain(line, value) end

---Sends bytes as they are; reads nothing.
---@param bytes string
function Client:write(bytes) end

---Closes the client's connection, whatever it waits for.
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

---A script that a test has loaded; it is also its first client.
---@class moongate.test.App: moongate.test.Client
---@field sent { server: string, line: string, value: string? }[]  what the servers were sent, in order
local App = {}

---Another client.
---@param options { address: string?, identity: string?, listener: string? }?  what req.client, req.identity and req.listener are for it
---@return moongate.test.Client
function App:client(options) end

---The fake server of that name, as in the script's pools: "10.0.0.1:11211".
---@param name string
---@return moongate.test.Server
function App:server(name) end

---From now on req:heat() of a key is this share; without this it is 0.
---@param key string
---@param share number  0 to 1
function App:heat(key, share) end

---Empties `sent`.
function App:forget() end

---Another script takes over, as on a reload.
---@param path string  as messages name it
---@param text string
function App:reload(path, text) end

---A fake server. Its methods return it again, so calls can be chained. times: for so many requests, then as before.
---@class moongate.test.Server
---@field name string
local Server = {}

---Works as at first, with the items that it has.
---@return moongate.test.Server
function Server:is_up() end

---Closes its connections and refuses others.
---@return moongate.test.Server
function Server:is_down() end

---Takes requests and does not answer until is_up().
---@return moongate.test.Server
function Server:is_silent() end

---Answers so many seconds late.
---@param seconds number
---@param times integer?
---@return moongate.test.Server
function Server:is_slow(seconds, times) end

---Answers this text, given without the last CRLF, whatever is asked.
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

---The value of a key, or nil.
---@param key string
---@return string?
function Server:value(key) end

---The item of a key, or nil.
---@param key string
---@return { value: string, flags: integer, cas: integer, ttl: number? }?
function Server:item(key) end

---Loses all items.
---@return moongate.test.Server
function Server:forgets() end

---What a client got for one request.
---@class moongate.test.Reply
---@field text string     all its bytes
---@field line string     what was asked
---@field seconds number  how long it took
---@field kind "hit"|"miss"|"refused"|"error"|"waiting"|"closed"|"nothing"
---@field value string?   of the first value
---@field flags integer?
---@field cas integer?
---@field ttl integer?    of a meta answer
---@field items { key: string, value: string, flags: integer, cas: integer? }[]  all values
---@field values table<string, string>  by their keys
---@field error string?   the line of an error

---What a test expects of a value. When it is not so, the test fails.
---@class moongate.test.Expectation
local Expectation = {}

---A reply: found, stored, done; with that value, if given.
---@param value string?
function Expectation:is_hit(value) end

---A reply: not found.
function Expectation:is_miss() end

---A reply: refused: NOT_STORED, EXISTS.
function Expectation:is_refused() end

---A reply: an error; with that text in it, if given.
---@param text string?
function Expectation:is_error(text) end

---A reply: nothing has come yet.
function Expectation:is_waiting() end

---A reply: exactly these bytes.
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

---A function that raises an error; with that text in it, if given.
---@param text string?
function Expectation:raises(text) end
