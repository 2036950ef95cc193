--- mcp: the interface of memcached's proxy below routelib. A configuration may take names of commands, distributions
-- and hashes from it. Everything else of it has no meaning here.
local M = {}

-- What cmdmap takes by name, it takes as mcp.CMD_NAME too.
local commands = {
    "mg", "ms", "md", "mn", "ma", "me", "get", "gat", "set", "add", "cas", "gets", "gats", "incr", "decr", "touch",
    "append", "delete", "replace", "prepend", "all",
}

--- The names of commands, as keys.
M.commands = {}
for _, name in ipairs(commands) do M.commands[name] = true end

-- Values that stand for what the proxy has there.
M.jump, M.ring, M.xxhash, M.md5 = { "jump" }, { "ring" }, { "xxhash" }, { "md5" }
M.ring.hash = M.md5

M.ADVICE = "it is not run; `moongate convert --from mcp` says what each of its functions would be in a moongate script"

--- Makes the table `mcp`.
function M.table_for(from)
    local of = { CMD_ANY_STORAGE = "all", dist_jump_hash = M.jump, dist_ring_hash = M.ring, hash_xxhash = M.xxhash }
    for name in pairs(M.commands) do of["CMD_" .. name:upper()] = name end
    return setmetatable(of, {
        __index = function(_, name)
            from:fail(from:here(), "mcp.%s is of the proxy itself: %s", tostring(name), M.ADVICE)
        end,
    })
end

return M
