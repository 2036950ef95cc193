--- files: reads the files that a script is made of. The check of a script notes what it reads; a worker gets what was
-- noted, whatever is on the disk by then.
local M = {}

local abi = require "moongate.abi"

local io_open = io.open

local function read_disk(path)
    local file, wrong = io_open(path, "rb")
    if not file then return nil, wrong end
    local text
    text, wrong = file:read "*a"
    file:close()
    return text, wrong and path .. ": " .. wrong
end

-- True, and the text or nil and the reason, for a file that the check has looked for.
local function recall(path)
    local bytes = abi.bytes()
    local found = abi.C.mg_file_find(abi.script, path, #path, bytes)
    if found == abi.C.MG_FILE_UNKNOWN then return false end
    local text = abi.string(bytes.at, bytes.len)
    if found == abi.C.MG_FILE_ABSENT then return true, nil, text end
    return true, text
end

--- The text of the file at `path`; or nil and the reason, with the path in it.
function M.read(path)
    if not abi.script then return read_disk(path) end
    local is_known, text, wrong = recall(path)
    if is_known then return text, wrong end
    text, wrong = read_disk(path)
    local what = text and abi.C.MG_FILE_HERE or abi.C.MG_FILE_ABSENT
    local bytes = text or wrong
    if not abi.C.mg_file_note(abi.script, what, path, #path, bytes, #bytes) then
        return nil, path .. ": the script and its modules are larger than 64 MiB"
    end
    return text, wrong
end

return M
