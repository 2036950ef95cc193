--- pool: servers and how keys are spread over them: `mg.pool { "10.0.0.1:11211", "10.0.0.2:11211", timeout = 0.2 }`.
local abi = require "moongate.abi"

local where = require "moongate.where"

local C, script = abi.C, abi.script

local M = {}

-- The number of each pool; only what is in here is a pool.
local numbers = setmetatable({}, { __mode = "k" })

local function is_number(value, least, most, what)
    if type(value) == "number" and value >= least and value <= most then return value end
    return nil, ("takes %s from %g to %g, not %s"):format(what, least, most, tostring(value))
end

local function seconds(value)
    return is_number(value, 0.001, 3600, "seconds")
end

local function count(most)
    return function(value)
        if type(value) == "number" and value % 1 ~= 0 then return nil, "takes a whole number, not " .. value end
        return is_number(value, 1, most, "a number")
    end
end

local function name_of(find, what)
    return function(value)
        local number = type(value) == "string" and find(value, #value) or -1
        if number >= 0 then return number end
        return nil, ("there is no %s '%s'"):format(what, tostring(value))
    end
end

local function short_name(value)
    if type(value) == "string" and value:find "^[%w_.-]+$" and #value < 64 then return value end
    return nil, "takes 1 to 63 letters, digits, and _ . -"
end

-- Each option, and what turns its value into C's: the value, or nil and what is wrong.
local options = {
    name = short_name,
    distribution = name_of(C.mg_find_distribution, "distribution"),
    hash = name_of(C.mg_find_hash, "hash"),
    on_failure = name_of(C.mg_find_on_failure, "on_failure"),
    timeout = seconds,
    connect_timeout = seconds,
    stall_timeout = seconds,
    depth = count(1000000),
    connections = count(64),
}

local function known_names()
    local names = {}
    for name in pairs(options) do names[#names + 1] = name end
    table.sort(names)
    return table.concat(names, ", ")
end

-- Fills `to` from the script's table. Nothing, or what is wrong.
local function read_options(spec, to)
    for name, value in pairs(spec) do
        if type(name) ~= "number" then
            local read = options[name]
            if not read then return ("unknown option '%s'; there are: %s"):format(tostring(name), known_names()) end
            local result, wrong = read(value)
            if wrong then return ("option '%s' %s"):format(name, wrong) end
            if name == "name" then to.name_len = #result end
            to[name] = result
        end
    end
end

local function add_servers(number, spec)
    for i, server in ipairs(spec) do
        if type(server) ~= "string" then return ("server %d is a %s, not a string"):format(i, type(server)) end
        local wrong = abi.text(C.mg_pool_add(script, number, server, #server))
        if wrong then return ("server '%s': %s"):format(server, wrong) end
    end
end

local function wrong_list(spec)
    if type(spec) ~= "table" then return "takes a table of servers and options" end
    if #spec == 0 then return "names no server" end
    for key in pairs(spec) do
        if type(key) == "number" and (key < 1 or key > #spec or key % 1 ~= 0) then
            return "has a gap in its list of servers"
        end
    end
end

--- A route over servers. Errors name the option and the line of the script.
-- @param spec table  servers (host, host:port, [v6]:port, unix:/path) and options; see the README
function M.pool(spec)
    local to = abi.pool_options()
    C.mg_pool_defaults(script, to)
    local wrong = wrong_list(spec) or read_options(spec, to)
    if wrong then where.fail("mg.pool " .. wrong) end
    local number = C.mg_pool_open(script, to)
    wrong = add_servers(number, spec)
    if wrong then where.fail("mg.pool " .. wrong) end
    C.mg_pool_close(script, number)
    local pool = setmetatable({}, { __metatable = "pool", __tostring = function() return "pool " .. number end })
    numbers[pool] = number
    return pool
end

M.numbers = numbers

return M
