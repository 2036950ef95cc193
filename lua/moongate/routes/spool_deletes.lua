--- spool_deletes: deletes for a server that is down are kept on the disk, and replayed before it is read again.
--
--     mg.spool_deletes { users, dir = "/var/spool/moongate" }
--
-- delete and md go to the pool. Where their server is down, late, busy or lost, they are kept for it, and the client
-- gets NOT_FOUND or NF once they are on the disk. While deletes wait for a server, it is down for everything else.
local abi = require "moongate.abi"
local options = require "moongate.options"
local policy = require "moongate.policy"
local routes = require "moongate.routes"

local C, script = abi.C, abi.script
local DELETE, MD = C.mg_find_command("delete", 6), C.mg_find_command("md", 2)

local known = {
    dir = options.text "the path of a folder", -- where they are kept
    max_size = options.size(65536, 2 ^ 40),    -- bytes for one server
    max_total = options.size(65536, 2 ^ 40),   -- bytes for all servers of the folder
    max_age = policy.count(1, 31536000),       -- seconds; older ones may be dropped
}

--- @param spec table  a pool, and options
return function(spec)
    local children, read = policy.read("mg.spool_deletes", spec, known, 1, 1)
    policy.want("mg.spool_deletes", read, "dir")
    local dir = read.dir:match "^(.-)/*$"
    local wrong = abi.text(C.mg_spool(script, routes.number_of(children[1]), dir, read.max_size or 0,
        read.max_total or 0, read.max_age or 0))
    if wrong then policy.fail("mg.spool_deletes", wrong) end
    local spool = policy.route("spool_deletes", C.ROUTE_SPOOL, children, {}, { { text = dir } })
    return policy.route("spool_deletes", C.ROUTE_COMMAND, { children[1], spool }, {},
        { { command = DELETE, child = 1 }, { command = MD, child = 1 } }, children)
end
