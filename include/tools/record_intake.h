/* record_intake: what workers send to `moongate ctl record` (record/datagram.h), put together to takes and written to its files.
 *
 * A struct record_intake is embedded in the tool, which calls record_intake_release; it owns the parts of takes that are not whole yet.
 * Memory: a take for each stream at most. One process.
 */
#ifndef MOONGATE_TOOLS_RECORD_INTAKE_H
#define MOONGATE_TOOLS_RECORD_INTAKE_H

#include "record/hasher.h"
#include "tools/record_files.h"

enum {
    INTAKE_STREAMS = 512
}; /* processes that send; of more, the one that has been quiet longest is forgotten */

struct intake_stream;

struct record_intake {
    struct record_files *files;
    struct hasher *hasher; /* NULL: keys stay as they are */
    struct intake_stream *streams;
    uint32_t streams_n;
    uint64_t takes, lost;
    uint64_t last_us;     /* when the last datagram was made */
    uint32_t least_share; /* of UINT32_MAX: the smallest that was in force */
    const char *wrong;    /* INTAKE_WRONG: what */
};

enum intake_status {
    INTAKE_OK,
    INTAKE_FAILED, /* it could not be written: files->error */
    INTAKE_WRONG   /* it is not what this version understands: `wrong` */
};

void record_intake_init(struct record_intake *i, struct record_files *files, struct hasher *hasher);
void record_intake_release(struct record_intake *i);

/* Takes one datagram. */
enum intake_status record_intake_take(struct record_intake *i, const uint8_t *bytes, size_t len)
    __attribute__((warn_unused_result));

#endif
