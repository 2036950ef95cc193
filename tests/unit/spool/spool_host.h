/* spool_host: a folder on the disk for a unit test of spools: opened in this process, looked into, damaged, removed.
 *
 * Owned by the test; folder_goes frees it.
 */
#ifndef TESTS_UNIT_SPOOL_SPOOL_HOST_H
#define TESTS_UNIT_SPOOL_SPOOL_HOST_H

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "spool/folder.h"

static const uint32_t NOW = 1000000;

static const char SERVER[] = "10.0.0.1:11211";

static char dir[64];

static int folder_comes(void **state)
{
    (void)state;
    snprintf(dir, sizeof dir, "/dev/shm/spool-test-XXXXXX"); /* where a sync takes no time */
    if (mkdtemp(dir)) return 0;
    snprintf(dir, sizeof dir, "/tmp/spool-test-XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}

/* Calls act for each file in the folder. */
static void for_files(void (*act)(const char *path, void *arg), void *arg)
{
    char path[512];
    DIR *all = opendir(dir);
    assert_non_null(all);
    for (struct dirent *one; (one = readdir(all));) {
        if (one->d_name[0] == '.') continue;
        snprintf(path, sizeof path, "%s/%s", dir, one->d_name);
        act(path, arg);
    }
    closedir(all);
}

static void remove_it(const char *path, void *arg)
{
    (void)arg;
    unlink(path);
}

static int folder_goes(void **state)
{
    (void)state;
    for_files(remove_it, NULL);
    return rmdir(dir);
}

static inline void empty_folder(void)
{
    for_files(remove_it, NULL);
}

static void find_spool(const char *path, void *arg)
{
    char **to = arg;
    size_t len = strlen(path);
    if (len < 6 || strcmp(path + len - 6, ".spool") != 0) return;
    if (*to && strcmp(*to, path) >= 0) return;
    free(*to);
    *to = strdup(path);
}

/* The last of the spools' files, from malloc; NULL: there is none. */
static inline char *last_file(void)
{
    char *path = NULL;
    for_files(find_spool, &path);
    return path;
}

static inline struct spool_place usual(void)
{
    struct spool_place place;
    assert_null(spool_place_init(&place, dir));
    return place;
}

static struct folder *opened_as(const struct spool_place *place)
{
    struct folder *f = folder_create(place, (int32_t)getpid());
    assert_int_equal(folder_look(f, 0), FOLDER_OPEN);
    for (struct spool *s = f->spools; s; s = s->next) spool_load(s);
    return f;
}

static inline struct folder *opened(void)
{
    struct spool_place place = usual();
    return opened_as(&place);
}

static inline struct spool *spool_of(struct folder *f, const char *server)
{
    return folder_need(f, server, strlen(server));
}

static inline enum spool_added add(struct spool *s, const char *line)
{
    return spool_add(s, line, strlen(line), NOW);
}

static inline int brought_to_disk(struct folder *f, struct spool *s)
{
    int error = folder_sync(f);
    return error ? error : spool_sync(s);
}

static inline void keep(struct folder *f, struct spool *s, const char *line)
{
    assert_int_equal(add(s, line), SPOOL_ADDED);
    assert_int_equal(brought_to_disk(f, s), 0);
}

/* `delete k17` */
static inline const char *line_of(unsigned i)
{
    static char text[32];
    snprintf(text, sizeof text, "delete k%u\r\n", i);
    return text;
}

static inline unsigned number_of(const struct spool_item *item)
{
    char text[64];
    unsigned i;
    assert_true(item->len < sizeof text);
    memcpy(text, item->bytes, item->len);
    text[item->len] = '\0';
    assert_int_equal(sscanf(text, "delete k%u\r\n", &i), 1);
    assert_string_equal(text, line_of(i));
    return i;
}

/* The packet of a GIVE, read. */
static inline struct spool_said given(struct spool *s)
{
    static struct spool_packet packet;
    struct spool_said said;
    assert_true(spool_give(s, &packet, NOW));
    assert_true(spool_packet_read(packet.bytes, packet.len, &said));
    return said;
}

/* Gives and does all that waits: the numbers of the lines, in order. */
static inline size_t replays(struct spool *s, unsigned *numbers, size_t most)
{
    size_t n = 0;
    static struct spool_packet packet;
    while (spool_give(s, &packet, NOW)) {
        struct spool_said said;
        struct spool_item item;
        uint64_t last = 0;
        assert_true(spool_packet_read(packet.bytes, packet.len, &said));
        while (spool_said_next(&said, &item)) {
            assert_true(n < most && item.number > last);
            numbers[n++] = number_of(&item);
            last = item.number;
        }
        assert_true(spool_done(s, last) > 0);
    }
    assert_int_equal(spool_pending(s), 0);
    return n;
}

static inline void assert_replays(struct spool *s, unsigned from, unsigned n)
{
    static unsigned numbers[50000];
    assert_int_equal(replays(s, numbers, 50000), n);
    for (unsigned i = 0; i < n; i++) assert_int_equal(numbers[i], from + i);
}

#endif
