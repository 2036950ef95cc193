/* composer: writes scripts of nested policies, by chance.
 *
 * A struct composer is a plain value; the stage owns the texts. The same seed gives the same scripts. Every key that a script makes
 * still tells which key it was made of, so that two keys of a client never meet; what policies put beside values (N., B.) has keys
 * that only they read. So a client may find values old or missing, but never another key's.
 */
#ifndef TESTS_LIB_COMPOSER_H
#define TESTS_LIB_COMPOSER_H

enum { COMPOSER_SERVERS = 5, COMPOSER_FORMS = 68 };

/* Seconds that a request may wait for servers, by the script. */
#define COMPOSER_PATIENCE 1.5

/* How its scripts begin; for one without policies. */
extern const char *const composer_first_lines;

struct composer {
    unsigned seed;
    unsigned long used[COMPOSER_FORMS]; /* how often each form of a route was */
};

/* The next script, over pools of COMPOSER_SERVERS servers. Clients' keys begin with `f:` or `r:` and a number. */
const char *compose(struct composer *composer, const char *const *addresses);

#endif
