--- listen_tls: a certificate of a listener's own: the option tls of mg.listen as a table.
--
--     mg.listen { "10.0.0.5:11211", users, tls = { cert = "users.pem", verify = "require", ca = "apps.pem" } }
local options = require "moongate.options"

local M = {}

local VERIFY, MIN = { none = 0, request = 1, require = 2 }, { ["1.2"] = 0, ["1.3"] = 1 }

local function word(words, what)
    return function(value)
        if words[value] then return words[value] end
        return nil, ("takes %s, not %s"):format(what, tostring(value))
    end
end

local readers = {
    cert = options.text "the path of a file",
    key = options.text "the path of a file",
    ca = options.text "the path of a file",
    ciphers = options.text "cipher suites as openssl ciphers has them",
    verify = word(VERIFY, '"none", "request" or "require"'),
    min = word(MIN, '"1.2" or "1.3"'),
}

--- Reads a table. Returns its values by name, or nil and what is wrong.
function M.read(value)
    if #value > 0 then return nil, "takes a table of options: tls = { cert = \"FILE\", key = \"FILE\" }" end
    local all = {}
    local wrong = options.read(value, readers, function(name, of) all[name] = of end)
    if wrong then return nil, "has a table with " .. wrong end
    if all.key and not all.cert then return nil, "has a key and no cert: the certificate that it is for" end
    return all
end

--- Fills the options that C gets; it has pointers into the table's strings.
function M.fill(to, all)
    to.has_tls, to.verify, to.min = true, -1, -1
    for name, of in pairs(all) do to[name] = of end
end

return M
