--- context: what a handler knows beside its arguments.
--
-- from, book: of the configuration; handlers: by name; zone: the local zone, or nil.
-- what, line: the route that is made now, for errors; label: what counters are called; depth: routes around it.
-- command: the one for which the route is; nil: any.
-- can_miss: whether its commands can miss, as the proxy sees it; nil: some can. A miss is what a get has when nothing
-- is there (END, EN); NOT_FOUND of a delete is an answer like a hit.
local text = require "moongate.routelib.text"

local M = {}

local Context = {}
Context.__index = Context

--- The same context with other fields.
function Context:with(fields)
    local to = {}
    for key, value in pairs(self) do to[key] = value end
    for key, value in pairs(fields) do to[key] = value end
    return setmetatable(to, Context)
end

--- Raises an error about the route that is made now; the word is where it is.
function Context:fail(word, form, ...)
    self.from:fail(self.from:line_of(word, self.line), "%s: " .. form, self.what, ...)
end

function Context:note(word, form, ...)
    self.from:note(self.from:line_of(word, self.line), "%s: " .. form, self.what, ...)
end

--- Notes arguments that no one reads, as routelib ignores them.
function Context:check(args, names)
    local is_known = {}
    for _, name in ipairs(names) do is_known[name] = true end
    for _, key in ipairs(text.sorted(args)) do
        if not is_known[key] then self:note(key, "there is no '%s': it has no effect", tostring(key)) end
    end
end

--- A number among the arguments; nil when there is none.
function Context:number(args, name, least, most)
    local value = args[name]
    if value == nil then return nil end
    if type(value) ~= "number" or not (value >= least and value <= most) then
        self:fail(name, "'%s' takes a number from %.14g to %.14g, not %s", name, least, most, tostring(value))
    end
    return value
end

--- The argument `wait`, seconds for each try, as a node; or nil.
function Context:wait(args)
    local wait = self:number(args, "wait", 0.001, 3600)
    return wait and text.number(wait)
end

--- The node of the results after which the next route is asked; with is_missing also after a miss, of the commands that
-- can.
function Context:on(is_missing)
    self.book.helpers.errors = true
    if not is_missing or self.can_miss == false then return "errors" end
    self.book.helpers.misses = true
    if self.can_miss then return "misses" end
    return "{ get = misses, gat = misses, gats = misses, default = errors }"
end

--- Both forms of a route, where some of its commands can miss: make(true, context) for gets, make(false, context) for
-- the others.
function Context:by_miss(make)
    if self.can_miss ~= nil then return make(self.can_miss, self) end
    self.book.helpers.by_miss = true
    local gets, others = self:with { can_miss = true }, self:with { can_miss = false }
    return text.apply("by_miss", { make(true, gets), make(false, others) })
end

--- The only node of a list, or a call with all of them.
function Context.one_of(list, head, fields)
    if #list == 1 then return list[1] end
    return text.call(head, list, fields or {})
end

--- The node of the counter that the argument `stats` asks for, or nil: called as stats_name says, or as the route is.
function Context:counter(args, suffix)
    if not args.stats then return nil end
    local name = args.stats_name
    if name ~= nil and type(name) ~= "string" then self:fail("stats_name", "'stats_name' takes a string") end
    return self.book:counter((name or self.label) .. suffix, self)
end

--- The context of an outermost route: of these fields.
function M.context(fields)
    fields.depth = 0
    return setmetatable(fields, Context)
end

return M
