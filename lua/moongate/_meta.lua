---@meta _

-- Types for editors (LuaCATS, as lua-language-server reads them) of everything that scripts and their tests see. Never
-- loaded. Add this folder's parent to the editor's library: "Lua.workspace.library": ["/usr/local/share/moongate/lua"].

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
---@field flags number        0 to 2^32-1
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
function Request:key_hash(name) end

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

---Gives a meta command a flag. Not b, k, O and q, which are the client's.
---@param letter string
---@param token string|number|nil  what follows the letter
function Request:set_flag(letter, token) end

---Takes a meta flag away.
---@param letter string
function Request:clear_flag(letter) end

---A request that a script has made, with mg.request.
---@class moongate.NewRequest
---@field key string          what is sent on; the client sees its own key all the same
---@field value string?       of a storage command
---@field size number?        bytes of the value; makes no string (cannot be set)
---@field exptime number      seconds, as memcached reads them
---@field flags number        0 to 2^32-1
---@field cas number|string?  of a cas; a string of digits above 2^53
---@field delta number|string?  of incr and decr; likewise
---@field command string      "get", "set", "mg" ... (cannot be set)
---@field client string?      "10.0.0.1:4711", or "unix"; nil when it is gone (cannot be set)
---@field listener string?    the name that -b gave it, or its address as it stands there (cannot be set)
local NewRequest = {}

---True when the key begins with that; makes no string.
---@param prefix string
---@return boolean
function NewRequest:has_prefix(prefix) end

---True when the key ends with that; makes no string.
---@param suffix string
---@return boolean
function NewRequest:has_suffix(suffix) end

---The nth part of the key between separators, from 1; nil when it has fewer.
---@param separator string
---@param n integer
---@return string?
function NewRequest:key_part(separator, n) end

---The key's hash, 0 to 2^32-1.
---@param name moongate.Hash?  "xxh3" where it is not given
---@return number
function NewRequest:key_hash(name) end

---True for that share of all keys, always the same ones; with another salt they are others.
---@param share number  0 to 1
---@param salt string?
---@return boolean
function NewRequest:in_share(share, salt) end

---Whether a meta command has the flag with that letter.
---@param letter string
---@return boolean
function NewRequest:has_flag(letter) end

---What follows the letter of a meta flag, "" for nothing; nil when it is not there.
---@param letter string
---@return string?
function NewRequest:flag(letter) end

---Gives a meta command a flag. Not b, k, O and q, which are the client's.
---@param letter string
---@param token string|number|nil  what follows the letter
function NewRequest:set_flag(letter, token) end

---Takes a meta flag away.
---@param letter string
function NewRequest:clear_flag(letter) end

---What a call came to. Cannot be changed; void once its function has ended.
---@class moongate.Response
---@field kind moongate.Result
---@field value string?
---@field flags number
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

---Children of a policy, and its options.
---@class moongate.Children
---@field [integer] moongate.Route

---@class moongate.FailoverOptions: moongate.Children
---@field on moongate.Result|moongate.Result[]?  after which the next is tried
---@field tries integer?   children tried at most
---@field order ("as_written"|"shuffled"|"least_failures")?  of the children behind the first
---@field share number?    of requests that may go beyond their first child
---@field burst number?    so many more at once

---@class moongate.WarmUpOptions: moongate.Children
---@field exptime number|"same"|nil  of what is added: seconds, or as the warm route has it

---@class moongate.StagingOptions: moongate.Children
---@field exptime number|"same"|nil  of what reads add: seconds, or as the warm route has it

---@class moongate.MigrateOptions: moongate.Children
---@field start number     seconds since 1970
---@field interval number  seconds; keys move during twice as long

---@class moongate.L1L2Options: moongate.Children
---@field exptime number|"same"|nil  in L1: seconds, or as L2 has it
---@field negative number?           seconds that a miss of L2 is remembered in L1

---@class moongate.BigValueOptions: moongate.Children
---@field threshold number?  bytes of a part; 524288

---@class moongate.AllFastestOptions: moongate.Children
---@field hit boolean?  true: the first hit; where there is none, the best result

