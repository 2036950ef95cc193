#include "spool/sync.h"

#include <errno.h>
#include <pthread.h>
#include <unistd.h>

struct work {
    struct sync *all;
    size_t n;
    size_t next; /* of all threads: who adds one to it takes that file */
};

static void *work_on(void *arg)
{
    struct work *w = arg;
    for (;;) {
        size_t i = __atomic_fetch_add(&w->next, 1, __ATOMIC_RELAXED);
        if (i >= w->n) return NULL;
        struct sync *one = &w->all[i];
        one->error = 0;
        if (one->fd < 0) continue;
        while (fdatasync(one->fd) != 0 && !one->error)
            if (errno != EINTR) one->error = errno;
    }
}

/* Where no thread can be made, this one does all. */
void sync_all(struct sync *all, size_t n)
{
    struct work w = {.all = all, .n = n};
    pthread_t threads[SYNC_THREADS - 1];
    size_t threads_n = 0;
    while (n > SYNC_ALONE && threads_n < SYNC_THREADS - 1 && threads_n + 1 < n) {
        if (pthread_create(&threads[threads_n], NULL, work_on, &w) != 0) break;
        threads_n++;
    }
    (void)work_on(&w);
    for (size_t i = 0; i < threads_n; i++) (void)pthread_join(threads[i], NULL);
}
