/* persons: clients of a fleet (fleet.h) who ask for random things about few keys, and note what they were answered (lib/timeline.h).
 *
 * Included once, by a test program's only source, which owns `play`. Values: key 0 has texts, "12" or, appended to, "12,13"; key 1
 * numbers.
 */
#ifndef TESTS_UNIT_PERSONS_H
#define TESTS_UNIT_PERSONS_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/stage.h"
#include "lib/timeline.h"
#include "unit/route/fleet.h"

enum { CLIENTS = 6, KEYS = 2, LINE = 2048, LONG_BYTES = 1500 };

/* No server has it. */
static const unsigned long long VOID_CAS = 9223372036854775807ULL;

struct part;

struct person {
    unsigned guest, machine, worker;
    bool waits;
    unsigned ops_n; /* of the request that waits: a get of two keys is two */
    struct timeline_op ops[KEYS];
    uint64_t cas[KEYS]; /* that it was shown last */
};

/* What all fleets have seen; each is played in a process of its own. */
static struct sums {
    uint64_t seed;
    unsigned schedule;
    unsigned long ops, hits, errors;
    unsigned tangled; /* schedules that leave too many writes unknown to be judged */
} * sums;

static struct {
    uint64_t seed;
    struct fleet *fleet;
    struct timeline *timeline;     /* of this schedule: one of */
    struct timeline *timelines[2]; /* without faults, with */
    const struct part *part;
    unsigned rules;       /* of it: see histories.h */
    double began;         /* the first one */
    char script[2][4096]; /* two that do the same */
    unsigned which;       /* of them is in use */
    struct person persons[CLIENTS];
    unsigned schedule;
    uint64_t last; /* value that was stored */
} play;

static unsigned below(unsigned n)
{
    uint64_t x = play.seed += 0x9e3779b97f4a7c15ULL;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ULL;
    x = (x ^ x >> 27) * 0x94d049bb133111ebULL;
    return (unsigned)((x >> 32) * n >> 32);
}

/* --- asking -------------------------------------------------------------------------------------- */

static const char *key_text(unsigned key)
{
    static char text[KEYS][32];
    snprintf(text[key], sizeof text[key], "%c%u", key ? 'n' : 'k', play.schedule);
    return text[key];
}

static bool is_number(unsigned key)
{
    return key == 1;
}

/* A client waits for the answer to a write of that key. */
static bool is_written(unsigned key)
{
    for (unsigned i = 0; i < CLIENTS; i++) {
        const struct person *p = &play.persons[i];
        if (p->waits && p->ops[0].key == key && p->ops[0].deed != TIMELINE_READ) return true;
    }
    return false;
}

/* Mostly the same one: then clients meet. */
static unsigned a_key(void)
{
    return below(5) == 0;
}

/* A new value, and its text. Sums of numbers do not meet. */
static uint64_t new_value(unsigned key, char *text)
{
    uint64_t value = ++play.last;
    if (is_number(key)) value *= 1000;
    int len = snprintf(text, LINE, "%llu", (unsigned long long)value);
    if (play.rules & LONG && !is_number(key) && below(3))
        for (int n = len; n < LONG_BYTES;)
            n += snprintf(text + n, LINE - (size_t)n, ".%llu", (unsigned long long)value);
    return is_number(key) ? timeline_number(value) : value;
}

static struct timeline_op *adds(struct person *p, unsigned key, enum timeline_deed deed)
{
    struct timeline_op *op = &p->ops[p->ops_n++];
    *op = (struct timeline_op){
        .client = (uint32_t)(p - play.persons), .key = key, .deed = deed, .begin = fleet_now()};
    return op;
}

static void reads(struct person *p, char *line)
{
    unsigned key = a_key(), how = below(10);
    adds(p, key, TIMELINE_READ);
    if (how < 5) {
        snprintf(line, LINE, "get %s\r\n", key_text(key));
    } else if (how < 6) {
        snprintf(line, LINE, "gets %s\r\n", key_text(key));
    } else if (how < 8) {
        snprintf(line, LINE, "mg %s k v f\r\n", key_text(key));
    } else if (how < 9) {
        snprintf(line, LINE, "gat 0 %s\r\n", key_text(key));
    } else {
        adds(p, 1 - key, TIMELINE_READ);
        snprintf(line, LINE, "get %s %s\r\n", key_text(key), key_text(1 - key));
    }
}

/* A set, or another deed that has a value. */
static void stores(struct timeline_op *op, char *line)
{
    static const char *const words[] = {[TIMELINE_SET] = "set",
                                        [TIMELINE_ADD] = "add",
                                        [TIMELINE_REPLACE] = "replace",
                                        [TIMELINE_CAS] = "cas",
                                        [TIMELINE_APPEND] = "append"};
    char value[LINE], cas[32] = "";
    const char *comma = op->deed == TIMELINE_APPEND ? "," : "";
    op->value = new_value(op->key, value);
    if (op->cas) snprintf(cas, sizeof cas, " %llu", (unsigned long long)op->cas);
    snprintf(line, 2 * LINE, "%s %s %u 0 %zu%s\r\n%s%s\r\n", words[op->deed], key_text(op->key),
             7 + op->key, strlen(comma) + strlen(value), cas, comma, value);
}

