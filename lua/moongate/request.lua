--- request: what a script sees of a request: `req.key`, `req:has_prefix "user:"`, `req.exptime = 60`.
-- These are functions of C's struct request; they allocate nothing unless a script asks for a string. proxy makes of
-- them the objects that scripts have: requests that functions get (kept), and requests that scripts make (built).
local abi = require "moongate.abi"
local options = require "moongate.options"
local where = require "moongate.where"

local C, script, to_string = abi.C, abi.script, abi.string
local KEY, VALUE, FLAG, NO_FLAG = C.MG_KEY, C.MG_VALUE, C.MG_FLAG, C.MG_NO_FLAG

local M = {}

-- The names of commands by C's numbers, so that reading req.command makes no string.
local command_names = {}
for id = 0, 255 do
    local text = abi.text(C.mg_command_text(id))
    if not text then break end
    command_names[id] = text
end

--- The error for a request whose function has ended.
M.over = "this request is over: use it only in the function that got it, until that has returned"

local edit_errors = {
    [tonumber(C.MG_EDIT_OVER)] = M.over,
    [tonumber(C.MG_EDIT_BAD_KEY)] =
        "a key is 1 to 250 bytes without NUL, space, CR and LF; with --strict-keys, without any control byte",
    [tonumber(C.MG_EDIT_TOO_LARGE)] = "a value may not be longer than --max-value",
    [tonumber(C.MG_EDIT_NO_VALUE)] = "this command carries no value",
    [tonumber(C.MG_EDIT_NO_NUMBER)] = "this command has no such number",
    [tonumber(C.MG_EDIT_NO_FLAGS)] = "only meta commands have such flags",
    [tonumber(C.MG_EDIT_BAD_FLAGS)] =
        "meta flags are letters, each once, with what follows them; b, k, O and q are the client's",
    [tonumber(C.MG_EDIT_TOO_MUCH)] = "this function holds as many bytes as it may (--client-buffer)",
}

--- The text for a status that C returned for an edit.
function M.edit_error(status)
    return edit_errors[tonumber(status)]
end

--- Raises that text as an error, unless the edit succeeded.
function M.check(status)
    if status ~= 0 then where.fail(M.edit_error(status)) end
end

local check = M.check

local function expect(what, kind, value)
    if type(value) ~= kind then where.fail(("req.%s takes a %s, not a %s"):format(what, kind, type(value))) end
end

--- Raises an error when a value is not a whole number within bounds.
function M.check_whole(name, value, least, most)
    if type(value) ~= "number" or not (value >= least and value <= most) or value % 1 ~= 0 then
        where.fail(("%s is a whole number from %.0f to %.0f, not %s"):format(name, least, most, tostring(value)))
    end
end

-- Fields that can be read: functions of C's struct request.
local fields = {}

function fields.key(r)
    if r.key_at == 0 then where.fail(edit_errors[tonumber(C.MG_EDIT_OVER)]) end
    return to_string(r.key_at, r.key_len)
end

function fields.command(r)
    return command_names[r.command_id]
end

function fields.value(r)
    if r.value_at == 0 then return nil end
    return to_string(r.value_at, r.value_len)
end

--- Length of the value in bytes, without making a string; nil without a value.
function fields.size(r)
    return r.value_at ~= 0 and r.value_len or nil
end

--- The cas id of a cas, the delta of incr and decr; nil for other commands.
function fields.cas(r)
    local out = abi.number()
    return C.mg_request_cas(r, out) and abi.from_number(out[0]) or nil
end

--- The client flags: a number, or above 2^53 a string of digits.
function fields.flags(r)
    return abi.from_number(r.client_flags)
end

function fields.delta(r)
    local out = abi.number()
    return C.mg_request_delta(r, out) and abi.from_number(out[0]) or nil
end

--- The client's address, "10.0.0.1:4711", or "unix"; nil when the client has gone.
function fields.client(r)
    local text = abi.address()
    local len = C.mg_request_client(script, r, text)
    return len > 0 and abi.bytes_of(text, len) or nil
end

--- Who the client is: "user:NAME" (--auth-file), "cert:NAME" (its certificate, which was verified); nil: nobody in
-- particular.
function fields.identity(r)
    return abi.text(C.mg_request_identity(script, r))
end

local listeners = {}

--- The label that -b gives the client's listener, else its address as given there.
function fields.listener(r)
    local at = C.mg_request_listener(script, r)
    if at < 0 then return nil end
    listeners[at] = listeners[at] or abi.text(C.mg_listener(script, at))
    return listeners[at]
end

--- What the client speaks: "binary", or "text". A request of either is in the words of text.
function fields.protocol(r)
    return C.mg_request_is_binary(script, r) and "binary" or "text"
end

-- Methods that only read.
local methods = {}

