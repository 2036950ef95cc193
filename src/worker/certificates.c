#include "worker/certificates.h"

#include <sys/socket.h>
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

static bool is_tcp(const struct client *c)
{
    int domain = AF_UNIX;
    socklen_t n = sizeof domain;
    (void)getsockopt(c->stream.fd, SOL_SOCKET, SO_DOMAIN, &domain, &n);
    return domain != AF_UNIX;
}

/* The socket is asked only where that decides: most moongates have no certificate. */
enum clients_secures certificates_secure(void *about, const struct client *c,
                                         struct tls_context **to)
{
    const struct worker *w = about;
    struct script *s = w->succession.script;
    enum rules_tls tls = c->rules ? c->rules->tls : RULES_TLS_DEFAULT;
    enum script_secures how = script_secures(s, c->listener, tls, true, to);
    if (how == SCRIPT_SECURE && tls == RULES_TLS_DEFAULT && !is_tcp(c)) how = SCRIPT_PLAIN;
    return how == SCRIPT_PLAIN    ? CLIENTS_PLAIN
           : how == SCRIPT_SECURE ? CLIENTS_SECURE
                                  : CLIENTS_CANNOT_SECURE;
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
