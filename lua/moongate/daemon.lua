--- daemon: what a script can read of the daemon that runs it, and the options that it can set.
--
--     mg.options { max_value = "4m", drain_timeout = 30 }
--     if mg.worker.id == 0 then mg.timer.every(60, report) end
local abi = require "moongate.abi"
local expect_loading = require("moongate.loading").expect
local options = require "moongate.options"
local readonly = require "moongate.readonly"
local where = require "moongate.where"

local C, script = abi.C, abi.script
local getenv = os.getenv

local M = {}

--- Seconds of the loop's clock, which is never set; the same for a whole turn.
function M.now()
    return C.mg_now(script)
end

--- Seconds since 1970, with their fraction.
function M.time()
    return C.mg_time()
end

--- An environment variable, or nil.
function M.env(name)
    expect_loading "mg.env"
    if type(name) ~= "string" then where.fail("mg.env takes a string, not a " .. type(name)) end
    return getenv(name)
end

--- id: 0 to count - 1; generation: how often scripts were loaded.
M.worker = setmetatable({}, {
    __metatable = "worker",
    __index = function(_, name)
        if name == "id" then return C.mg_worker(script) end
        if name == "count" then return C.mg_workers(script) end
        if name == "generation" then return C.mg_generation(script) end
        where.fail(("mg.worker has no field '%s'; there are: count, generation, id"):format(tostring(name)))
    end,
    __newindex = readonly.refuse "mg.worker",
})

-- Reads one of the words "near|yes|no"; gives its place, from 0.
local function word_reader(words)
    return function(value)
        local place = 0
        for word in words:gmatch "[^|]+" do
            if word == value then return place end
            place = place + 1
        end
        return nil, ("takes one of %s, not %s"):format(words:gsub("|", ", "), tostring(value))
    end
end

local function reader(option)
    if option.words ~= nil then return word_reader(abi.text(option.words)) end
    return option.is_whole and options.size(option.least, option.most)
        or options.number(option.least, option.most, "seconds")
end

--- Sets options of the daemon, from when the script is used. The command line wins.
function M.options(spec)
    expect_loading "mg.options"
    if type(spec) ~= "table" then where.fail("mg.options takes a table, not a " .. type(spec)) end
    if spec[1] ~= nil then where.fail "mg.options takes options by name: mg.options { max_value = \"4m\" }" end
    local readers, places = {}, {}
    for at = 0, 255 do
        local option = C.mg_option(script, at)
        if option == nil then break end
        local name = abi.text(option.name)
        readers[name], places[name] = reader(option), at
    end
    local wrong = options.read(spec, readers, function(name, value) C.mg_set_option(script, places[name], value) end)
    if wrong then where.fail("mg.options: " .. wrong) end
end

return M
