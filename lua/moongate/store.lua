--- store: a route that keeps items itself, in memory that all workers share: `mg.store { size = "64m" }`.
local abi = require "moongate.abi"
local options = require "moongate.options"
local routes = require "moongate.routes"
local where = require "moongate.where"

local C, script = abi.C, abi.script

local M = {}

-- Bytes at most, as --store takes them.
local MOST = C.MG_STORE_MOST_GIB * 2 ^ 30

-- The name of the store of a script that has one.
local ONLY = "store"

local read_bytes = options.size(C.MG_STORE_LEAST, MOST)

local function read_size(value)
    local bytes, why = read_bytes(value)
    return bytes, why and why .. "; give 64k to 512g, as in size = \"64m\""
end

local readers = {
    size = read_size,
    name = options.short_name(64),
}

-- Sizes by name; and whether the script has one without a name.
local sizes, has_unnamed = {}, false

-- Nil, or what is wrong.
local function wrong_name(given, name, size)
    if not given and has_unnamed then
        return "has a store without a name already: give each store a name, as in name = \"sessions\""
    end
    if sizes[name] and sizes[name] ~= size then
        return ("has a store '%s' of %.0f bytes already: give this one another name, or the same size")
            :format(name, sizes[name])
    end
end

-- The routes that are stores.
local made = setmetatable({}, { __mode = "k" })

--- True for what mg.store gives.
function M.is_store(value) return made[value] == true end

local function wrong_spec(spec)
    if type(spec) ~= "table" then return "takes a table of options, as in mg.store { size = \"64m\" }" end
    if options.is_module(spec) then return "is called with a dot, not a colon: mg.store { ... }" end
    if #spec > 0 then return "takes options alone: it keeps items itself, and has no servers" end
    if spec.size == nil then return "option 'size' is missing: give it, as in size = \"64m\"" end
end

--- A route that keeps items itself. Stores of equal names are one.
-- @param spec table  size, name; see lua/README.md
function M.store(spec)
    routes.check_loading "mg.store"
    local given = {}
    local wrong = wrong_spec(spec) or options.read(spec, readers, function(name, value) given[name] = value end)
    if wrong then where.fail("mg.store " .. wrong) end
    local name = given.name or ONLY
    wrong = wrong_name(given.name, name, given.size)
    if wrong then where.fail("mg.store: the script " .. wrong) end
    local number = C.mg_store_open(script, name, #name, given.size)
    if number < 0 then where.fail(("mg.store '%s': %s"):format(name, abi.text(C.mg_wrong(script)))) end
    sizes[name], has_unnamed = given.size, has_unnamed or not given.name
    local value = routes.value(number, "store " .. name)
    made[value] = true
    return value
end

return M