--- True when the key begins, or ends, with those bytes. Makes no string.
function methods.has_prefix(r, prefix)
    if type(prefix) ~= "string" then where.fail("req:has_prefix takes a string, not a " .. type(prefix)) end
    return C.mg_request_has_prefix(r, prefix, #prefix)
end

function methods.has_suffix(r, suffix)
    if type(suffix) ~= "string" then where.fail("req:has_suffix takes a string, not a " .. type(suffix)) end
    return C.mg_request_has_suffix(r, suffix, #suffix)
end

--- The nth part of the key between separators, from 1; nil when the key has fewer parts.
function methods.key_part(r, separator, n)
    if type(separator) ~= "string" or separator == "" then where.fail "req:key_part takes a separator first" end
    M.check_whole("req:key_part: the number of a part", n, 1, 250)
    local out = abi.bytes()
    return C.mg_request_part(r, separator, #separator, n, out) and to_string(out.at, out.len) or nil
end

local hashes = setmetatable({}, { __index = function(known, name)
    local number = type(name) == "string" and C.mg_find(C.MG_HASH, name, #name) or -1
    if number < 0 then where.fail(("req:hash: there is no hash '%s'"):format(tostring(name))) end
    known[name] = number
    return number
end })
local XXH3 = hashes.xxh3

--- The key's hash, 0 to 2^32-1, by any of the hashes that pools know; "xxh3" unless named.
function methods.hash(r, name)
    return C.mg_request_hash(r, name and hashes[name] or XXH3)
end

--- True for that share of all keys, always the same ones. Another salt picks others.
function methods.in_share(r, share, salt)
    if type(share) ~= "number" or not (share >= 0 and share <= 1) then
        where.fail "req:in_share takes a share: 0 to 1"
    end
    if salt == nil then salt = "" end
    if type(salt) ~= "string" then where.fail("req:in_share takes a string as salt, not a " .. type(salt)) end
    return C.mg_request_in_share(r, share, salt, #salt)
end

--- The share of this worker's requests that are for this key, lately: 0 to 1; 0 for a key that is not hot.
function methods.heat(r)
    return C.mg_request_heat(script, r)
end

local function letter_of(method, letter)
    if type(letter) ~= "string" or not letter:find "^%a$" then
        where.fail(("req:%s takes a letter, not %s"):format(method, tostring(letter)))
    end
    return letter:byte()
end

--- has_flag: true when a meta command has that flag. flag: what follows its letter, "" for nothing, nil without it.
function methods.has_flag(r, letter)
    return C.mg_request_flag(r, letter_of("has_flag", letter), abi.bytes())
end

function methods.flag(r, letter)
    local out = abi.bytes()
    if not C.mg_request_flag(r, letter_of("flag", letter), out) then return nil end
    return to_string(out.at, out.len)
end

local COMPARES, ASKS = 1, 2 -- bits of C's enum request_place

--- compares_cas: true for cas, and meta commands with C. asks_cas: true for gets, gats, and meta commands with c.
function methods.compares_cas(r)
    return bit.band(C.mg_request_place(r), COMPARES) ~= 0
end

function methods.asks_cas(r)
    return bit.band(C.mg_request_place(r), ASKS) ~= 0
end

--- True for a meta command that has no flags but these: "vfk".
function methods.has_only_flags(r, letters)
    if type(letters) ~= "string" or letters:find "%A" then
        where.fail(("req:has_only_flags takes letters, not %s"):format(tostring(letters)))
    end
    return C.mg_request_has_only_flags(r, letters)
end

--- True when the client is that one: "user:NAME", "cert:NAME", or a name of either kind. Makes no string.
function methods.is_from(r, name)
    if type(name) ~= "string" then where.fail("req:is_from takes a string, not a " .. type(name)) end
    return C.mg_request_is_from(script, r, name, #name)
end

-- Setters of fields, and methods that change r. The holder `at`, `serial` keeps its bytes (see mg_request_edit).
local setters, editors = {}, {}

function setters.key(r, at, serial, key)
    expect("key", "string", key)
    check(C.mg_request_edit(script, r, KEY, key, #key, at, serial))
end

function setters.value(r, at, serial, value)
    expect("value", "string", value)
    check(C.mg_request_edit(script, r, VALUE, value, #value, at, serial))
end

local function set_number(name, read)
    return function(r, _, _, value)
        local number = abi.to_number(value)
        if not number then
            where.fail(("req.%s takes a whole number from 0 on, not %s"):format(name, tostring(value)))
        end
        if not read(r, abi.number()) then where.fail(("this command has no %s"):format(name)) end
        check(C.mg_request_set_number(r, number))
    end
end

function setters.flags(r, _, _, flags)
    local number = abi.to_number(flags)
    if not number then
        where.fail(("req.flags takes a whole number from 0 on, not %s"):format(tostring(flags)))
    end
    check(C.mg_request_set_flags(r, number))
end

setters.cas = set_number("cas", C.mg_request_cas)
setters.delta = set_number("delta", C.mg_request_delta)

--- set_flag: gives a meta command a flag, with what follows the letter. clear_flag: takes it away.
function editors.set_flag(r, at, serial, letter, token)
    letter_of("set_flag", letter)
    if token == nil then token = "" end
    if type(token) == "number" then token = ("%.0f"):format(token) end
    if type(token) ~= "string" then where.fail("req:set_flag takes a string or a number, not a " .. type(token)) end
    local flag = letter .. token
    check(C.mg_request_edit(script, r, FLAG, flag, #flag, at, serial))
end

function editors.clear_flag(r, at, serial, letter)
    letter_of("clear_flag", letter)
    check(C.mg_request_edit(script, r, NO_FLAG, letter, 1, at, serial))
end

-- A plain field of the C struct, which proxy.lua reads and sets itself.
local exptime = { exptime = true }

local function no_field(name)
    where.fail(("a request has no field '%s'; there are: %s"):format(tostring(name),
        options.names(fields, methods, editors, exptime)))
end

local function no_setter(name)
    where.fail(("a request has no field '%s' that can be set; there are: %s"):format(tostring(name),
        options.names(setters, exptime)))
end

M.fields, M.methods, M.setters, M.editors = fields, methods, setters, editors
M.no_field, M.no_setter = no_field, no_setter

return M