---Routes by commands and groups of commands: get (get, gets, mg, me), update (set, add, replace, append, prepend, cas, ms), delete (delete, md),
---arithmetic (incr, decr, ma), touch (touch, gat, gats), meta (mg, ms, md, ma, me).
---@class moongate.ByCommandOptions
---@field default moongate.Route?  for all other commands; else they get an error
---@field add moongate.Route?
---@field append moongate.Route?
---@field arithmetic moongate.Route?
---@field cas moongate.Route?
---@field decr moongate.Route?
---@field delete moongate.Route?
---@field gat moongate.Route?
---@field gats moongate.Route?
---@field get moongate.Route?
---@field gets moongate.Route?
---@field incr moongate.Route?
---@field ma moongate.Route?
---@field md moongate.Route?
---@field me moongate.Route?
---@field meta moongate.Route?
---@field mg moongate.Route?
---@field ms moongate.Route?
---@field prepend moongate.Route?
---@field replace moongate.Route?
---@field set moongate.Route?
---@field touch moongate.Route?
---@field update moongate.Route?

---@class moongate.ByPrefixOptions
---@field [1] table<string, moongate.Route>  by the beginnings of keys
---@field default moongate.Route?  for all other keys; else they get an error
---@field separator string?  what stands before it is looked up, whole
---@field parts integer?  before the nth of them
---@field anchor string?  what keys begin with, and is not looked up

---@class moongate.CapTtlOptions: moongate.Children
---@field ttl integer?  seconds; or the last item

---@class moongate.DelayOptions: moongate.Children
---@field before number?  seconds before the route is asked; or the last item
---@field after number?  seconds after it has answered

---@class moongate.DenyOptions: moongate.Children
---@field commands string|string[]|nil  names and groups, as of mg.by_command
---@field keys string|string[]|nil
---@field prefixes string|string[]|nil
---@field error string?

---@class moongate.FailoverWithExptimeOptions: moongate.Children
---@field ttl integer?  seconds that keys live in the second route
---@field on moongate.Result|moongate.Result[]|nil  as of mg.failover
---@field share number?
---@field burst number?

---@class moongate.HashOptions: moongate.Children
---@field distribution moongate.Distribution?
---@field hash moongate.Hash?
---@field seed integer?
---@field hash_tag string?
---@field hash_stop string?
---@field salt string?  put behind what is hashed
---@field weights number[]?  one a route
---@field names string[]?  of the routes on a ring

---@class moongate.HedgeOptions: moongate.Children
---@field percentile number?  of the first route's times, after which the second is asked
---@field least number?  seconds: but not before
---@field most number?  and not after

---@class moongate.KeySplitOptions: moongate.Children
---@field replicas integer
---@field all_sync boolean?  writes wait for all copies
---@field first_hit boolean?  a read that misses its copy asks all others
---@field id integer?  which copy is read: id modulo replicas

---@class moongate.LatestOptions: moongate.Children
---@field on moongate.Result|moongate.Result[]|nil
---@field tries integer?
---@field salt string?  another one spreads the hosts otherwise
---@field host string?  in place of this host's name
---@field weights number[]?  one a route

---@class moongate.LogRequestsOptions: moongate.Children
---@field share number?  of the requests
---@field per_second integer?  lines at most

---@class moongate.ModifyKeyOptions: moongate.Children
---@field add string?  put before every key
---@field ensure string?  put before keys that do not begin with it
---@field strip string?  taken away from keys that begin with it
---@field replace string[]?  { old, new }: in keys that begin with old
---@field suffix string?  put behind every key

---@class moongate.NegativeCacheOptions: moongate.Children
---@field ttl number?  seconds that a miss is remembered; or the last item
---@field keys integer?  remembered at most, in each worker

---What is done instead of too much.
---@alias moongate.Over "error"|"miss"|moongate.Route

---@class moongate.OutstandingLimitOptions: moongate.Children
---@field most integer?  requests that wait at once; or the last item
---@field over moongate.Over?

---@alias moongate.Rate number|{ rate: number, burst: number? }

