--- proxy: requests as objects of scripts, with the fields and methods of the module request.
local request = require "moongate.request"
local where = require "moongate.where"

local M = {}

local LEAST, MOST = -2 ^ 31, 2 ^ 31 - 1 -- an exptime

--- The metatable of such objects.
-- @param pointer function  of an object: C's struct request; raises an error when it is no request, or over
-- @param holder function   of an object: who holds what is written to it, for mg_request_edit: at, serial
-- @param written function  called after a write, with the object, the field or "meta" and the value; or nil
function M.metatable(pointer, holder, written)
    local methods = {}
    for name, method in pairs(request.methods) do
        methods[name] = function(self, a, b) return method(pointer(self, name), a, b) end
    end
    for name, editor in pairs(request.editors) do
        methods[name] = function(self, a, b)
            local r = pointer(self, name)
            local at, serial = holder(self)
            editor(r, at, serial, a, b)
            if written then written(self, "meta") end
        end
    end
    local fields, setters = request.fields, request.setters
    local function set(self, name, value)
        local r = pointer(self)
        local at, serial = holder(self)
        if name == "exptime" then
            request.check_whole("req.exptime", value, LEAST, MOST)
            r.exptime = value
            return
        end
        local setter = setters[name]
        if not setter then request.no_setter(name) end
        setter(r, at, serial, value)
        if written then written(self, name, value) end
    end
    return {
        __metatable = "request",
        __index = function(self, name)
            if methods[name] then return methods[name] end
            local r = pointer(self)
            if name == "exptime" then return r.exptime end
            local field = fields[name]
            if not field then request.no_field(name) end
            return field(r)
        end,
        __newindex = set,
        __tostring = function(self)
            return "request: " .. fields.command(pointer(self))
        end,
    }
end

--- Raises an error for a method that is called on something else.
function M.not_one(name)
    where.fail(name and ("call it as req:%s(...)"):format(name) or "this is no request")
end

return M
