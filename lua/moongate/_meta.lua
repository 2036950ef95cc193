---@meta _

-- Types for editors (LuaCATS, as lua-language-server reads them) of everything that scripts see; those of policies stand
-- in _meta_policies.lua, those of tests in _meta_test.lua. Never loaded. Add this folder's parent to the editor's library:
-- "Lua.workspace.library": ["/usr/local/share/moongate/lua"].

-- --- words ----------------------------------------------------------------------------------------

---How keys are spread over servers.
---@alias moongate.Distribution "ch3"|"dalli"|"fast_ketama"|"hashring"|"jump"|"ketama"|"ketama_100"|"modula"|"modula_signed"|"php_memcache"|"pymemcache"|"random"|"rendezvous"|"spymemcached"|"weighted_ch3"

---What makes a number of a key.
---@alias moongate.Hash "crc16"|"crc31"|"crc32"|"crc32_not0"|"crc32a"|"fnv1_32"|"fnv1_64"|"fnv1a_32"|"fnv1a_64"|"hsieh"|"java"|"jenkins"|"md5"|"murmur"|"one_at_a_time"|"spooky"|"xxh3"

---What a server is called on the ring, where it has no name of its own.
---@alias moongate.Naming "host"|"host_port"|"libmemcached"|"php_memcache"|"slash"|"twemproxy"

---In which order a pool's servers are counted.
---@alias moongate.Order "given"|"length"|"name"

---What a request gets when its server fails.
---@alias moongate.OnFailure "error"|"miss"|"rehash"

---A client library or proxy that keys are placed like.
---@alias moongate.Like "cache-memcached"|"cache-memcached-fast"|"cache-memcached-fast-ketama"|"dalli"|"gomemcache"|"libmemcached"|"libmemcached-ketama"|"libmemcached-ketama-weighted"|"libmemcached-spy"|"mcrouter"|"memcached-proxy"|"node-memcached"|"nodeproxy"|"php-memcache"|"php-memcache-standard"|"pymemcache"|"python-memcached"|"spymemcached"|"spymemcached-ketama"|"twemproxy"

---How a call ended; "error" stands for all that another server may do better with.
---@alias moongate.Result "hit"|"miss"|"refused"|"down"|"busy"|"timeout"|"lost"|"server_error"|"client_error"|"denied"|"script"|"error"

-- --- routes ---------------------------------------------------------------------------------------

---A pool, a policy or a route that waits: what C runs.
---@class moongate.Value

---A ready answer.
---@class moongate.Reply

---What decides for one key: returns where it goes.
---@alias moongate.Function fun(req: moongate.Request): moongate.Route

---Whatever may stand where a route is wanted, and what a script returns.
---@alias moongate.Route moongate.Value|moongate.Reply|moongate.Function

-- --- requests and responses -----------------------------------------------------------------------

---A request on its way: good inside the function that was given it.
---@class moongate.Request
---@field key string          what is sent on; the client sees its own key all the same
---@field value string?       of a storage command
---@field size number?        bytes of the value; makes no string (cannot be set)
---@field exptime number      seconds, as memcached reads them
---@field flags number|string  the client flags; a string of digits above 2^53
---@field cas number|string?  of a cas; a string of digits above 2^53
---@field delta number|string?  of incr and decr; likewise
---@field command string      "get", "set", "mg" ... (cannot be set)
---@field client string?      "10.0.0.1:4711", or "unix"; nil when it is gone (cannot be set)
---@field listener string?    the name that -b gave it, or its address as it stands there (cannot be set)
local Request = {}

---True when the key begins with that; makes no string.
---@param prefix string
---@return boolean
function Request:has_prefix(prefix) end

---True when the key ends with that; makes no string.
---@param suffix string
---@return boolean
function Request:has_suffix(suffix) end

---The nth part of the key between separators, from 1; nil when it has fewer.
---@param separator string
---@param n integer
---@return string?
function Request:key_part(separator, n) end

---The key's hash, 0 to 2^32-1.
---@param name moongate.Hash?  "xxh3" where it is not given
---@return number
function Request:hash(name) end

---True for that share of all keys, always the same ones; with another salt they are others.
---@param share number  0 to 1
---@param salt string?
---@return boolean
function Request:in_share(share, salt) end

---Whether a meta command has the flag with that letter.
---@param letter string
---@return boolean
function Request:has_flag(letter) end

---What follows the letter of a meta flag, "" for nothing; nil when it is not there.
---@param letter string
---@return string?
function Request:flag(letter) end

