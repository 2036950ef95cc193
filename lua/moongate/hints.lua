--- hints: what to write in place of the words of other proxies and clients, for the errors of mg.pool and mg.defaults.
local M = {}

-- Written for a list of servers.
local SERVERS = "the servers are the list itself: mg.pool { \"10.0.0.1:11211\", \"10.0.0.2:11211\", timeout = 0.2 }"
local A_WEIGHT = "a weight goes with its server: \"host:port:weight\" or { \"host:port\", weight = 2 }"
local LISTENERS = "listeners are for the whole script: mg.listen, or --bind"

--- What a pool calls an option that another program calls so.
M.pool = {
    backends = SERVERS, host = SERVERS, hosts = SERVERS, nodes = SERVERS, server = SERVERS, servers = SERVERS,
    path = SERVERS, port = SERVERS,
    weight = A_WEIGHT, weights = A_WEIGHT,
    -- twemproxy
    auto_eject_hosts = "write eject = \"twemproxy\"; or on_failure = \"rehash\", which probes before a return",
    backlog = LISTENERS,
    client_connections = "write --max-conns on the command line, or mg.options { max_conns = 10000 }",
    hash_func = "write hash = \"md5\" or another one, or like = \"twemproxy\"",
    listen = LISTENERS,
    preconnect = "leave it out: moongate connects when it starts",
    redis = "leave it out: moongate speaks memcache alone",
    redis_auth = "leave it out: moongate speaks memcache alone",
    redis_db = "leave it out: moongate speaks memcache alone",
    reuseport = "write --accept direct on the command line",
    server_connections = "write connections = 4",
    server_failure_limit = "write failure_limit = 2, beside eject = \"twemproxy\"",
    server_retry_timeout = "write eject_retry = 30 (in seconds, not milliseconds), beside eject = \"twemproxy\"",
    tcpkeepalive = "write keepalive = 60 (in seconds)",
    -- mcrouter
    failover = "write mg.failover { pool, other }",
    keep_routing_prefix = "leave it out: keys are sent as they are; mg.modify_key changes them",
    probe_timeout_initial = "write probe_min = 0.1 (in seconds)",
    probe_timeout_max = "write probe_max = 10 (in seconds)",
    protocol = "leave it out: moongate speaks memcache's text and meta protocol",
    server_timeout = "write timeout = 0.2 (in seconds, not milliseconds)",
    server_timeout_ms = "write timeout = 0.2 (in seconds, not milliseconds)",
    timeouts_until_tko = "write failure_limit = 3",
    -- clients
    algorithm = "write distribution and hash, or like",
    dead_retry = "write probe_min and probe_max (in seconds)",
    dead_timeout = "write probe_min and probe_max (in seconds)",
    dist = "write distribution",
    distance = "write distribution",
    hash_function = "write hash",
    ketama = "write distribution = \"ketama\"",
    max_connections = "write connections = 4",
    prefix = "write mg.modify_key { pool, prefix = \"app:\" }; a prefix that is not hashed: unhashed_prefix = \"app:\"",
    retry = "write mg.failover { pool, pool } to try again",
    retry_timeout = "write probe_min and probe_max (in seconds), or eject_retry beside eject = \"twemproxy\"",
    timeout_ms = "write timeout = 0.2 (in seconds, not milliseconds)",
    connect_timeout_ms = "write connect_timeout = 0.1 (in seconds, not milliseconds)",
}

--- What to write where a pool has no list: under one of these names there may be one. Nil: there is none.
function M.list(spec)
    for name, words in pairs(M.pool) do
        if words == SERVERS and spec[name] ~= nil then return ("unknown option '%s': %s"):format(name, words) end
    end
end

--- What is meant by a text that names no server; nil: nobody knows.
function M.server(text)
    if text:find "^/" then return ("a unix socket is written \"unix:%s\""):format(text) end
    local variable = text:match "^%${?([%a_][%w_]*)"
    if variable then
        return ("nothing replaces $%s in a script: write mg.env \"%s\" .. \":11211\""):format(variable, variable)
    end
    local host, port = text:match "^([%w._-]+)[;,= ]+(%d+)$"
    if host then return ("the port follows a colon: \"%s:%s\""):format(host, port) end
    if text:find "[%w]%s*[,;]%s*[%w]" then return "each server is a text of its own: \"a:11211\", \"b:11211\"" end
    if text:find "^%w+://" then return "a URL goes into the option 'discover'; a server is \"host:port\"" end
end

local UNITS = { ms = 0.001, s = 1, sec = 1, m = 60, min = 60 }

--- The number of seconds that a text such as "400ms" means, or nil.
function M.seconds(text)
    local number, unit = text:match "^%s*([%d.]+)%s*(%a*)$"
    local factor = unit == "" and 1 or UNITS[unit]
    return tonumber(number) and factor and tonumber(number) * factor
end

return M
