/* streamed: what plays of streamed values share. All run twice, with pipes and without: see streamed_main. Owns nothing. */
#ifndef TESTS_E2E_STREAMED_H
#define TESTS_E2E_STREAMED_H

#include "lib/backend.h"
#include "lib/client.h"
#include "lib/moongate.h"
#include "lib/scene.h"

#include <string.h>

enum { LONG = 300000, HUGE = 4 << 20, FIRST = 100000 };

/* With pipes, or by copying: the option of the moongate that plays. The first one changes nothing here. */
static const char *const WAYS[] = {"--strict-keys", "--no-splice"};
static const char *way;

static inline char *head_of(const char *key, size_t n)
{
    return textf("VALUE %s 0 %zu\r\n", key, n);
}

/* c asks for k, and b answers with the head and the first `n` bytes of a value. */
static inline const char *value_begins(struct client *c, struct backend *b, size_t size, size_t n)
{
    const char *data = noise(size, 7);
    client_sends(c, "get k\r\n");
    backend_sees(b, "get k\r\n");
    backend_answers(b, head_of("k", size));
    backend_answers_bytes(b, data, n);
    client_sees(c, head_of("k", size));
    client_sees_bytes(c, data, n);
    return data;
}

static inline void seconds_pass(double seconds)
{
    for (double end = stage_now() + seconds; stage_now() < end;) stage_turns(10);
}

static inline unsigned long counted(struct moongate *m, const char *name)
{
    return stat_number(client_connects(m), "proxy", name);
}

/* Its clients come over a unix socket, which holds little. */
static inline struct moongate *moongate_with_short_buffers(const char *script, const char *buffer)
{
    return moongate_start(script, "-b", textf("unix:%s/s", program_folder()), "--client-buffer",
                          buffer, "--max-value", "64k", way, NULL);
}

/* c asks for a value that no socket buffers hold, and reads none of it. */
static inline const char *client_is_behind(struct client *c, struct backend *b)
{
    const char *data = noise(HUGE, 7);
    client_stops_reading(c);
    client_sends(c, "get k\r\n");
    backend_sees(b, "get k\r\n");
    backend_begins_to_answer(b, textf("VALUE k 0 %d\r\n", HUGE), strlen(head_of("k", HUGE)));
    backend_begins_to_answer(b, data, HUGE);
    backend_begins_to_answer(b, "\r\nEND\r\n", 7);
    return data;
}

/* Runs the plays in each way; gives how many failed. */
#define streamed_main(tests)                                                                       \
    int failed = 0;                                                                                \
    for (int i = 0; i < 2; i++) {                                                                  \
        way = WAYS[i];                                                                             \
        failed += cmocka_run_group_tests_name(way, tests, NULL, NULL);                             \
    }                                                                                              \
    return failed

#endif
