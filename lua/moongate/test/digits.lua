--- digits: whole numbers of 64 bits as scripts have them: a number, or above 2^53 a string of digits.
local M = {}

--- What digits say; 0 for nothing.
function M.read(text)
    local number = tonumber(text) or 0
    return number <= 2 ^ 53 and number or text
end

--- And back.
function M.write(of)
    return type(of) == "string" and of or ("%.0f"):format(of)
end

return M
