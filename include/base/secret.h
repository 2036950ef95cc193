/* secret: the bytes of a file with a private key, certificates or passwords, as all workers of one generation of the script have them.
 *
 * They come from the script's bundle (base/bundle.h), where the child that checks the script has put them, so that all workers get the
 * same or the reload is refused; and from the disk where the bundle does not have them. A plain value that owns its bytes:
 * secret_release wipes and frees them. Any process.
 */
#ifndef MOONGATE_BASE_SECRET_H
#define MOONGATE_BASE_SECRET_H

#include <stdbool.h>
#include <stddef.h>

struct bundle;

enum { SECRET_MOST = 4 * 1024 * 1024 }; /* bytes of a file */

struct secret {
    char *bytes; /* owned; a zero byte follows them */
    size_t len;
};

/* Reads the file at path; b may be NULL. Where b records (base/bundle.h), the bytes are added to it, also the fact that the file could not
 * be read, for those that watch it. Returns NULL, or why it cannot be had, valid until the next call in this thread; then
 * nothing is to be released. */
const char *secret_read(struct secret *to, struct bundle *b, const char *path)
    __attribute__((warn_unused_result));

/* Nothing for one that was never read. */
void secret_release(struct secret *s);

#endif
