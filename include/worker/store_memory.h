/* store_memory: the memory in which stores lie: how much room it has, and whether the machine has as much as a script's stores want.
 *
 * The master maps it before it forks, and destroys it (store_region_destroy); so does each command that runs scripts in a worker of its
 * own, whose stores nobody else sees.
 */
#ifndef MOONGATE_WORKER_STORE_MEMORY_H
#define MOONGATE_WORKER_STORE_MEMORY_H

#include "store/store.h"
#include "worker/options.h"

/* Bytes of --store-memory; not given: twice the machine's memory, as a reload may have the stores of two scripts for a while. */
uint64_t store_memory_room(const struct options *o);

/* Maps it. Where the process may not have as much, with less room, after a warning. fd: as store_region_create; NULL: no other program
 * takes it over. NULL, after a warning: scripts with stores do not load. */
struct store_region *store_memory_map(const struct options *o, int *fd);

/* A store that a script names. */
struct source_store {
    char name[STORE_NAME];
    struct store_settings settings;
};

/* What stores the script in that source has, as its check has noted them; or the one of --store. Returns how many; -1: the source is
 * damaged. */
int source_stores(const struct options *o, int fd, struct source_store to[STORES_MAX]);

/* A warning where stores of so many bytes in all want more than the machine, or its cgroup, has. */
void store_memory_warn(uint64_t bytes);

#endif
