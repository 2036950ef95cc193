--- pool: a route over servers: `mg.pool { "10.0.0.1:11211", "10.0.0.2:11211", timeout = 0.2 }`.
local abi = require "moongate.abi"
local like = require "moongate.like"
local options = require "moongate.options"
local routes = require "moongate.routes"
local where = require "moongate.where"

local C, script = abi.C, abi.script

local M = {}

-- The options of mg.defaults, for every pool that is made later.
local defaults = {}

-- Options that a pool has for all its servers, and that a server may have of its own.
local settings = options.settings()

local function with_settings(readers)
    for name, reader in pairs(settings) do readers[name] = reader end
    readers.timeout = options.seconds
    return readers
end

local server_options = with_settings {
    host = options.bytes(1, 255),
    port = options.count(1, 65535),
    path = options.bytes(1, 107),
    name = options.bytes(1, 255),
    weight = options.number(0, 1e6),
}

local pool_options = with_settings {
    name = options.short_name(64),
    distribution = options.choice(C.MG_DISTRIBUTION, "distribution"),
    hash = options.choice(C.MG_HASH, "hash"),
    naming = options.choice(C.MG_NAMING, "naming"),
    order = options.choice(C.MG_ORDER, "order"),
    on_failure = options.choice(C.MG_ON_FAILURE, "on_failure"),
    eject_floor = options.number(0, 1, "a share"),
    seed = options.count_or_text(0, 2 ^ 53),
    points = options.count(1, 65535),
    weighted = options.flag,
    hash_tag = options.key_bytes(2, 2),
    hash_empty_tag = options.flag,
    hash_stop = options.key_bytes(1, 15),
    discover = options.bytes(1, 599),
    discover_interval = options.number(0.05, 86400, "seconds"),
    discover_timeout = options.seconds,
    discover_debounce = options.number(0, 3600, "seconds"),
    discover_shrink = options.flag,
    unhashed_prefix = options.key_bytes(1, 127),
    like = function(value)
        if like[value] then return value end
        return nil, ("takes one of %s; '%s' is not known"):format(options.names(like), tostring(value))
    end,
}

local xxh3 = C.mg_find(C.MG_HASH, "xxh3", 4) -- the only hash that takes a seed

-- Strings go to C with their length beside them.
local has_length = { name = true, hash_stop = true, unhashed_prefix = true, discover = true }

local function set_option(to, name, value)
    if name == "timeout" then
        to.server.timeout = value
    elseif settings[name] then
        to.server.backend[name] = value
    elseif name == "seed" then
        local text = type(value) == "string" and value or nil
        to.seed, to.seed_text, to.seed_text_len = text and 0 or value, text, text and #text or 0
    elseif name ~= "like" then
        to[name] = value
        if has_length[name] then to[name .. "_len"] = #value end
    end
end

-- The options of mg.defaults, of `like`, and of the pool itself: the later wins.
local function read_options(spec, to)
    local function set(name, value) set_option(to, name, value) end
    local wrong = options.read(defaults, pool_options, set)
    local system = spec.like or defaults.like
    wrong = wrong or options.read(like[system] or {}, pool_options, set)
    return wrong or options.read(spec, pool_options, set)
end

-- The text of a server: its first item; or its host (the port goes into `to`) or its path.
local function server_text(spec, to)
    local is_one = #spec <= 1 and not options.has_gap(spec) and (spec[1] == nil or type(spec[1]) == "string")
    if not is_one then return nil, "takes one string and options" end
    if spec[1] ~= nil then
        if spec.host or spec.path then return nil, "has both a text and host or path" end
        if spec.port then return nil, "has its port behind the host: \"host:port\"" end
        return spec[1]
    end
    if (spec.host == nil) == (spec.path == nil) then return nil, "wants either host or path" end
    to.port = spec.path and -1 or spec.port or 11211
    return spec.host or "unix:" .. spec.path
end

