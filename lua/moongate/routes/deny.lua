--- deny: refuse commands, keys, prefixes and identities.
--
--     mg.deny { users, commands = { "delete", "touch" }, prefixes = { "frozen:" }, error = "read-only for now" }
local abi = require "moongate.abi"
local commands = require "moongate.commands"
local policy = require "moongate.policy"
local reply = require "moongate.reply"

local C = abi.C

local known = {
    commands = commands.names,  -- names and groups, as in mg.by_command
    keys = policy.strings,
    prefixes = policy.strings,
    identities = policy.identities, -- names as in mg.allow
    error = function(value)
        if type(value) == "string" then return reply.error(value) end
        return nil, "takes a string, not a " .. type(value)
    end,
}

local function by_key(children, match, list)
    local words = { {}, {} }
    for _, text in ipairs(list) do words[#words + 1] = { text = text, child = 1 } end
    return policy.route("deny", C.ROUTE_PREFIX, children, { match = match }, words, { children[1] })
end

local function by_command(children, names)
    local words = {}
    for id in pairs(commands.by_id(names)) do words[#words + 1] = { command = id, child = 1 } end
    return policy.route("deny", C.ROUTE_COMMAND, children, {}, words, { children[1] })
end

local function by_identity(children, names)
    local words = {}
    for name in pairs(policy.whole_identities(names)) do words[#words + 1] = { text = name, child = 1 } end
    return policy.route("deny", C.ROUTE_IDENTITY, children, {}, words, { children[1] })
end

--- @param spec table  a route, and what is refused
return function(spec)
    local children, options = policy.read("mg.deny", spec, known, 1, 1)
    local route, refusal = children[1], options.error or reply.error "denied"
    if options.prefixes then route = by_key({ route, refusal }, C.MATCH_PREFIX, options.prefixes) end
    if options.keys then route = by_key({ route, refusal }, C.MATCH_WHOLE, options.keys) end
    if options.commands then route = by_command({ route, refusal }, options.commands) end
    if options.identities then route = by_identity({ route, refusal }, options.identities) end
    if route == children[1] then policy.fail("mg.deny", "names no commands, keys, prefixes or identities") end
    return route
end