---Whether it is a meta command that has no flags but those letters: "vfk".
---@param letters string
---@return boolean
function Request:has_only_flags(letters) end

---Whether it compares a cas with that of the item: cas, and meta commands with C.
---@return boolean
function Request:compares_cas() end

---Whether it asks for the item's cas: gets, gats, and meta commands with c.
---@return boolean
function Request:asks_cas() end

---Gives a meta command a flag. Not b, k, O and q, which are the client's.
---@param letter string
---@param token string|number|nil  what follows the letter
function Request:set_flag(letter, token) end

---Takes a meta flag away.
---@param letter string
function Request:clear_flag(letter) end

---A request that a script has made, with mg.request: has all that a client's has.
---@class moongate.NewRequest: moongate.Request

---What a call came to. Cannot be changed; void once its function has ended.
---@class moongate.Response
---@field kind moongate.Result
---@field value string?       of a hit; can be set, as flags and cas can
---@field flags number|string
---@field size number?        bytes of the value; makes no string
---@field cas number|string   a string of digits above 2^53
---@field number number|string  what incr and decr gave; likewise
---@field ttl number?         seconds, of a meta answer; -1 for ever
---@field error string?       the text of an error
local Response = {}

---Found, stored, done.
---@return boolean
function Response:is_hit() end

---Not found.
---@return boolean
function Response:is_miss() end

---A plain no: not stored, exists.
---@return boolean
function Response:is_refused() end

---No answer, or one that is an error.
---@return boolean
function Response:is_error() end

---Whether the answer to a meta command has the flag with that letter.
---@param letter string
---@return boolean
function Response:has_flag(letter) end

---What follows the letter of a meta flag, "" for nothing; nil when it is not there.
---@param letter string
---@return string?
function Response:flag(letter) end

-- --- options --------------------------------------------------------------------------------------

---@alias moongate.Probe
---| "any"      # a whole line of any kind in answer to `version` proves a server
---| "version"  # only a VERSION line does
---| "connect"  # the connection does: nothing is asked, and no meta command is sent

---@alias moongate.Requests
---| "many"  # up to depth calls are in flight on a connection
---| "one"   # one is; the others wait in moongate

---How servers are talked to; times in seconds.
---@class moongate.Settings
---@field timeout number?          for a call, from routing to the whole response
---@field connect_timeout number?  for connecting and the first `version`
---@field stall_timeout number?    without a byte while calls wait, then the connection is closed
---@field probe_min number?        until a server that is down is tried again
---@field probe_max number?        to which that grows
---@field probe_settle number?     that a connection must live for what was before it to be forgotten
---@field failure_limit integer?   calls in a row that pass their timeout until the server is taken for down
---@field depth integer?           most calls waiting on a connection
---@field connections integer?     per worker
---@field probe moongate.Probe?
---@field requests moongate.Requests?
---@field keys_per_get integer?    most keys in a get to the server; 0: no limit
---@field line_max integer?        most bytes of a get's line to the server
---@field keepalive number?        silence until the kernel asks whether the server is there
---@field idle_probe number?       without a call until an idle connection is asked something; 0: never

---A server with settings of its own: { "host:port", ... }, or by host and port, or by path.
---@class moongate.Server: moongate.Settings
---@field [1] string?
---@field host string?
---@field port integer?
---@field path string?             of a unix socket
---@field name string?             on the ring
---@field weight number?

---@class moongate.PoolOptions: moongate.Settings
---@field [integer] string|moongate.Server
---@field name string?
---@field distribution moongate.Distribution?
---@field hash moongate.Hash?
---@field naming moongate.Naming?
---@field order moongate.Order?
---@field on_failure moongate.OnFailure?
---@field like moongate.Like?
---@field eject_floor number?      on_failure = "rehash": the share of servers that stay
---@field seed (integer|string)?
---@field points integer?          on the ring, of a server of weight 1
---@field weighted boolean?        false: weights are not used
---@field hash_tag string?         two bytes: what stands between them is hashed
---@field hash_empty_tag boolean?  true: with nothing between them nothing is hashed, else all of the key
---@field hash_stop string?        what stands before it is hashed
---@field unhashed_prefix string?  keys that begin with it are hashed without it
---@field discover string?         a URL, in place of servers
---@field discover_interval number?  seconds between questions to a configuration endpoint
---@field discover_timeout number?   seconds for its answer
---@field discover_debounce number?  seconds that a change must last until it is taken over
---@field discover_shrink boolean?   more than half of the servers may go at once

