--- commands: groups of commands, for policies that treat commands differently.
local abi = require "moongate.abi"
local options = require "moongate.options"
local policy = require "moongate.policy"

local C = abi.C

local M = {}

-- Later groups are more specific: `meta` wins over `get`, and a command's own name over both.
local groups = {
    { "get", { "get", "gets", "mg", "me" } },
    { "update", { "set", "add", "replace", "append", "prepend", "cas", "ms" } },
    { "delete", { "delete", "md" } },
    { "arithmetic", { "incr", "decr", "ma" } },
    { "touch", { "touch", "gat", "gats" } },
    { "meta", { "mg", "ms", "md", "ma", "me" } },
}

-- The numbers of the commands that a name stands for. "get", "delete" and "touch" are groups.
local ids_of, singles = {}, {}
for _, group in ipairs(groups) do
    ids_of[group[1]] = {}
    for i, command in ipairs(group[2]) do
        ids_of[group[1]][i] = C.mg_find_command(command, #command)
        singles[command] = ids_of[group[1]][i]
    end
end
for command, id in pairs(singles) do
    if ids_of[command] then singles[command] = nil else ids_of[command] = { id } end
end

--- The same reader for each name of a command or group; `others` has readers of other options.
function M.readers(reader, others)
    local readers = {}
    for name in pairs(ids_of) do readers[name] = reader end
    for name, other in pairs(others) do readers[name] = other end
    return readers
end

--- A table by numbers of commands, made of one by names of commands and groups. Other names are left out.
function M.by_id(values)
    local of = {}
    for _, group in ipairs(groups) do
        for _, id in ipairs(values[group[1]] ~= nil and ids_of[group[1]] or {}) do of[id] = values[group[1]] end
    end
    for name, id in pairs(singles) do
        if values[name] ~= nil then of[id] = values[name] end
    end
    return of
end

--- That value for each command about a key, by number.
function M.all(value)
    local of = {}
    for _, ids in pairs(ids_of) do
        for _, id in ipairs(ids) do of[id] = value end
    end
    return of
end

--- Reads a list of names of commands and groups; gives a table name -> true.
function M.names(value)
    local set, list = {}, type(value) == "table" and value or { value }
    local wrong = options.wrong_list(list)
    if wrong then return nil, wrong end
    for _, name in ipairs(list) do
        if not ids_of[name] then
            return nil, ("takes some of %s; there is no '%s'"):format(options.names(ids_of), tostring(name))
        end
        set[name] = true
    end
    return set
end

-- True for a table with names in it.
local function is_by_command(value)
    if type(value) ~= "table" then return false end
    for name in pairs(value) do
        if type(name) == "string" then return true end
    end
    return false
end

-- Results of one command: an empty list is none of them.
local function results_or_none(value)
    if type(value) == "table" and next(value) == nil then return 0 end
    return policy.results(value)
end

--- Reads results, as policy.results does, or a table of results by names of commands and groups, and `default` for the
-- others ("error" unless given). Gives a table: by number of command.
function M.results(value)
    if not is_by_command(value) then
        local bits, wrong = policy.results(value)
        return bits and M.all(bits), wrong
    end
    local readers, read = M.readers(results_or_none, { default = results_or_none }), {}
    for name in pairs(value) do
        if not readers[name] then
            return nil, ("takes results, or a table of results by commands (%s); there is no command '%s'"):format(
                options.names(readers), tostring(name))
        end
    end
    local wrong = options.read(value, readers, function(name, bits) read[name] = bits end)
    if wrong then return nil, wrong end
    local of = M.all(read.default or policy.errors)
    for id, bits in pairs(M.by_id(read)) do of[id] = bits end
    return of
end

--- What of a table by numbers of commands those commands have; the others have 0. nil: all commands.
-- @param set table  as M.names gives it, or nil
function M.only(of, set)
    local kept = set and M.by_id(set)
    for id in pairs(of) do
        if kept and not kept[id] then of[id] = 0 end
    end
    return of
end

--- Such a table as the option `on` of C, which has the results of all commands, and words where commands differ.
function M.union(of)
    local bits, words, same = 0, {}, true
    for id, of_one in pairs(of) do
        bits = bit.bor(bits, of_one)
        words[#words + 1] = { command = id, number = of_one }
    end
    for _, word in ipairs(words) do same = same and word.number == bits end
    return { on = bits }, not same and words or nil
end

return M