local function read_server(spec, to)
    local wrong = options.read(spec, server_options, function(name, value)
        if settings[name] then
            to.backend[name] = value
        elseif name == "name" then
            to.name, to.name_len = value, #value
        elseif name == "timeout" or name == "weight" then
            to[name] = value
        end
    end)
    if wrong then return nil, wrong end
    return server_text(spec, to)
end

local function add_server(number, server, common)
    local to = abi.server_options(common)
    local text, wrong = server, nil
    if type(server) == "table" then
        text, wrong = read_server(server, to)
    elseif type(server) ~= "string" then
        wrong = ("is a %s, not a string or a table"):format(type(server))
    end
    if wrong then return wrong end
    wrong = abi.text(C.mg_pool_add(script, number, text, #text, to))
    return wrong and ("'%s': %s"):format(text, wrong)
end

local function add_servers(number, spec, common)
    for i, server in ipairs(spec) do
        local wrong = add_server(number, server, common)
        if wrong then return wrong:sub(1, 1) == "'" and "server " .. wrong or ("server %d %s"):format(i, wrong) end
    end
end

local function wrong_list(spec)
    if type(spec) ~= "table" then return "takes a table of servers and options" end
    if options.is_module(spec) then return "is called with a dot, not a colon: mg.pool { ... }" end
    if spec.discover ~= nil and #spec > 0 then return "takes servers or the option 'discover', not both" end
    if spec.discover == nil then
        if #spec == 0 then return "names no server" end
        for name in pairs(spec) do
            if type(name) == "string" and name:find "^discover_" and pool_options[name] then
                return ("option '%s' goes with 'discover'"):format(name)
            end
        end
    end
    if options.has_gap(spec) then return "has a gap in its list of servers" end
end

--- A route over servers. Errors name the option and the line of the script.
-- @param spec table  servers and options; see lua/README.md
function M.pool(spec)
    routes.check_loading "mg.pool"
    local to = abi.pool_options()
    C.mg_pool_defaults(script, to)
    local wrong = wrong_list(spec) or read_options(spec, to)
    if wrong then where.fail("mg.pool " .. wrong) end
    if spec.hash and C.mg_hashes_itself(to.distribution) then
        where.fail("mg.pool option 'hash' goes with other distributions: this one hashes keys in its own way")
    end
    if spec.seed and (C.mg_hashes_itself(to.distribution) or to.hash ~= -1 and to.hash ~= xxh3) then
        where.fail("mg.pool option 'seed' goes with hash = \"xxh3\": others have no seed")
    end
    if spec.points and not C.mg_takes_points(to.distribution) then
        where.fail("mg.pool option 'points' goes with other distributions: this one has a number of its own")
    end
    local number = C.mg_pool_open(script, to)
    wrong = add_servers(number, spec, to.server) or abi.text(C.mg_pool_close(script, number))
    if wrong then where.fail("mg.pool " .. wrong) end
    wrong = spec.discover and abi.text(C.mg_pool_follow(script, number, to))
    if wrong then where.fail(("mg.pool option 'discover': '%s': %s"):format(spec.discover, wrong)) end
    return routes.value(number, "pool " .. abi.text(C.mg_pool_name(script, number)))
end

--- Sets options for every pool that is made later: `mg.defaults { timeout = 0.2, connect_timeout = 0.1 }`.
-- @param spec table  options of a pool but name and discover; another call replaces them all
function M.defaults(spec)
    if type(spec) ~= "table" then where.fail "mg.defaults takes a table of options" end
    if #spec > 0 then where.fail "mg.defaults takes options, no servers" end
    if spec.name then where.fail "mg.defaults takes no name: each pool has its own" end
    if spec.discover then where.fail "mg.defaults takes no 'discover': each pool has its own servers" end
    local wrong = options.read(spec, pool_options, function() end)
    if wrong then where.fail("mg.defaults " .. wrong) end
    defaults = {}
    for name, value in pairs(spec) do defaults[name] = value end
end

return M
