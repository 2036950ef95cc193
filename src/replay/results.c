#include "replay/results.h"

const char *replay_end_text(enum replay_end end)
{
    static const char *const texts[] = {
#define X(name, text) text,
        REPLAY_ENDS(X)
#undef X
    };
    return texts[end];
}
