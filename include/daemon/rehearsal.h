/* rehearsal: a whole worker in memory: real clients, routes and calls, whose other ends are ours: socket pairs in this process.
 *
 * Owned by the tool that runs; driven by rehearsal_turn alone. With a played clock (see clock) nothing in it depends on real
 * time.
 */
#ifndef MOONGATE_DAEMON_REHEARSAL_H
#define MOONGATE_DAEMON_REHEARSAL_H

#include "daemon/options.h"
#include "script/tester.h"

/* What a rehearsal is made with; o: for its limits, lua_dir and no_jit. */
struct rehearsal_how {
    const struct options *options;
    bool connects; /* servers are real: to their addresses, in real time */
};

/* As the fields of struct tester_tools. */
struct rehearsal *rehearsal_create(const struct rehearsal_how *how,
                                   const struct tester_script *script, char *error);
void rehearsal_destroy(struct rehearsal *r);
bool rehearsal_reload(struct rehearsal *r, const struct tester_script *script, char *error);
bool rehearsal_turn(struct rehearsal *r, struct tester_news *news);
uint32_t rehearsal_connect(struct rehearsal *r);
void rehearsal_write(struct rehearsal *r, uint32_t wire, const char *bytes, size_t len);
void rehearsal_hang_up(struct rehearsal *r, uint32_t wire);
void rehearsal_refuse(struct rehearsal *r, const char *server, bool is_refused);
const char *rehearsal_server(struct rehearsal *r, uint32_t at);
double rehearsal_next_alarm(struct rehearsal *r);
void rehearsal_explain(struct rehearsal *r, const char *line, size_t len, const char *value,
                       size_t value_len, FILE *to);
void rehearsal_evaluate(struct rehearsal *r, const char *text, size_t len, FILE *to);

#endif
