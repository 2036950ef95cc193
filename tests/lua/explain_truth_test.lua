--- explain tells the truth: for every policy and many requests, servers get what explain has said, and nothing of what
-- it has said is made up. Every request is sent again and again, to servers that have the key, do not have it, fail or
-- are slow, and what they got is compared with the places of app:explain.
-- (tests/e2e/tools/explain_policies_test.c sees to it that each policy has a row.)
local t = require "moongate.test"
local three = require "three"

local KEY_2 = "function(req) if not req:has_suffix '::1' then return a end req.key = req.key:sub(1, -4) return b end"
local BIG = ("v"):rep(2000)

-- A route; or one with options:
--   deep    servers may also fail, or lose what they had, after their first answer
--   fresh   a new script for each request, which is sent three times at once; and servers may be too slow: for limits
--   often   what is drawn at random has so many more chances
--   has     what the application stores before, where servers work
local rows = {
    "mg.all_async { a, b }",
    "mg.all_fastest { a, b }",
    "mg.all_fastest { a, b, hit = true }",
    { "mg.all_fastest { a, b, hit = true, within = 0.1 }", fresh = true },
    "mg.all_initial { a, b }",
    "mg.all_majority { a, b, mg.null() }",
    "mg.all_sync { a, b }",
    "mg.all_sync { mg.error 'no', b }",
    "mg.all_sync { a, b, result = 'last' }",
    "mg.all_majority { a, b, c, result = 'most_frequent' }",
    "mg.all_sync { mg.each(a), mg.each(b) }",
    "mg.by_command { get = mg.each(a)[1], mg = b, gats = c, update = mg.failover { mg.each(b), a }, default = a }",
    { "mg.big_value { a, threshold = 1024 }", deep = true, has = BIG },
    "mg.by_command { get = a, update = b, default = c }",
    "mg.by_command { get = a, gets = b, default = c }",
    "mg.by_prefix { { k = a }, default = b }",
    "mg.by_route_prefix { { ['/x/y/'] = a, ['/x/z/'] = b }, default = '/x/y/' }",
    "mg.modify_key { mg.by_route_prefix { { ['/x/y/'] = a, ['/x/z/'] = b }, default = '/x/y/' }, add = '/x/*/' }",
    "mg.cap_ttl { a, 1000 }",
    "mg.coalesce { a }",
    "mg.compare { a, b, share = 1 }",
    { "mg.compare { a, b, share = 0.5 }", often = 3 },
    "mg.delay { a, 0.001 }",
    "mg.allow { bob = a, otherwise = b }",
    "mg.allow { bob = a }",
    "mg.deny { a, prefixes = 'k' }",
    "mg.deny { a, identities = 'bob' }",
    "mg.deny { a, commands = { 'set' } }",
    "mg.error 'no'",
    "mg.failover { a, b, c }",
    "mg.failover { a, b, c, tries = 2 }",
    "mg.failover { a, b, on = { 'error', 'miss' } }",
    { "mg.failover { a, b, on = 'timeout' }", fresh = true },
    { "mg.failover { a, b, within = 0.1 }", fresh = true },
    { "mg.failover { a, b, c, on = { 'error', 'miss' }, within = 0.1, result = 'last' }", fresh = true },
    "mg.failover { a, b, c, retries = mg.counter 'retries', on = { get = 'miss', meta = {}, default = 'error' } }",
    "mg.failover { a, b, c, on = { 'error', 'miss', 'refused' }, order = 'shuffled' }",
    "mg.failover { a, b, c, order = 'least_failures' }",
    "mg.failover { a, b, c, commands = { 'get', 'delete' } }",
    "mg.failover { mg.each(a), b, on = { get = { 'error', 'miss' }, mg = 'error', default = 'error' } }",
    "mg.failover { mg.null(), a, on = 'miss' }",
    "mg.failover { mg.null(), a }",
    "mg.failover_with_exptime { a, b, 60 }",
    "mg.failover_with_exptime { a, b, 60, on = { mg = { 'error', 'miss' }, update = {} }, commands = { 'mg', 'set' } }",
    "mg.hash { a, b }",
    "mg.hedge { a, b, least = 0.001, most = 0.001 }",
    "mg.hedge { mg.error 'no', b }",
    "mg.key_split { " .. KEY_2 .. ", 2, id = 1 }",
    "mg.key_split { " .. KEY_2 .. ", 2, id = 1, all_sync = true, first_hit = true }",
    "mg.l1_l2 { a, b, exptime = 60 }",
    "mg.l1_l2 { a, b }",
    "mg.l1_l2 { a, b, negative = 5 }",
    "mg.latest { a, b, on = { 'error', 'miss' }, host = 'y' }",
    "mg.latest { a, b, c, tries = 2, on = { get = 'miss', default = { 'error', 'refused' } }, host = 'y' }",
    { "mg.lease { a, ttl = 30 }", fresh = true },
    "mg.lease { a, ttl = 30, stale = 60, refresh = 30 }",
    "mg.log_requests { a }",
    "mg.log_requests { a, share = 0.5 }",
    "mg.migrate { a, b, start = os.time() + 9999, interval = 9 }",
    "mg.migrate { a, b, start = os.time() - 99, interval = 3e8 }",
    "mg.migrate { a, b, start = os.time() - 99, interval = 9 }",
    "mg.migrate { a, b, start = os.time() + 9999, interval = 9, writes = 'both' }",
    "mg.migrate { a, b, start = os.time() - 99, interval = 3e8, writes = 'both' }",
    "mg.modify_key { a, ensure = 'x' }",
    "mg.near { mg.store { size = '1m', name = 'near' }, a }",
    "mg.near { mg.store { size = '1m', name = 'near' }, a, only = 'hot' }",
    "mg.negative_cache { a }",
    "mg.null()",
    { "mg.outstanding_limit { a, 1, over = b }", fresh = true },
    { "mg.outstanding_limit { a, 1 }", fresh = true },
    { "mg.random { a, b }", often = 3 },
    { "mg.rate_limit { a, rate = 0.001, over = b }", fresh = true },
    { "mg.rate_limit { a, rate = 0.001 }", fresh = true },
    { "mg.rate_limit { a, rate = 0.001, by = 'identity' }", fresh = true },
    { "mg.rate_limit { a, get = { rate = 0.001, with = { 'update', 'meta' } }, tick = 5, over = b }", fresh = true },
    "mg.set_ttl { a, 1000 }",
    "mg.shadow { a, to = b, share = 1 }",
    "mg.shadow { a, to = b, index_range = { 0, 1 } }",
    "mg.shadow { a, to = b, index_range = { 1, 2 } }",
    "mg.shadow { mg.failover { a, b }, to = c, index_range = { 0, 1 }, pool = b }",
    { "mg.shadow { a, to = b, share = 0.5 }", often = 3 },
    "mg.shadow { a, to = b, keys = { 0.5, 1 } }",
    "mg.shadow { a, to = b, index_range = { 0, 1 } }",
    "mg.shadow { a, to = b, index_range = { 1, 2 } }",
    "mg.shadow { a, to = b, keys = { 0, 0.5 } }",
    "mg.spool_deletes { a, dir = '/var/spool/moongate' }",
    "mg.failover { mg.spool_deletes { a, dir = '/var/spool/moongate' }, b }",
    "mg.staging { a, b, exptime = 60 }",
    "mg.staging { a, b }",
    "mg.warm_up { a, b, exptime = 60 }",
    "mg.warm_up { a, b }",
    "mg.zone_failover { here = 'x', zones = { x = a, y = b } }",
    "mg.zone_failover { here = 'x', zones = { x = a, y = b, z = c }, on = { mg = { 'miss' }, update = {} } }",
    "mg.zone_failover { here = 'x', zones = { x = a, y = b, z = c }, on = { 'error', 'miss' } }",
    -- one in another
    "mg.failover { mg.all_sync { a, b }, c, on = { 'error', 'miss' } }",
    { "mg.l1_l2 { mg.failover { a, c }, b }", deep = true },
    "mg.warm_up { mg.l1_l2 { a, b }, c }",
    { "mg.near { mg.store { size = '1m', name = 'near' }, mg.failover { a, b } }", fresh = true },
    "mg.l1_l2 { mg.near { mg.store { size = '1m', name = 'near' }, a }, b, exptime = 60 }",
    { "mg.shadow { mg.warm_up { a, b }, to = mg.failover { c, b }, share = 0.8 }", often = 3 },
    "mg.all_sync { mg.failover { a, b }, mg.modify_key { c, add = 'x' } }",
    { "mg.hedge { mg.negative_cache { a }, mg.random { b, c }, least = 0.001, most = 0.001 }", often = 3 },
    "mg.compare { mg.failover { a, b }, mg.modify_key { c, add = 'x' }, share = 1, again = 0.001 }",
    "mg.l1_l2 { mg.by_command { delete = c, default = a }, b, exptime = 60 }",
    "mg.failover { mg.l1_l2 { a, b }, c }",
    -- functions
    "function(req) if req:has_prefix 'k' then return mg.failover end end",
    "function(req) if req.command == 'get' then return a end return function() return b end end",
    "function(req) mg.spawn(b, mg.request.delete 'x') return a end",
    "mg.failover { a, function(req) req.key = 'x' .. req.key return b end }",
    [[mg.async(function(req)
        local res = mg.call(a, req)
        if res:is_hit() then return res end
        mg.sleep(0.01)
        res = mg.call(b, req)
        if res:is_error() then mg.spawn(c, mg.request.set("failed", "1", 0, 9)) end
        return res
    end)]],
    [[mg.async(function(req)
        local list = mg.call_all({ a, b }, req, { wait = "hit" })
        for i = 1, 2 do if list[i] and list[i]:is_hit() then return list[i] end end
        return mg.failover_of
    end)]],
    [[mg.async(function(req)
        if mg.call(a, mg.request.get "switch"):is_hit() then return b end
        return c
    end)]],
    "mg.async(function(req) return mg.reply.miss() end)",
}

