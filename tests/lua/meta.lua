--- Compares the types of lua/moongate/_meta.lua, and of the files beside it, with what scripts and tests really have:
-- each name must stand on both sides, and in the references (lua/README.md and lua/moongate/test/README.md).
-- tests/unit/script/meta_test.c runs it in a script's state. It gets the paths of the types and those of the
-- references, with spaces between, and returns the differences as text.
local paths, reference_paths = ...

-- --- what _meta.lua says --------------------------------------------------------------------------

-- Names by class; words by alias. A class has the fields of its @field lines and the functions of the local behind it.
local classes, parents, aliases = {}, {}, {}

local function read(lines)
    local class, classes_of = nil, {}
    for line in lines do
        local name, parent = line:match "^%-%-%-@class ([%w._]+):? ?([%w._]*)"
        local field = line:match "^%-%-%-@field ([%w_]+)"
        local alias, words = line:match "^%-%-%-@alias ([%w._]+) (\".*)$"
        local object = line:match "^local (%w+) = {}"
        local owner, method = line:match "^function (%w+)[.:]([%w_]+)%("
        if name then
            class = name
            classes[name], parents[name] = classes[name] or {}, parent ~= "" and parent or nil
        elseif field then
            classes[class][field] = true
        elseif alias then
            aliases[alias] = {}
            for word in words:gmatch '"([^"]+)"' do aliases[alias][word] = true end
        elseif object then
            classes_of[object] = class
        elseif owner then
            classes[classes_of[owner]][method] = true
        end
    end
end

for path in paths:gmatch "%S+" do read(assert(io.lines(path))) end

-- --- what there is --------------------------------------------------------------------------------

local readonly = require "moongate.readonly"

local function names(...)
    local all = {}
    for _, of in ipairs { ... } do
        for name in readonly.pairs(of) do all[name] = true end
    end
    return all
end

local function set(text)
    local all = {}
    for word in text:gmatch "[^, ]+" do all[word] = true end
    return all
end

-- moongate.test is of another state: what it asks of C is not needed to name what it has.
package.loaded["moongate.stage"] = setmetatable({}, { __index = function() return function() end end })

local mg = require "moongate"
local app = require "moongate.test.app"
local request = require "moongate.request"
local response = require "moongate.response"
local built = require "moongate.built"

local metrics = require "moongate.metrics"

local real = {
    moongate = names(mg),
    ["moongate.replies"] = names(mg.reply),
    ["moongate.requests"] = names(mg.request),
    ["moongate.Request"] = names(request.fields, request.methods, request.editors or {}, set "exptime flags"),
    ["moongate.NewRequest"] = built.fields and names(built.fields, built.methods, set "command"),
    ["moongate.Response"] = names(response.fields, response.methods),
    ["moongate.timers"] = names(mg.timer),
    ["moongate.log"] = names(mg.log),
    ["moongate.Counter"] = names(metrics.methods.counter),
    ["moongate.Gauge"] = names(metrics.methods.gauge),
    ["moongate.Histogram"] = names(metrics.methods.histogram),
    ["moongate.Shared"] = names(require "moongate.shared".methods),
    ["moongate.Timer"] = names(require "moongate.timer".methods),
    ["moongate.test"] = names(require "moongate.test"),
    ["moongate.test.App"] = names(app.methods, app.getters),
    ["moongate.test.Client"] = names(app.client_methods, set "is_closed"),
    ["moongate.test.Server"] = names(require "moongate.test.server".methods, set "name"),
    ["moongate.test.Reply"] = names(require "moongate.test.reply".getters, set "text line seconds"),
    ["moongate.test.Expectation"] = names(require "moongate.test.expect".methods),
}

-- --- options: what an unknown one is told ---------------------------------------------------------

local server = "127.0.0.1:1"

-- A wrong option's error lists the right ones; nil when the error is about something else.
local function options(make, spec)
    spec.no_such_option = 1
    local _, wrong = pcall(make, spec)
    local list = tostring(wrong):match "unknown option 'no_such_option'; there are: ?(.*)$"
    return list and set(list)
end

local function words(make, spec, option)
    spec[option] = "?"
    local _, wrong = pcall(make, spec)
    return set((tostring(wrong):match "takes %w+ of (.-); ":gsub("^%s+", "")))
end

