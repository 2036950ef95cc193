--- listen: mg.listen { address, route, options... }: where clients connect, while the script is in use.
--
--     mg.listen { "127.0.0.1:22121", sessions }
--     mg.listen { "unix:/run/app.sock", mode = "0660", group = "app", name = "app" }
local abi = require "moongate.abi"
local expect_loading = require("moongate.loading").expect
local options = require "moongate.options"
local own = require "moongate.listen_tls"
local rules = require "moongate.listen_rules"
local routes = require "moongate.routes"
local where = require "moongate.where"

local C, script = abi.C, abi.script

local M = {}

-- The routes of listeners, in their order; false: the script's returned one.
local given = {}

local function mode(value)
    if type(value) == "string" and value:find "^[0-7]+$" and #value <= 4 then return value end
    if type(value) == "number" then
        return nil, ("takes a string of octal digits, such as \"0660\": %s without quotes is a decimal number")
            :format(tostring(value))
    end
    return nil, "takes octal digits, such as \"0660\", not " .. tostring(value)
end

local function user(value)
    if type(value) == "number" and value % 1 == 0 and value >= 0 and value < 1e9 then return ("%d"):format(value) end
    if type(value) == "string" and value:find "^[^,%c%s]+$" and #value < 64 then return value end
    return nil, "takes a name of 1 to 63 bytes, or a number"
end

local readers = {
    mode = mode, owner = user, group = user,
    name = options.short_name(64),
    backlog = options.count(1, 65535),
    tls = rules.tls,
}
for name, reader in pairs(rules.readers) do readers[name] = reader end

local function check_address(spec)
    local address = spec[1]
    if type(address) == "string" and not address:find "[%c]" and #address > 0 then return address end
    if routes.is_route(address) then where.fail "mg.listen takes the address first, then the route" end
    where.fail("mg.listen takes an address first, such as \"127.0.0.1:11211\", not "
        .. (type(address) == "string" and "'" .. address:gsub("%c", "?") .. "'" or tostring(address)))
end

--- Listens on an address while this script is in use.
-- @param spec table  the address; its route, or nothing: the route that the script returns; options
function M.listen(spec)
    expect_loading "mg.listen"
    if type(spec) ~= "table" or routes.is_route(spec) then
        where.fail "mg.listen takes a table: mg.listen { \"127.0.0.1:11211\", route }"
    end
    if options.is_module(spec) then where.fail "mg.listen is called with a dot, not a colon: mg.listen { ... }" end
    local address, route = check_address(spec), spec[2]
    if options.has_gap(spec) or #spec > 2 then where.fail "mg.listen takes one address and one route" end
    if route ~= nil and not routes.is_route(route) then
        where.fail("mg.listen: item 2 takes a route, not a " .. type(route))
    end
    local to = abi.listen_options()
    local kept, words = {}, {} -- C's pointers into these strings
    local wrong = options.read(spec, readers, function(name, value)
        kept[#kept + 1] = value
        if rules.readers[name] then words[#words + 1] = value else to[name] = value end
    end)
    if wrong then where.fail("mg.listen: " .. wrong) end
    if type(spec.tls) == "table" then
        kept.own = own.read(spec.tls)
        own.fill(to, kept.own)
    end
    table.sort(words) -- an order that each reload finds again
    local all = table.concat(words, ",")
    kept[#kept + 1], kept[#kept + 2] = address, all
    to.words = all
    to.address, to.route = address, route ~= nil and routes.number_of(route) or -1
    wrong = abi.text(C.mg_listen(script, to))
    if wrong then where.fail(("mg.listen: %s: %s"):format(address, wrong)) end
    given[#given + 1] = { name = spec.name or address, route = route }
end

-- What clients that came by no listener get where each listener has a route and the script returned none.
local function no_route()
    local names = {}
    for i, one in ipairs(given) do names[i] = one.name end
    return require("moongate.reply").error("no listener is named (--listener): choose one of "
        .. table.concat(names, ", "):sub(1, 200))
end

--- Called when the script has returned `root`. Returns the route for clients that came by no listener of the script.
-- @param shown string  the script, for errors
function M.settle(root, shown)
    if C.mg_listens(script) == 0 then return root end
    local wrong = abi.text(C.mg_listens_end(script, root ~= nil))
    if wrong then error(shown .. ": " .. wrong, 0) end
    if root ~= nil then return root end
    root = #given == 1 and given[1].route or no_route()
    routes.number_of(root)
    return root
end

return M
