---@meta _

-- Types for editors of the policies, such as mg.failover, and their options. See _meta.lua. Never loaded.

-- --- options --------------------------------------------------------------------------------------

---The children of a policy; its options stand beside them. A list of routes counts as if its routes stood there.
---@class moongate.Children
---@field [integer] moongate.Route|moongate.Route[]

---Results by commands and groups, as in mg.by_command, and `default`: "error" unless given.
---@alias moongate.ResultsByCommand table<string, moongate.Result|moongate.Result[]>

---@class moongate.FailingOptions: moongate.Children
---@field on moongate.Result|moongate.Result[]|moongate.ResultsByCommand|nil  results after which the next child is tried
---@field commands string|string[]|nil  names and groups, as in mg.by_command; others get the first child's result
---@field share number?    of requests that may go beyond their first child
---@field burst number?    this many more may go on at once
---@field within number?   seconds for each child, after which the next is asked
---@field result ("best"|"last")?  which result counts where no child has a good one
---@field retries moongate.Counter?  counts each child that is asked after the first

---@class moongate.FailoverOptions: moongate.FailingOptions
---@field tries integer?   children tried at most
---@field order ("as_written"|"shuffled"|"least_failures")?  of the children behind the first

---@class moongate.AllSyncOptions: moongate.Children
---@field result ("worst"|"last")?  which result counts; last: the last child's, but the first error stands over it

---@class moongate.AllMajorityOptions: moongate.Children
---@field result ("worst"|"most_frequent")?  which result counts without a majority

---@class moongate.WarmUpOptions: moongate.Children
---@field exptime number|"same"|nil  how long what is added lives: seconds, or as in the warm route

---@class moongate.StagingOptions: moongate.Children
---@field exptime number|"same"|nil  how long what reads add lives: seconds, or as in the live route

---@class moongate.MigrateOptions: moongate.Children
---@field start number     seconds since 1970
---@field interval number  seconds; the keys move within twice that time
---@field writes "one"|"both"|nil  "both": what changes an item goes to both routes until the end

---@class moongate.L1L2Options: moongate.Children
---@field exptime number|"same"|nil  how long values live in L1: seconds, or as in L2
---@field negative number?           seconds that a miss of L2 is remembered in L1

---@class moongate.BigValueOptions: moongate.Children
---@field threshold number?  larger values are stored in parts of this size; 524288 bytes unless given

---@class moongate.AllFastestOptions: moongate.Children
---@field hit boolean?  true: the first hit counts; without a hit the best result
---@field within number?  seconds, after which the best result so far counts

---Routes by commands and groups of commands: get (get, gets, mg, me), update (set, add, replace, append, prepend, cas, ms), delete (delete, md),
---arithmetic (incr, decr, ma), touch (touch, gat, gats), meta (mg, ms, md, ma, me).
---@class moongate.ByCommandOptions
---@field default moongate.Route?  for all other commands; without it they get an error
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
---@field [1] table<string, moongate.Route>  routes by prefix
---@field default moongate.Route?  for all other keys; without it they get an error
---@field separator string?  the part of the key before it is looked up as a whole
---@field parts integer?  with separator: the part before the nth one
---@field anchor string?  with separator: keys begin with this, and the part after it is looked up

---@class moongate.ByRoutePrefixOptions
---@field [1] table<string, moongate.Route>  routes by prefix: "/region/cluster/"
---@field default string  the prefix of keys that have none; it is one of the table's
---@field unknown_to_default boolean?  keys with an unknown prefix go to its route; else they get an error

---@class moongate.CapTtlOptions: moongate.Children
---@field ttl integer?  seconds; may stand as the last item

---@class moongate.CompareOptions: moongate.Children
---@field share number?  share of the reads for which the new route is asked too
---@field name string?  under which it is counted
---@field again number?  seconds before a difference is looked at once more; 0: it counts at once
---@field most integer?  reads that wait for a comparison at once

---@class moongate.DelayOptions: moongate.Children
---@field before number?  seconds before the route is asked; may stand as the last item
---@field after number?  seconds after it has answered

---@class moongate.DenyOptions: moongate.Children
---@field commands string|string[]|nil  names and groups, as in mg.by_command
---@field keys string|string[]|nil
---@field prefixes string|string[]|nil
---@field identities string|string[]|nil  names as in mg.allow
---@field error string?

---@class moongate.FailoverWithExptimeOptions: moongate.FailingOptions
---@field ttl integer?  seconds that keys live in the second route

---@class moongate.HashOptions: moongate.Children
---@field distribution moongate.Distribution?
---@field hash moongate.Hash?
---@field seed integer?
---@field hash_tag string?
---@field hash_stop string?
---@field salt string?  appended to what is hashed
---@field weights number[]?  one for each route
---@field names string[]?  of the routes on a ring

---@class moongate.HedgeOptions: moongate.Children
---@field percentile number?  the share of the first route's answers whose time is waited for before the second is asked
---@field least number?  seconds: the second is not asked earlier
---@field most number?  seconds: the second is not asked later

