/* place: a folder in which deletes wait on the disk, and its bounds: what a script says with mg.spool_deletes.
 *
 * A plain value, which owns nothing. As a text it stands in a script's bundle (BUNDLE_SPOOLS), where the master finds it, and in its
 * order to the spooler. The folder's own files are in src/spool/README.md.
 */
#ifndef MOONGATE_SPOOL_PLACE_H
#define MOONGATE_SPOOL_PLACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The path must leave room for the name of the spooler's socket in it (sun_path). */
enum { SPOOL_DIR_MAX = 91, SPOOL_SOCKET_MAX = 108, SPOOL_WHY_MAX = 256, SPOOL_PLACE_TEXT = 80 };

#define SPOOL_SOCKET "spooler.sock"

static const uint64_t SPOOL_SIZE = 64ull << 20, SPOOL_TOTAL = 1ull << 30; /* bytes, unless said */
static const uint64_t SPOOL_SIZE_LEAST = 64ull << 10;
enum { SPOOL_PLACES_MOST = 16 }; /* folders of one service */

struct spool_place {
    char dir[SPOOL_DIR_MAX]; /* an absolute path */
    uint64_t max_size;       /* bytes of the files of one server */
    uint64_t max_total;      /* and of all of them */
    uint32_t max_age;        /* seconds that a delete is kept at least; 0: until it is replayed */
};

/* A place of that path with the usual bounds. NULL, or what is wrong with the path, in constant text. Looks at the text alone. */
const char *spool_place_init(struct spool_place *p, const char *dir);

/* NULL, or what is wrong with its bounds, in constant text. */
const char *spool_place_wrong(const struct spool_place *p);

/* The bounds as a text without the path, `max_size 67108864 max_total 1073741824 max_age 0`; and back. False: it is no such text.
 * Words that this version does not know are skipped. */
void spool_place_print(const struct spool_place *p, char text[SPOOL_PLACE_TEXT]);
bool spool_place_parse(struct spool_place *p, const char *text, size_t len);

/* The path of the spooler's socket in the folder. */
void spool_place_socket(const char *dir, char path[SPOOL_SOCKET_MAX]);

/* Makes the folder (0700) where it is missing, and tries to write in it. False: why says what is wrong and what to do. It may wait for
 * the disk: the check's child calls it, and no process that serves. `masters`: the service's own masters, up to two (0: none), whose
 * spoolers may hold the folder. */
bool spool_place_try(const char *dir, const int32_t masters[2], char why[SPOOL_WHY_MAX]);

#endif
