--- backends: options of backends and settings of the proxy, as options of moongate's pools and servers.
local text = require "moongate.routelib.text"

local M = {}

local function seconds(value)
    local number = tonumber(value)
    if type(value) == "number" and number >= 0.001 and number <= 3600 then return number end
    return nil, ("takes seconds from 0.001 to 3600, not %s"):format(tostring(value))
end

--- Reads a whole number.
function M.whole(least, most)
    return function(value)
        if type(value) == "number" and value % 1 == 0 and value >= least and value <= most then return value end
        return nil, ("takes a whole number from %d to %d, not %s"):format(least, most, tostring(value))
    end
end

local function flag(value)
    if type(value) == "boolean" then return value end
    return nil, ("takes true or false, not %s"):format(tostring(value))
end

-- One failure more than the limit makes a server bad there; here it is down with the last one that the limit names.
local function failures(value)
    local number, wrong = M.whole(0, 1e6)(value)
    return number and number + 1, wrong
end

-- A pause between tries is whole seconds there, from 1 on.
local function pause(value)
    local number, wrong = seconds(value)
    return number and math.max(1, math.floor(number + 0.5)), wrong
end

-- Each with moongate's options that it sets, and maybe a note for where it is set. A reader gives a value for them,
-- or nil and what is wrong.
local readtimeout = { seconds, { "timeout", "stall_timeout" } }
local retry, retry_exact = { pause, { "probe_min", "probe_max" } }, { seconds, { "probe_min", "probe_max" } }
local flap_most = { seconds, { "probe_max" } }
local depth = { M.whole(0, 1e6), { "depth" } }
local alive = { function(value) return value and 60 or 0 end, { "keepalive" } }

-- Servers are not verified there.
local UNVERIFIED = "{ verify = false }"
local tls = {
    function(value)
        local on, wrong = flag(value)
        return on and UNVERIFIED or on, wrong
    end,
    { "tls" },
    "servers are not verified, as there: convert the file and give the pool tls = true, or tls = { ca = FILE }",
}

--- Options of a backend, by their names in routelib.
M.of_backend = {
    connecttimeout = { seconds, { "connect_timeout" } },
    readtimeout = readtimeout,
    retrytimeout = retry_exact,
    retrywaittime = retry,
    failurelimit = { failures, { "failure_limit" } },
    depthlimit = depth,
    flaptime = { seconds, { "probe_settle" } },
    flapbackoffmax = flap_most,
    tcpkeepalive = alive,
    connections = { M.whole(1, 8), { "connections" } },
    tls = tls,
    down = { flag, { "down" } },
}

--- Settings of settings{}.
M.of_settings = {
    backend_connect_timeout = M.of_backend.connecttimeout,
    backend_read_timeout = readtimeout,
    backend_retry_waittime = retry,
    backend_failure_limit = M.of_backend.failurelimit,
    backend_depth_limit = depth,
    backend_flap_time = M.of_backend.flaptime,
    backend_flap_backoff_max = flap_most,
    tcp_keepalive = alive,
    backend_use_tls = tls,
}

-- What has no meaning here, and why.
local BACK_OFF = "moongate's pauses double: only their longest can be set"
local WATCH = "moongate logs by mg.log_requests, --slow-log and `moongate ctl watch`"
local without_meaning = {
    backend_flap_backoff_ramp = BACK_OFF, flapbackofframp = BACK_OFF, log = WATCH,
    buffer_memory_limit = "moongate bounds memory by --client-buffer, --input-buffer and its kin",
    iothread = "workers of moongate have connections of their own",
    beprefix = "connections have no names",
}

--- The order in which options are written.
local order = {
    "timeout", "connect_timeout", "stall_timeout", "failure_limit", "probe_min", "probe_max", "probe_settle", "depth",
    "connections", "keepalive", "down", "tls",
}

--- Why a name has no effect.
function M.why_not(name)
    return without_meaning[name] or ("there is no '%s'"):format(tostring(name))
end

-- retrytimeout wins over retrywaittime there, and a longest pause over the pause.
local LATE = { retrytimeout = 1, flapbackoffmax = 2, backend_flap_backoff_max = 2 }

--- Translates options of backends into moongate's.
-- @param given table    as in the configuration
-- @param names table    what each is; M.of_backend
-- @param skipped table  names that others read
-- @param at table       { from, line, what } of the place
function M.translate(given, names, skipped, at)
    local to, keys = {}, text.sorted(given)
    table.sort(keys, function(a, b)
        local x, y = LATE[a] or 0, LATE[b] or 0
        if x ~= y then return x < y end
        return tostring(a) < tostring(b)
    end)
    for _, key in ipairs(keys) do
        local line = at.from:line_of(key, at.line)
        local rule = names[key]
        if not rule and not skipped[key] then
            at.from:note(line, "%s: '%s' has no effect: %s", at.what, tostring(key), M.why_not(key))
        elseif rule then
            local value, wrong = rule[1](given[key])
            if value == nil then at.from:fail(line, "%s: '%s': %s", at.what, key, wrong) end
            for _, name in ipairs(rule[2]) do to[name] = value end
            if rule[3] and value then at.from:note(line, "%s: '%s': %s", at.what, key, rule[3]) end
        end
    end
    if to.probe_max and to.probe_min and to.probe_max < to.probe_min then to.probe_max = to.probe_min end
    if to.depth == 0 then to.depth = nil end
    return to
end

--- Fields for text.call: those of the options that differ from `above`.
function M.fields(options, above)
    local fields = {}
    for _, name in ipairs(order) do
        local value = options[name]
        if value ~= nil and value ~= (above or {})[name] then
            fields[#fields + 1] = { name, type(value) == "number" and text.number(value) or tostring(value) }
        end
    end
    return fields
end

return M
