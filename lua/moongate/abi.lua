--- abi: the only Lua file that touches ffi: C's functions and structs, with addresses kept out of a script's reach.
local ffi = require "ffi"

local M = {}

--- Declares C's side and remembers what C hands over. Called once, by boot, before anything else is loaded.
-- @param cdef string      include/script/abi.h, preprocessed
-- @param script lightuserdata  the C script
-- @param batch lightuserdata   the C batch
function M.open(cdef, script, batch)
    ffi.cdef(cdef)
    local C = ffi.C
    assert(C.mg_abi_version() == C.MG_ABI_VERSION, "moongate's Lua and C are of different versions: rebuild with make")
    M.C = C
    M.script = ffi.cast("struct script *", script)
    M.batch = ffi.cast("struct mg_batch *", batch)
end

--- References to all slots, made once: a reference can neither be indexed nor added to, so it stays within its slot.
function M.slots()
    local slots = {}
    for i = 0, M.batch.capacity - 1 do slots[i] = M.batch.slots[i] end
    return slots
end

local bytes_t = ffi.typeof "const char *"

--- The string at an address that C gave.
function M.string(address, len)
    return ffi.string(ffi.cast(bytes_t, address), len)
end

--- A C string, or nil for NULL.
function M.text(pointer)
    if pointer == nil then return nil end
    return ffi.string(pointer)
end

--- An empty struct mg_pool_options.
function M.pool_options()
    return ffi.new "struct mg_pool_options"
end

--- A copy of a struct mg_server_options: a server's own, to begin with those of its pool.
function M.server_options(common)
    return ffi.new("struct mg_server_options", common)
end

--- An empty struct route_options.
function M.route_options()
    return ffi.new "struct route_options"
end

local result, new_request

--- The struct mg_result that C fills; one for all: what it says is good until the next use.
function M.result()
    result = result or ffi.new "struct mg_result"
    return result
end

--- The struct mg_new_request for a table of fields; likewise.
function M.new_request(fields)
    new_request = new_request or ffi.new "struct mg_new_request"
    local r = new_request
    r.key, r.key_len = fields.key, #fields.key
    r.value, r.value_len = fields.value, fields.value and #fields.value or 0
    r.exptime, r.flags = fields.exptime or 0, fields.flags or 0
    r.number = fields.delta or fields.cas or 0
    r.command = fields.id
    return r
end

--- True for a slot of the turn.
function M.is_request(value)
    return type(value) == "cdata" and ffi.istype("struct request &", value)
end

--- A list of numbers as a C array.
function M.numbers(list)
    return ffi.new("int32_t[?]", math.max(#list, 1), list)
end

--- What goes into dictionaries and comes out of them; how full one is.
function M.shared_value()
    return ffi.new "struct shared_value"
end

function M.shared_usage()
    return ffi.new "struct mg_shared_usage"
end

--- A list of numbers as C's array, which lives as long as what is returned.
function M.doubles(list)
    return ffi.new("double[?]", #list, list)
end

--- Gives a C struct its methods.
function M.metatype(name, metatable)
    ffi.metatype(name, metatable)
end

return M
