/* renew: a file that gets a new text: what was at its path stays until the new one is whole. Owns nothing; the new bytes are in PATH.new
 * meanwhile.
 */
#ifndef MOONGATE_BASE_RENEW_H
#define MOONGATE_BASE_RENEW_H

#include <stdbool.h>
#include <stdio.h>

/* Writes the whole text. Errors of the stream are found behind it. */
typedef void renew_write_fn(const void *about, FILE *out);

/* is_safe: its bytes are on the disk before it gets its name. False with errno: what was there stays. */
bool renew_file(const char *path, bool is_safe, renew_write_fn *write, const void *about);

/* Writes to that path as it is: a device, such as /dev/stdout. False with errno. */
bool renew_in_place(const char *path, bool is_safe, renew_write_fn *write, const void *about);

#endif
