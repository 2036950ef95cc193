---@meta _

-- Types for editors (LuaCATS, as lua-language-server reads them) of everything that scripts see: requests in _meta_requests.lua,
-- policies in _meta_policies.lua, tests in _meta_test.lua, the rest here. Never loaded. Add this folder's parent to the editor's
-- library:
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
