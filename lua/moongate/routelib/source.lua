--- source: the text of a configuration: where its words are, and its errors and notes with their places.
local M = {}

local getinfo = debug.getinfo

local SEARCHED = 2 ^ 20 -- bytes: patterns take no longer text in a script's state

-- Steps over a comment or a string that begins at `at`. Returns where it ends, and what it holds if it is a string.
local function skip(text, at)
    local comment, level = text:match("^(%-?%-?)%[(=*)%[", at)
    if level and (comment == "--" or comment == "") then
        local from = at + #comment + #level + 2
        local to = text:find("]" .. level .. "]", from, true) or #text
        return to + #level + 2, comment == "" and text:sub(from, to - 1) or nil
    end
    local _, stop = text:find("^%-%-[^\n]*", at)
    if stop then return stop + 1 end
    local quote = text:match("^[\"']", at)
    if not quote then return nil end
    local from = at + 1
    at = from
    while at <= #text and text:sub(at, at) ~= quote and text:sub(at, at) ~= "\n" do
        at = at + (text:sub(at, at) == "\\" and 2 or 1)
    end
    return at + 1, text:sub(from, at - 1)
end

-- The words of a text, names and what strings hold: for each the lines where it is, which grow.
local function words_of(text)
    local words, at, line = {}, 1, 1
    while at <= #text do
        local stop, word = skip(text, at)
        if not stop then
            word = text:match("^[%a_][%w_]*", at)
            stop = at + (word and #word or 1)
        end
        if word then
            words[word] = words[word] or {}
            table.insert(words[word], line)
        end
        for _ in text:sub(at, stop - 1):gmatch "\n" do line = line + 1 end
        at = stop
    end
    return words
end

local Source = {}
Source.__index = Source

--- The line of the first such word at or below a line; that line when there is none.
function Source:line_of(word, line)
    word = tostring(word)
    self.words = self.words or #self.text <= SEARCHED and words_of(self.text) or {}
    local lines = self.words[word] or {}
    local first, last = 1, #lines + 1 -- by halves: a large file asks for each of its words
    while first < last do
        local middle = math.floor((first + last) / 2)
        if lines[middle] < line then first = middle + 1 else last = middle end
    end
    return lines[first] or line
end

--- Raises an error. `line` 0: it belongs to no line.
function Source:fail(line, form, ...)
    local message = select("#", ...) > 0 and form:format(...) or form
    error(line > 0 and ("%s:%d: %s"):format(self.path, line, message) or ("%s: %s"):format(self.path, message), 0)
end

--- Notes something that is left out or chosen; each thing once.
function Source:note(line, form, ...)
    local message = select("#", ...) > 0 and form:format(...) or form
    local key = line .. ":" .. message
    if self.noted[key] or not self.tell then return end
    self.noted[key] = true
    self.tell(line, message)
end

--- The line of the configuration that runs now.
function Source:here()
    for level = 2, 60 do
        local info = getinfo(level, "Sl")
        if not info then break end
        if info.source == "@" .. self.path then return info.currentline end
    end
    return 0 -- after a tail call
end

function M.open(path, text, tell)
    return setmetatable({ path = path, text = text, tell = tell, noted = {} }, Source)
end

return M
