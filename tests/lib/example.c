#include "lib/example.h"

#include <stdio.h>
#include <string.h>

#include "lib/client.h"
#include "lib/memcached.h"
#include "lib/moongate.h"
#include "lib/scene.h"

static struct memcached *running[EXAMPLE_SERVERS];

struct memcached *example_server(int i)
{
    return running[i];
}

const char *example_address(int i)
{
    return memcached_address(running[i]);
}

/* --- the script ------------------------------------------------------------------------------ */

static char *read_example(const char *name)
{
    enum { ROOM = 4096 };
    char *text = stage_memory(ROOM);
    FILE *file = fopen(textf("examples/%s.lua", name), "re");
    if (!file)
        stage_fails("examples/%s.lua cannot be read: run the tests from the top of the tree", name);
    text[fread(text, 1, ROOM - 1, file)] = '\0';
    fclose(file);
    return text;
}

static const char *moved(const char *text)
{
    static const char written[] = "127.0.0.1:1131";
    char *to = stage_memory(8192);
    size_t n = 0;
    while (*text) {
        unsigned which = strncmp(text, written, sizeof written - 1)
                             ? EXAMPLE_SERVERS
                             : (unsigned)(text[sizeof written - 1] - '1');
        if (which < EXAMPLE_SERVERS) {
            n += (size_t)sprintf(to + n, "%s", example_address((int)which));
            text += sizeof written;
        } else {
            to[n++] = *text++;
        }
    }
    return to;
}

const char *example_text(const char *name)
{
    for (int i = 0; i < EXAMPLE_SERVERS; i++) running[i] = memcached_start(NULL);
    return moved(read_example(name));
}

const char *example_with(const char *text, const char *word, const char *other)
{
    const char *at = strstr(text, word);
    if (!at) stage_fails("the example has no %s", word);
    return textf("%.*s%s%s", (int)(at - text), text, other, at + strlen(word));
}

struct client *example_starts(const char *name)
{
    return client_connects(moongate_start(example_text(name), NULL));
}

/* --- its servers ----------------------------------------------------------------------------- */

unsigned long example_stat(int i, const char *name)
{
    struct client *c = client_connects_to(example_address(i));
    unsigned long number = stat_number(c, "", name);
    client_closes(c);
    return number;
}

void servers_die(int first, int last)
{
    for (int i = first; i <= last; i++) memcached_kill(running[i]);
}

void servers_freeze(int first, int last)
{
    for (int i = first; i <= last; i++) memcached_freezes(running[i]);
}

int holders(const char *key, int first, int last)
{
    int n = 0;
    for (int i = first; i <= last; i++) {
        struct client *c = client_connects_to(example_address(i));
        client_sends(c, textf("append %s 0 0 0\r\n\r\n", key));
        n += strcmp(client_sees_line(c), "STORED") == 0;
        client_closes(c);
    }
    return n;
}

void server_gets(int i, const char *key)
{
    struct client *c = client_connects_to(example_address(i));
    client_sets(c, key);
    client_closes(c);
}

/* --- its clients ----------------------------------------------------------------------------- */

void client_sets(struct client *c, const char *key)
{
    client_sends(c, textf("set %s 0 0 5\r\nhello\r\n", key));
    client_sees(c, "STORED\r\n");
}

void client_finds(struct client *c, const char *key)
{
    client_sends(c, textf("get %s\r\n", key));
    client_sees(c, hit_and_end(key, "hello"));
}

void client_misses(struct client *c, const char *key)
{
    client_sends(c, textf("get %s\r\n", key));
    client_sees(c, "END\r\n");
}

/* `stats items` is asked of every server, behind the rest. */
void all_is_answered(struct client *c)
{
    client_sends(c, "stats items\r\n");
    while (strcmp(client_sees_line(c), "END") != 0) {
    }
}
