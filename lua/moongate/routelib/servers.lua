--- servers: the backends of a pool, checked, and written as servers of mg.pool.
local backends = require "moongate.routelib.backends"
local text = require "moongate.routelib.text"

local M = {}

local own = { host = true, port = true, label = true }

-- The parts of "host:port label", as routelib reads it; nil without a port.
local function parts_of(backend)
    local host, port = backend:match "^(.+):(%d+)"
    if not host then return nil end
    local behind = backend:sub(#host + #port + 2):match "^%s*(.-)%s*$"
    return { host = host, port = port, down = behind:find "_down_$" and true or nil, behind = behind }
end

local function split(backend, i, at)
    if type(backend) == "table" then return backend end
    if type(backend) ~= "string" then
        at.fail("backends", "backend %d is a %s, not a string or a table", i, type(backend))
    end
    local parts = parts_of(backend)
    if not parts then at.fail(backend, "backend \"%s\" has no port: write \"host:port\"", backend) end
    local label = parts.behind:gsub("_down_$", "")
    if not label:find "^%a*%s*$" then at.note(backend, "backend \"%s\": what follows the port is left out", backend) end
    parts.behind = nil
    return parts
end

local function port_of(backend, i, at)
    local port = backend.port == nil and 11211 or tonumber(backend.port)
    if not port or port % 1 ~= 0 or port < 1 or port > 65535 then
        at.fail("port", "backend %d: the port is 1 to 65535, not %s", i, tostring(backend.port))
    end
    return port
end

local function is_v4(host)
    local numbers = { host:match "^(%d+)%.(%d+)%.(%d+)%.(%d+)$" }
    for i = 1, 4 do
        if not numbers[i] or tonumber(numbers[i]) > 255 then return false end
    end
    return true
end

-- [host] and host name the same v6 address.
local function host_of(backend, i, at)
    local host = backend.host
    if type(host) ~= "string" then at.fail("backends", "backend %d has no host", i) end
    local bare = host:match "^%[(.*)%]$" or host
    if not (bare:find "^[%w_.-]+$" or bare:find "^[%x:.]+:[%x:.]*$") then
        at.fail(host, "backend \"%s\" is no host name and no address", host)
    end
    if bare:find "^[%d.]+$" and not is_v4(bare) then
        at.fail(host, "backend \"%s\": an IPv4 address is four numbers of 0 to 255", host)
    end
    return bare
end

local function address(host, port)
    return (host:find(":", 1, true) and "[%s]:%d" or "%s:%d"):format(host, port)
end

-- A server's name, where its address is not enough: a server that is there twice has two places in a jump hash.
local function name_of(host, port, ring, times)
    if ring == "evcache" then return ("%s/%s:%d"):format(host, host, port) end
    return times > 1 and ("%s#%d"):format(address(host, port), times) or nil
end

local function is_list(value)
    local n = 0
    for _ in pairs(value) do n = n + 1 end
    return n == #value
end

local function with(base, options)
    local to = {}
    for key, value in pairs(base) do to[key] = value end
    for key, value in pairs(options) do to[key] = value end
    return to
end

--- Reads a pool's backends.
-- @param listed table    as in the configuration
-- @param given table     the pool's backend_options
-- @param base table      moongate's options so far
-- @param ring string     the omode of the pool's ring; nil: it has none
-- @param at table        the pool's place
-- @return table, table  the servers; the options of the pool
function M.read(listed, given, base, ring, at)
    if type(listed) ~= "table" or not is_list(listed) then
        at.fail("backends", "'backends' takes a list of backends")
    end
    if #listed == 0 then at.fail("backends", "'backends' names no server") end
    local common, seen, list = with(base, backends.translate(given, backends.of_backend, own, at)), {}, {}
    for i, backend in ipairs(listed) do
        local parts = with({ port = given.port }, split(backend, i, at))
        local host, port = host_of(parts, i, at), port_of(parts, i, at)
        local shown = address(host, port)
        seen[shown] = (seen[shown] or 0) + 1
        if not ring or seen[shown] == 1 then -- on a ring its points are the same ones
            local options = with(common, backends.translate(parts, backends.of_backend, own, at))
            list[#list + 1] = { address = shown, name = name_of(host, port, ring, seen[shown]), options = options }
        end
    end
    return list, common
end

--- The servers of a pool as nodes.
function M.nodes(pool)
    local nodes = {}
    for i, server in ipairs(pool.servers) do
        local fields = backends.fields(server.options, pool.options)
        if server.name then table.insert(fields, 1, { "name", text.quote(server.name) }) end
        local quoted = text.quote(server.address)
        nodes[i] = #fields == 0 and quoted or text.call("", { quoted }, fields)
    end
    return nodes
end

return M
