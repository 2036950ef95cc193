/* Programs that have run a memcached, and their scripts for the start, send these. What is so in a store already, or has nothing to act
 * on there, gets memcached's OK; what a store cannot do gets the error that memcached has for it, or one of our own. The texts, and
 * the order in which words are looked at, are those of 1.6.18. */
#include "client/tuning.h"

#include <stdlib.h>

#include "client/arguments.h"
#include "protocol/text.h"

#define OK            "OK\r\n"
#define ERROR_UNKNOWN "ERROR\r\n"
#define ERROR_FORMAT  "CLIENT_ERROR bad command line format\r\n"
#define ERROR_SLEEP   "CLIENT_ERROR sleep must be one second or less\r\n"
#define ERROR_STOP    "ERROR failed to stop lru crawler thread\r\n"
#define ERROR_WATCH   "CLIENT_ERROR watch commands not allowed: use moongate ctl watch\r\n"
#define ERROR_LRU                                                                                  \
    "CLIENT_ERROR a store has no LRU to tune: it finds by itself which items to keep\r\n"
#define BAD_CLASS    "BADCLASS invalid class id\r\n"
#define BAD_CLASSES  "BADCLASS invalid src or dst class id\r\n"
#define NO_SPARE     "NOSPARE source class has no spare pages\r\n"
#define SAME_CLASS   "SAME src and dst class are identical\r\n"
#define TOO_SMALL    "MEMLIMIT_TOO_SMALL cannot set maxbytes to less than 8m\r\n"
#define NO_MEGABYTES "MEMLIMIT_ADJUST_FAILED input value is megabytes not bytes\r\n"
#define NOT_ADJUSTED "MEMLIMIT_ADJUST_FAILED out of bounds or unable to adjust\r\n"

enum { CLASSES = 64, SLEEP_MOST = 1000000, LEAST_MEGABYTES = 8, MOST_MEGABYTES = 1000000000 };

/* --- words ------------------------------------------------------------------------------------- */

static bool read_number(const struct span *word, uint64_t *number)
{
    return text_read_unsigned(word->at, word->len, number);
}

static bool is_real(const struct span *word)
{
    char text[64], *end;
    if (word->len >= sizeof text) return false;
    memcpy(text, word->at, word->len);
    text[word->len] = '\0';
    (void)strtod(text, &end);
    return end > text && *end == '\0';
}

static bool is_class(int64_t number, int64_t least)
{
    return number >= least && number < CLASSES;
}

/* `all`, or numbers of classes with commas between them. */
static bool are_classes(const struct span *word)
{
    const uint8_t *at = word->at, *end = at + word->len;
    if (argument_is(word, "all")) return true;
    while (at < end) {
        const uint8_t *comma = memchr(at, ',', (size_t)(end - at));
        struct span one = {at, (size_t)((comma ? comma : end) - at)};
        uint64_t number;
        if (one.len && (!read_number(&one, &number) || number >= CLASSES || number == 0))
            return false;
        at = comma ? comma + 1 : end;
    }
    return true;
}

/* --- commands ---------------------------------------------------------------------------------- */

/* All items of a store are in one class, on one page. */
static const char *reassign(const struct arguments *w)
{
    int64_t from, to;
    if (!text_read_signed(w->word[1].at, w->word[1].len, &from) ||
        !text_read_signed(w->word[2].at, w->word[2].len, &to))
        return ERROR_FORMAT;
    if (from == to) return SAME_CLASS;
    return is_class(from, 0) && is_class(to, 0) ? NO_SPARE : BAD_CLASSES;
}

/* A store has no pages that could move by themselves. */
static const char *automove(const struct arguments *w)
{
    uint64_t level;
    if (argument_is(&w->word[1], "ratio"))
        return w->n > 2 && is_real(&w->word[2]) ? OK : ERROR_UNKNOWN;
    if (!read_number(&w->word[1], &level)) return ERROR_FORMAT;
    return level <= 2 ? OK : ERROR_UNKNOWN;
}

static const char *slabs(const struct arguments *w, bool *is_loud)
{
    bool is_automove = w->n > 1 && argument_is(&w->word[0], "automove");
    *is_loud = !is_automove;
    if (w->n == 3 && argument_is(&w->word[0], "reassign")) return reassign(w);
    return is_automove ? automove(w) : ERROR_UNKNOWN;
}

static const char *lru(const struct arguments *w)
{
    if (w->n > 4 && argument_is(&w->word[0], "tune")) return ERROR_LRU;
    if (w->n > 1 && argument_is(&w->word[0], "mode")) return ERROR_LRU;
    if (w->n > 1 && argument_is(&w->word[0], "temp_ttl")) return ERROR_LRU;
    return ERROR_UNKNOWN;
}

static const char *sleep_between(const struct span *word)
{
    uint64_t microseconds;
    if (!read_number(word, &microseconds)) return ERROR_FORMAT;
    return microseconds > SLEEP_MOST ? ERROR_SLEEP : OK;
}

/* A store's crawler always runs, at its own pace (store/README.md). */
static const char *crawler(const struct arguments *w)
{
    uint64_t number;
    const struct span *does = &w->word[0], *what = &w->word[1];
    if (w->n == 1 && argument_is(does, "enable")) return OK;
    if (w->n == 1 && argument_is(does, "disable")) return ERROR_STOP;
    if (w->n != 2) return ERROR_UNKNOWN;
    if (argument_is(does, "crawl")) return are_classes(what) ? OK : BAD_CLASS;
    if (argument_is(does, "sleep")) return sleep_between(what);
    if (argument_is(does, "tocrawl")) return read_number(what, &number) ? OK : ERROR_FORMAT;
    return ERROR_UNKNOWN;
}

static uint64_t megabytes_of_stores(const struct turn *t)
{
    struct store *all[STORES_MAX];
    uint64_t bytes = 0;
    uint32_t n = stores_of(t, all);
    for (uint32_t i = 0; i < n; i++) bytes += store_usage(all[i]).size;
    return bytes >> 20;
}

/* A store keeps the size that it was made with. */
static const char *memory_limit(const struct turn *t, const struct arguments *w, bool *is_loud)
{
    uint64_t megabytes;
    *is_loud = w->n == 0 || w->n > 2;
    if (*is_loud || !read_number(&w->word[0], &megabytes)) return ERROR_UNKNOWN;
    if (megabytes < LEAST_MEGABYTES) return TOO_SMALL;
    if (megabytes > MOST_MEGABYTES) return NO_MEGABYTES;
    return megabytes == megabytes_of_stores(t) ? OK : NOT_ADJUSTED;
}

bool tuning_is_for_stores(const struct turn *t)
{
    struct store *all[STORES_MAX];
    for (const struct backend *b = t->backends->first; b; b = b->next)
        if (b->counts > 0) return false;
    return stores_of(t, all) > 0;
}

const char *tuning_answer(const struct turn *t, const struct request *r, bool *is_loud)
{
    struct request whole = *r; /* memcached counts a noreply as a word */
    whole.noreply = 0;
    struct arguments w = arguments_split(&whole);
    *is_loud = false;
    switch (r->command_id) {
    case COMMAND_SLABS: return slabs(&w, is_loud);
    case COMMAND_LRU: *is_loud = w.n == 0; return lru(&w);
    case COMMAND_CACHE_MEMLIMIT: return memory_limit(t, &w, is_loud);
    case COMMAND_WATCH: return ERROR_WATCH;
    default: *is_loud = true; return crawler(&w);
    }
}
