--- digits: whole numbers of 64 bits as scripts see them: a number, or above 2^53 a string of digits.
local M = {}

--- Reads digits; 0 for nil.
function M.read(text)
    local number = tonumber(text) or 0
    return number <= 2 ^ 53 and number or text
end

--- Writes such a number as digits.
function M.write(of)
    return type(of) == "string" and of or ("%.0f"):format(of)
end

return M
