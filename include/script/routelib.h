/* routelib: reads a configuration of memcached's proxy that is written for routelib. It is a program in Lua, so it is run: in a Lua state
 * of its own, which ends with the call, and in the sandbox of scripts. lua/moongate/routelib.lua writes the script's text.
 *
 * Nothing is kept, and nobody else has the state.
 */
#ifndef MOONGATE_SCRIPT_ROUTELIB_H
#define MOONGATE_SCRIPT_ROUTELIB_H

#include "convert/convert.h"

/* How long the configuration may run. */
#define ROUTELIB_SECONDS 9

convert_reader routelib_read;

/* The same with another limit. */
bool routelib_read_within(const struct convert_input *in, struct convert_output *out,
                          double seconds);

#endif