-- Is for while a script loads; here it is loaded.
local function unguarded(f)
    for i = 1, debug.getinfo(f, "u").nups do
        if debug.getupvalue(f, i) == "expect_loading" then debug.setupvalue(f, i, function() end) end
    end
    return f
end

real["moongate.Options"] = assert(options(unguarded(mg.options), {}))
real["moongate.ListenOptions"] = assert(options(unguarded(mg.listen), { server }))
real["moongate.worker"] = set(select(2, pcall(function() return mg.worker.none end)):match "there are: (.*)$")
real["moongate.PoolOptions"] = assert(options(mg.pool, { server }))
real["moongate.StoreOptions"] = assert(options(mg.store, { size = "1m" }))
real["moongate.Server"] = assert(options(function(spec) return mg.pool { spec } end, { server }))

-- Each policy is a module, which is loaded when it is first called.
local function is_policy(name) return (pcall(require, "moongate.routes." .. name)) end

local pool = mg.pool { server }
local policies = {}
for name, make in readonly.pairs(mg) do
    if type(make) == "function" and is_policy(name) then
        for _, spec in ipairs { {}, { pool }, { pool, pool }, { { a = pool } } } do
            policies[name] = policies[name] or options(make, spec)
        end
    end
end

local function option_class(name)
    return "moongate." .. name:gsub("%f[%w_](%l)", string.upper):gsub("_(%l)", string.upper) .. "Options"
end

assert(policies.failover, "policies do not say which options they have")
for name, known in pairs(policies) do
    if next(known) or classes[option_class(name)] then real[option_class(name)] = known end
end

local real_words = {
    ["moongate.Distribution"] = words(mg.pool, { server }, "distribution"),
    ["moongate.Hash"] = words(mg.pool, { server }, "hash"),
    ["moongate.Naming"] = words(mg.pool, { server }, "naming"),
    ["moongate.Order"] = words(mg.pool, { server }, "order"),
    ["moongate.OnFailure"] = words(mg.pool, { server }, "on_failure"),
    ["moongate.Like"] = words(mg.pool, { server }, "like"),
    ["moongate.Result"] = words(mg.failover, { pool, pool }, "on"),
}

-- --- both -----------------------------------------------------------------------------------------

local differences = {}

