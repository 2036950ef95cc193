-- luacheck's settings for scripts and their tests: luacheck --config examples/.luacheckrc route.lua
-- There are no globals of moongate's own; of Lua's there are those that scripts may use, with all that is in them
-- (tests/lua/meta.lua compares). For scripts that run with --unsafe-lua: luacheck --config examples/.luacheckrc --std luajit
local function fields(names)
    local of = {}
    for _, name in ipairs(names) do of[name] = { other_fields = true } end
    return { fields = of }
end

stds.moongate = {
    read_globals = {
        "_G", "_VERSION", "assert", "error", "getmetatable", "ipairs", "load", "loadstring", "next", "pairs", "pcall",
        "print", "rawequal", "rawget", "rawset", "require", "select", "setmetatable", "tonumber", "tostring", "type",
        "unpack", "xpcall",
        bit = fields {
            "arshift", "band", "bnot", "bor", "bswap", "bxor", "lshift", "rol", "ror", "rshift", "tobit",
            "tohex",
        },
        coroutine = fields {
            "create", "isyieldable", "resume", "running", "status", "wrap", "yield",
        },
        math = fields {
            "abs", "acos", "asin", "atan", "atan2", "ceil", "cos", "cosh", "deg", "exp", "floor", "fmod",
            "frexp", "huge", "ldexp", "log", "log10", "max", "min", "modf", "pi", "pow", "rad", "random",
            "randomseed", "sin", "sinh", "sqrt", "tan", "tanh",
        },
        string = fields {
            "byte", "char", "find", "format", "gmatch", "gsub", "len", "lower", "match", "rep", "reverse",
            "sub", "upper",
        },
        table = fields {
            "concat", "foreach", "foreachi", "getn", "insert", "maxn", "move", "remove", "sort",
        },
        os = fields { "clock", "date", "difftime", "time" },
    },
}
std = "moongate"
