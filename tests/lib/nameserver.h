/* nameserver: a name server played by the test, over UDP: it keeps every question until the test answers it, or never does.
 *
 * Belongs to the stage. Nobody listens at its port over TCP.
 */
#ifndef TESTS_LIB_NAMESERVER_H
#define TESTS_LIB_NAMESERVER_H

#include <stddef.h>

enum { QUESTION_A = 1, QUESTION_AAAA = 28, QUESTION_SRV = 33 };

struct nameserver;

struct nameserver *nameserver_listens(void); /* on a free port of 127.0.0.1 */

const char *nameserver_address(const struct nameserver *n);

/* Questions of that type that came and were not answered. */
size_t nameserver_waiting(const struct nameserver *n, int type);

/* Answers every one of them: with this IPv4 address, that lives for so many seconds; with these header bits set (0x0200:
 * truncated, 0x0002: server failure) and no record; or with bytes that are no answer at all. */
void nameserver_answers(struct nameserver *n, int type, const char *address, unsigned ttl);
void nameserver_answers_bits(struct nameserver *n, int type, unsigned bits);
void nameserver_answers_garbage(struct nameserver *n, int type);

#endif
