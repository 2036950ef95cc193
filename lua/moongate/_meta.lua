---@meta _

-- Types for editors (LuaCATS, as lua-language-server reads them) of everything that scripts see: requests in
-- _meta_requests.lua, policies in _meta_policies.lua, tests in _meta_test.lua, the rest here. Never loaded. Add this folder's
-- parent to the library of the editor:
-- "Lua.workspace.library": ["/usr/local/share/moongate/lua"].

-- --- words ----------------------------------------------------------------------------------------

---How keys are spread over servers.
---@alias moongate.Distribution "ch3"|"dalli"|"fast_ketama"|"hashring"|"jump"|"ketama"|"ketama_100"|"modula"|"modula_signed"|"php_memcache"|"pymemcache"|"random"|"rendezvous"|"spymemcached"|"weighted_ch3"

---The hash of keys.
---@alias moongate.Hash "crc16"|"crc31"|"crc32"|"crc32_not0"|"crc32a"|"fnv1_32"|"fnv1_64"|"fnv1a_32"|"fnv1a_64"|"hsieh"|"java"|"jenkins"|"md5"|"murmur"|"one_at_a_time"|"spooky"|"xxh3"

---How servers without a name are called on the ring.
---@alias moongate.Naming "host"|"host_port"|"libmemcached"|"php_memcache"|"slash"|"twemproxy"

---The order in which a distribution counts the servers.
---@alias moongate.Order "given"|"length"|"name"

---What a request gets when its server fails.
---@alias moongate.OnFailure "error"|"miss"|"rehash"

---When errors take a server out of the ring.
---@alias moongate.Eject
---| "none"       # never
---| "twemproxy"  # after failure_limit errors in a row, for eject_retry seconds, without a probe

---What a client learns about a call that failed.
---@alias moongate.Texts
---| "server"     # the server and the reason
---| "twemproxy"  # what twemproxy says; it is the whole answer to a get of several keys, too
---| "mcrouter"   # what mcrouter says; it is the whole answer, too

---The client library or proxy whose placement of keys a pool uses.
---@alias moongate.Like "cache-memcached"|"cache-memcached-fast"|"cache-memcached-fast-ketama"|"dalli"|"gomemcache"|"libmemcached"|"libmemcached-ketama"|"libmemcached-ketama-weighted"|"libmemcached-spy"|"mcrouter"|"memcached-proxy"|"node-memcached"|"nodeproxy"|"php-memcache"|"php-memcache-standard"|"pymemcache"|"python-memcached"|"spymemcached"|"spymemcached-ketama"|"twemproxy"

---How a call ended; "error" stands for all errors where another server may do better.
---@alias moongate.Result "hit"|"miss"|"refused"|"down"|"busy"|"timeout"|"lost"|"server_error"|"client_error"|"denied"|"script"|"error"

-- --- routes ---------------------------------------------------------------------------------------

---A pool, a policy or a function that waits: a route that C runs.
---@class moongate.Value

---A ready reply.
---@class moongate.Reply

---A function that runs for every key and returns its route.
---@alias moongate.Function fun(req: moongate.Request): moongate.Route

---Anything that can be used as a route. A script returns one.
---@alias moongate.Route moongate.Value|moongate.Reply|moongate.Function

-- --- options --------------------------------------------------------------------------------------

---@alias moongate.Probe
---| "any"      # a whole line of any kind in answer to `version` proves a server
---| "version"  # only a VERSION line does
---| "connect"  # the connection itself does: nothing is asked, and no meta command is sent

---@alias moongate.Requests
---| "many"  # up to depth calls are in flight on a connection
---| "one"   # one is; the others wait in moongate

---@alias moongate.Ask
---| "auto"   # in the words that cost the server's version least
---| "get"    # `get KEY`, as the client asks
---| "mg"     # `mg KEY v f c k`, where the server answers `mn`
---| "merge"  # one `get` with the keys of several clients

---TLS to servers. Files are in PEM form.
---@class moongate.Tls
---@field ca string?       the file with the CAs that may sign a server's certificate
---@field cert string?     the file with moongate's own certificate
---@field key string?      the file with its private key
---@field name string?     what must be in a server's certificate, in place of the server's host
---@field verify boolean?  false: any certificate will do
---@field min ("1.2"|"1.3")?
---@field ciphers string?  as `openssl ciphers` writes them

---Who moongate is to servers that ask.
---@class moongate.Auth
---@field file string         the file with a line user:password
---@field mechanism ("ascii"|"sasl")?  for memcached -Y; for memcached -S

