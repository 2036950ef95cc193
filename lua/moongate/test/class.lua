--- class: objects with methods and fields; to use a misspelt name is an error.
local options = require "moongate.options"
local where = require "moongate.where"

--- Makes objects of one kind.
-- @param name string      as messages say it: "a server"
-- @param methods table    by name
-- @param getters table    by name: functions of the object that return a field's value
-- @param plain table      names of the plain fields that tests may read: keys of this table; or nil
-- @return function  takes a table of plain fields and returns the object
return function(name, methods, getters, plain)
    getters = getters or {}
    local metatable = { __metatable = name }

    function metatable.__index(self, key)
        if methods[key] then return methods[key] end
        if getters[key] then return getters[key](self) end
        where.fail(("%s has no '%s'; there are: %s"):format(name, tostring(key),
            options.names(methods, getters, plain or {})))
    end

    function metatable.__newindex(_, key)
        where.fail(("%s has no '%s' that can be set"):format(name, tostring(key)))
    end

    function metatable.__tostring(self)
        return name .. (rawget(self, "name") and " " .. rawget(self, "name") or "")
    end

    return function(fields)
        return setmetatable(fields, metatable)
    end
end
