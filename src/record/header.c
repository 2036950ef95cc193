/* The header is lines of text: a word, a space, values. The first line says what the file is and which format it has; the last one is
 * empty, and before it stands the checksum of all bytes before that line. A line with a word that is not known is left out, so later
 * versions may add some; one that is needed and is not there is an error.
 *
 * Names that this build does not know stand for COMMAND_NONE and LIVE_ANSWERED. */
#include "record/header.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/live.h"
#include "protocol/command.h"
#include "record/block.h"

static const char MAGIC[] = "moongate recording ", CHECKSUM[] = "checksum ";

enum { FORMAT = 1, CHECKSUM_LINE = sizeof CHECKSUM - 1 + 16 + 1 };

static const char *const modes[] = {
#define X(name, text) text,
    RECORDING_MODES(X)
#undef X
};

const char *recording_mode_text(enum recording_mode mode)
{
    assert(mode < RECORDING_MODE_COUNT);
    return modes[mode];
}

/* COMMAND_NONE has an empty text, which is no word. */
static const char *command_name(unsigned number)
{
    return number == COMMAND_NONE ? "?" : command_info(number)->text;
}

/* --- writing ----------------------------------------------------------------------------------- */

static void write_names(FILE *to, const char *word, const char *(*name)(unsigned), unsigned n)
{
    fputs(word, to);
    for (unsigned i = 0; i < n; i++) fprintf(to, " %s", name(i));
    putc('\n', to);
}

size_t header_write(const struct recording_about *about, char to[HEADER_MOST])
{
    FILE *out = fmemopen(to, HEADER_MOST, "w");
    if (!out) abort();
    fprintf(out, "%s%d\nversion %s\nbegun %llu\nfile %u\nvalues %s\nsample %.9g\n", MAGIC, FORMAT,
            about->version, (unsigned long long)about->begun_us, about->number,
            recording_mode_text(about->mode), about->sample);
    if (!about->hashed)
        fputs("keys plain\n", out);
    else if (about->keep_prefix)
        fprintf(out, "keys hashed %02x\n", (unsigned char)about->keep_prefix);
    else
        fputs("keys hashed\n", out);
    write_names(out, "commands", command_name, COMMAND_COUNT);
    write_names(out, "results", live_result_text, LIVE_RESULT_COUNT);
    long len = fflush(out) == 0 ? ftell(out) : -1;
    assert(len > 0 && len + CHECKSUM_LINE + 2 < HEADER_MOST);
    fprintf(out, "%s%016llx\n\n", CHECKSUM, (unsigned long long)block_checksum(to, (size_t)len));
    if (fclose(out) != 0) abort();
    return (size_t)len + CHECKSUM_LINE + 1;
}

/* --- reading ----------------------------------------------------------------------------------- */

/* What was found, a bit each; all are needed. */
enum { BEGUN = 1, FILE_NUMBER = 2, VALUES = 4, SAMPLE = 8, KEYS = 16, COMMANDS = 32, RESULTS = 64 };

static enum header_status bad(char *error, const char *why)
{
    snprintf(error, RECORDING_ERROR, "%s", why);
    return HEADER_BAD;
}

/* The next word of a line, cut to room; empty at its end. */
static void next_word(const char **line, char *to, size_t room)
{
    const char *at = *line + strspn(*line, " ");
    size_t len = strcspn(at, " ");
    snprintf(to, room, "%.*s", (int)len, at);
    *line = at + len;
}

static void read_names(const char *line, struct header_names *to, const char *(*name)(unsigned),
                       unsigned n, unsigned unknown)
{
    for (to->n = 0; to->n < HEADER_NAMES && *line; to->n++) {
        char *text = to->text[to->n];
        unsigned number = 0;
        next_word(&line, text, HEADER_NAME);
        while (number < n && strcmp(name(number), text) != 0) number++;
        to->number[to->n] = (uint8_t)(number < n ? number : unknown);
    }
}

static unsigned read_mode(struct recording_about *about, const char *text)
{
    for (unsigned i = 0; i < RECORDING_MODE_COUNT; i++) {
        if (strcmp(modes[i], text) != 0) continue;
        about->mode = (enum recording_mode)i;
        return VALUES;
    }
    return 0;
}