---@class moongate.CallAllOptions
---@field wait ("all"|"first"|"hit"|"majority"|integer)?
---@field timeout number?  seconds

---Daemon-wide options; the command line wins.
---@class moongate.Options
---@field allow_flush ("near"|"yes"|"no")?
---@field client_buffer (integer|string)?  bytes, or "8m"
---@field drain_timeout number?            seconds
---@field input_buffer (integer|string)?   bytes, or "256m"
---@field max_conns integer?
---@field max_value (integer|string)?      bytes, or "1m"
---@field verbose integer?                 0 to 2

-- --- services -------------------------------------------------------------------------------------

---What only grows; `stats script` shows the sum over all workers.
---@class moongate.Counter
local Counter = {}

---@param n number?  1 where it is not given
function Counter:add(n) end

---What goes up and down.
---@class moongate.Gauge
local Gauge = {}

---@param x number
function Gauge:set(x) end

---@param n number?
function Gauge:add(n) end

---How often values were how large.
---@class moongate.Histogram
local Histogram = {}

---@param x number
function Histogram:observe(x) end

---A dictionary that all workers share.
---@class moongate.Shared
local Shared = {}

---@param key string
---@return string|number|boolean|nil
function Shared:get(key) end

---@param key string
---@param value string|number|boolean
---@param ttl number?  seconds
---@return true?, string?  nil and "too large"
function Shared:set(key, value, ttl) end

---As set, but false when the key is there.
---@param key string
---@param value string|number|boolean
---@param ttl number?
---@return boolean?, string?
function Shared:add(key, value, ttl) end

---@param key string
---@param by number?       1 where it is not given
---@param initial number?  where a key that is not there begins
---@param ttl number?      of one that begins
---@return number?, string?  the sum; or nil and "not found" or "not a number"
function Shared:incr(key, by, initial, ttl) end

---@param key string
---@return boolean  it was there
function Shared:delete(key) end

---@param key string
---@return number?  seconds; math.huge for ever
function Shared:ttl(key) end

---@return number bytes
function Shared:capacity() end

---@return number bytes, number items
function Shared:usage() end

---A function that the loop calls.
---@class moongate.Timer
local Timer = {}

---It fires no more.
function Timer:stop() end

---@class moongate.timers
local timers = {}

---Calls f every so many seconds, in every worker, while the script is in use.
---@param seconds number
---@param f fun()
---@return moongate.Timer
function timers.every(seconds, f) end

---Calls f once.
---@param seconds number
---@param f fun()
---@return moongate.Timer
function timers.after(seconds, f) end

---Lines in the log, at most ten a second of each level.
---@class moongate.log
---@overload fun(text: string|number)
local log = {}

---@param text string|number
function log.debug(text) end

---@param text string|number
function log.info(text) end

---@param text string|number
function log.warn(text) end

---@param text string|number
function log.error(text) end

---@class moongate.worker
---@field id integer          0 to count - 1
---@field count integer
---@field generation integer  how often scripts were loaded

-- --- mg -------------------------------------------------------------------------------------------

---What a script gets from `require "moongate"`.
---@class moongate
---@field servers string[]  those that --servers named
---@field reply moongate.replies
---@field request moongate.requests
---@field timer moongate.timers
---@field log moongate.log
---@field worker moongate.worker
local mg = {}

---A route over servers.
---@param spec moongate.PoolOptions
---@return moongate.Value
function mg.pool(spec) end

---Options of the pools that are made after it.
---@param spec moongate.PoolOptions
function mg.defaults(spec) end

---A route whose function may wait: mg.call, mg.call_all, mg.sleep.
---@param f fun(req: moongate.Request): moongate.Response|moongate.Route
---@return moongate.Value
function mg.async(f) end

---Sends a request through a route and waits for its result.
---@param route moongate.Route
---@param req moongate.Request|moongate.NewRequest
---@param timeout number?  seconds
---@return moongate.Response
function mg.call(route, req, timeout) end

---Sends a request through several routes at once.
---@param routes moongate.Route[]
---@param req moongate.Request|moongate.NewRequest
---@param options moongate.CallAllOptions?
---@return (moongate.Response|false)[]  in their order; false for those that have none yet
function mg.call_all(routes, req, options) end

---Sends several requests through one route at once: a get of many keys.
---@param route moongate.Route
---@param requests (moongate.Request|moongate.NewRequest)[]
---@param options moongate.CallAllOptions?
---@return (moongate.Response|false)[]  in their order; false for those that have none yet
function mg.call_each(route, requests, options) end

