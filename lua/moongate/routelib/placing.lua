--- placing: the options of a pool that decide where a key is, as options of mg.pool beside like = "memcached-proxy".
local mcp = require "moongate.routelib.mcp"
local text = require "moongate.routelib.text"

local M = {}

--- The options, by name.
M.known = {
    dist = true, omode = true, obuckets = true, hash = true, seed = true, filter = true, filter_conf = true,
}

-- How the proxy's ring names servers, by its omode; "evcache" names each one host/host:port.
local naming = { ketama = "host_port", twemproxy = "host", evcache = "host_port" }

local function string_of(options, name, least, most, fail)
    local value = options[name]
    if type(value) ~= "string" or #value < least or #value > most then
        fail(name, "'%s' takes a string of %d to %d bytes", name, least, most)
    end
    return value
end

local function ring_fields(options, fields, fail)
    local mode, buckets = options.omode or "default", options.obuckets or 160
    if not naming[mode] then
        fail("omode", "'omode' takes \"ketama\", \"twemproxy\" or \"evcache\": moongate has no ring for \"%s\"",
            tostring(mode))
    end
    if buckets ~= 160 then
        fail("obuckets", "'obuckets' takes 160, as by default: moongate has no ring for %s", tostring(buckets))
    end
    fields[#fields + 1] = { "distribution", text.quote "spymemcached" }
    fields[#fields + 1] = { "naming", text.quote(naming[mode]) }
end

local function filter_fields(options, fields, fail)
    if options.filter == nil then return end
    if options.filter ~= "tags" and options.filter ~= "stop" then
        fail("filter", "'filter' takes \"tags\" or \"stop\", not %s", tostring(options.filter))
    end
    local conf = string_of(options, "filter_conf", 2, 5, fail)
    local is_tags = options.filter == "tags"
    fields[#fields + 1] = { is_tags and "hash_tag" or "hash_stop", text.quote(is_tags and conf:sub(1, 2) or conf) }
end

--- Fields of mg.pool, for text.call. fail: called with the word that is wrong, and a message.
function M.fields(options, fail)
    local fields = {}
    if options.dist == mcp.ring then
        ring_fields(options, fields, fail)
    elseif options.dist ~= nil and options.dist ~= mcp.jump then
        fail("dist", "'dist' takes mcp.dist_jump_hash or mcp.dist_ring_hash")
    end
    if options.hash == mcp.md5 then
        fields[#fields + 1] = { "hash", text.quote "md5" }
    elseif options.hash ~= nil and options.hash ~= mcp.xxhash then
        fail("hash", "'hash' takes mcp.hash_xxhash or mcp.dist_ring_hash.hash")
    end
    if options.seed ~= nil then
        local seed = string_of(options, "seed", 0, 1e4, fail)
        if options.hash ~= mcp.md5 then fields[#fields + 1] = { "seed", text.quote(seed) } end -- which has no seed
    end
    filter_fields(options, fields, fail)
    return fields
end

return M
