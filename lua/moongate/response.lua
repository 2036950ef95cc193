--- response: what a call came to: `res:is_hit()`, `res.value`. Its function's, and void once that has ended.
-- C makes it (coroutine.c), as a userdata with this metatable.
local abi = require "moongate.abi"
local request = require "moongate.request"
local where = require "moongate.where"

local C, script = abi.C, abi.script

local M = {}

local HIT, MISS, REFUSED = C.mg_result_bits("hit", 3), C.mg_result_bits("miss", 4), C.mg_result_bits("refused", 7)

local kinds = {}
for at = 0, 31 do
    local name = abi.text(C.mg_result_name(at))
    if not name or name == "error" then break end
    kinds[C.mg_result_bits(name, #name)] = name
end

-- C's struct behind one: at, serial, number, kind. Nobody else makes userdata, and no script can give one a metatable.
local function inside(self)
    if type(self) ~= "userdata" or getmetatable(self) ~= "response" then where.fail "call it as res:name()" end
    return abi.handle(self)
end

local OVER = "this response is over: its function has ended, or is not the one that runs"

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
    if not C.mg_async_result(script, of.at, of.serial, of.number, result) then where.fail(OVER) end
    return result
end

local function find_flag(self, method, letter)
    local of, out = inside(self), abi.bytes()
    if type(letter) ~= "string" or not letter:find "^%a$" then
        where.fail(("res:%s takes a letter, not %s"):format(method, tostring(letter)))
    end
    read(of)
    return C.mg_async_flag(script, of.at, of.serial, of.number, letter:byte(), out) and out or nil
end

--- Whether the answer to a meta command has that flag; and what follows its letter, "" for nothing, nil without it.
function methods.has_flag(self, letter)
    return find_flag(self, "has_flag", letter) ~= nil
end

function methods.flag(self, letter)
    local out = find_flag(self, "flag", letter)
    return out and abi.string(out.at, out.len)
end

--- The kind as a word: "hit", "miss", "timeout" ...
function fields.kind(of) return kinds[of.kind] end

function fields.value(of)
    local result = read(of)
    return result.value_at ~= 0 and abi.string(result.value_at, result.value_len) or nil
end

--- Bytes of the value, which makes no string; nil without one.
function fields.size(of)
    local result = read(of)
    return result.value_at ~= 0 and result.value_len or nil
end

function fields.flags(of) return abi.from_number(read(of).flags) end
function fields.cas(of) return abi.from_number(read(of).cas) end

--- What incr and decr made.
function fields.number(of) return abi.from_number(read(of).number) end

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

-- What an edit's errors mean here; the others are as of requests.
local errors = {
    [C.MG_EDIT_OVER] = OVER,
    [C.MG_EDIT_NO_VALUE] = "this response carries no value",
    [C.MG_EDIT_NO_NUMBER] = "this response does not show it: ask for it with gets, or the meta flags f and c",
}

local function rewrite(of, name, what, text, number)
    local status = C.mg_async_rewrite(script, of.at, of.serial, of.number, what, text, text and #text or 0, number)
    if status ~= 0 then where.fail(("res.%s: %s"):format(name, errors[status] or request.edit_error(status))) end
end

-- Fields that are set: what the function's client, or what borrows the value, sees of a hit.
local setters = {}

function setters.value(of, value)
    if type(value) ~= "string" then where.fail("res.value takes a string, not a " .. type(value)) end
    rewrite(of, "value", C.MG_RESULT_VALUE, value, 0)
end

function setters.flags(of, flags)
    local number = abi.to_number(flags)
    if not number then where.fail("res.flags takes a whole number from 0 on, not " .. tostring(flags)) end
    rewrite(of, "flags", C.MG_RESULT_FLAGS, nil, number)
end

function setters.cas(of, cas)
    local number = abi.to_number(cas)
    if not number then where.fail("res.cas takes a whole number from 0 on, not " .. tostring(cas)) end
    rewrite(of, "cas", C.MG_RESULT_CAS, nil, number)
end

M.metatable = {
    __metatable = "response",
    __index = function(self, name)
        if methods[name] then return methods[name] end
        if fields[name] then return fields[name](inside(self)) end
        where.fail(("a response has no field '%s'"):format(tostring(name)))
    end,
    __newindex = function(self, name, value)
        local of = inside(self)
        if not setters[name] then
            where.fail(("of a response value, flags and cas can be set, not '%s'"):format(tostring(name)))
        end
        setters[name](of, value)
    end,
    __tostring = function(self)
        return "response: " .. fields.kind(inside(self))
    end,
}

M.methods, M.fields = methods, fields

--- For requests that take its value: what is behind one; nil for what is none.
function M.inside(value)
    return type(value) == "userdata" and getmetatable(value) == "response" and abi.handle(value) or nil
end

return M
