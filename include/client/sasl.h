/* sasl: clients of the binary protocol say who they are by SASL PLAIN. Owns nothing; one worker. */
#ifndef MOONGATE_CLIENT_SASL_H
#define MOONGATE_CLIENT_SASL_H

#include "client/client.h"
#include "protocol/binary.h"

/* Answers a frame of SASL_LIST, SASL_AUTH or SASL_STEP; f is the frame that is being taken, and c's set knows users. The client may be
 * in afterwards. */
void sasl_take(struct client *c, const struct binary_frame *f);

#endif
