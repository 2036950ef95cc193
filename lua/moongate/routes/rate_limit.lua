--- rate_limit: let so many requests a second through, in all or by command, in each worker.
-- With `by = "identity"` each identity (req.identity) has the rates for itself; clients without one share one.
-- The route for what is over the rate compares no cas: such a request gets an error. The cas that it shows is void.
--
--     mg.rate_limit { users, rate = 10000, update = { rate = 500, burst = 1000 }, over = "miss" }
local abi = require "moongate.abi"
local commands = require "moongate.commands"
local policy = require "moongate.policy"
local reply = require "moongate.reply"

local C = abi.C

local rate, burst = policy.number(0.001, 1e9, "a rate"), policy.number(1, 1e9, "a burst")

-- A rate, or { rate =, burst =, with = }.
local function limit(value)
    local given = type(value) == "table" and value or { rate = value }
    for name in pairs(given) do
        if name ~= "rate" and name ~= "burst" and name ~= "with" then
            return nil, "takes a rate, or a table of rate, burst and with"
        end
    end
    local read, wrong = rate(given.rate)
    if wrong then return nil, wrong end
    local bucket = { rate = read, burst = math.max(1, read) }
    if given.burst ~= nil then bucket.burst, wrong = burst(given.burst) end
    if given.with ~= nil and not wrong then bucket.with, wrong = commands.names(given.with) end
    return not wrong and bucket or nil, wrong
end

local TEXT = "rate limit"

-- Names and groups as in mg.by_command may have their own rates, which other commands share (`with`); rate and burst
-- count for all others together.
local known = commands.readers(limit, {
    rate = rate,
    burst = burst,             -- so many at once after a pause; else what a second brings
    over = policy.over(TEXT),  -- "error" (unless given), "miss", or another route
    tick = policy.seconds,     -- buckets fill once in so many seconds; else all the time
    by = policy.one_of { identity = 1 }, -- "identity": each client certificate, each user has rates of its own
})

-- The options, and the buckets of commands that share one.
local function with_others(options)
    local all = {}
    for _, value in pairs(options) do
        for other in pairs(type(value) == "table" and value.with or {}) do all[other] = value end
    end
    for name, value in pairs(options) do all[name] = value end
    return all
end

--- @param spec table  a route, and rates
return function(spec)
    local children, options = policy.read("mg.rate_limit", spec, known, 1, 1)
    local of = {}
    if options.rate then
        of = commands.all { rate = options.rate, burst = options.burst or math.max(1, options.rate) }
    elseif options.burst then
        policy.fail("mg.rate_limit", "option 'burst' goes with 'rate'")
    end
    for id, bucket in pairs(commands.by_id(with_others(options))) do of[id] = bucket end
    local words, places, n = {}, {}, 0
    for id, bucket in pairs(of) do
        if not places[bucket] then
            places[bucket] = n
            n = n + 1
        end
        words[#words + 1] = { command = id, child = places[bucket], number = bucket.rate, burst = bucket.burst }
    end
    if n == 0 then policy.fail("mg.rate_limit", "wants a rate") end
    local shown = { children[1], options.over }
    local over = options.over and policy.spare("over", options.over, TEXT) or reply.error(TEXT)
    local settings = { tick = options.tick, by = options.by }
    return policy.route("rate_limit", C.ROUTE_RATE, { children[1], over }, settings, words, shown)
end
