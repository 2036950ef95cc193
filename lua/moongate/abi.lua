--- abi: the only Lua file that uses ffi: C's functions and structs. Scripts never get an address.
local ffi = require "ffi"

local M = {}

--- Declares C's side and keeps what C passes. Called once, by boot, before anything else is loaded.
-- @param cdef string      include/script/abi.h, preprocessed
-- @param script lightuserdata  the C script
-- @param batch lightuserdata   the C batch
-- @param waiting table         C's functions for functions that wait, and handles (coroutine.c, handle.c)
function M.open(cdef, script, batch, waiting)
    ffi.cdef(cdef)
    local C = ffi.C
    assert(C.mg_abi_version() == C.MG_ABI_VERSION, "moongate's Lua and C are of different versions: rebuild with make")
    M.C = C
    M.script = ffi.cast("struct script *", script)
    M.batch = ffi.cast("struct mg_batch *", batch)
    M.waiting = waiting
end

--- Pointers to all slots, made once. Scripts never get one.
function M.slots()
    local slots = {}
    for i = 0, M.batch.capacity - 1 do slots[i] = M.batch.slots + i end
    return slots
end

local bytes_t = ffi.typeof "const char *"

--- The string at an address that C gave.
function M.string(address, len)
    return ffi.string(ffi.cast(bytes_t, address), len)
end

--- The string in a C array.
function M.bytes_of(array, len)
    return ffi.string(array, len)
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

--- An empty struct mg_tls_options.
function M.tls_options()
    return ffi.new "struct mg_tls_options"
end

--- A copy of a struct mg_server_options: a server's options begin as those of its pool.
function M.server_options(common)
    return ffi.new("struct mg_server_options", common)
end

--- An empty struct mg_listen.
function M.listen_options()
    return ffi.new "struct mg_listen"
end

--- An empty struct route_options.
function M.route_options()
    return ffi.new "struct route_options"
end

--- What a script's checks count down (script_time.h): C's int32_t, or a table where nothing is compiled.
function M.cell(of)
    return type(of) == "table" and of or ffi.cast("int32_t *", of)
end

local result, bytes, number, answer, address

--- The struct mg_result that C fills. There is one: it is valid until the next use.
function M.result()
    result = result or ffi.new "struct mg_result"
    return result
end

--- Likewise a struct mg_bytes; a uint64_t[1]; room for an address's text.
function M.bytes()
    bytes = bytes or ffi.new "struct mg_bytes"
    return bytes
end

function M.number()
    number = number or ffi.new "uint64_t[1]"
    return number
end

function M.address()
    address = address or ffi.new "char[128]"
    return address
end

--- Likewise the struct mg_value for a value to answer with (flags and cas as from_number returns them), or for the
-- values of calls first .. first+n-1.
function M.value(text, first, n, flags, cas, ttl, marks)
    answer = answer or ffi.new "struct mg_value"
    answer.bytes, answer.len = text, text and #text or 0
    answer.first, answer.n = first or 0, n or 0
    answer.flags, answer.cas, answer.ttl = M.to_number(flags), M.to_number(cas), ttl or -1
    answer.marks = marks or ""
    return answer
end

--- A struct request of the script's own.
function M.new_request()
    return ffi.new "struct request"
end

--- A number of 64 bits for a script: a Lua number, or a string of digits where a Lua number would round it.
function M.from_number(of)
    if of <= 2ULL ^ 53 then return tonumber(of) end
    return (tostring(of):gsub("ULL$", ""))
end

--- The other way round: a uint64_t, or nil when it is no such number.
function M.to_number(of)
    local out = M.number()
    if type(of) == "number" then
        if not (of >= 0 and of <= 2 ^ 53 and of % 1 == 0) then return nil end
        out[0] = of
    elseif type(of) ~= "string" or not M.C.mg_read_number(of, #of, out) then
        return nil
    end
    return out[0]
end

--- The digits of such a number.
function M.digits(of)
    return type(of) == "string" and of or ("%.0f"):format(of)
end

--- A list of numbers as a C array.
function M.numbers(list)
    return ffi.new("int32_t[?]", math.max(#list, 1), list)
end

--- A list of { text =, number =, burst =, child =, command = } (all may be missing) as C's struct route_word.
function M.words(list)
    local words = ffi.new("struct route_word[?]", math.max(#list, 1))
    for i, word in ipairs(list) do
        local to, text = words[i - 1], word.text or ""
        to.text, to.len = text, #text
        to.number, to.burst = word.number or 0, word.burst or 0
        to.child, to.command = word.child or 0, word.command or 0
    end
    return words
end

--- A value that goes into a dictionary or comes out of it; how full a dictionary is.
function M.shared_value()
    return ffi.new "struct shared_value"
end

function M.shared_usage()
    return ffi.new "struct mg_shared_usage"
end

--- A list of numbers as C's array, which lives as long as the returned value.
function M.doubles(list)
    return ffi.new("double[?]", #list, list)
end

--- Gives all light userdata the class of requests and responses: handles[0] is one.
function M.set_class(handles, class)
    assert(type(handles[0]) == "userdata")
    debug.setmetatable(handles[0], class)
end

--- Lets scripts hold pointers to a C struct, as pointers to a type without fields, with that metatable. Returns a
-- function that makes one, and its inverse, which gives nil for other values.
function M.sealed(name, metatable)
    ffi.cdef(name .. "_sealed;")
    local outside, inside = ffi.typeof(name .. "_sealed *"), ffi.typeof(name .. " *")
    ffi.metatype(name .. "_sealed", metatable)
    return function(pointer) return ffi.cast(outside, pointer) end,
        function(value) return ffi.istype(outside, value) and ffi.cast(inside, value) or nil end
end

return M