static enum timeline_deed a_deed(const struct person *p, unsigned key)
{
    static const enum timeline_deed deeds[] = {TIMELINE_SET,     TIMELINE_SET,    TIMELINE_SET,
                                               TIMELINE_DELETE,  TIMELINE_DELETE, TIMELINE_ADD,
                                               TIMELINE_REPLACE, TIMELINE_CAS,    TIMELINE_CAS,
                                               TIMELINE_APPEND,  TIMELINE_INCR,   TIMELINE_TOUCH};
    enum timeline_deed deed = deeds[below(play.rules & PLAIN ? 5 : sizeof deeds / sizeof *deeds)];
    if (deed == TIMELINE_APPEND && is_number(key)) return TIMELINE_INCR;
    if (deed == TIMELINE_INCR && !is_number(key)) deed = TIMELINE_APPEND;
    if (deed == TIMELINE_APPEND && play.rules & LONG) return TIMELINE_SET;
    return deed == TIMELINE_CAS && !p->cas[key] ? TIMELINE_SET : deed;
}

static void writes(struct person *p, unsigned key, char *line)
{
    struct timeline_op *op = adds(p, key, a_deed(p, key));
    if (op->deed == TIMELINE_DELETE) {
        snprintf(line, LINE, below(4) ? "delete %s\r\n" : "md %s\r\n", key_text(key));
    } else if (op->deed == TIMELINE_TOUCH) {
        snprintf(line, LINE, "touch %s 0\r\n", key_text(key));
    } else if (op->deed == TIMELINE_INCR) {
        op->delta = 1 + below(9);
        snprintf(line, LINE, "incr %s %u\r\n", key_text(key), op->delta);
    } else {
        op->cas = op->deed == TIMELINE_CAS ? p->cas[key] : 0;
        stores(op, line);
    }
}

static void asks(struct person *p)
{
    char line[2 * LINE];
    unsigned key = a_key();
    p->ops_n = 0;
    if (below(100) < 60 || (play.rules & ONE_WRITER && is_written(key)))
        reads(p, line);
    else
        writes(p, key, line);
    fleet_sends(play.fleet, p->guest, line);
    p->waits = true;
    sums->ops += p->ops_n;
}

/* --- answers ------------------------------------------------------------------------------------- */

/* "12,13,14", or a number. */
static uint64_t read_value(unsigned key, const char *text)
{
    char *end;
    uint64_t value = strtoull(text, &end, 10);
    if (is_number(key)) return timeline_number(value);
    size_t len = (size_t)(end - text);
    while (*end == '.' && strncmp(end + 1, text, len) == 0) end += 1 + len;
    if (*end == '.') fail_msg("parts of two values: %s", text);
    while (*end == ',') value = timeline_appended(value, strtoull(end + 1, &end, 10));
    return value;
}

/* A VALUE or a VA of that read, where it is in the answer. */
static void finds(struct person *p, struct timeline_op *op, const char *text)
{
    char head[64];
    unsigned flags = 0;
    unsigned long long cas = 0;
    snprintf(head, sizeof head, "VALUE %s ", key_text(op->key));
    const char *at = strstr(text, head), *line_end;
    op->answer = TIMELINE_NO;
    if (at)
        sscanf(at + strlen(head), "%u %*u%*[ ]%llu", &flags, &cas);
    else if (strncmp(text, "VA ", 3) == 0 && strstr(text, key_text(op->key)))
        sscanf((at = text) + 3, "%*u k%*s f%u", &flags);
    if (!at) return;
    if (flags != 7 + op->key) fail_msg("client flags of another item: %s", text);
    line_end = strchr(at, '\n');
    op->answer = TIMELINE_YES;
    op->value = read_value(op->key, line_end + 1);
    op->cas = cas = cas == VOID_CAS ? 0 : cas;
    if (cas) p->cas[op->key] = cas;
    sums->hits++;
}

static void learns(struct timeline_op *op, const char *text)
{
    static const char *const good[] = {"STORED", "DELETED", "TOUCHED", "HD"};
    op->answer = TIMELINE_NO;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        if (strncmp(text, good[i], strlen(good[i])) == 0) op->answer = TIMELINE_YES;
    if (strncmp(text, "EXISTS", 6) == 0) op->answer = TIMELINE_EXISTS;
    if (op->deed == TIMELINE_INCR && *text >= '0' && *text <= '9') {
        op->answer = TIMELINE_YES;
        op->value = timeline_number(strtoull(text, NULL, 10));
    }
}

static void ends(struct person *p, const char *text)
{
    bool is_error =
        !text || strncmp(text, "SERVER_ERROR", 12) == 0 || strstr(text, "\nSERVER_ERROR");
    sums->errors += is_error;
    for (unsigned i = 0; i < p->ops_n; i++) {
        struct timeline_op *op = &p->ops[i];
        op->end = fleet_now();
        op->answer = TIMELINE_UNKNOWN;
        if (!is_error && op->deed == TIMELINE_READ) finds(p, op, text);
        if (!is_error && op->deed != TIMELINE_READ) learns(op, text);
        timeline_note(play.timeline, op);
    }
    p->waits = false;
}

static void enters(struct person *p)
{
    p->guest = fleet_connects(play.fleet, p->machine, p->worker);
}

static void hears_all(void)
{
    static char text[FLEET_ANSWER];
    for (unsigned i = 0; i < CLIENTS; i++) {
        struct person *p = &play.persons[i];
        bool is_there = fleet_hears(play.fleet, p->guest, text);
        if (p->waits && *text) ends(p, text);
        if (is_there) continue;
        if (p->waits) ends(p, NULL);
        fleet_hangs_up(play.fleet, p->guest);
        enters(p);
    }
    fleet_waits(1e-5);
}

#endif
