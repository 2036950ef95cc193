--- pool: a route over servers: `mg.pool { "10.0.0.1:11211", "10.0.0.2:11211", timeout = 0.2 }`.
local abi = require "moongate.abi"
local auth = require "moongate.auth"
local like = require "moongate.like"
local options = require "moongate.options"
local routes = require "moongate.routes"
local tls = require "moongate.tls"
local warnings = require "moongate.warnings"
local where = require "moongate.where"

local C, script = abi.C, abi.script

local M = {}

-- The options of mg.defaults, for every pool that is made later.
local defaults = {}

-- Options that a pool has for all its servers, and that a server may have of its own.
local settings = options.settings()
settings.tls = tls.read
settings.auth = auth.read

local function with_settings(readers)
    for name, reader in pairs(settings) do readers[name] = reader end
    readers.timeout = options.seconds_or_none
    return readers
end

-- What to write in place of the words of others is loaded when it is needed: most scripts need none.
local function hints() return require "moongate.hints" end

-- What to write in place of an option that there is not.
local function hint_of_option(name) return hints().pool[name] end

-- Seconds that look like milliseconds: more than a minute.
local LONG = 60

-- Numbers that are probably milliseconds. Each is told once, where it is written.
local function warn_of_times(spec, what)
    for _, name in ipairs { "timeout", "connect_timeout", "stall_timeout" } do
        local value = spec[name]
        if type(value) == "number" and value > LONG then
            warnings.add(("%s option '%s': %.15g is %.15g seconds; %.15g milliseconds are %.15g")
                :format(what, name, value, value, value, value / 1000))
        end
    end
end

local server_options = with_settings {
    host = options.bytes(1, 255),
    port = options.count(1, 65535),
    path = options.bytes(1, 107),
    name = options.bytes(1, 255),
    weight = options.number(0, 1e6),
}
-- These are about a pool's whole list.
server_options.texts, server_options.eject = nil, nil

local pool_options = with_settings {
    name = options.short_name(64),
    distribution = options.choice(C.MG_DISTRIBUTION, "distribution"),
    hash = options.choice(C.MG_HASH, "hash"),
    naming = options.choice(C.MG_NAMING, "naming"),
    order = options.choice(C.MG_ORDER, "order"),
    on_failure = options.choice(C.MG_ON_FAILURE, "on_failure"),
    eject_floor = options.number(0, 1, "a share"),
    eject_retry = options.seconds,
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
    discover_auth = options.text "the path of a file",
    discover_tls = tls.read_discovery,
    unhashed_prefix = options.key_bytes(1, 127),
    like = function(value)
        if like[value] then return value end
        return nil, ("takes one of %s; '%s' is not known"):format(options.names(like), tostring(value))
    end,
}

local xxh3 = C.mg_find(C.MG_HASH, "xxh3", 4) -- the only hash that takes a seed
local NO_EJECT = C.mg_find(C.MG_EJECT, "none", 4)
local REHASH = C.mg_find(C.MG_ON_FAILURE, "rehash", 6)
local TWEMPROXY_TEXTS = C.mg_find(C.MG_TEXTS, "twemproxy", 9)

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
    elseif name == "discover_tls" then
        local given = type(value) == "table" and value or {}
        to.discover_secure, to.discover_any_certificate = value ~= false, given.verify == false
        to.discover_ca, to.discover_cert, to.discover_key = given.ca, given.cert, given.key
    elseif name ~= "like" then
        to[name] = value
        if has_length[name] then to[name .. "_len"] = #value end
    end
end

-- A pool that ejects as twemproxy does is like it in what it does not say, too.
local function complete(to, given)
    local backend = to.server.backend
    if backend.eject == NO_EJECT then
        return given.eject_retry and not defaults.eject_retry and "option 'eject_retry' goes with eject = \"twemproxy\""
            or nil
    end
    if to.on_failure == REHASH then
        return "takes on_failure = \"rehash\" or eject = \"twemproxy\", not both: take the first if you can"
    end
    if not given.texts then backend.texts = TWEMPROXY_TEXTS end
    if not given.failure_limit then backend.failure_limit = 2 end
