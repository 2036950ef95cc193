--- listen_rules: what a listener asks of its clients, as words of --bind: the options tls, protocol, auth, allow_from
-- and proxy_protocol of mg.listen.
--
--     mg.listen { "10.0.0.5:11211", users, allow_from = { "10.0.0.0/8" }, protocol = "text" }
--     mg.listen { "10.0.0.5:11212", users, tls = "mutual", proxy_protocol = { from = { "10.1.0.0/16" } } }
local options = require "moongate.options"
local own = require "moongate.listen_tls"

local M = {}

local PREFIXES = { [true] = "tls:", [false] = "notls:", mutual = "mtls:" }
local PROTOCOLS = { auto = true, text = true, binary = true }

-- A network or a list of them. What they say is checked in C.
local function networks(name)
    return function(value)
        local list = type(value) == "string" and { value } or value
        local wrong = options.wrong_list(list)
        if wrong then return nil, wrong end
        if #list == 0 then return nil, "takes at least one network, such as \"10.0.0.0/8\"" end
        for i, one in ipairs(list) do
            if type(one) ~= "string" or not one:find "^[%w.:/]+$" then
                return nil, ("takes networks such as \"10.0.0.0/8\"; item %d is %s"):format(i, tostring(one))
            end
        end
        return ("%s=%s"):format(name, table.concat(list, "+"))
    end
end

local proxy_from = networks "proxy-from"

--- Readers of options; each gives a word.
M.readers = {
    allow_from = networks "allow-from",

    protocol = function(value)
        if PROTOCOLS[value] then return "protocol=" .. value end
        return nil, "takes \"auto\", \"text\" or \"binary\", not " .. tostring(value)
    end,

    auth = function(value)
        if value == false or value == "off" then return "auth=off" end
        return nil, "takes \"off\": it is on where --auth-file is given"
    end,

    proxy_protocol = function(value)
        if type(value) ~= "table" or value.from == nil then
            return nil, "takes whose headers are believed: { from = { \"10.0.0.0/8\" } }"
        end
        for name in pairs(value) do
            if name ~= "from" then return nil, ("has from alone, and no '%s'"):format(tostring(name)) end
        end
        return proxy_from(value.from)
    end,
}

--- Reads `tls`: what stands before the address in an item of --bind. A table is read again by listen_tls.
function M.tls(value)
    if PREFIXES[value] then return PREFIXES[value] end
    if type(value) ~= "table" then
        return nil, "takes true, false, \"mutual\" or a table of options, not " .. tostring(value)
    end
    local _, wrong = own.read(value)
    if wrong then return nil, wrong end
    return PREFIXES[true]
end

return M
