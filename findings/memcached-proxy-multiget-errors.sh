#!/bin/sh
# Expected: a request has one answer. The answer to a get of several keys is their values and END, or one line with an error, after which a
#     client reads the answer to its next request.
# Happens: memcached's built-in proxy makes a request of each key. When a server is down, it sends one SERVER_ERROR for each of its keys,
#     between the values, and END behind all of them: a get of three keys has four lines of which three say SERVER_ERROR. A client that takes
#     the first one for the answer, as libraries do, reads the rest as answers to its next requests. A get of one key has the one line alone.
# Source: Debian forky's memcached 1.6.45-1, with a route that sends all requests to one pool of one server, where nobody listens.
# shellcheck source=findings/lib/memcached.sh
. "$(dirname "$0")/lib/memcached.sh"

have_memcached forky 1.6.45-1
cat >"$work/routes.lua" <<'LUA'
function mcp_config_pools()
    return mcp.pool({ mcp.backend("server", "127.0.0.1", 1) })
end

function mcp_config_routes(pool)
    local generator = mcp.funcgen_new()
    local server = generator:new_handle(pool)
    generator:ready({ n = "all", f = function(context)
        return function(request) return context:enqueue_and_wait(request, server) end
    end })
    mcp.attach(mcp.CMD_ANY_STORAGE, generator)
end
LUA
serve -o "proxy_config=$work/routes.lua"
expect "a server that is down" 'get a -> SERVER_ERROR backend failure
get a b c -> SERVER_ERROR backend failure|SERVER_ERROR backend failure|SERVER_ERROR backend failure|END
mg a v -> SERVER_ERROR backend failure' "$(ask 'get a' 'get a b c' 'mg a v')"
echo "as before"
