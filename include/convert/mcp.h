/* mcp: programs for memcached's proxy that use its API (mcp.pool, mcp.attach ...) themselves. They are not run here: this says, function by
 * function, what each would be in a script of moongate, and where the program uses it.
 *
 * Pure functions of the caller's bytes.
 */
#ifndef MOONGATE_CONVERT_MCP_H
#define MOONGATE_CONVERT_MCP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* The program is one for that API: it uses functions of mcp. */
bool mcp_is_used(const char *bytes, size_t len);

/* Prints a paragraph for each function that it uses. */
void mcp_print(const char *path, const char *bytes, size_t len, FILE *out);

#endif
