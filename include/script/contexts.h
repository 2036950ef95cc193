/* contexts: the TLS contexts with which clients of a script are served: the one of --tls-cert, the same that demands a certificate (mtls:), and
 * those of mg.listen { tls = {...} }. Of src/script alone, but for what script.h has.
 *
 * Made while the script loads, from files that are in its bundle by then (net/tls_files.h); owned by the script. So they come into use with
 * it in all workers or none (I8), and connections that have begun with an earlier one keep that.
 */
#ifndef MOONGATE_SCRIPT_CONTEXTS_H
#define MOONGATE_SCRIPT_CONTEXTS_H

#include <stdio.h>

#include "net/tls_files.h"

struct script;

struct script_contexts {
    struct tls_context *common, *mutual; /* NULL: there is none */
    struct certificate certificate;      /* of both */
};

/* The first step of loading: those of the command line. False: why says what is wrong. Without host.tls none is made. */
bool contexts_init(struct script *s, char why[TLS_WHY]);

/* A context of a listener's own. What `own` does not name is as on the command line. NULL: why says what is wrong. */
struct tls_context *contexts_own(struct script *s, const struct tls_files *own,
                                 struct certificate *about, char why[TLS_WHY]);

/* What a listener with these rules lacks; NULL: nothing. */
const char *contexts_lack(const struct script *s, const char *rules, bool has_own);

/* For people: a line for each certificate. */
void contexts_describe(const struct script *s, FILE *out);

void contexts_release(struct script *s);

#endif
