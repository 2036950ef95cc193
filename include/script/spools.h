/* spools: the folders that a script has named with mg.spool_deletes, in which deletes wait on the disk.
 *
 * Owned by the script, which frees the list. While the check loads the script they are noted in its bundle, too: there the master finds
 * them before workers use the script, and has the spooler open them.
 */
#ifndef MOONGATE_SCRIPT_SPOOLS_H
#define MOONGATE_SCRIPT_SPOOLS_H

#include "spool/place.h"
#include <stdint.h>

struct script;

struct script_spools {
    struct spool_place *all;
    uint32_t n;
};

/* Adds a folder, unless it is there already. NULL, or what is wrong, in constant text: among others, the script has named it with other
 * bounds. Only while the script loads. */
const char *spools_add(struct script *s, const struct spool_place *p);

/* From 0 on; NULL after the last. */
const struct spool_place *script_spool(const struct script *s, uint32_t at);

void spools_release(struct script *s);

#endif
