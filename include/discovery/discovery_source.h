/* discovery_source: where the lists of a discovery come from; one for each kind of URL. In a worker.
 *
 * A source is started with its discovery and stopped before that is freed. It owns the state that start returns, and stop
 * frees it. It reports each answer, also one that is the same as before: the discovery compares, holds back and notifies. For
 * src/discovery alone.
 */
#ifndef MOONGATE_DISCOVERY_DISCOVERY_SOURCE_H
#define MOONGATE_DISCOVERY_DISCOVERY_SOURCE_H

#include "discovery/discovery.h"

struct discovery_source {
    void *(*start)(struct discovery *d); /* returns its state; may report before it returns */
    void (*stop)(void *state);           /* ends what is under way, and frees the state */
};

extern const struct discovery_source discovery_from_srv;
extern const struct discovery_source discovery_from_dns;
extern const struct discovery_source discovery_from_file;
extern const struct discovery_source discovery_from_elasticache;
extern const struct discovery_source discovery_from_etcd;

/* The discovery of this URL with these settings: the existing one, or a new one, which the source fills. Adds a reference,
 * which belongs to the caller. url and parsed are the same URL; both are copied. */
struct discovery *discovery_share(struct discoveries *set, const char *url,
                                  const struct discovery_url *parsed,
                                  const struct discovery_settings *settings,
                                  const struct discovery_source *source);

/* What a source may read of its discovery. */
const struct discovery_url *discovery_parsed(const struct discovery *d);
const struct discovery_settings *discovery_settings_of(const struct discovery *d);
struct discoveries *discovery_set(const struct discovery *d);

/* Reports an answer: the whole list, in any order. Empties *list: its items belong to the discovery now, or are freed. */
void discovery_found(struct discovery *d, struct discovered_list *list);

/* The same for a list without what could not be read: `missing` names that, and stands where a failure does. NULL: nothing is missing. */
void discovery_found_part(struct discovery *d, struct discovered_list *list, const char *missing);

/* Reports that there was no answer, or not a usable one. The reason is not empty, and is copied. */
void discovery_failed(struct discovery *d, const char *reason);

#endif