-- line, value; # is the cas that a's item has, or b's. special: only policies that look at commands tell it from a set
local requests = {
    { "get k" },
    { "set k 0 60 1", "v" },
    { "gets k" },
    { "add k 0 0 2000", BIG, special = true },
    { "cas k 0 60 1 #", "v" },
    { "delete k", special = true },
    { "mg k v N60 T30" },
}

-- What a server is.
local states = {
    { "has nothing", function(server) server:forgets() server:is_up() end },
    { "has it", function(server, row)
        server:is_up()
        if not row.has then server:put("k", "1"):put("switch", "1") end
    end },
    { "fails", function(server) server:errs "no" end },
}
local later = {
    { "fails after a miss", function(server) server:errs "no" server:misses(1) end },
    { "fails after a hit", function(server) server:errs "no" server:hits("1", 1) end },
}
local slow = { { "is slow", function(server) server:is_slow(0.3) end } }
local torn = { { "lost a part", function(server, row, app) server:is_up() app:ask("delete " .. row.part) end } }

local function states_for(row)
    local list = {}
    for _, some in ipairs { states, row.deep and later or {}, row.fresh and slow or {}, row.has and torn or {} } do
        for _, state in ipairs(some) do list[#list + 1] = state end
    end
    return list
end

-- "a get k": the place of a line, its command and its key. Parts of a value are named by its hash.
local letters = { ["10.0.0.1:11211"] = "a", ["10.0.0.2:11211"] = "b", ["10.0.0.3:11211"] = "c" }
local function place(server, line)
    local command, rest = line:match "^(%S+) (.*)$"
    local key = rest:match(command:find "^gat" and "^%S+ (%S+)" or "^%S+")
    key = key:gsub(":" .. ("%x"):rep(16) .. ":", ":#:")
    return ("%s %s %s"):format(letters[server], command, key)
end

local function explained(app, request)
    local set, servers = {}, {}
    local line = request[1]:gsub("#", "7")
    for _, one in ipairs(app:explain(line, request[2]).places) do
        set[place(one.server, one.request)] = true
        servers[letters[one.server]] = true
    end
    return set, servers
end

local function with_cas(line, servers)
    local item = servers[1]:item "k" or servers[2]:item "k"
    return (line:gsub("#", item and ("%.0f"):format(item.cas) or "7"))
end

local function ask_in(app, row, request, servers, states_of, seen)
    if row.has then
        servers[1]:forgets():is_up()
        app:forget()
        app:set("k", row.has)
        row.part = app.sent[1].line:match "^set (%S+)"
    end
    for i, server in ipairs(servers) do states_of[i][2](server, row, app) end
    local line = with_cas(request[1], servers)
    app:forget()
    for _ = 1, row.fresh and 3 or 1 do app:begin(line, request[2]) end
    t.advance(row.fresh and 0.4 or 0.02)
    for _, entry in ipairs(app.sent) do seen[place(entry.server, entry.line)] = true end
end

local function in_all_states(app, row, request, servers)
    local seen, list = {}, states_for(row)
    for _ = 1, row.often or 1 do
        for i = 1, #list do
            for j = 1, row.uses_b and #list or 1 do
                ask_in(app, row, request, servers, { list[i], list[j], list[j] }, seen)
                if row.uses_c and i == j then
                    ask_in(app, row, request, servers, { list[i], list[j], list[2] }, seen)
                end
            end
        end
    end
    return seen
end

-- What takes back a copy is explained only where it goes to a server of its own.
local function takes_back(one, servers)
    local letter, command = one:match "^(%w) (%w+) k$"
    return letter and servers[letter] and (command == "mg" or command == "md" or command == "delete")
end

local function missing_of(set, from, servers)
    local list = {}
    for one in pairs(set) do
        if not from[one] and not takes_back(one, servers) then list[#list + 1] = one end
    end
    table.sort(list)
    return list
end

local function read_row(given)
    local row = type(given) == "table" and given or { given }
    local route = row[1]
    row.fills = route:find "warm_up" or route:find "staging" or route:find "l1_l2"
    row.special = row.fills or row.has or route:find "migrate" or route:find "command"
    row.uses_b, row.uses_c = route:find "%f[%w]b%f[%W]", route:find "%f[%w]c%f[%W]"
    return row
end

-- Copies that are on their way, and limits that were reached, would be those of the request before: such a row has a
-- new script for each.
local function load_for(row)
    if not row.app or row.fills or row.fresh then row.app, row.a, row.b, row.c = three.over(row[1]) end
    return row.app, row.a, row.b, row.c
end

local function compare(row, request, wrong)
    local app, a, b, c = load_for(row)
    for _, server in ipairs { a, b, c } do server:forgets():is_up() end
    t.advance(0.1)
    app:forget()
    local set, servers = explained(app, request)
    t.advance(0.1)
    t.expect(app.sent):equals {}
    local seen = in_all_states(app, row, request, { a, b, c })
    for _, one in ipairs(missing_of(seen, set, row.fills and servers or {})) do
        wrong[#wrong + 1] = request[1] .. ": explain misses " .. one
    end
    for _, one in ipairs(missing_of(set, seen, {})) do
        wrong[#wrong + 1] = request[1] .. ": explain invents " .. one
    end
end

t.describe("explain", function()
    for _, given in ipairs(rows) do
        local row = read_row(given)
        t.it("tells the truth about " .. row[1], function()
            local wrong = {}
            for _, request in ipairs(requests) do
                if not request.special or row.special then compare(row, request, wrong) end
            end
            if row.has then compare(row, { "touch k 60" }, wrong) end
            t.expect(wrong):equals {}
        end)
    end
end)