---How moongate talks to servers. Times are in seconds.
---@class moongate.Settings
---@field timeout number?          for a call, from routing to the whole response; 0: none
---@field connect_timeout number?  for connecting and the first `version`
---@field stall_timeout number?    a connection is closed after this time without a byte while calls wait; 0: never
---@field probe_min number?        pause before a server that is down is tried again
---@field probe_max number?        the longest to which that pause grows
---@field probe_settle number?     a connection that lasts this long makes earlier failures forgotten
---@field failure_limit integer?   calls in a row that pass their timeout before the server counts as down; errors before it is ejected
---@field depth integer?           most calls waiting on a connection
---@field connections integer?     per worker
---@field probe moongate.Probe?
---@field requests moongate.Requests?
---@field ask moongate.Ask?          in which words a server is asked for the one key of a get
---@field keys_per_get integer?    most keys in a get to the server; 0: no limit
---@field line_max integer?        most bytes of the line of a get to the server
---@field merge boolean?           gets of several clients go in one line where a server knows no meta commands
---@field down boolean?            of a server: it is never connected, its calls fail at once, and it keeps its keys
---@field keepalive number?        silence after which the kernel asks whether the server is there
---@field idle_probe number?       an idle connection is sent `version` after this time without a call; 0: never
---@field protocol ("text"|"binary")?  what the servers are spoken to in
---@field auth (string|false|moongate.Auth)?  the path of a file with a line user:password, for servers that ask
---@field tls (boolean|moongate.Tls)?  TLS to the servers; true: verified by the CAs that the system trusts

---A server with options of its own: { "host:port", ... }, or with host and port, or with path.
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
---@field eject moongate.Eject?    when errors take a server out of the ring
---@field eject_retry number?      eject = "twemproxy": seconds until it is back
---@field texts moongate.Texts?    what a client learns about a call that failed
---@field eject_floor number?      on_failure = "rehash": the share of servers that stay
---@field seed (integer|string)?
---@field points integer?          on the ring, for a server of weight 1
---@field weighted boolean?        false: weights are not used
---@field hash_tag string?         two bytes: only what stands between them is hashed
---@field hash_empty_tag boolean?  true: nothing is hashed when nothing stands between them; false: the whole key is
---@field hash_stop string?        only what stands before it is hashed
---@field unhashed_prefix string?  keys that begin with it are hashed without it
---@field discover string?         a URL, in place of servers
---@field discover_interval number?  seconds between questions to a configuration endpoint, or checks that etcd answers
---@field discover_timeout number?   seconds for its answer
---@field discover_debounce number?  seconds that a change must last before it is used
---@field discover_auth string?      the path of a file with a line user:password for etcd
---@field discover_tls boolean|{ca: string?, cert: string?, key: string?, verify: boolean?}?  TLS to etcd
---@field discover_shrink boolean?   more than half of the servers may go at once

---@class moongate.CallAllOptions
---@field wait ("all"|"first"|"hit"|"majority"|integer)?
---@field timeout number?  seconds

---Options of the daemon; the command line wins.
---@class moongate.Options
---@field allow_flush ("near"|"yes"|"no")?
---@field allow_dump ("near"|"yes"|"no")?
---@field client_buffer (integer|string)?  bytes, or "8m"
---@field drain_timeout number?            seconds
---@field input_buffer (integer|string)?   bytes, or "256m"
---@field idle_timeout number?            seconds after which idle clients are closed; 0: never
---@field max_conns integer?
---@field max_conns_per_address integer?  clients of one address at once; 0: any number
---@field max_conns_per_identity integer? likewise of one identity
---@field max_value (integer|string)?      bytes, or "1m"
---@field rehearse integer?               requests that this script is asked about before a reload uses it
---@field script_memory integer|string?   memory that a script may take in each worker; 0: no limit
---@field script_timeout number?           seconds of processor time; 0: no limit
---@field slow_log number?                seconds: requests that take at least so long are logged
---@field verbose integer?                 0 to 2

---TLS of a listener's own. What is not given is as on the command line.
---@class moongate.ListenTls
---@field cert string?                      path of its certificate, in PEM form, then those that lead to its CA
---@field key string?                       path of the private key; else it is in the file of cert
---@field ca string?                        path of certificates that sign those of clients
---@field verify ("none"|"request"|"require")?  whether clients must have a certificate
---@field min ("1.2"|"1.3")?                oldest version of TLS
---@field ciphers string?                   as openssl ciphers has them

---Where clients connect: the address, and the route of its clients; without it, the one that the script returns.
---@class moongate.ListenOptions
---@field [1] string                       "host:port", "[v6]:port", "unix:/path"
---@field [2] moongate.Route?
---@field name string?                      what req.listener is; else the address
---@field backlog integer?                  how many clients may wait to be accepted; 1024 unless given
---@field mode string?                      of a unix socket's file, in octal: "0660"
---@field owner (string|integer)?           likewise; else the user of -u
---@field group (string|integer)?
---@field tls (boolean|"mutual"|moongate.ListenTls)?  TLS for its clients; "mutual": with a certificate of theirs
---@field protocol ("auto"|"text"|"binary")?  what its clients speak; "auto": their first byte shows it
---@field auth ("off"|false)?               its clients need not authenticate
---@field allow_from (string|string[])?     networks whose clients may come in: { "10.0.0.0/8" }
---@field proxy_protocol { from: string|string[] }?  networks of balancers that send a PROXY header

