/* From a URL to its kind of source: the top file of discovery.
 *
 * The order of the floor's files is discovery_kinds, then the sources (discovery_names, discovery_file, discovery_elasticache, discovery_etcd),
 * then discovery, then what those share. This file knows every source, a source knows the discovery that it fills, and a
 * discovery knows its source only by the two functions of struct discovery_source. So a new kind of URL is a row of
 * DISCOVERY_KINDS (membership.h), a file, and a line here.
 */
#include <assert.h>
#include <string.h>

#include "discovery/discovery_source.h"
#include "discovery/http_client.h"

static const struct discovery_source *source_of(enum discovery_kind kind)
{
    switch (kind) {
    case DISCOVERY_SRV: return &discovery_from_srv;
    case DISCOVERY_DNS: return &discovery_from_dns;
    case DISCOVERY_FILE: return &discovery_from_file;
    case DISCOVERY_ETCD: return &discovery_from_etcd;
    default: assert(kind == DISCOVERY_ELASTICACHE); return &discovery_from_elasticache;
    }
}

const char *discovery_take(struct discoveries *set, const char *url, size_t len,
                           const struct discovery_settings *settings, struct discovery **out)
{
    struct discovery_url parsed;
    char text[DISCOVERY_URL_MAX] = "";
    if (len >= sizeof text) return "the URL is longer than 599 bytes";
    const char *wrong = discovery_url_parse(&parsed, url, len);
    if (!wrong && parsed.kind == DISCOVERY_ETCD) wrong = http_load();
    if (wrong) return wrong;
    memcpy(text, url, len);
    *out = discovery_share(set, text, &parsed, settings, source_of(parsed.kind));
    return NULL;
}