---@class moongate.KeySplitOptions: moongate.Children
---@field replicas integer
---@field all_sync boolean?  writes wait for all copies
---@field first_hit boolean?  a read that misses its own copy asks all others
---@field id integer?  the copy that this worker reads: id modulo replicas

---@class moongate.LatestOptions: moongate.FailingOptions
---@field tries integer?
---@field salt string?  another salt spreads the hosts differently
---@field host string?  in place of this host's name
---@field weights number[]?  one for each route

---@class moongate.LogRequestsOptions: moongate.Children
---@field share number?  share of the requests
---@field per_second integer?  lines a second at most

---@class moongate.ModifyKeyOptions: moongate.Children
---@field add string?  put before every key
---@field ensure string?  put before keys that do not begin with it
---@field strip string?  taken off keys that begin with it
---@field replace string[]?  { old, new }: the beginning old becomes new
---@field suffix string?  put after every key

---@class moongate.LeaseOptions: moongate.Children
---@field ttl integer       seconds that a placeholder lives
---@field wait number?      seconds that a client waits for the set of another one
---@field stale integer?    seconds that an item is kept after its time, or after a delete
---@field refresh integer?  seconds before the end of an item's time in which one client is to store it again
---@field waiting integer?  clients that wait at once, in each worker
---@field name string?     under which it is counted
---@field without_meta ("error"|"plain")?  what reads get from servers that know no meta commands

---@class moongate.NearOptions: moongate.Children
---@field ttl number?  seconds that a copy lives at most
---@field only "hot"|nil  copies of hot keys alone
---@field share number?  of the worker's requests, that a hot key must have
---@field name string?  under which it is counted; tells two of them over one store apart

---@class moongate.NegativeCacheOptions: moongate.Children
---@field ttl number?  seconds that a miss is remembered; may stand as the last item
---@field keys integer?  misses remembered at most, in each worker

---What requests over a limit get.
---@alias moongate.Over "error"|"miss"|moongate.Route

---@class moongate.OutstandingLimitOptions: moongate.Children
---@field most integer?  requests that wait at once; may stand as the last item
---@field over moongate.Over?

---@alias moongate.Rate number|{ rate: number, burst: number?, with: string|string[]|nil }

---Rates by commands and groups, as in mg.by_command; rate and burst count for all other commands together.
---@class moongate.RateLimitOptions: moongate.Children
---@field rate number?  requests a second, in each worker
---@field burst number?  so many at once after a pause
---@field over moongate.Over?
---@field by "identity"?  each identity has the rates for itself
---@field tick number?  seconds: rates are granted in steps of this length
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
---@field ttl integer?  seconds, 0: for ever; may stand as the last item

---@class moongate.ShadowOptions: moongate.Children
---@field to moongate.Route  the other route; its answers are dropped
---@field share number?  share of the requests
---@field keys number|number[]|nil  share of the keys, or { from, to }
---@field index_range integer[]?  keys of servers of the first route: { from, to }, from 0; to is not in the range
---@field pool moongate.Value?  with index_range: the pool that is meant; the first route unless given
---@field most integer?  requests that wait for the other route at once

---@class moongate.SpoolDeletesOptions: moongate.Children
---@field dir string  the folder in which deletes wait: an absolute path
---@field max_size integer|string|nil  bytes for one server; 64 MiB unless given
---@field max_total integer|string|nil  bytes for all servers in the folder; 1 GiB unless given
---@field max_age integer?  seconds after which a delete may be dropped; unless given none is

---@class moongate.ZoneFailoverOptions
---@field zones table<string, moongate.Route>
---@field here string  the name of the local zone
---@field on moongate.Result|moongate.Result[]|moongate.ResultsByCommand|nil

-- --- policies -------------------------------------------------------------------------------------

---@class moongate
local mg = {}

---Asks the first child; after an error, or a result that `on` names, the next.
---@param spec moongate.FailoverOptions
---@return moongate.Value
function mg.failover(spec) end

---Sends to all children and answers a miss at once.
---@param spec moongate.Children
---@return moongate.Value
function mg.all_async(spec) end

---Asks all children; the first result that is no error counts.
---@param spec moongate.AllFastestOptions
---@return moongate.Value
function mg.all_fastest(spec) end

---Asks all children; the result of the first one counts.
---@param spec moongate.Children
---@return moongate.Value
function mg.all_initial(spec) end

---Asks all children; once more than half agree, that result counts.
---@param spec moongate.AllMajorityOptions
---@return moongate.Value
function mg.all_majority(spec) end

---Chooses a route by who asks: "user:NAME", "cert:NAME", or a name of either kind; `otherwise` is the route of all others.
---@param spec table<string, moongate.Route>
---@return moongate.Value
function mg.allow(spec) end

---Asks all children and waits for all; the worst result counts.
---@param spec moongate.AllSyncOptions
---@return moongate.Value
function mg.all_sync(spec) end