end

-- The options of mg.defaults, of `like`, and of the pool itself: the later wins. A `like` of mg.defaults comes before
-- the options beside it there. Returns nil or what is wrong, and the option `tls`.
local function read_options(spec, to)
    local given, secure = {}, nil
    local function set(name, value)
        given[name] = true
        if name == "tls" then secure = tls.merge(secure, value) else set_option(to, name, value) end
    end
    local function read(from, word) return options.read(from or {}, pool_options, set, word) end
    local wrong = not spec.like and read(like[defaults.like])
        or read(defaults) or read(like[spec.like]) or read(spec, hint_of_option)
    return wrong or complete(to, given), secure
end

-- Into the options of a server. Returns nil, or what is wrong.
local function set_tls(to, secure)
    local number, wrong = tls.number(secure)
    if not number then return ("option 'tls' %s"):format(wrong) end
    to.backend.tls = number
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

-- secure: the option `tls` of its pool.
local function read_server(spec, to, secure)
    warn_of_times(spec, "mg.pool server")
    local wrong = options.read(spec, server_options, function(name, value)
        if name == "tls" then
            secure = tls.merge(secure, value)
        elseif settings[name] then
            to.backend[name] = value
        elseif name == "name" then
            to.name, to.name_len = value, #value
        elseif name == "timeout" or name == "weight" then
            to[name] = value
        end
    end)
    wrong = wrong or spec.tls ~= nil and set_tls(to, secure) or nil
    if wrong then return nil, wrong end
    return server_text(spec, to)
end

local function add_server(number, server, common, secure)
    local to = abi.server_options(common)
    local text, wrong = server, nil
    if type(server) == "table" then
        text, wrong = read_server(server, to, secure)
    elseif type(server) ~= "string" then
        wrong = ("is a %s, not a string or a table"):format(type(server))
    end
    if wrong then return wrong end
    wrong = abi.text(C.mg_pool_add(script, number, text, #text, to))
    local hint = wrong and to.port == 0 and hints().server(text)
    return wrong and ("'%s': %s"):format(text, hint or wrong)
end

local function add_servers(number, spec, common, secure)
    for i, server in ipairs(spec) do
        local wrong = add_server(number, server, common, secure)
        if wrong then return wrong:sub(1, 1) == "'" and "server " .. wrong or ("server %d %s"):format(i, wrong) end
    end
end

local function wrong_list(spec)
    if type(spec) ~= "table" then return "takes a table of servers and options" end
    if options.is_module(spec) then return "is called with a dot, not a colon: mg.pool { ... }" end
    if spec.discover ~= nil and #spec > 0 then return "takes servers or the option 'discover', not both" end
    if spec.discover == nil then
        if #spec == 0 then return hints().list(spec) or "names no server" end
        for name in pairs(spec) do
            if type(name) == "string" and name:find "^discover_" and pool_options[name] then
                return ("option '%s' goes with 'discover'"):format(name)
            end
        end
    end
    for _, name in ipairs { "discover_auth", "discover_tls" } do
        if spec[name] and spec.discover and not tostring(spec.discover):find "^etcd://" then
            return ("option '%s' goes with etcd://"):format(name)
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
    local wrong, secure = wrong_list(spec), nil
    if not wrong then wrong, secure = read_options(spec, to) end
    wrong = wrong or set_tls(to.server, secure)
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
    warn_of_times(spec, "mg.pool")
    local number = C.mg_pool_open(script, to)
    wrong = add_servers(number, spec, to.server, secure) or abi.text(C.mg_pool_close(script, number))
    if wrong then where.fail("mg.pool " .. wrong) end
    for _, warn in ipairs { C.mg_pool_twin, C.mg_pool_excess } do
        local text = abi.text(warn(script, number))
        if text then warnings.add("mg.pool " .. text) end
    end
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
    local wrong = options.read(spec, pool_options, function() end, hint_of_option)
    if wrong then where.fail("mg.defaults " .. wrong) end
    warn_of_times(spec, "mg.defaults")
    defaults = {}
    for name, value in pairs(spec) do defaults[name] = value end
end

return M
