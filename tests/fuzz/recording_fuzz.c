/* Any bytes as takes, as a block of takes whose checksums are right, as a header whose checksum is right, and as a whole file: nothing is
 * read outside of them, what is decoded is within its limits and is the same when it is encoded again, and a reader comes to an end. */
#include "fuzz/fuzz.h"

#include <stdbool.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/live.h"
#include "protocol/command.h"
#include "record/block.h"
#include "record/header.h"
#include "record/recorder.h"

/* --- takes ------------------------------------------------------------------------------------- */

static void check_text(const uint8_t *text, size_t len, const uint8_t *begin, const uint8_t *end)
{
    check(len == 0 || (text >= begin && text + len <= end));
}

static void check_take(const struct take *t, const uint8_t *begin, const uint8_t *end)
{
    check(t->parts >= 1 && t->part < t->parts && t->parts <= TAKE_PARTS);
    check(t->key_len <= TAKE_KEY && t->args_len <= TAKE_ARGS);
    check(t->error_len <= TAKE_ERROR && t->listener_len <= TAKE_LISTENER);
    check_text(t->key, t->key_len, begin, end);
    check_text(t->args, t->args_len, begin, end);
    check_text(t->error, t->error_len, begin, end);
    check_text(t->listener, t->listener_len, begin, end);
    if (t->value) check_text(t->value, t->value_len, begin, end);
}

static uint64_t digest_of(const struct take *t)
{
    uint64_t d = 0;
    const uint64_t numbers[] = {
        t->at_us,        t->worker,           t->client,  t->part,   t->parts,
        t->command,      t->result,           t->noreply, t->base64, t->cut,
        t->value_len,    t->number,           t->us,      t->bytes,  !t->value,
        t->client_flags, (uint64_t)t->exptime};
    digest_bytes(&d, numbers, sizeof numbers);
    digest_bytes(&d, t->key, t->key_len);
    digest_bytes(&d, t->args, t->args_len);
    digest_bytes(&d, t->error, t->error_len);
    digest_bytes(&d, t->listener, t->listener_len);
    if (t->value) digest_bytes(&d, t->value, t->value_len);
    return d;
}

static void check_again(const struct take *t, uint64_t before)
{
    size_t room = take_room(t);
    uint64_t time = before;
    uint8_t *bytes = malloc(room);
    struct take again;
    check(bytes);
    size_t n = take_encode(t, &time, bytes, room);
    check(n > 0 && n <= room && time == t->at_us && take_length(bytes, bytes + n) == n);
    uint8_t *exact = exact_copy(bytes, n);
    const uint8_t *at = exact;
    time = before;
    check(take_decode(&at, exact + n, &time, &again) == TAKE_OK && at == exact + n);
    check(digest_of(&again) == digest_of(t));
    free(exact);
    free(bytes);
}

static void play_takes(const uint8_t *data, size_t size)
{
    const uint8_t *at = data, *end = data + size, *before = at;
    struct take t;
    uint64_t time = 0, base = 0;
    while (take_decode(&at, end, &time, &t) == TAKE_OK) {
        check(at > before && at <= end && take_length(before, end) == (size_t)(at - before));
        check_take(&t, before, at);
        check_again(&t, base);
        base = time;
        before = at;
    }
    check(at == before);
}

/* --- files ------------------------------------------------------------------------------------- */

static int file = -1;

static void write_file(const void *bytes, size_t len, off_t at)
{
    if (file < 0) file = memfd_create("recording", MFD_CLOEXEC);
    check(file >= 0 && ftruncate(file, at) == 0);
    check(len == 0 || pwrite(file, bytes, len, at) == (ssize_t)len);
}

/* Every event but takes is said; each moves on in the file, so there are not more than bytes. */
static void read_file(size_t size)
{
    char path[64], error[RECORDING_ERROR];
    struct take t;
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    struct recording *r = recording_open(path, error);
    if (!r) {
        check(strlen(error) > 0);
        return;
    }
    size_t events = 0, most = 2 * size + 16;
    for (enum recording_event e; (e = recording_next(r, &t)) != RECORDING_END;) {
        if (e == RECORDING_TAKE) {
            check(t.part < t.parts && t.key_len <= TAKE_KEY && recording_command(r)[0]);
            check(t.command < COMMAND_COUNT && t.result < LIVE_RESULT_COUNT);
        } else {
            check(++events <= most && memchr(recording_note(r), '\0', RECORDING_NOTE));
        }
    }
    check(recording_next(r, &t) == RECORDING_END);
    recording_close(r);
}

static size_t begin_file(char header[HEADER_MOST])
{
    const struct recording_about about = {.version = "fuzz", .number = 1, .sample = 1};
    return header_write(&about, header);
}

/* The head's fields are the first bytes of the data. */
static void play_block(const uint8_t *data, size_t size)
{
    char header[HEADER_MOST];
    uint8_t head[BLOCK_HEAD];
    if (size < 4) return;
    struct block b = {.kind = data[0] % 5,
                      .count = data[1],
                      .plain = data[2] | (uint32_t)data[3] << 8,
                      .share = UINT32_MAX,
                      .stored = (uint32_t)size - 4,
                      .checksum = block_checksum(data + 4, size - 4)};
    size_t len = begin_file(header);
    block_write(&b, head);
    write_file(header, len, 0);
    write_file(head, sizeof head, (off_t)len);
    write_file(data + 4, size - 4, (off_t)(len + sizeof head));
    read_file(size);
}

static void play_header(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 100);
    check(text);
    int n = snprintf(text, 100, "moongate recording 1\n");
    memcpy(text + n, data, size);
    size_t len = (size_t)n + size;
    len += (size_t)snprintf(text + len, 60, "checksum %016llx\n\n",
                            (unsigned long long)block_checksum(text, len));
    write_file(text, len, 0);
    free(text);
    read_file(size);
}

/* Takes of a block that is compressed as it should be. */
static void play_plain(const uint8_t *data, size_t size)
{
    struct take t;
    uint64_t time = 0;
    write_file("", 0, 0);
    check(lseek(file, 0, SEEK_SET) == 0);
    const struct recording_about about = {.version = "fuzz", .mode = RECORDING_VALUES, .sample = 1};
    struct recorder *r = recorder_create(file, &about);
    for (const uint8_t *at = data, *end = data + size;
         take_decode(&at, end, &time, &t) == TAKE_OK;) {
        t.command %= COMMAND_COUNT;
        t.result %= LIVE_RESULT_COUNT;
        check(recorder_take(r, &t));
    }
    check(recorder_finish(r));
    recorder_destroy(r);
    read_file(size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) return 0;
    uint8_t *exact = exact_copy(data + 1, size - 1);
    switch (data[0] % 5) {
    case 0: play_takes(exact, size - 1); break;
    case 1: play_block(exact, size - 1); break;
    case 2: play_header(exact, size - 1); break;
    case 3: play_plain(exact, size - 1); break;
    default: write_file(exact, size - 1, 0); read_file(size);
    }
    free(exact);
    return 0;
}
