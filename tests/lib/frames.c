#include "lib/frames.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/client.h"
#include "lib/stage.h"

static size_t length(const char *text, size_t n)
{
    return n || !text ? n : strlen(text);
}

static void put(char *to, uint64_t number, size_t n)
{
    while (n > 0) {
        to[--n] = (char)(number & 0xff);
        number >>= 8;
    }
}

static uint64_t get(const char *at, size_t n)
{
    uint64_t number = 0;
    for (size_t i = 0; i < n; i++) number = number << 8 | (uint8_t)at[i];
    return number;
}

void frame_add(const struct frame *f, struct octets *to)
{
    size_t extras = length(f->extras, f->extras_n), key = length(f->key, f->key_n),
           value = length(f->value, f->value_n);
    char head[FRAME_HEAD] = {0};
    put(head, f->magic ? f->magic : 0x80, 1);
    put(head + 1, f->opcode, 1);
    put(head + 2, f->says_key ? f->says_key : key, 2);
    put(head + 4, f->says_extras ? f->says_extras : extras, 1);
    put(head + 5, f->data_type, 1);
    put(head + 6, f->status, 2);
    put(head + 8, f->says_body ? f->says_body : extras + key + value, 4);
    put(head + 12, f->opaque, 4);
    put(head + 16, f->cas, 8);
    octets_add(to, head, sizeof head);
    if (extras) octets_add(to, f->extras, extras);
    if (key) octets_add(to, f->key, key);
    if (value) octets_add(to, f->value, value);
}

bool frame_read(const char *bytes, size_t n, struct frame *f)
{
    if (n < FRAME_HEAD) return false;
    *f = (struct frame){.magic = (uint8_t)bytes[0],
                        .opcode = (uint8_t)bytes[1],
                        .data_type = (uint8_t)bytes[5],
                        .status = (uint16_t)get(bytes + 6, 2),
                        .opaque = (uint32_t)get(bytes + 12, 4),
                        .cas = get(bytes + 16, 8),
                        .key_n = (size_t)get(bytes + 2, 2),
                        .extras_n = (uint8_t)bytes[4]};
    size_t body = (size_t)get(bytes + 8, 4);
    if (body > n - FRAME_HEAD || f->extras_n + f->key_n > body) return false;
    f->extras = bytes + FRAME_HEAD;
    f->key = f->extras + f->extras_n;
    f->value = f->key + f->key_n;
    f->value_n = body - f->extras_n - f->key_n;
    if (!f->extras_n) f->extras = ""; /* else its length would be asked for */
    if (!f->key_n) f->key = "";
    if (!f->value_n) f->value = "";
    return true;
}

static void print_one(const struct frame *f)
{
    char *extras = octets_escape(f->extras, f->extras_n), *key = octets_escape(f->key, f->key_n),
         *value = octets_escape(f->value, f->value_n);
    fprintf(stderr, "    %02x op %02x type %d status %04x opaque %x cas %llu %s %s %s\n", f->magic,
            f->opcode, f->data_type, f->status, f->opaque, (unsigned long long)f->cas, extras, key,
            value);
    free(extras);
    free(key);
    free(value);
}

void frames_print(const struct octets *bytes, const char *name)
{
    const char *at = octets_at(bytes), *end = at + octets_n(bytes);
    struct frame f;
    fprintf(stderr, "  %s\n", name);
    for (; frame_read(at, (size_t)(end - at), &f);
         at += FRAME_HEAD + f.extras_n + f.key_n + f.value_n)
        print_one(&f);
    if (at < end) fprintf(stderr, "    and %zu bytes\n", (size_t)(end - at));
}

/* --- requests ---------------------------------------------------------------------------------- */

static char *scratch(void)
{
    static char texts[8][24];
    static unsigned next;
    return texts[next++ % 8];
}

const char *frame_stores(uint32_t flags, uint32_t exptime)
{
    char *to = scratch();
    put(to, flags, 4);
    put(to + 4, exptime, 4);
    return to;
}

const char *frame_counts(uint64_t delta, uint64_t initial, uint32_t exptime)
{
    char *to = scratch();
    put(to, delta, 8);
    put(to + 8, initial, 8);
    put(to + 16, exptime, 4);
    return to;
}

const char *frame_expires(uint32_t exptime)
{
    char *to = scratch();
    put(to, exptime, 4);
    return to;
}

struct frame frame_of(uint8_t opcode, const char *key)
{
    return (struct frame){.opcode = opcode, .key = key};
}

struct frame frame_store(uint8_t opcode, const char *key, const char *value)
{
    return (struct frame){
        .opcode = opcode, .key = key, .value = value, .extras = frame_stores(0, 0), .extras_n = 8};
}

struct frame frame_count(uint8_t opcode, const char *key, uint64_t delta, uint64_t initial,
                         uint32_t exptime)
{
    return (struct frame){.opcode = opcode,
                          .key = key,
                          .extras = frame_counts(delta, initial, exptime),
                          .extras_n = 20};
}

struct frame frame_touch(uint8_t opcode, const char *key, uint32_t exptime)
{
    return (struct frame){
        .opcode = opcode, .key = key, .extras = frame_expires(exptime), .extras_n = 4};
}

/* --- a client ---------------------------------------------------------------------------------- */

void client_sends_frame(struct client *c, struct frame f)
{
    struct octets bytes = {0};
    frame_add(&f, &bytes);
    client_sends_bytes(c, octets_at(&bytes), octets_n(&bytes));
    octets_release(&bytes);
}

void client_sees_frame(struct client *c, struct frame f)
{
    struct octets expected = {0}, all = {0};
    f.magic = 0x81;
    char *head = client_sees_some(c, FRAME_HEAD);
    uint64_t cas = get(head + 16, 8);
    if (f.cas == UINT64_MAX && cas != 0) f.cas = cas;
    frame_add(&f, &expected);
    size_t body = (size_t)get(head + 8, 4);
    octets_add(&all, head, FRAME_HEAD);
    if (body) octets_add(&all, client_sees_some(c, body), body);
    if (octets_n(&all) != octets_n(&expected) ||
        memcmp(octets_at(&all), octets_at(&expected), octets_n(&all)) != 0) {
        frames_print(&expected, "expected");
        frames_print(&all, "came");
        stage_fails("another frame");
    }
    octets_release(&expected);
    octets_release(&all);
}

void client_asks_frame(struct client *c, struct frame f, uint16_t status, const char *value)
{
    client_sends_frame(c, f);
    client_sees_frame(
        c,
        (struct frame){.opcode = f.opcode, .status = status, .opaque = f.opaque, .value = value});
}
