/* dnsmasq: a real name server, on a free port of 127.0.0.1, that knows only what the test says.
 *
 * Belongs to the stage, which ends it with the test.
 */
#ifndef TESTS_LIB_DNSMASQ_H
#define TESTS_LIB_DNSMASQ_H

struct dnsmasq;

/* Starts it with these lines of configuration (`host-record=a.test,127.0.0.1`, `srv-host=...`), and waits until it answers. All
 * records live one second. Names under .test that it does not know do not exist. */
struct dnsmasq *dnsmasq_start(const char *lines);

/* Another configuration takes the place of the first: it is ended and started again at its port. */
void dnsmasq_says(struct dnsmasq *d, const char *lines);

/* Ends it; nobody is at its port then. Starts it again as it was. */
void dnsmasq_kill(struct dnsmasq *d);
void dnsmasq_starts_again(struct dnsmasq *d);

/* Stops it where it stands: questions go unanswered. Lets it go on: it answers those that waited, late. */
void dnsmasq_freezes(struct dnsmasq *d);
void dnsmasq_thaws(struct dnsmasq *d);

const char *dnsmasq_address(const struct dnsmasq *d); /* 127.0.0.1:PORT */

#endif
