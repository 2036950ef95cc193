--- response: the response to a call: `res:is_hit()`, `res.value`. Valid until its function has ended.
-- A light userdata, as in kept. The fields are C's; they are found by the call's number.
local abi = require "moongate.abi"
local options = require "moongate.options"
local request = require "moongate.request"
local where = require "moongate.where"

local C, script = abi.C, abi.script
local find, asks, sort, owner = abi.waiting.find, abi.waiting.asks, abi.waiting.sort, abi.waiting.owner

local M = {}

local HIT, MISS, REFUSED = C.mg_result_bits("hit", 3), C.mg_result_bits("miss", 4), C.mg_result_bits("refused", 7)

local kinds = {}
for at = 0, 31 do
    local name = abi.text(C.mg_result_name(at))
    if not name or name == "error" then break end
    kinds[C.mg_result_bits(name, #name)] = name
end

local OVER = "this response is over: use it only in the function whose call it came from, until that has returned"

local function fail(self)
    local is = sort(self)
    if is == "response" then where.fail(OVER) end
    if is == "request" then where.fail(request.over) end
    where.fail "call it as res:name()"
end

-- The number of its call.
local function number_of(self)
    return find(self) or fail(self)
end

local methods, fields = {}, {}

--- Found, stored, done; not found; refused (NOT_STORED, EXISTS); an error, or no answer.
methods.is_hit = asks(HIT, fail)
methods.is_miss = asks(MISS, fail)
methods.is_refused = asks(REFUSED, fail)
methods.is_error = asks(bit.bnot(HIT + MISS + REFUSED), fail)

local function read(number)
    local result = abi.result()
    if not C.mg_async_result(script, number, result) then where.fail(OVER) end
    return result
end

local function find_flag(self, method, letter)
    local number, out = number_of(self), abi.bytes()
    if type(letter) ~= "string" or not letter:find "^%a$" then
        where.fail(("res:%s takes a letter, not %s"):format(method, tostring(letter)))
    end
    return C.mg_async_flag(script, number, letter:byte(), out) and out or nil
end

--- has_flag: true when the answer to a meta command has that flag. flag: what follows its letter, nil without it.
function methods.has_flag(self, letter)
    return find_flag(self, "has_flag", letter) ~= nil
end

function methods.flag(self, letter)
    local out = find_flag(self, "flag", letter)
    return out and abi.string(out.at, out.len)
end

--- The result as a word: "hit", "miss", "timeout" ...
function fields.kind(number) return kinds[read(number).kind] end

function fields.value(number)
    local result = read(number)
    return result.value_at ~= 0 and abi.string(result.value_at, result.value_len) or nil
end

--- Length of the value in bytes, without making a string; nil without a value.
function fields.size(number)
    local result = read(number)
    return result.value_at ~= 0 and result.value_len or nil
end

function fields.flags(number) return abi.from_number(read(number).flags) end
function fields.cas(number) return abi.from_number(read(number).cas) end

--- What incr and decr made.
function fields.number(number) return abi.from_number(read(number).number) end

--- Remaining seconds, of a meta answer with t; -1 for ever; nil without t.
function fields.ttl(number)
    local ttl = read(number).ttl
    return ttl ~= -2 and ttl or nil
end

--- The text of an error, else nil.
function fields.error(number)
    local result = read(number)
    return result.text_at ~= 0 and abi.string(result.text_at, result.text_len) or nil
end

-- The texts for errors of edits; the others are those of requests.
local errors = {
    [C.MG_EDIT_OVER] = OVER,
    [C.MG_EDIT_NO_VALUE] = "this response carries no value",
    [C.MG_EDIT_NO_NUMBER] = "this response does not show it: ask for it with gets, or the meta flags f and c",
}

local function rewrite(call, name, what, text, number)
    local status = C.mg_async_rewrite(script, call, what, text, text and #text or 0, number)
    if status ~= 0 then where.fail(("res.%s: %s"):format(name, errors[status] or request.edit_error(status))) end
end

-- Setters of fields: what the client, or a request that borrows the value, sees of a hit.
local setters = {}

function setters.value(call, value)
    if type(value) ~= "string" then where.fail("res.value takes a string, not a " .. type(value)) end
    rewrite(call, "value", C.MG_RESULT_VALUE, value, 0)
end

function setters.flags(call, flags)
    local number = abi.to_number(flags)
    if not number then where.fail("res.flags takes a whole number from 0 on, not " .. tostring(flags)) end
    rewrite(call, "flags", C.MG_RESULT_FLAGS, nil, number)
end

function setters.cas(call, cas)
    local number = abi.to_number(cas)
    if not number then where.fail("res.cas takes a whole number from 0 on, not " .. tostring(cas)) end
    rewrite(call, "cas", C.MG_RESULT_CAS, nil, number)
end

--- For the class that requests and responses share. index: a field or method; set: sets a field; text: "response: hit".
function M.index(self, name)
    local number = number_of(self)
    if methods[name] then return methods[name] end
    if fields[name] then return fields[name](number) end
    where.fail(("a response has no field '%s'; there are: %s"):format(tostring(name), options.names(fields, methods)))
end

function M.set(self, name, value)
    local number = number_of(self)
    if not setters[name] then
        where.fail(("of a response value, flags and cas can be set, not '%s'"):format(tostring(name)))
    end
    setters[name](number, value)
end

function M.text(self)
    return "response: " .. fields.kind(number_of(self))
end

M.methods, M.fields = methods, fields

--- For requests that borrow the value: { at =, serial =, number = }, its function and its call; nil for other values.
function M.inside(value)
    if sort(value) ~= "response" then return nil end
    local number = number_of(value)
    local at, serial = owner()
    return { at = at, serial = serial, number = number }
end

return M