---@class moongate.StoreOptions
---@field size integer|string  bytes, or "64m", for all that it keeps
---@field name string?  "store" unless given

-- --- services -------------------------------------------------------------------------------------

---A number that only grows. `stats script` shows the sum over all workers.
---@class moongate.Counter
local Counter = {}

---@param n number?  1 unless given
function Counter:add(n) end

---A number that goes up and down.
---@class moongate.Gauge
local Gauge = {}

---@param x number
function Gauge:set(x) end

---@param n number?
function Gauge:add(n) end

---Counts values by their size.
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
---@return true?, string?  true, or nil and "too large"
function Shared:set(key, value, ttl) end

---As set, but gives false when the key is there.
---@param key string
---@param value string|number|boolean
---@param ttl number?
---@return boolean?, string?
function Shared:add(key, value, ttl) end

---@param key string
---@param by number?       1 unless given
---@param initial number?  where a missing key begins
---@param ttl number?      of a key that begins; seconds
---@return number?, string?  the sum; or nil and "not found" or "not a number"
function Shared:incr(key, by, initial, ttl) end

---@param key string
---@return boolean  true when the key was there
function Shared:delete(key) end

---@param key string
---@return number?  seconds left; math.huge for ever; nil when the key is not there
function Shared:ttl(key) end

---@return number bytes
function Shared:capacity() end

---@return number bytes, number items
function Shared:usage() end

---A function that runs later, once or again and again.
---@class moongate.Timer
local Timer = {}

---Stops the timer.
function Timer:stop() end

---@class moongate.timers
local timers = {}

---Calls f again and again after so many seconds, in every worker, while the script is in use.
---@param seconds number
---@param f fun()
---@return moongate.Timer
function timers.every(seconds, f) end

---Calls f once, after so many seconds.
---@param seconds number
---@param f fun()
---@return moongate.Timer
function timers.after(seconds, f) end

---Writes lines to the log, at most ten a second of each level.
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
---@field servers string[]  the servers that --servers names
---@field store_size integer  the bytes that --store gives, or 0
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

---A route that keeps items itself, in memory that all workers share. Only while the script loads.
---@param spec moongate.StoreOptions
---@return moongate.Value
function mg.store(spec) end

---A list of routes, one to each server of a pool whose servers are not discovered.
---@param pool moongate.Value
---@return moongate.Value[]
function mg.each(pool) end

---Options for all pools that are made after this call.
---@param spec moongate.PoolOptions
function mg.defaults(spec) end

---A route made of a function that may wait: it may call mg.call, mg.call_all, mg.call_each and mg.sleep.
---@param f fun(req: moongate.Request): moongate.Response|moongate.Route
---@return moongate.Value
function mg.async(f) end

---Sends a request through a route and waits for the response.
---@param route moongate.Route
---@param req moongate.Request|moongate.NewRequest
---@param timeout number?  seconds
---@return moongate.Response
function mg.call(route, req, timeout) end

---Sends a request through several routes at once.
---@param routes moongate.Route[]
---@param req moongate.Request|moongate.NewRequest
---@param options moongate.CallAllOptions?
---@return (moongate.Response|false)[]  in their order; false for those that have not come
function mg.call_all(routes, req, options) end

---Sends several requests through one route at once, such as gets of many keys.
---@param route moongate.Route
---@param requests (moongate.Request|moongate.NewRequest)[]
---@param options moongate.CallAllOptions?
---@return (moongate.Response|false)[]  in their order; false for those that have not come
function mg.call_each(route, requests, options) end

---Sends a request through a route and forgets it.
---@param route moongate.Route
---@param req moongate.Request|moongate.NewRequest
function mg.spawn(route, req) end

---Waits.
---@param seconds number
function mg.sleep(seconds) end

---A dictionary that all workers share, and that outlives scripts and workers. Only while the script loads.
---@param name string
---@param size integer|string  bytes, or "64k", "1m"
---@return moongate.Shared
function mg.shared(name, size) end

---Only while the script loads. The same name gives the same counter.
---@param name string
---@return moongate.Counter
function mg.counter(name) end

---@param name string
---@return moongate.Gauge
function mg.gauge(name) end

---@param name string
---@param bounds number[]?  growing numbers: the largest value of each bucket
---@return moongate.Histogram
function mg.histogram(name, bounds) end

---Seconds of a clock that is never set, the same for a whole turn of the loop.
---@return number
function mg.now() end

---Seconds since 1970.
---@return number
function mg.time() end

---An environment variable. Only while the script loads.
---@param name string
---@return string?
function mg.env(name) end

---Lets clients connect to an address while this script is in use. Only while the script loads.
---@param spec moongate.ListenOptions
function mg.listen(spec) end

---Sets options of the daemon. Only while the script loads.
---@param spec moongate.Options
function mg.options(spec) end
