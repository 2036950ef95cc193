--- show: any value as text for people: `{ "a", key = 1 }`, with its keys in order.
local M = {}

local DEEPEST, WIDEST = 6, 100

local escapes = { ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t", ["\\"] = "\\\\", ["\""] = "\\\"" }

--- A string in quotes, with its control bytes as escapes.
function M.string(text)
    return "\"" .. text:gsub("[%c\\\"\127-\255]", function(byte)
        return escapes[byte] or ("\\x%02x"):format(byte:byte())
    end) .. "\""
end

--- Text with control bytes written as in `moongate explain`: \x01. Line ends stay.
function M.lines(text)
    return (text:gsub("[%z\1-\9\11-\31\127]", function(byte) return ("\\x%02x"):format(byte:byte()) end))
end

local function key_text(key)
    if type(key) == "string" and key:find "^[%a_][%w_]*$" then return key end
    return "[" .. M.value(key) .. "]"
end

local function by_text(a, b)
    if type(a) == "number" and type(b) == "number" then return a < b end
    return tostring(a) < tostring(b)
end

-- The items as text, those of the list first.
local function items(value, depth)
    local list, keys = {}, {}
    for i, item in ipairs(value) do list[i] = M.value(item, depth) end
    for key in pairs(value) do
        if type(key) ~= "number" or key % 1 ~= 0 or key < 1 or key > #list then keys[#keys + 1] = key end
    end
    table.sort(keys, by_text)
    for _, key in ipairs(keys) do
        list[#list + 1] = key_text(key) .. " = " .. M.value(value[key], depth)
    end
    return list
end

--- The value as text; long tables on several lines.
-- @param depth number  of the table around it; callers leave it out
function M.value(value, depth)
    depth = depth or 0
    if type(value) == "string" then return M.string(value) end
    if type(value) ~= "table" or getmetatable(value) then return tostring(value) end
    if depth == DEEPEST then return "{ ... }" end
    local list = items(value, depth + 1)
    if #list == 0 then return "{}" end
    local line = "{ " .. table.concat(list, ", ") .. " }"
    if #line <= WIDEST and not line:find "\n" then return line end
    local indent = ("  "):rep(depth)
    return "{\n" .. indent .. "  " .. table.concat(list, ",\n" .. indent .. "  ") .. "\n" .. indent .. "}"
end

return M
