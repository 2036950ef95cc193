#include "script/contexts.h"

#include <time.h>

#include "net/tickets.h"
#include "script/state.h"

static struct tls_context *make(struct script *s, const struct tls_files *files,
                                struct certificate *about, char *why)
{
    struct tls_context *context = tls_files_server(files, s->host.bundle, about, why);
    if (context && s->host.tickets)
        tls_context_set_tickets(context, tickets_key, s->host.tickets, TICKETS_LIFE);
    return context;
}

bool contexts_init(struct script *s, char why[TLS_WHY])
{
    struct script_contexts *to = &s->contexts;
    if (!s->host.tls || !s->host.tls->cert) return true;
    struct tls_files files = *s->host.tls;
    to->common = make(s, &files, &to->certificate, why);
    if (!to->common || !files.ca) return to->common;
    files.verify = TLS_VERIFY_REQUIRE;
    to->mutual = make(s, &files, &to->certificate, why);
    return to->mutual;
}

struct tls_context *contexts_own(struct script *s, const struct tls_files *own,
                                 struct certificate *about, char why[TLS_WHY])
{
    struct tls_files files = *own;
    const struct tls_files *common = s->host.tls;
    if (!files.cert) { /* a key alone would be that of another certificate */
        files.cert = common->cert;
        files.key = common->key;
    }
    if (!files.ca) files.ca = common->ca;
    if (!files.ciphers) files.ciphers = common->ciphers;
    if (files.cert) return make(s, &files, about, why);
    snprintf(why, TLS_WHY, "it has no certificate: give cert = \"FILE\", or --tls-cert FILE");
    return NULL;
}

const char *contexts_lack(const struct script *s, const char *rules, bool has_own)
{
    struct rules *r;
    const char *wrong = rules_parse(&r, rules);
    if (wrong) return wrong;
    enum rules_tls tls = r->tls;
    rules_give(r);
    if (!s->host.tls || has_own) return NULL; /* nobody is served; or it has what it needs */
    if (tls == RULES_TLS_ON && !s->contexts.common)
        return "TLS needs a certificate: give --tls-cert FILE, or tls = { cert = \"FILE\" }";
    if (tls == RULES_TLS_MUTUAL && !s->contexts.mutual)
        return "TLS with certificates of clients needs one, and those that sign theirs: give "
               "--tls-cert FILE and --tls-ca FILE";
    return NULL;
}

enum script_secures script_secures(struct script *s, uint32_t listener, enum rules_tls tls,
                                   struct tls_context **to)
{
    const struct script_listen *l = listens_find(s, listener);
    struct tls_context *own = l ? l->context : NULL;
    *to = tls == RULES_TLS_MUTUAL ? s->contexts.mutual : own ? own : s->contexts.common;
    if (tls == RULES_TLS_DEFAULT || tls == RULES_TLS_OFF) return SCRIPT_PLAIN;
    return *to ? SCRIPT_SECURE : SCRIPT_CANNOT_SECURE;
}

/* --- about -------------------------------------------------------------------------------------- */

const struct certificate *script_certificate(const struct script *s, uint32_t at)
{
    if (s->contexts.common && at-- == 0) return &s->contexts.certificate;
    for (uint32_t i = 0; i < s->listens.n; i++)
        if (s->listens.all[i].context && at-- == 0) return &s->listens.all[i].certificate;
    return NULL;
}

void contexts_describe(const struct script *s, FILE *out)
{
    const struct certificate *c;
    char date[CERTIFICATE_DATE];
    for (uint32_t i = 0; (c = script_certificate(s, i)); i++)
        fprintf(out, "certificate %s: expires %s\n", c->name, certificate_date(c->expires, date));
}

void contexts_release(struct script *s)
{
    if (s->contexts.common) tls_context_give(s->contexts.common);
    if (s->contexts.mutual) tls_context_give(s->contexts.mutual);
    s->contexts = (struct script_contexts){.common = NULL};
}