static unsigned read_keys(struct recording_about *about, const char *line)
{
    char how[16], prefix[8];
    next_word(&line, how, sizeof how);
    next_word(&line, prefix, sizeof prefix);
    about->hashed = strcmp(how, "hashed") == 0;
    about->keep_prefix = (char)strtoul(prefix, NULL, 16);
    return about->hashed || strcmp(how, "plain") == 0 ? KEYS : 0;
}

/* Returns the bit of what the line says. */
static unsigned read_line(const char *line, struct header *to)
{
    char word[32];
    next_word(&line, word, sizeof word);
    line += *line == ' ';
    struct recording_about *about = &to->about;
    if (strcmp(word, "version") == 0)
        snprintf(about->version, sizeof about->version, "%s", line);
    else if (strcmp(word, "begun") == 0)
        return about->begun_us = strtoull(line, NULL, 10), BEGUN;
    else if (strcmp(word, "file") == 0)
        return about->number = (uint32_t)strtoul(line, NULL, 10), FILE_NUMBER;
    else if (strcmp(word, "values") == 0)
        return read_mode(about, line);
    else if (strcmp(word, "sample") == 0)
        return about->sample = strtod(line, NULL), SAMPLE;
    else if (strcmp(word, "keys") == 0)
        return read_keys(about, line);
    else if (strcmp(word, "commands") == 0)
        return read_names(line, &to->commands, command_name, COMMAND_COUNT, COMMAND_NONE), COMMANDS;
    else if (strcmp(word, "results") == 0)
        return read_names(line, &to->results, live_result_text, LIVE_RESULT_COUNT, LIVE_ANSWERED),
               RESULTS;
    return 0;
}

static unsigned read_lines(const char *at, const char *end, struct header *to)
{
    char line[HEADER_MOST];
    unsigned found = 0;
    for (const char *stop; at < end && (stop = memchr(at, '\n', (size_t)(end - at)));
         at = stop + 1) {
        snprintf(line, sizeof line, "%.*s", (int)(stop - at), at);
        found |= read_line(line, to);
    }
    return found;
}

/* The format's number stands first, so that it is known whatever else has changed. */
static enum header_status read_format(const char *bytes, size_t len, char *error)
{
    size_t magic = sizeof MAGIC - 1;
    if (memcmp(bytes, MAGIC, len < magic ? len : magic) != 0 || len == 0)
        return bad(error, "it is not a recording of moongate");
    const char *end = memchr(bytes, '\n', len);
    if (!end) return len < 64 ? HEADER_SHORT : bad(error, "it is not a recording of moongate");
    if (strtoul(bytes + magic, NULL, 10) == FORMAT) return HEADER_OK;
    snprintf(error, RECORDING_ERROR,
             "it has format %.*s, and this moongate reads format %d: use a newer one",
             (int)(end - bytes - (long)magic), bytes + magic, FORMAT);
    return HEADER_BAD;
}

enum header_status header_read(const char *bytes, size_t len, struct header *to, size_t *used,
                               char error[RECORDING_ERROR])
{
    enum header_status status = read_format(bytes, len, error);
    if (status != HEADER_OK) return status;
    const char *end = memmem(bytes, len, "\n\n", 2);
    if (!end) return len < HEADER_MOST ? HEADER_SHORT : bad(error, "its header has no end");
    size_t all = (size_t)(end - bytes) + 2;
    if (all < CHECKSUM_LINE + 1) return bad(error, "its header is damaged");
    const char *line = bytes + all - 1 - CHECKSUM_LINE;
    if (memcmp(line, CHECKSUM, sizeof CHECKSUM - 1) != 0 ||
        strtoull(line + sizeof CHECKSUM - 1, NULL, 16) !=
            block_checksum(bytes, (size_t)(line - bytes)))
        return bad(error, "its header is damaged: the checksum is wrong");
    memset(to, 0, sizeof *to);
    unsigned needed = BEGUN | FILE_NUMBER | VALUES | SAMPLE | KEYS | COMMANDS | RESULTS;
    unsigned found = read_lines(bytes, line, to);
    if ((found & needed) != needed)
        return bad(error, "its header lacks a line that is needed, or has a word there that this "
                          "moongate does not know: use a newer one");
    *used = all;
    return HEADER_OK;
}
