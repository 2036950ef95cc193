--- tls: the option `tls` of pools and servers: `mg.pool { "10.0.0.1:11211", tls = { ca = "/etc/moongate/ca.pem" } }`.
-- A value is true, false or a table. What a server's table does not say is as in its pool's, and what that does not say
-- as in mg.defaults.
local abi = require "moongate.abi"
local options = require "moongate.options"

local C, script = abi.C, abi.script

local M = {}

local readers = {
    ca = options.text "the path of a file",
    cert = options.text "the path of a file",
    key = options.text "the path of a file",
    name = options.bytes(1, 255),
    min = options.text "\"1.2\" or \"1.3\"",
    ciphers = options.text "ciphers as openssl ciphers(1) has them",
    verify = options.flag,
}

--- Reads a value of the option. Returns it, or nil and what is wrong with it.
function M.read(value)
    if type(value) == "boolean" then return value end
    if type(value) ~= "table" then return nil, "takes true, false or a table of options, not " .. tostring(value) end
    if #value > 0 or options.has_gap(value) then return nil, "takes a table of options: tls = { ca = \"FILE\" }" end
    local wrong = options.read(value, readers, function() end)
    if wrong then return nil, "has a table with " .. wrong end
    return value
end

local discovery_readers = { ca = readers.ca, cert = readers.cert, key = readers.key, verify = options.flag }

--- The same for the option `discover_tls`, which has fewer fields.
function M.read_discovery(value)
    if type(value) == "boolean" then return value end
    if type(value) ~= "table" then return nil, "takes true, false or a table of options, not " .. tostring(value) end
    if #value > 0 or options.has_gap(value) then return nil, "takes a table of options: { ca = \"FILE\" }" end
    local wrong = options.read(value, discovery_readers, function() end)
    if wrong then return nil, "has a table with " .. wrong end
    if value.key and not value.cert then return nil, "has a key and no cert: the certificate that it is for" end
    return value
end

--- What is meant where both are given; `wide` is that of a pool for its servers, or of mg.defaults for its pools.
function M.merge(wide, narrow)
    if narrow == nil then return wide end
    if narrow == true then return wide or true end
    if not narrow then return false end
    local both = {}
    for name, value in pairs(type(wide) == "table" and wide or {}) do both[name] = value end
    for name, value in pairs(narrow) do both[name] = value end
    return both
end

--- The number by which C knows these settings, 0 for none; or nil and what is wrong.
function M.number(value)
    if not value then return 0 end
    local to = abi.tls_options()
    to.verify = true
    local kept = type(value) == "table" and value or {} -- C has the addresses of its strings
    for name, of in pairs(kept) do to[name] = of end
    if kept.key and not kept.cert then return nil, "has a key and no cert: the certificate that it is for" end
    local number = C.mg_tls(script, to)
    if number == 0 then return nil, abi.text(C.mg_wrong(script)) end
    return number
end

return M
