/* Room is address space: a page of it becomes memory when a store first writes to it. So there is no price to much of it, but where the
 * process may not have it (ulimit -v). */
#include "worker/store_memory.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/bundle.h"
#include "base/log.h"
#include "base/machine.h"

/* Where the machine's memory is not known; and what is worth a try. */
static const uint64_t ROOM_UNKNOWN = 64ull << 30, ROOM_LEAST = 64ull << 20;

uint64_t store_memory_room(const struct options *o)
{
    uint64_t memory;
    if (o->store_memory) return o->store_memory;
    memory = machine_memory("");
    uint64_t room = memory ? 2 * memory : ROOM_UNKNOWN;
    return room < o->store * 2 ? o->store * 2 : room;
}

/* Through a file, even where nobody takes it: other mappings that processes share count as memory that is used, where the kernel does not
 * give more than it has (vm.overcommit_memory=2). */
static struct store_region *try_map(uint64_t room, int *fd)
{
    int own = -1;
    struct store_region *r = store_region_create(room, fd ? fd : &own);
    if (own >= 0) close(own);
    return r;
}

struct store_region *store_memory_map(const struct options *o, int *fd)
{
    uint64_t wanted = store_memory_room(o), room = wanted;
    struct store_region *r;
    while (!(r = try_map(room, fd)) && room / 2 >= ROOM_LEAST) room /= 2;
    if (!r)
        log_warn("stores: no memory for them: %s: scripts with stores do not load here: raise the "
                 "limit (ulimit -v), or give less with --store-memory",
                 strerror(errno));
    else if (room < wanted && o->store_memory)
        log_warn("stores: room for %llu bytes, and not for the %llu of --store-memory: %s",
                 (unsigned long long)room, (unsigned long long)wanted, strerror(errno));
    return r;
}

/* The path is its name, the bytes are what mg_store_open has noted. */
static bool take_store(const struct bundle_file *file, struct source_store *to)
{
    char text[64];
    unsigned long long size, max_value;
    *to = (struct source_store){.name = ""};
    if (file->path_len == 0 || file->path_len >= sizeof to->name || file->len >= sizeof text)
        return false;
    memcpy(to->name, file->path, file->path_len);
    memcpy(text, file->bytes, file->len);
    text[file->len] = '\0';
    if (sscanf(text, "%llu %llu", &size, &max_value) != 2) return false;
    to->settings = (struct store_settings){.size = size, .max_value = max_value};
    return size >= STORE_LEAST && size <= STORE_MOST;
}

int source_stores(const struct options *o, int fd, struct source_store to[STORES_MAX])
{
    const char *why;
    struct bundle_file file;
    size_t at = 0;
    int n = 0;
    if (o->store && !o->script) {
        to[0] = (struct source_store){.name = "store",
                                      .settings = {.size = o->store, .max_value = o->max_value}};
        return 1;
    }
    struct bundle *b = fd >= 0 ? bundle_read(fd, &why) : NULL;
    while (b && n >= 0 && bundle_next(b, &at, &file)) {
        if (file.kind != BUNDLE_STORES) continue;
        n = n < STORES_MAX && take_store(&file, &to[n]) ? n + 1 : -1;
    }
    bundle_give(b);
    return n;
}

void store_memory_warn(uint64_t bytes)
{
    uint64_t memory = bytes ? machine_memory("") : 0;
    if (memory == 0 || bytes <= memory) return;
    log_warn("stores: they may take %.1f GiB, and this machine (or its cgroup) has %.1f GiB of "
             "memory: when it is used up the kernel ends processes: give the stores less",
             (double)bytes / (1ull << 30), (double)memory / (1ull << 30));
}
