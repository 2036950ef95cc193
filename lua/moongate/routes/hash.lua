--- hash: spread keys over routes of any kind, as a pool spreads them over servers.
--
--     mg.hash { east, west, weights = { 2, 1 }, salt = "v2" }
local abi = require "moongate.abi"
local options_of = require "moongate.options"
local policy = require "moongate.policy"

local C = abi.C

local function names(value) return policy.list_of_bytes(value, 1, 255) end

-- It is no part of a key, so it may have any bytes.
local function salt(value)
    if type(value) == "string" and #value >= 1 and #value <= 255 then return value end
    return nil, "takes a string of 1 to 255 bytes"
end

local known = {
    distribution = options_of.choice(C.MG_DISTRIBUTION, "distribution"), -- this and the next four as for mg.pool
    hash = options_of.choice(C.MG_HASH, "hash"),
    seed = policy.count(0, 2 ^ 53),
    hash_tag = policy.bytes(2, 2),
    hash_stop = policy.bytes(1, 15),
    salt = salt,                 -- appended to what is hashed
    weights = policy.weights_or_zero, -- one for each route; 0 as for mg.pool
    names = names,               -- of the routes, on a ring; "1", "2" ... unless given
}

--- @param spec table  1 to 1000 routes, and options
return function(spec)
    local children, options = policy.read("mg.hash", spec, known, 1, 1000)
    policy.check_list("mg.hash", "weights", options.weights, children)
    policy.check_list("mg.hash", "names", options.names, children)
    local fields = { distribution = options.distribution or C.mg_find(C.MG_DISTRIBUTION, "ketama", 6),
        hash = options.hash or -1, seed = options.seed or 0 }
    if options.hash and C.mg_hashes_itself(fields.distribution) then
        policy.fail("mg.hash", "option 'hash' goes with other distributions: this one hashes keys in its own way")
    end
    local words = { { text = options.salt }, { text = options.hash_tag }, { text = options.hash_stop } }
    for i = 1, #children do
        local name = options.names and options.names[i] or tostring(i)
        words[#words + 1] = { text = name, number = options.weights and options.weights[i] or 1 }
    end
    local to, array = abi.route_options(), abi.words(words)
    to.distribution = fields.distribution
    local wrong = abi.text(C.mg_hash_refuses(to, array, #words))
    if wrong then policy.fail("mg.hash", wrong) end
    return policy.route("hash", C.ROUTE_HASH, children, fields, words)
end
