#include "net/certificate.h"

#include <limits.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* What a log line can show: the rest becomes '?'. */
static void put_name(struct certificate *to, const unsigned char *name, int len)
{
    int n = len < CERTIFICATE_NAME - 1 ? len : CERTIFICATE_NAME - 1;
    for (int i = 0; i < n; i++) {
        bool shows = name[i] >= ' ' && name[i] < 0x7f;
        to->name[i] = shows ? (char)name[i] : '?';
    }
    to->name[n > 0 ? n : 0] = '\0';
}

static bool take_common_name(struct certificate *to, X509 *x)
{
    const X509_NAME *subject = X509_get_subject_name(x);
    int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
    if (at < 0) return false;
    const ASN1_STRING *text = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at));
    put_name(to, ASN1_STRING_get0_data(text), ASN1_STRING_length(text));
    return to->name[0];
}

static bool take_alternative_name(struct certificate *to, X509 *x)
{
    GENERAL_NAMES *all = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
    for (int i = 0; all && i < sk_GENERAL_NAME_num(all) && !to->name[0]; i++) {
        const GENERAL_NAME *one = sk_GENERAL_NAME_value(all, i);
        if (one->type != GEN_DNS && one->type != GEN_URI && one->type != GEN_EMAIL) continue;
        put_name(to, ASN1_STRING_get0_data(one->d.ia5), ASN1_STRING_length(one->d.ia5));
    }
    GENERAL_NAMES_free(all);
    return to->name[0];
}

static void take_name(struct certificate *to, X509 *x)
{
    char text[CERTIFICATE_NAME];
    if (take_common_name(to, x) || take_alternative_name(to, x)) return;
    if (X509_NAME_oneline(X509_get_subject_name(x), text, sizeof text))
        put_name(to, (const unsigned char *)text, (int)strlen(text));
    if (!to->name[0]) strcpy(to->name, "without a name");
}

static int64_t seconds_of(const ASN1_TIME *at)
{
    struct tm parts;
    return ASN1_TIME_to_tm(at, &parts) == 1 ? (int64_t)timegm(&parts) : 0;
}

static void take_times(struct certificate *to, const X509 *x)
{
    int64_t expires = seconds_of(X509_get0_notAfter(x));
    int64_t begins = seconds_of(X509_get0_notBefore(x));
    if (expires < to->expires) to->expires = expires;
    if (begins > to->begins) to->begins = begins;
}

/* The key may stand in the same file: other things than certificates are left out. */
bool certificate_read(struct certificate *to, struct span pem)
{
    if (pem.len > INT_MAX) return false;
    BIO *from = BIO_new_mem_buf(pem.at, (int)pem.len);
    X509 *x;
    int n = 0;
    *to = (struct certificate){.expires = INT64_MAX};
    while (from && (x = PEM_read_bio_X509(from, NULL, NULL, NULL))) {
        if (n++ == 0) take_name(to, x);
        take_times(to, x);
        X509_free(x);
    }
    BIO_free(from);
    ERR_clear_error(); /* the end of the bytes is an error, too */
    return n > 0;
}

const char *certificate_date(int64_t seconds, char text[CERTIFICATE_DATE])
{
    time_t at = (time_t)seconds;
    struct tm parts;
    if (!gmtime_r(&at, &parts) ||
        !strftime(text, CERTIFICATE_DATE, "%Y-%m-%d %H:%M:%S UTC", &parts))
        strcpy(text, "?");
    return text;
}

const char *certificate_warning(const struct certificate *c, int64_t now,
                                char text[CERTIFICATE_WARNING])
{
    char date[CERTIFICATE_DATE];
    text[0] = '\0';
    if (c->expires <= now)
        snprintf(text, CERTIFICATE_WARNING, "has expired on %s: replace it and reload",
                 certificate_date(c->expires, date));
    else if (c->begins > now)
        snprintf(text, CERTIFICATE_WARNING, "is not valid before %s: look at the clock",
                 certificate_date(c->begins, date));
    else if (c->expires - now < CERTIFICATE_WARNS)
        snprintf(text, CERTIFICATE_WARNING, "expires on %s: replace it and reload",
                 certificate_date(c->expires, date));
    return text;
}
