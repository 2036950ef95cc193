/* routelib: reads a configuration of memcached's proxy that is written for routelib. It is a program in Lua, so it is run: in a Lua state
 * of its own, which ends with the call, and in the sandbox of scripts. lua/moongate/routelib.lua writes the script's text.
 *
 * Nothing is kept, and nobody else has the state.
 */
#ifndef MOONGATE_SCRIPT_ROUTELIB_H
#define MOONGATE_SCRIPT_ROUTELIB_H

#include "convert/convert.h"

convert_reader routelib_read;

#endif
