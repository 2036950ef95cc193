--- modify_key: send another key; the client still sees its own.
--
--     mg.modify_key { users, add = "v2:" }
--     mg.modify_key { users, replace = { "user:", "u:" } }
local abi = require "moongate.abi"
local policy = require "moongate.policy"
local reply = require "moongate.reply"

local C = abi.C

local bytes = policy.bytes(1, 250)

local function pair(value)
    if type(value) ~= "table" or #value ~= 2 then return nil, "takes two strings: the old beginning and the new one" end
    return policy.list_of_bytes(value, 1, 250)
end

local known = {
    add = bytes,    -- put before every key
    ensure = bytes, -- put before keys that do not begin with it
    strip = bytes,  -- taken off keys that begin with it
    replace = pair, -- { old, new }: the beginning old becomes new
    suffix = bytes, -- put after every key
}

local WRONG = "the key that a policy made is empty or too long"

-- The kind of edit, what it looks for, and what it puts there.
local function edit_of(options)
    if options.ensure then return C.EDIT_ENSURE, options.ensure, options.ensure end
    if options.strip then return C.EDIT_REPLACE, options.strip, "" end
    if options.replace then return C.EDIT_REPLACE, options.replace[1], options.replace[2] end
    return C.EDIT_ADD, "", options.add or ""
end

--- @param spec table  a route; one of add, ensure, strip and replace; suffix
return function(spec)
    local children, options = policy.read("mg.modify_key", spec, known, 1, 1)
    local given = 0
    for name in pairs(options) do given = given + (name == "suffix" and 0 or 1) end
    if given > 1 or next(options) == nil then
        policy.fail("mg.modify_key", "wants one of add, ensure, strip and replace, or suffix")
    end
    local edit, looked_for, put = edit_of(options)
    local words = { { text = looked_for }, { text = put }, { text = options.suffix } }
    local to = { children[1], reply.error(WRONG) }
    return policy.route("modify_key", C.ROUTE_KEY, to, { edit = edit }, words, children)
end