---Sends a request through a route and forgets it.
---@param route moongate.Route
---@param req moongate.Request|moongate.NewRequest
function mg.spawn(route, req) end

---Waits.
---@param seconds number
function mg.sleep(seconds) end

---A dictionary that all workers share, and that outlives scripts and workers. While the script loads.
---@param name string
---@param size integer|string  bytes, or "64k", "1m"
---@return moongate.Shared
function mg.shared(name, size) end

---While the script loads. The same name gives the same counter.
---@param name string
---@return moongate.Counter
function mg.counter(name) end

---@param name string
---@return moongate.Gauge
function mg.gauge(name) end

---@param name string
---@param bounds number[]?  growing: the most that belongs to each bucket
---@return moongate.Histogram
function mg.histogram(name, bounds) end

---Seconds of a clock that is never set, the same for a whole turn of the loop.
---@return number
function mg.now() end

---Seconds since 1970.
---@return number
function mg.time() end

---An environment variable, while the script loads.
---@param name string
---@return string?
function mg.env(name) end

---Daemon-wide options, while the script loads.
---@param spec moongate.Options
function mg.options(spec) end

---@class moongate.replies
local replies = {}

---As if no server had the key.
---@return moongate.Reply
function replies.miss() end

---`SERVER_ERROR text`.
---@param text string
---@return moongate.Reply
function replies.error(text) end

---As if a server had this value: for get, gets, gat, gats and mg.
---@param value string
---@param flags (integer|string)?
---@param cas number|string|nil
---@return moongate.Reply
function replies.value(value, flags, cas) end

---Requests to send with mg.call and mg.spawn.
---@class moongate.requests
local requests = {}

---@param key string
---@return moongate.NewRequest
function requests.get(key) end

---@param key string
---@return moongate.NewRequest
function requests.gets(key) end

---@param key string
---@return moongate.NewRequest
function requests.delete(key) end

---@param key string
---@param exptime integer?
---@return moongate.NewRequest
function requests.touch(key, exptime) end

---@param key string
---@param exptime integer?
---@return moongate.NewRequest
function requests.gat(key, exptime) end

---@param key string
---@param exptime integer?
---@return moongate.NewRequest
function requests.gats(key, exptime) end

---@param key string
---@param value string|moongate.Response  a response: its value, which is not copied
---@param flags (integer|string)?
---@param exptime integer?
---@return moongate.NewRequest
function requests.set(key, value, flags, exptime) end

---@param key string
---@param value string|moongate.Response  a response: its value, which is not copied
---@param flags (integer|string)?
---@param exptime integer?
---@return moongate.NewRequest
function requests.add(key, value, flags, exptime) end

---@param key string
---@param value string|moongate.Response  a response: its value, which is not copied
---@param flags (integer|string)?
---@param exptime integer?
---@return moongate.NewRequest
function requests.replace(key, value, flags, exptime) end

---@param key string
---@param value string|moongate.Response  a response: its value, which is not copied
---@param flags (integer|string)?
---@param exptime integer?
---@return moongate.NewRequest
function requests.append(key, value, flags, exptime) end

---@param key string
---@param value string|moongate.Response  a response: its value, which is not copied
---@param flags (integer|string)?
---@param exptime integer?
---@return moongate.NewRequest
function requests.prepend(key, value, flags, exptime) end

---@param key string
---@param value string|moongate.Response  a response: its value, which is not copied
---@param cas number
---@param flags (integer|string)?
---@param exptime integer?
---@return moongate.NewRequest
function requests.cas(key, value, cas, flags, exptime) end

---@param key string
---@param delta number?  1 where it is not given
---@return moongate.NewRequest
function requests.incr(key, delta) end

---@param key string
---@param delta number?
---@return moongate.NewRequest
function requests.decr(key, delta) end

---@param key string
---@param flags string?  as on the wire, "v t"; with b the key may have any bytes
---@return moongate.NewRequest
function requests.meta_get(key, flags) end

---@param key string
---@param value string|moongate.Response
---@param flags string?
---@return moongate.NewRequest
function requests.meta_set(key, value, flags) end

---@param key string
---@param flags string?
---@return moongate.NewRequest
function requests.meta_delete(key, flags) end

---@param key string
---@param flags string?
---@return moongate.NewRequest
function requests.meta_arithmetic(key, flags) end

---What a server says of an item (me).
---@param key string
---@param flags string?  "b": the key may have any bytes
---@return moongate.NewRequest
function requests.meta_debug(key, flags) end
