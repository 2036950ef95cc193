/* discovery_source: where a discovery's lists come from; one per kind of URL.
 *
 * A source is started when its discovery is made and stopped when that goes; it owns the state that start returns. It says what
 * it finds as often as it likes: the discovery compares, holds back and tells.
 */
#ifndef MOONGATE_DISCOVERY_DISCOVERY_SOURCE_H
#define MOONGATE_DISCOVERY_DISCOVERY_SOURCE_H

#include "discovery/discovery.h"

struct discovery_source {
    void *(*start)(struct discovery *d); /* may say what it finds at once */
    void (*stop)(void *state);
};

extern const struct discovery_source discovery_from_srv;
extern const struct discovery_source discovery_from_dns;
extern const struct discovery_source discovery_from_file;
extern const struct discovery_source discovery_from_elasticache;

/* What a source may know of its discovery. */
const struct discovery_url *discovery_parsed(const struct discovery *d);
const struct discovery_settings *discovery_settings_of(const struct discovery *d);
struct discoveries *discovery_set(const struct discovery *d);

/* The whole list; its content is the discovery's from now on. */
void discovery_found(struct discovery *d, struct discovered_list *list);

/* No list could be had. The reason is copied. */
void discovery_failed(struct discovery *d, const char *reason);

#endif
