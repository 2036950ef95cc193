#include "worker/certificates.h"

#include <time.h>

#include "base/log.h"
#include "net/certificate.h"
#include "script/script.h"
#include "worker/worker_state.h"

static const int64_t EVERY = 24 * 3600;

static void introduce(const struct certificate *c)
{
    char date[CERTIFICATE_DATE];
    log_info("tls: certificate %s, expires %s", c->name, certificate_date(c->expires, date));
}

/* The check of the script has warned already: its notes are in the log of the start or reload. */
void certificates_follow(struct worker *w, const struct script *s)
{
    const struct certificate *c;
    int64_t first = 0;
    for (uint32_t i = 0; (c = script_certificate(s, i)); i++) {
        if (first == 0 || c->expires < first) first = c->expires;
        if (w->host.worker == 0) introduce(c);
    }
    w->row->tls_expires = first > 0 ? (uint64_t)first : 0;
    if (w->seat->channel < 0) w->row->tls_loaded = first > 0 ? (uint64_t)time(NULL) : 0;
    w->certificates.look_at = (int64_t)time(NULL) + EVERY;
}

enum clients_secures certificates_secure(void *about, const struct client *c,
                                         struct tls_context **to)
{
    static const enum clients_secures how[] = {[SCRIPT_PLAIN] = CLIENTS_PLAIN,
                                               [SCRIPT_SECURE] = CLIENTS_SECURE,
                                               [SCRIPT_CANNOT_SECURE] = CLIENTS_CANNOT_SECURE};
    const struct worker *w = about;
    enum rules_tls tls = c->rules ? c->rules->tls : RULES_TLS_DEFAULT;
    return how[script_secures(w->succession.script, c->listener, tls, to)];
}

void certificates_look(struct worker *w)
{
    char warning[CERTIFICATE_WARNING];
    const struct certificate *c;
    int64_t now = (int64_t)time(NULL);
    if (!w->row->tls_expires || now < w->certificates.look_at || w->host.worker != 0) return;
    w->certificates.look_at = now + EVERY;
    for (uint32_t i = 0; (c = script_certificate(w->succession.script, i)); i++)
        if (certificate_warning(c, now, warning)[0])
            log_warn("tls: certificate %s %s", c->name, warning);
}
