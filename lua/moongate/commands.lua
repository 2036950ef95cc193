--- commands: groups of commands, for policies that treat commands differently.
local abi = require "moongate.abi"
local options = require "moongate.options"

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

return M