---Stores values that are larger than the servers take, in parts.
---@param spec moongate.BigValueOptions  one route
---@return moongate.Value
function mg.big_value(spec) end

---A small near cache before a large one.
---@param spec moongate.L1L2Options  L1, L2
---@return moongate.Value
function mg.l1_l2(spec) end

---Moves from one route to another, key by key, in a window of time.
---@param spec moongate.MigrateOptions  the old and the new route
---@return moongate.Value
function mg.migrate(spec) end

---Puts a pool on trial beside the one that serves.
---@param spec moongate.StagingOptions  the warm and the staging route
---@return moongate.Value
function mg.staging(spec) end

---Fills a cold pool from a warm one.
---@param spec moongate.WarmUpOptions  the cold and the warm route
---@return moongate.Value
function mg.warm_up(spec) end

---Chooses a route by command or group of commands.
---@param spec moongate.ByCommandOptions
---@return moongate.Value
function mg.by_command(spec) end

---Chooses a route by the beginning of the key; the longest prefix that fits counts.
---@param spec moongate.ByPrefixOptions
---@return moongate.Value
function mg.by_prefix(spec) end

---Chooses a route by the prefix /region/cluster/ that a key may begin with, as mcrouter does.
---@param spec moongate.ByRoutePrefixOptions
---@return moongate.Value
function mg.by_route_prefix(spec) end

---Gives keys that time to live at most.
---@param spec moongate.CapTtlOptions
---@return moongate.Value
function mg.cap_ttl(spec) end

---Equal gets in flight share one call.
---@param spec moongate.Children
---@return moongate.Value
function mg.coalesce(spec) end

---The old route answers; for a share of the reads the new one is asked too, and the answers are compared.
---@param spec moongate.CompareOptions
---@return moongate.Value
function mg.compare(spec) end

---Answers later, to rehearse slow servers.
---@param spec moongate.DelayOptions
---@return moongate.Value
function mg.delay(spec) end

---Refuses commands, keys, prefixes and identities.
---@param spec moongate.DenyOptions
---@return moongate.Value
function mg.deny(spec) end

---`SERVER_ERROR text` for every request.
---@param text string
---@return moongate.Reply
function mg.error(text) end

---As failover with two routes, but keys live only for a short time in the second.
---@param spec moongate.FailoverWithExptimeOptions
---@return moongate.Value
function mg.failover_with_exptime(spec) end

---Spreads keys over routes of any kind.
---@param spec moongate.HashOptions
---@return moongate.Value
function mg.hash(spec) end

---Asks a second route too when the first is slower than usual, or fails.
---@param spec moongate.HedgeOptions
---@return moongate.Value
function mg.hedge(spec) end

---Keeps copies of hot keys: each worker reads one of them, and writes go to all.
---@param spec moongate.KeySplitOptions
---@return moongate.Value
function mg.key_split(spec) end

---Asks one of the routes, always the same one on a host; where it fails, the next.
---@param spec moongate.LatestOptions
---@return moongate.Value
function mg.latest(spec) end

---Of many clients that miss a key one gets the miss, and the others wait for what it stores.
---@param spec moongate.LeaseOptions
---@return moongate.Value
function mg.lease(spec) end

---Writes a line to the log for each request, or for a share of them.
---@param spec moongate.LogRequestsOptions
---@return moongate.Value
function mg.log_requests(spec) end

---Sends another key; the client still sees its own.
---@param spec moongate.ModifyKeyOptions
---@return moongate.Value
function mg.modify_key(spec) end

---Answers reads from copies in a store of this machine.
---@param spec moongate.NearOptions
---@return moongate.Value
function mg.near(spec) end

---Remembers misses for a short time.
---@param spec moongate.NegativeCacheOptions
---@return moongate.Value
function mg.negative_cache(spec) end

---A miss for every request.
---@return moongate.Reply
function mg.null() end

---Lets so many requests wait for a route at once, in each worker.
---@param spec moongate.OutstandingLimitOptions
---@return moongate.Value
function mg.outstanding_limit(spec) end

---Sends each request to any of the routes, a new choice each time.
---@param spec moongate.Children
---@return moongate.Value
function mg.random(spec) end

---Lets so many requests a second through, in all or by command, in each worker.
---@param spec moongate.RateLimitOptions
---@return moongate.Value
function mg.rate_limit(spec) end

---Gives keys that time to live, whatever the client asked for.
---@param spec moongate.SetTtlOptions
---@return moongate.Value
function mg.set_ttl(spec) end

---Sends a share of requests, or of keys, to another route too.
---@param spec moongate.ShadowOptions
---@return moongate.Value
function mg.shadow(spec) end

---Keeps deletes on the disk while their server is away, and replays them before it is read again. The route must be a pool.
---@param spec moongate.SpoolDeletesOptions
---@return moongate.Value
function mg.spool_deletes(spec) end

---Asks the local zone first; where that fails, all others at once.
---@param spec moongate.ZoneFailoverOptions
---@return moongate.Value
function mg.zone_failover(spec) end
