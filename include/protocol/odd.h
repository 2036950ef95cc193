/* odd: owns nothing. */
#ifndef MOONGATE_PROTOCOL_ODD_H
#define MOONGATE_PROTOCOL_ODD_H
#include "protocol/request.h"
static inline bool request_is_odd(const struct request *r) { (void)r; return false; }
#endif
