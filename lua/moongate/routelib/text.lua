--- text: writes Lua: a call with its table in one line where it fits, else one item a line.
--
-- What is written is a node: a string, which stands as it is, or a call: { head = "mg.pool", items = { nodes }, fields
-- = { { name, node } ... } }.
local show = require "moongate.show"

local M = {}

local WIDTH, INDENT = 110, "    "

local reserved = {}
for word in ([[and break do else elseif end false for function goto if in local nil not or repeat return then true until
    while]]):gmatch "%a+" do
    reserved[word] = true
end

--- A string in double quotes; what is no printable ASCII is escaped.
M.quote = show.string

--- A number, as short as it can be read back.
function M.number(value)
    local short = ("%.14g"):format(value)
    return tonumber(short) == value and short or ("%.17g"):format(value)
end

local function is_name(key)
    return type(key) == "string" and key:find "^[%a_][%w_]*$" and not reserved[key]
end

--- What stands before `=` in a table.
function M.key(key)
    if is_name(key) then return key end
    return ("[%s]"):format(type(key) == "number" and M.number(key) or M.quote(key))
end

--- A field of a table that has the name `of`: of.key, of["key"].
function M.field(of, key)
    return of .. (is_name(key) and "." or "") .. M.key(key)
end

--- A call with a table: mg.pool { items, name = node }. Fields: a list of { name, node }; those whose node is nil are
-- left out.
function M.call(head, items, fields)
    return { head = head, items = items, fields = fields or {} }
end

--- Likewise with arguments in parentheses: f(a, b).
function M.apply(head, items)
    return { head = head, items = items, fields = {}, open = "(", close = ")" }
end

--- A table of names, as a node: { "error", "miss" }.
function M.list(names)
    local quoted = {}
    for i, name in ipairs(names) do quoted[i] = M.quote(name) end
    return "{ " .. table.concat(quoted, ", ") .. " }"
end

-- The node in one line, however long that is.
local function in_one_line(node)
    if type(node) ~= "table" then return node end
    if node.line then return node.line end
    local parts = {}
    for _, item in ipairs(node.items) do parts[#parts + 1] = in_one_line(item) end
    for _, field in ipairs(node.fields) do
        if field[2] ~= nil then parts[#parts + 1] = M.key(field[1]) .. " = " .. in_one_line(field[2]) end
    end
    local open, close = node.open or " { ", node.close or " }"
    node.line = (node.head .. open .. table.concat(parts, ", ") .. close):gsub("^ ", "")
    return node.line
end

-- used: the columns before the node; indent: of the line in which it begins.
local function render(node, used, indent)
    local line = in_one_line(node)
    if used + #line <= WIDTH or type(node) ~= "table" then return line end
    local deeper, lines = indent .. INDENT, {}
    for _, item in ipairs(node.items) do lines[#lines + 1] = render(item, #deeper + 1, deeper) end
    for _, field in ipairs(node.fields) do
        local before = M.key(field[1]) .. " = "
        if field[2] ~= nil then
            lines[#lines + 1] = before .. render(field[2], #deeper + #before + 1, deeper)
        end
    end
    local head = node.open and node.head .. node.open or (node.head .. " {"):gsub("^ ", "")
    local last = (node.open and "" or ",") .. "\n" .. indent .. (node.close or "}")
    return head .. "\n" .. deeper .. table.concat(lines, ",\n" .. deeper) .. last
end

--- The text of a node that begins behind `before`, in a line with that indent.
function M.render(before, node, indent)
    indent = indent or ""
    return indent .. before .. render(node, #indent + #before, indent) .. "\n"
end

--- The keys of a table in an order that does not change: numbers first, then the others as text.
function M.sorted(of)
    local keys = {}
    for key in pairs(of) do keys[#keys + 1] = key end
    table.sort(keys, function(a, b)
        if type(a) == "number" and type(b) == "number" then return a < b end
        if (type(a) == "number") ~= (type(b) == "number") then return type(a) == "number" end
        return tostring(a) < tostring(b)
    end)
    return keys
end

return M
