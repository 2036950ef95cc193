---@meta _

-- Types for editors of the policies: what mg.failover and all others take. See _meta.lua. Never loaded.

-- --- what they take -------------------------------------------------------------------------------

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

-- --- policies -------------------------------------------------------------------------------------

---@class moongate
local mg = {}

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