---Rates by commands and groups, as of mg.by_command; rate and burst are those of all other commands together.
---@class moongate.RateLimitOptions: moongate.Children
---@field rate number?  requests a second, in each worker
---@field burst number?  at once, after a pause
---@field over moongate.Over?
---@field add moongate.Rate?
---@field append moongate.Rate?
---@field arithmetic moongate.Rate?
---@field cas moongate.Rate?
---@field decr moongate.Rate?
---@field delete moongate.Rate?
---@field gat moongate.Rate?
---@field gats moongate.Rate?
---@field get moongate.Rate?
---@field gets moongate.Rate?
---@field incr moongate.Rate?
---@field ma moongate.Rate?
---@field md moongate.Rate?
---@field me moongate.Rate?
---@field meta moongate.Rate?
---@field mg moongate.Rate?
---@field ms moongate.Rate?
---@field prepend moongate.Rate?
---@field replace moongate.Rate?
---@field set moongate.Rate?
---@field touch moongate.Rate?
---@field update moongate.Rate?

---@class moongate.SetTtlOptions: moongate.Children
---@field ttl integer?  seconds; 0: for ever; or the last item

---@class moongate.ShadowOptions: moongate.Children
---@field to moongate.Route  what it answers is dropped
---@field share number?  of the requests
---@field keys number|number[]|nil  a share of the keys, or { from, to }
---@field most integer?  requests that wait for the other route at once

---@class moongate.ZoneFailoverOptions
---@field zones table<string, moongate.Route>
---@field here string  the local one's name
---@field on moongate.Result|moongate.Result[]|nil

---@class moongate.CallAllOptions
---@field wait ("all"|"first"|"hit"|"majority"|integer)?
---@field timeout number?  seconds

---Daemon-wide options; the command line wins.
---@class moongate.Options
---@field allow_flush ("near"|"yes"|"no")?
---@field client_buffer (integer|string)?  bytes, or "8m"
---@field drain_timeout number?            seconds
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

---The first child; after an error, or what `on` names, the next.
---@param spec moongate.FailoverOptions
---@return moongate.Value
function mg.failover(spec) end

---All children; a miss at once.
---@param spec moongate.Children
---@return moongate.Value
function mg.all_async(spec) end

---All children; the first answer that is no error.
---@param spec moongate.AllFastestOptions
---@return moongate.Value
function mg.all_fastest(spec) end

---All children; the first one's answer.
---@param spec moongate.Children
---@return moongate.Value
function mg.all_initial(spec) end

---All children; once more than half agree, that answer.
---@param spec moongate.Children
---@return moongate.Value
function mg.all_majority(spec) end

---All children; after all of them the worst answer.
---@param spec moongate.Children
---@return moongate.Value
function mg.all_sync(spec) end

---Values larger than a server takes, in parts.
---@param spec moongate.BigValueOptions  one route
---@return moongate.Value
function mg.big_value(spec) end

---A small near cache before a large one.
---@param spec moongate.L1L2Options  L1, L2
---@return moongate.Value
function mg.l1_l2(spec) end

---From one route to another, key by key, in a window of time.
---@param spec moongate.MigrateOptions  the old and the new route
---@return moongate.Value
function mg.migrate(spec) end

---A pool on trial beside the one that serves.
---@param spec moongate.StagingOptions  the warm and the staging route
---@return moongate.Value
function mg.staging(spec) end

---A cold pool that is filled from a warm one.
---@param spec moongate.WarmUpOptions  the cold and the warm route
---@return moongate.Value
function mg.warm_up(spec) end

---A route for each command or group of commands.
---@param spec moongate.ByCommandOptions
---@return moongate.Value
function mg.by_command(spec) end

---A route for each beginning of keys; the longest that fits counts.
---@param spec moongate.ByPrefixOptions
---@return moongate.Value
function mg.by_prefix(spec) end

---Keys live so many seconds at most.
---@param spec moongate.CapTtlOptions
---@return moongate.Value
function mg.cap_ttl(spec) end

---Equal gets in flight share one call.
---@param spec moongate.Children
---@return moongate.Value
function mg.coalesce(spec) end

---Answers later, to rehearse slow servers.
---@param spec moongate.DelayOptions
---@return moongate.Value
function mg.delay(spec) end

---Refuses commands, keys, or keys that begin with something.
---@param spec moongate.DenyOptions
---@return moongate.Value
function mg.deny(spec) end

---`SERVER_ERROR text` for every request.
---@param text string
---@return moongate.Reply
function mg.error(text) end

