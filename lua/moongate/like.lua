--- like: options that place keys as another system does; options beside `like` override them.
--
--     mg.pool { like = "twemproxy", distribution = "modula", "10.0.0.1:11211:1 cache1", "10.0.0.2:11211:2 cache2" }
return {
    -- Its defaults, and the order in which it keeps the servers of a pool (which only modula shows).
    twemproxy = { distribution = "ketama", hash = "fnv1a_64", order = "length" },
    -- String.hashCode modulo the servers.
    nodeproxy = { distribution = "modula_signed", hash = "java", weighted = false },
}