local function differ(...)
    differences[#differences + 1] = ("%s: %s %s"):format(...)
end

-- With what it has from its parents; an App's methods are a Client's, too.
local function whole(name)
    local all = names(classes[name] or {})
    return parents[name] and names(all, whole(parents[name])) or all
end

local function compare(name, said, is)
    for key in pairs(is) do
        if not said[key] then differ(name, "_meta.lua does not have", key) end
    end
    for key in pairs(said) do
        if not is[key] then differ(name, "there is no such thing as", key) end
    end
end

local not_compared = { ["moongate.CallAllOptions"] = true } -- those of a function, which only one that waits may call

for _, parent in pairs(parents) do not_compared[parent] = true end -- compared with each class that has its fields

for name in pairs(classes) do
    if name:find "Options$" and not real[name] and not not_compared[name] then
        differ(name, "there is nothing that has", "these")
    end
end

for name, is in pairs(real) do compare(name, whole(name), is) end
for name, is in pairs(real_words) do compare(name, aliases[name] or {}, is) end

-- --- luacheck -------------------------------------------------------------------------------------

-- The globals that examples/.luacheckrc lets scripts read, and what is in them: "os", "os.time". Those of the sandbox.
local function luacheck_globals()
    local config = { stds = {}, ipairs = ipairs }
    setfenv(assert(loadfile "examples/.luacheckrc"), config)()
    local all = {}
    for key, value in pairs(config.stds.moongate.read_globals) do
        all[type(key) == "number" and value or key] = true
        for field in pairs(type(value) == "table" and value.fields or {}) do all[key .. "." .. field] = true end
    end
    return all
end

local function sandbox_globals()
    local all = {}
    for key, value in pairs(require "moongate.sandbox".globals("./", print, {})) do
        all[key] = true
        local is_library = type(value) == "table" and key ~= "_G"
        for field in pairs(is_library and value or {}) do all[key .. "." .. field] = true end
    end
    return all
end

for name, difference in pairs { is = "does not have", said = "should not have" } do
    local of = { is = sandbox_globals(), said = luacheck_globals() }
    for key in pairs(of[name]) do
        if not of[name == "is" and "said" or "is"][key] then differ("examples/.luacheckrc", difference, key) end
    end
end

-- --- the references -------------------------------------------------------------------------------

local NAME = "lua/README.md"

local reference = {}
for path in reference_paths:gmatch "%S+" do
    for line in io.lines(path) do reference[#reference + 1] = line end
end
local text = table.concat(reference, "\n") .. "\n"

-- How the names of each class are written there, in code: what stands right before them; any of several.
local written = {
    moongate = { "mg." },
    ["moongate.replies"] = { "mg.reply." },
    ["moongate.requests"] = { "mg.request.", "`." },
    ["moongate.Request"] = { "req.", "req:" },
    ["moongate.Response"] = { "res.", "res:" },
    ["moongate.timers"] = { "mg.timer." },
    ["moongate.log"] = { "mg.log.", "`." },
    ["moongate.Counter"] = { "c:" },
    ["moongate.Gauge"] = { "g:" },
    ["moongate.Histogram"] = { "h:" },
    ["moongate.Shared"] = { "d:" },
    ["moongate.Timer"] = { "timer:" },
    ["moongate.worker"] = { "mg.worker.", "`." },
    ["moongate.Options"] = { "`", "{ ", ", " },
    ["moongate.ListenOptions"] = { "`" },
    ["moongate.PoolOptions"] = { "`" },
    ["moongate.StoreOptions"] = { "`" },
    ["moongate.Server"] = { "`" },
    ["moongate.test"] = { "t." },
    ["moongate.test.App"] = { "app:", "app.", "`" },
    ["moongate.test.Client"] = { "app:", "`" },
    ["moongate.test.Server"] = { "`:", ":", "server(" },
    ["moongate.test.Reply"] = { "reply.", "`." },
    ["moongate.test.Expectation"] = { ":", "`" },
}

-- As a word of its own, after one of those.
local function has(before, name)
    for _, start in ipairs(before) do
        local from = 1
        while from do
            local at, last = text:find(start .. name, from, true)
            if at and not text:sub(last + 1, last + 1):find "[%w_]" then return true end
            from = last
        end
    end
    return false
end

for class, before in pairs(written) do
    for name in pairs(real[class] or {}) do
        if not has(before, name) then differ(NAME, "does not have", before[1] .. name) end
    end
end

-- The sections of policies, by policy: "### mg.set_ttl and mg.cap_ttl" is that of both.
local sections, open = {}, {}
for _, line in ipairs(reference) do
    if line:find "^##" then
        open = {}
        for policy in line:gmatch "mg%.([%w_]+)" do
            open[#open + 1] = policy
            sections[policy] = ""
        end
    end
    for _, policy in ipairs(open) do sections[policy] = sections[policy] .. line .. "\n" end
end

-- A section names all options of its policy; the commands that rate_limit takes are those of by_command.
for policy, known in pairs(policies) do
    for option in pairs(known) do
        local elsewhere = policy == "rate_limit" and policies.by_command[option]
        if not elsewhere and not (sections[policy] or ""):find("%f[%w_]" .. option .. "%f[^%w_]") then
            differ(NAME, ("mg.%s does not have"):format(policy), option)
        end
    end
end

-- Its scripts, and the examples of policies, can be made as they stand there.
local function try(what, example, ...)
    local chunk, wrong = loadstring(example, "=" .. NAME)
    local good, why = pcall(chunk or error, chunk and ... or wrong, select(2, ...))
    if not good then differ(NAME, what, why) end
end

for script in text:gmatch "\n```lua[^\n]*\n(.-)\n```" do
    if script:find 'require "moongate"' and not script:find "moongate.test" then try("a script", script) end
end

local NAMES = "users, pages, gutter, old, new, cold, warm, near, far"
local given = {}
for _ in NAMES:gmatch "%w+" do given[#given + 1] = mg.pool { server } end

for policy in pairs(sections) do
    local uses = 0
    for example in sections[policy]:gmatch "\n```lua part\n(.-)\n```" do
        try("an example", ("local mg, %s = ... %s"):format(NAMES, example), mg, unpack(given))
        if example:find("mg." .. policy, 1, true) then uses = uses + 1 end
    end
    if uses == 0 then differ(NAME, "has no example of", "mg." .. policy) end
end
for name in readonly.pairs(mg) do
    if is_policy(name) and not sections[name] then differ(NAME, "has no section of", "mg." .. name) end
end

table.sort(differences)
return table.concat(differences, "\n")
