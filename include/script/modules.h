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

/* The text of lua/moongate/servers.lua, the script of --servers. */
extern const char script_servers_text[];

#endif
