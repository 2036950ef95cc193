/* modules: moongate's own Lua, as linked into the binary by src/script/embed.sh. Constant. */
#ifndef MOONGATE_SCRIPT_MODULES_H
#define MOONGATE_SCRIPT_MODULES_H

#include <stddef.h>

struct script_module {
    const char *name; /* "moongate.abi" */
    const unsigned char *bytecode;
    size_t len;
};

extern const struct script_module script_modules[]; /* ends with a NULL name */

/* include/script/abi.h as ffi.cdef wants it. */
extern const char script_cdef[];

/* The text of lua/moongate/servers.lua, the script behind --servers. */
extern const char script_servers_text[];

#endif
