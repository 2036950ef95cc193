--- options: tables of options from a script, checked name by name.
-- A reader turns a script's value into C's: it returns that, or nil and what is wrong.
local abi = require "moongate.abi"

local C = abi.C

local M = {}

-- What to write in place of a text, or of seconds that may be milliseconds.
local function advice(value, least, most, what)
    local seconds = what == "seconds" and require("moongate.hints").seconds
    local meant = type(value) == "string" and (seconds and seconds(value) or tonumber(value))
        or seconds and type(value) == "number" and value > most and value / 1000
    if not meant or meant < least or meant > most then return "" end
    if type(value) == "number" then return (": %.15g ms are %.15g"):format(value, meant) end
    return (": write %.15g, without quotes"):format(meant)
end

local function is_number(value, least, most, what)
    if type(value) == "number" and value >= least and value <= most then return value end
    local shown = type(value) == "string" and ("the text '%s'"):format(value) or tostring(value)
    return nil, ("takes %s from %.15g to %.15g, not %s%s"):format(what, least, most, shown,
        advice(value, least, most, what))
end

--- A number with its bounds.
function M.number(least, most, what)
    return function(value) return is_number(value, least, most, what or "a number") end
end

--- A whole number with its bounds.
function M.count(least, most)
    return function(value)
        if type(value) == "number" and value % 1 ~= 0 then return nil, "takes a whole number, not " .. value end
        return is_number(value, least, most, "a number")
    end
end

--- A whole number with its bounds, or any string.
function M.count_or_text(least, most)
    local count = M.count(least, most)
    return function(value)
        if type(value) == "string" then return value end
        return count(value)
    end
end

local UNITS = { [""] = 1, k = 2 ^ 10, m = 2 ^ 20, g = 2 ^ 30 }

--- A whole number, or text with k, m or g at its end: "64k".
function M.size(least, most)
    local read = M.count(least, most)
    return function(value)
        local digits, unit
        if type(value) == "string" then digits, unit = value:match "^(%d+)([kmgKMG]?)$" end
        return read(digits and tonumber(digits) * UNITS[unit:lower()] or value)
    end
end

--- Seconds: a millisecond to an hour.
M.seconds = M.number(0.001, 3600, "seconds")

--- The same, or 0 for none, which is infinite.
function M.seconds_or_none(value)
    if value == 0 then return math.huge end
    return M.seconds(value)
end

local function list(names)
    table.sort(names)
    return table.concat(names, ", ")
end

--- The names in one or more tables, sorted: "a, b, c".
function M.names(...)
    local names = {}
    for _, of in ipairs { ... } do
        for name in pairs(of) do names[#names + 1] = name end
    end
    return list(names)
end

local function choice_names(choice)
    local names = {}
    while true do
        local name = abi.text(C.mg_choice_name(choice, #names))
        if not name then return list(names) end
        names[#names + 1] = name
    end
end

--- One of the names that C knows; `what` is the option.
function M.choice(choice, what)
    return function(value)
        local number = type(value) == "string" and C.mg_find(choice, value, #value) or -1
        if number >= 0 then return number end
        return nil, ("takes one of %s; there is no %s '%s'"):format(choice_names(choice), what, tostring(value))
    end
end

--- True or false.
function M.flag(value)
    if type(value) == "boolean" then return value end
    return nil, "takes true or false, not " .. tostring(value)
end

--- Letters, digits and _ . - ; shorter than `size`.
function M.short_name(size)
    return function(value)
        if type(value) == "string" and value:find "^[%w_.-]+$" and #value < size then return value end
        return nil, ("takes 1 to %d letters, digits, and _ . -"):format(size - 1)
    end
end

-- `least` to `most` bytes, none of which matches the pattern.
local function bytes_but(refused, least, most)
    local count = least == most and least or ("%d to %d"):format(least, most)
    return function(value)
        if type(value) == "string" and #value >= least and #value <= most and not value:find(refused) then
            return value
        end
        return nil, ("takes %s bytes without spaces"):format(count)
    end
end

--- `least` to `most` bytes without spaces and control bytes.
function M.bytes(least, most) return bytes_but("[%c%s]", least, most) end

--- `least` to `most` bytes that keys may have.
function M.key_bytes(least, most) return bytes_but("[%z\r\n ]", least, most) end

--- Text, such as a path, which `what` names. C reads it up to its first NUL, so it has none.
function M.text(what)
    return function(value)
        if type(value) == "string" and #value > 0 and #value < 4096 and not value:find "%z" then return value end
        return nil, "takes " .. what
    end
end

--- True when a table's list has gaps: a nil between other items, or a number that is no place in the list.
function M.has_gap(of)
    for key in pairs(of) do
        if type(key) == "number" and (key < 1 or key > #of or key % 1 ~= 0) then return true end
    end
    for i = 1, #of do
        if of[i] == nil then return true end
    end
    return false
end

--- True for the module `mg` itself, which is the first argument of `mg:pool { ... }`.
function M.is_module(value)
    return type(value.pool) == "function"
end

--- What is wrong with a value that must be a list and nothing else; nil when it is one.
function M.wrong_list(value)
    if type(value) ~= "table" then return "takes a list, not " .. tostring(value) end
    if M.has_gap(value) then return "has a gap in its list" end
    for key in pairs(value) do
        if type(key) ~= "number" then return ("takes a list; there is no place '%s' in it"):format(tostring(key)) end
    end
end

--- Readers of the fields of C's struct backend_settings, by name.
function M.settings()
    local readers = {}
    local function number_of_flag(value)
        local flag, wrong = M.flag(value)
        return flag ~= nil and (flag and 1 or 0) or nil, wrong
    end
    local choices = {
        probe = M.choice(C.MG_PROBE, "probe"),
        requests = M.choice(C.MG_REQUESTS, "way"),
        protocol = M.choice(C.MG_PROTOCOL, "protocol"),
        merge = number_of_flag,
        down = number_of_flag,
        ask = M.choice(C.MG_ASK, "way"),
        texts = M.choice(C.MG_TEXTS, "texts"),
        eject = M.choice(C.MG_EJECT, "way"),
    }
    for at = 0, 255 do
        local setting = C.mg_setting(at)
        if setting == nil then return readers end
        local name = abi.text(setting.name)
        readers[name] = choices[name] or setting.is_whole and M.count(setting.least, setting.most)
            or M.number(setting.least, setting.most, "seconds")
    end
end

--- Reads every named option of `spec` and calls `set(name, value)` for it. Returns nil, or what is wrong.
-- @param spec table     as the script wrote it; list items are left alone
-- @param readers table  by name
-- @param word function?  gives what to write in place of a name that others use, or nil
function M.read(spec, readers, set, word)
    for name, value in pairs(spec) do
        if type(name) ~= "number" then
            local reader = readers[name]
            local instead = not reader and word and word(name)
            if instead then return ("unknown option '%s': %s"):format(name, instead) end
            if not reader then
                return ("unknown option '%s'; there are: %s"):format(tostring(name), M.names(readers))
            end
            local result, wrong = reader(value)
            if wrong then return ("option '%s' %s"):format(name, wrong) end
            set(name, result)
        end
    end
end

return M
