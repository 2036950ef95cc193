-- luacheck's settings for scripts and their tests: luacheck --config examples/.luacheckrc route.lua
-- There are no globals of moongate's own; of Lua's there are those that scripts may use (tests/lua/meta.lua compares).
stds.moongate = {
    read_globals = {
        "_G", "_VERSION", "assert", "error", "getmetatable", "ipairs", "load", "loadstring", "next", "pairs", "pcall",
        "print", "rawequal", "rawget", "rawset", "require", "select", "setmetatable", "tonumber", "tostring", "type",
        "unpack", "xpcall",
        bit = { other_fields = true },
        coroutine = { other_fields = true },
        math = { other_fields = true },
        string = { other_fields = true },
        table = { other_fields = true },
        os = { fields = { "clock", "date", "difftime", "time" } },
    },
}
std = "moongate"
