/* modules: moongate's own Lua modules, as bytecode that src/script/embed.sh links into the binary. Constant data, nothing
 * is freed. */
#ifndef MOONGATE_SCRIPT_MODULES_H
#define MOONGATE_SCRIPT_MODULES_H

#include <stddef.h>

struct script_module {
    const char *name; /* "moongate.abi" */
    const unsigned char *bytecode;
    size_t len;
};

extern const struct script_module script_modules[]; /* ends with a NULL name */

/* include/script/abi.h, preprocessed for ffi.cdef. */
extern const char script_cdef[];

/* The texts of lua/moongate/servers.lua and cache.lua, the scripts of --servers and of --store. */
extern const char script_servers_text[];
extern const char script_cache_text[];

#endif
