--- response: what a call came to: `res:is_hit()`, `res.value`. Its function's, and void once that has ended.
local abi = require "moongate.abi"
local where = require "moongate.where"

local C, script = abi.C, abi.script

local M = {}

-- What is behind each: { at, serial, number, and the result once it was read }.
local insides = setmetatable({}, { __mode = "k" })

local HIT, MISS, REFUSED = C.mg_result_bits("hit", 3), C.mg_result_bits("miss", 4), C.mg_result_bits("refused", 7)

local kinds = {}
for at = 0, 31 do
    local name = abi.text(C.mg_result_name(at))
    if not name or name == "error" then break end
    kinds[C.mg_result_bits(name, #name)] = name
end

local function inside(self)
    local of = insides[self]
    if not of then where.fail "call it as res:name()" end
    return of
end

local methods, fields = {}, {}

--- Found, stored, done.
function methods.is_hit(self) return inside(self).kind == HIT end

--- Not found.
function methods.is_miss(self) return inside(self).kind == MISS end

--- No error, but a plain no: not stored, exists.
function methods.is_refused(self) return inside(self).kind == REFUSED end

--- No answer, or one that is an error.
function methods.is_error(self)
    local kind = inside(self).kind
    return kind ~= HIT and kind ~= MISS and kind ~= REFUSED
end

local function read(of)
    local result = abi.result()
    if not C.mg_async_result(script, of.at, of.serial, of.number, result) then
        where.fail "this response is over: its function has ended"
    end
    return result
end

--- The kind as a word: "hit", "miss", "timeout" ...
function fields.kind(of) return kinds[of.kind] end

function fields.value(of)
    local result = read(of)
    return result.value_at ~= 0 and abi.string(result.value_at, result.value_len) or nil
end

function fields.flags(of) return read(of).flags end
function fields.cas(of) return read(of).cas end
function fields.delta(of) return read(of).number end

--- Seconds that it lives on, of a meta answer; -1 for ever, nil where it was not asked for.
function fields.ttl(of)
    local ttl = read(of).ttl
    return ttl ~= -2 and ttl or nil
end

--- The text of an error, else nil.
function fields.error(of)
    local result = read(of)
    return result.text_at ~= 0 and abi.string(result.text_at, result.text_len) or nil
end

local metatable = {
    __metatable = "response",
    __index = function(self, name)
        if methods[name] then return methods[name] end
        if fields[name] then return fields[name](inside(self)) end
        where.fail(("a response has no field '%s'"):format(tostring(name)))
    end,
    __newindex = function()
        where.fail "a response cannot be changed"
    end,
    __tostring = function(self)
        return "response: " .. fields.kind(inside(self))
    end,
}

M.methods, M.fields = methods, fields

--- The response of a task's call; nil while there is none.
function M.new(task, number)
    local result = abi.result()
    if not C.mg_async_result(script, task.at, task.serial, number, result) then return nil end
    local self = setmetatable({}, metatable)
    insides[self] = { at = task.at, serial = task.serial, number = number, kind = result.kind }
    return self
end

--- For a function's end: the number of the call whose response that is; nil when it is none of that task's.
function M.number_of(value, task)
    local of = insides[value]
    return of and of.at == task.at and of.serial == task.serial and of.number or nil
end

return M