---Another route where the first errs, in which keys live for a short while.
---@param spec moongate.FailoverWithExptimeOptions
---@return moongate.Value
function mg.failover_with_exptime(spec) end

---Spreads keys over routes of any sort.
---@param spec moongate.HashOptions
---@return moongate.Value
function mg.hash(spec) end

---Asks a second route too when the first is slower than usual.
---@param spec moongate.HedgeOptions
---@return moongate.Value
function mg.hedge(spec) end

---Copies of hot keys: each worker reads one of them, and writes go to all.
---@param spec moongate.KeySplitOptions
---@return moongate.Value
function mg.key_split(spec) end

---One of the routes, always the same on a host; where it errs, the next.
---@param spec moongate.LatestOptions
---@return moongate.Value
function mg.latest(spec) end

---A line in the log for each request, or for a share.
---@param spec moongate.LogRequestsOptions
---@return moongate.Value
function mg.log_requests(spec) end

---Sends another key; the client still sees its own.
---@param spec moongate.ModifyKeyOptions
---@return moongate.Value
function mg.modify_key(spec) end

---Remembers for a moment which keys are not there.
---@param spec moongate.NegativeCacheOptions
---@return moongate.Value
function mg.negative_cache(spec) end

---Every request gets a miss.
---@return moongate.Reply
function mg.null() end

---So many requests at most wait for a route at once, in each worker.
---@param spec moongate.OutstandingLimitOptions
---@return moongate.Value
function mg.outstanding_limit(spec) end

---Any of the routes, each time anew.
---@param spec moongate.Children
---@return moongate.Value
function mg.random(spec) end

---So many requests a second, over all or by commands, in each worker.
---@param spec moongate.RateLimitOptions
---@return moongate.Value
function mg.rate_limit(spec) end

---Keys live so many seconds, whatever the client said.
---@param spec moongate.SetTtlOptions
---@return moongate.Value
function mg.set_ttl(spec) end

---Sends a share of requests, or of keys, to another route too.
---@param spec moongate.ShadowOptions
---@return moongate.Value
function mg.shadow(spec) end

---The local zone first; where that errs, all others at once.
---@param spec moongate.ZoneFailoverOptions
---@return moongate.Value
function mg.zone_failover(spec) end

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
---@param flags integer?
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
---@param flags integer?
---@param exptime integer?
---@return moongate.NewRequest
function requests.set(key, value, flags, exptime) end

---@param key string
---@param value string|moongate.Response  a response: its value, which is not copied
---@param flags integer?
---@param exptime integer?
---@return moongate.NewRequest
function requests.add(key, value, flags, exptime) end

---@param key string
---@param value string|moongate.Response  a response: its value, which is not copied
---@param flags integer?
---@param exptime integer?
---@return moongate.NewRequest
function requests.replace(key, value, flags, exptime) end

---@param key string
---@param value string|moongate.Response  a response: its value, which is not copied
---@param flags integer?
---@param exptime integer?
---@return moongate.NewRequest
function requests.append(key, value, flags, exptime) end

---@param key string
---@param value string|moongate.Response  a response: its value, which is not copied
---@param flags integer?
---@param exptime integer?
---@return moongate.NewRequest
function requests.prepend(key, value, flags, exptime) end

---@param key string
---@param value string|moongate.Response  a response: its value, which is not copied
---@param cas number
---@param flags integer?
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

-- --- tests ----------------------------------------------------------------------------------------

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
---@param flags integer?
---@param exptime integer?
---@return moongate.test.Reply
function Client:set(key, value, flags, exptime) end

---@param key string
---@param value string
---@param flags integer?
---@param exptime integer?
---@return moongate.test.Reply
function Client:add(key, value, flags, exptime) end

---@param key string
---@param value string
---@param flags integer?
---@param exptime integer?
---@return moongate.test.Reply
function Client:replace(key, value, flags, exptime) end

---@param key string
---@param value string
---@param flags integer?
---@param exptime integer?
---@return moongate.test.Reply
function Client:append(key, value, flags, exptime) end

---@param key string
---@param value string
---@param flags integer?
---@param exptime integer?
---@return moongate.test.Reply
function Client:prepend(key, value, flags, exptime) end

---@param key string
---@param value string
---@param cas number
---@param flags integer?
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
---@param flags integer?
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
