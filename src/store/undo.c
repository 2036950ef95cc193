/* Words are put back from the last to the first, so that one that was changed twice gets what it was at first. The count is cleared at the
 * end: a process that dies here leaves the journal as it was, and the next one begins again. */
#include "store/undo.h"

void undo_all(struct store_shard *shard)
{
    undo_word *words = (undo_word *)(void *)shard;
    assert(shard->undo_n <= UNDO_MOST);
    for (uint32_t i = shard->undo_n; i-- > 0;) words[shard->undo[i].at] = shard->undo[i].was;
    undo_commit(shard);
}
