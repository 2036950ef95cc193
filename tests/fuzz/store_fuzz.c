/* Any bytes as operations on a store, with time that passes and values that push others out: see played_store.h. */
#include "fuzz/played_store.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 0) played_all(data, size);
    return 0;
}
