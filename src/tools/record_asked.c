#include "tools/record_asked.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/process.h"
#include "base/secret.h"
#include "worker/option_values.h"

/* EXIT_OK, or a code after a complaint. */
static int check_options(const struct ctl_options *o)
{
    if (o->words_n != 2 || !o->words[1][0])
        return ctl_complain(EXIT_USAGE, "record: give record FILE");
    if (o->keys_only + o->sizes + o->values > 1)
        return ctl_complain(EXIT_USAGE, "record: give one of --keys-only, --sizes and --values");
    if (o->keep_prefix && !o->hash_keys)
        return ctl_complain(EXIT_USAGE, "record: --keep-prefix is for --hash-keys");
    if (o->keep_prefix && (strlen(o->keep_prefix) != 1 || *o->keep_prefix <= ' '))
        return ctl_complain(EXIT_USAGE, "record: --keep-prefix '%s': give one character, such as :",
                            o->keep_prefix);
    if (o->hash_keys && o->values)
        return ctl_complain(EXIT_USAGE, "record: --values with --hash-keys: values may tell what "
                                        "keys hide: give --sizes");
    if (o->keep && !o->rotate) return ctl_complain(EXIT_USAGE, "record: --keep is for --rotate");
    if (o->rotate && strcmp(o->words[1], "-") == 0)
        return ctl_complain(EXIT_USAGE, "record: --rotate needs a file, not -");
    return EXIT_OK;
}

static enum recording_mode mode_of(const struct ctl_options *o)
{
    return o->keys_only ? RECORDING_KEYS : o->values ? RECORDING_VALUES : RECORDING_SIZES;
}

static int read_share(struct record_asked *a, const struct ctl_options *o)
{
    a->share = 1;
    if (!o->sample || (option_share(o->sample, &a->share) && a->share > 0 && a->share <= 1))
        return EXIT_OK;
    return ctl_complain(EXIT_USAGE,
                        "record: --sample %s: give a share of the keys above 0, such as 1%%",
                        o->sample);
}

/* The service has a limit of its own, in case this program is stopped. */
static int compose(struct record_asked *a, const struct ctl_options *o)
{
    FILE *to = fmemopen(a->command, sizeof a->command, "w");
    if (!to) abort();
    fprintf(to, "record %s", recording_mode_text(mode_of(o)));
    if (o->sample) fprintf(to, " sample %s", o->sample);
    if (o->key) {
        fputs(" key ", to);
        ctl_put_word(to, o->key);
    }
    if (o->duration > 0) fprintf(to, " for %.0f", fmin(ceil(o->duration) + 10, 86400));
    putc('\n', to);
    long len = ftell(to);
    bool fits = fclose(to) == 0 && len > 0 && len < (long)sizeof a->command - 1;
    return fits ? EXIT_OK : ctl_complain(EXIT_USAGE, "record: --key: it has 250 bytes at most");
}

/* One that others may read is none. */
static const char *secret_fault(const char *path, const struct secret *s)
{
    static char text[64];
    struct stat about;
    if (stat(path, &about) != 0) return strerror(errno);
    if (about.st_mode & (S_IRWXG | S_IRWXO)) {
        snprintf(text, sizeof text, "others may use it (mode %04o): chmod 600 it",
                 (unsigned)about.st_mode & 07777);
        return text;
    }
    return s->len < HASHER_SECRET_LEAST ? "a secret has 16 bytes at least" : NULL;
}

/* The line's end that an editor puts behind it is not a part of it. */
static int read_secret(struct record_asked *a, const struct ctl_options *o)
{
    const char *path = o->hash_keys;
    struct secret s;
    if (!path) return EXIT_OK;
    const char *wrong = secret_read(&s, NULL, path);
    if (wrong) return ctl_complain(EXIT_USAGE, "record: secret %s: %s", path, wrong);
    if (s.len > 0 && s.bytes[s.len - 1] == '\n') s.len--;
    if (s.len > 0 && s.bytes[s.len - 1] == '\r') s.len--;
    wrong = secret_fault(path, &s);
    if (!wrong) hasher_init(&a->hasher, s.bytes, s.len, o->keep_prefix ? *o->keep_prefix : 0);
    secret_release(&s);
    a->hashes = !wrong;
    return wrong ? ctl_complain(EXIT_USAGE, "record: secret %s: %s", path, wrong) : EXIT_OK;
}

int record_asked_read(struct record_asked *a, const struct ctl_options *o)
{
    *a = (struct record_asked){.mode = mode_of(o)};
    int code = check_options(o);
    if (code == EXIT_OK) code = read_share(a, o);
    if (code == EXIT_OK) code = compose(a, o);
    if (code == EXIT_OK) code = read_secret(a, o);
    return code;
}

void record_asked_release(struct record_asked *a)
{
    if (a->hashes) hasher_release(&a->hasher);
}
