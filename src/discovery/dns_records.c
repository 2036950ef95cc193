/* DNS records as bytes and as text: pure functions. The bytes are a stranger's: every read is bounded by the reader. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "discovery/dns.h"

/* --- a reply with SRV records ------------------------------------------------------------------ */

/* The layout is that of RFC 1035 and RFC 2782. c-ares 1.18 parses SRV records, too, but drops their times to live. */

enum { HEADER = 12, QUESTION_FIXED = 4, RECORD_FIXED = 10, SRV_FIXED = 6, TYPE_SRV = 33 };

/* Invariant: at <= end. */
struct reader {
    const uint8_t *bytes, *at, *end;
};

/* Big-endian, as all numbers in DNS. The caller has checked that the bytes are there. */
static uint32_t number_at(const uint8_t *at, unsigned bytes)
{
    uint32_t number = 0;
    for (unsigned i = 0; i < bytes; i++) number = number << 8 | at[i];
    return number;
}

static bool skip(struct reader *r, size_t n)
{
    assert(r->at <= r->end);
    if ((size_t)(r->end - r->at) < n) return false;
    r->at += n;
    return true;
}

/* Reads a name at `at`, and moves `at` behind it. Stores it in `name` (DNS_NAME_MAX bytes, zeroed) unless that is NULL or
 * it is too long. A name may point back into the whole response, so c-ares gets all of it. */
static bool read_name(struct reader *r, char *name)
{
    char *text;
    long len;
    if (r->at == r->end) return false;
    int rc = ares_expand_name(r->at, r->bytes, (int)(r->end - r->bytes), &text, &len);
    if (rc != ARES_SUCCESS) return false;
    size_t n = strlen(text);
    while (n && text[n - 1] == '.') n--;
    if (name && n < DNS_NAME_MAX) memcpy(name, text, n);
    ares_free_string(text);
    return skip(r, (size_t)len);
}

/* The data of one SRV record, len bytes. The target "." means that there is no such service: the record is not used. */
static bool read_record(struct reader r, size_t len, union dns_record *record, bool *used)
{
    memset(record, 0, sizeof *record);
    const uint8_t *fixed = r.at;
    r.end = r.at + len;
    if (!skip(&r, SRV_FIXED) || !read_name(&r, record->srv.host)) return false;
    record->srv.priority = (uint16_t)number_at(fixed, 2);
    record->srv.weight = (uint16_t)number_at(fixed + 2, 2);
    record->srv.port = (uint16_t)number_at(fixed + 4, 2);
    *used = record->srv.host[0] != '\0';
    return true;
}

/* Records of other types, such as the aliases that led to the answer, are skipped, but limit the time to live. */
bool dns_read_srv(const uint8_t *bytes, int len, union dns_record *records, uint32_t max,
                  uint32_t *n, double *ttl)
{
    struct reader r = {bytes, bytes, bytes + len};
    *n = 0;
    *ttl = INT32_MAX;
    if (!skip(&r, HEADER)) return false;
    uint32_t questions = number_at(bytes + 4, 2), answers = number_at(bytes + 6, 2);
    for (; questions; questions--)
        if (!read_name(&r, NULL) || !skip(&r, QUESTION_FIXED)) return false;
    for (; answers; answers--) {
        if (!read_name(&r, NULL)) return false;
        const uint8_t *fixed = r.at;
        if (!skip(&r, RECORD_FIXED)) return false;
        uint32_t type = number_at(fixed, 2), lives = number_at(fixed + 4, 4);
        size_t data = number_at(fixed + 8, 2);
        bool used = false;
        struct reader at = r;
        if (!skip(&r, data)) return false;
        if (type == TYPE_SRV && *n < max && !read_record(at, data, &records[*n], &used))
            return false;
        if (lives < *ttl) *ttl = lives;
        *n += used;
    }
    return true;
}

/* --- sets of records --------------------------------------------------------------------------- */

/* As bytes: an order that is the same in each worker and after each look-up. */
static int compare_records(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(union dns_record));
}

uint32_t dns_sort(union dns_record *records, uint32_t n)
{
    uint32_t kept = 0;
    if (n) qsort(records, n, sizeof *records, compare_records);
    for (uint32_t i = 0; i < n; i++) {
        if (kept && compare_records(&records[kept - 1], &records[i]) == 0) continue;
        records[kept++] = records[i];
    }
    return kept;
}

/* addr_print always prints a port; here it is 0, and is cut off. */
static void print_record(const union dns_record *record, bool is_srv, char *text, size_t size)
{
    char address[ADDR_TEXT_MAX];
    if (is_srv) {
        snprintf(text, size, "%s:%u", record->srv.host, record->srv.port);
        return;
    }
    addr_print(&record->addr, address);
    snprintf(text, size, "%.*s", (int)(strrchr(address, ':') - address), address);
}

void dns_list(const union dns_record *records, uint32_t n, bool is_srv, char *text)
{
    enum { SHOWN = 8, LAST = 32 }; /* and room for how many are not shown */
    size_t len = 0;
    text[0] = '\0';
    for (uint32_t i = 0; i < n; i++) {
        char one[DNS_NAME_MAX + 8];
        print_record(&records[i], is_srv, one, sizeof one);
        if (i == SHOWN || len + strlen(one) + LAST >= DNS_LIST_MAX) {
            snprintf(text + len, DNS_LIST_MAX - len, " and %u more", n - i);
            return;
        }
        len += (size_t)snprintf(text + len, DNS_LIST_MAX - len, "%s%s", i ? ", " : "", one);
    }
}
