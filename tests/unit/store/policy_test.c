/* policy: which item of a shard goes. Each step is compared with a plain model of the policy; what a killed process leaves is undone. */
#include "unit/store/policy_host.h"

/* --- LRU ----------------------------------------------------------------------------------------- */

enum { KEYS = 50 };

/* A list in an array: the oldest first. */
static uint32_t list[KEYS + 1];
static size_t list_n;

static void list_remove(uint32_t key)
{
    size_t i = 0;
    while (list[i] != key) i++;
    memmove(list + i, list + i + 1, (--list_n - i) * sizeof *list);
}

static void one_step_of_lru(struct store_item **items, uint32_t key)
{
    struct store_item *item = items[key];
    unsigned what = (unsigned)rand() % 5;
    if (!item) {
        items[key] = added(key, key);
        list[list_n++] = key;
    } else if (what == 0) {
        assert_int_equal(list[0], (key = evicted()));
        items[key] = NULL;
        list_remove(key);
    } else if (what == 1) {
        policy_leave(shard, item);
        undo_commit(shard);
        item_freed(item);
        items[key] = NULL;
        list_remove(key);
    } else {
        if (what == 2) {
            items[key] = item_made(key, 2 * key, 0);
            policy_replace(shard, item, items[key]);
            undo_commit(shard);
            item_freed(item);
        } else {
            hit(item, 1);
        }
        list_remove(key);
        list[list_n++] = key;
    }
}

static void under_lru_what_was_used_longest_ago_goes(void **state)
{
    struct store_item *items[KEYS] = {0};
    shard_make(STORE_POLICY_LRU, 1 << 20);
    list_n = 0;
    srand(1);
    for (int i = 0; i < 20000; i++) {
        one_step_of_lru(items, (uint32_t)rand() % KEYS);
        assert_true(policy_is_sane(shard));
        assert_int_equal(items_in(POLICY_MAIN), list_n);
    }
    shard_free();
}

/* --- the default ---------------------------------------------------------------------------------- */

/* Where an item is, as S3-FIFO says. Queues of the model: the oldest first. */
struct model {
    uint32_t keys[2][KEYS * 2];
    size_t n[2];
    uint8_t uses[KEYS];
    uint64_t bytes[2];
};

static void model_push(struct model *m, int queue, uint32_t key, uint64_t bytes)
{
    m->keys[queue][m->n[queue]++] = key;
    m->bytes[queue] += bytes;
}

static void model_remove(struct model *m, uint32_t key, uint64_t bytes)
{
    for (int q = 0; q < 2; q++)
        for (size_t i = 0; i < m->n[q]; i++)
            if (m->keys[q][i] == key) {
                memmove(m->keys[q] + i, m->keys[q] + i + 1, (--m->n[q] - i) * sizeof(uint32_t));
                m->bytes[q] -= bytes;
                return;
            }
    fail_msg("the model has no key %u", key);
}

/* What goes next, by the paper's words; small: how many bytes the small queue is to have. */
static uint32_t model_victim(struct model *m, struct store_item **items, uint64_t small)
{
    for (;;) {
        int q = m->n[0] && (m->bytes[0] >= small || !m->n[1]) ? 0 : 1;
        uint32_t key = m->keys[q][0];
        uint64_t bytes = store_item_bytes(items[key]);
        if (!m->uses[key]) return key;
        model_remove(m, key, bytes);
        m->uses[key] = q == 0 ? 0 : m->uses[key] - 1;
        model_push(m, 1, key, bytes);
    }
}

static void one_step(struct model *m, struct store_item **items, uint32_t key)
{
    struct store_item *item = items[key];
    unsigned what = (unsigned)rand() % 6;
    if (!item) {
        items[key] = added(key, 100 + key);
        m->uses[key] = 0;
        model_push(m, items[key]->links.queue - 1, key, store_item_bytes(items[key]));
    } else if (what < 2) {
        key = model_victim(m, items, shard->policy.small);
        model_remove(m, key, store_item_bytes(items[key]));
        assert_int_equal(evicted(), key);
        items[key] = NULL;
    } else if (what == 2) {
        items[key] = item_made(key, 100 + (uint32_t)rand() % 100, 0);
        m->bytes[item->links.queue - 1] += store_item_bytes(items[key]) - store_item_bytes(item);
        policy_replace(shard, item, items[key]);
        undo_commit(shard);
        item_freed(item);
        if (m->uses[key] < 3) m->uses[key]++;
    } else if (what == 3) {
        model_remove(m, key, store_item_bytes(item));
        policy_leave(shard, item);
        undo_commit(shard);
        item_freed(item);
        items[key] = NULL;
    } else {
        hit(item, 1);
        if (m->uses[key] < 3) m->uses[key]++;
    }
}

static void by_default_queues_are_those_of_s3_fifo(void **state)
{
    struct store_item *items[KEYS] = {0};
    struct model m = {0};
    shard_make(STORE_POLICY_DEFAULT, 8192);
    srand(2);
    for (int i = 0; i < 20000; i++) {
        one_step(&m, items, (uint32_t)rand() % KEYS);
        assert_true(policy_is_sane(shard));
        for (uint32_t q = 0; q < 2; q++) {
            assert_int_equal(items_in(q), m.n[q]);
            assert_int_equal(shard->policy.queues[q].bytes, m.bytes[q]);
        }
    }
    shard_free();
}

static void what_is_asked_for_once_does_not_push_out_what_is_used(void **state)
{
    struct store_item *used_items[20];
    shard_make(STORE_POLICY_DEFAULT, 1 << 16);
    for (uint32_t i = 0; i < 20; i++) hit(used_items[i] = added(i, 1000), 1);
    for (uint32_t key = 100; key < 1100; key++) {
        added(key, 1000);
        while (used > room) assert_true(evicted() >= 100);
        if (key % 40 == 0)
            for (int i = 0; i < 20; i++) hit(used_items[i], 1);
    }
    shard_free();
}

static void a_key_that_comes_back_soon_comes_into_the_main_queue(void **state)
{
    shard_make(STORE_POLICY_DEFAULT, 1 << 18);
    for (uint32_t key = 1; key <= 100; key++) added(key, 100);
    assert_int_equal(evicted(), 1);
    assert_int_equal(evicted(), 2);
    struct store_item *back = added(1, 100);
    assert_int_equal(back->links.queue, POLICY_MAIN + 1);
    policy_leave(shard, back);
    undo_commit(shard);
    item_freed(back);
    assert_int_equal(added(1, 100)->links.queue, POLICY_SMALL + 1);
    for (int i = 0; i < 95; i++) { /* now the shard is small, and the ghost of 2 is old */
        uint32_t key = evicted();
        added(1000 + key, 100);
    }
    assert_int_equal(added(2, 100)->links.queue, POLICY_SMALL + 1);
    shard_free();
}

/* Each key is asked for again when `apart` others were: the share of the bytes that the small queue is to have. */
static double border_after(uint32_t apart, uint32_t hot, int requests)
{
    shard_make(STORE_POLICY_DEFAULT, 1 << 20);
    struct store_item **items = calloc((size_t)requests + apart + hot + 2, sizeof(void *));
    assert_non_null(items);
    srand(3);
    for (int i = 0; i < requests; i++) {
        uint32_t key = (uint32_t)rand() % 2 ? (uint32_t)i / 2 + hot : (uint32_t)rand() % hot;
        if (key >= hot && rand() % 2 && key >= hot + apart) key -= apart;
        if (items[key]) {
            hit(items[key], 1);
            continue;
        }
        items[key] = added(key, 1000);
        while (used > room) items[evicted()] = NULL;
    }
    double share = (double)shard->policy.small / (double)room;
    free(items);
    shard_free();
    return share;
}

static void the_small_queue_is_as_large_as_it_pays(void **state)
{
    double for_pairs = border_after(500, 100, 100000), for_hot_keys = border_after(5, 2000, 100000);
    if (for_pairs < 0.3 || for_hot_keys > 0.1)
        fail_msg("the small queue has %.2f for pairs, %.2f for hot keys", for_pairs, for_hot_keys);
}

/* --- both ---------------------------------------------------------------------------------------- */

static void a_kept_item_never_goes(void **state)
{
    for (int kind = STORE_POLICY_DEFAULT; kind <= STORE_POLICY_LRU; kind++) {
        shard_make((enum store_policy)kind, 1 << 16);
        struct store_item *kept = added(1, 100), *other = added(2, 100);
        assert_ptr_equal(victim(kept), other);
        policy_evict(shard, other);
        undo_commit(shard);
        item_freed(other);
        assert_null(victim(kept));
        assert_ptr_equal(victim(NULL), kept);
        other = added(3, 100);
        hit(other, 1);
        assert_ptr_equal(victim(kept), other);
        shard_free();
    }
}

static void a_search_ends_although_all_items_are_used(void **state)
{
    struct store_item *items[1000];
    shard_make(STORE_POLICY_DEFAULT, 1 << 18);
    for (uint32_t i = 0; i < 1000; i++) hit(items[i] = added(i, 100), 3);
    for (int i = 0; i < 999; i++) {
        int steps = 0;
        struct store_item *item;
        while (!(item = policy_victim(shard, NULL, now))) {
            undo_commit(shard);
            assert_true(++steps <= POLICY_STEPS);
        }
        policy_evict(shard, item);
        undo_commit(shard);
        item_freed(item);
    }
    shard_free();
}

static void an_expired_item_is_not_spared(void **state)
{
    shard_make(STORE_POLICY_DEFAULT, 1 << 16);
    struct store_item *first = item_made(1, 100, NOW + 5), *second = item_made(2, 100, 0);
    policy_add(shard, first);
    policy_add(shard, second);
    undo_commit(shard);
    hit(first, 3);
    hit(second, 3);
    now = NOW + 5;
    assert_ptr_equal(policy_victim(shard, NULL, now), first);
    now = NOW;
    shard_free();
}

/* The heads of items and of queues, without what only advises. */
static uint64_t picture(void)
{
    uint64_t sum = 0;
    for (int q = 0; q < POLICY_QUEUES; q++) {
        const struct policy_queue *queue = &shard->policy.queues[q];
        sum = sum * 31 + queue->newest + queue->items * 7 + queue->bytes * 3;
    }
    for (uint32_t i = 0; i < slots; i++) {
        const struct store_item *item =
            shard_at(shard, shard->heap.begin + i * (SLOT / SHARD_UNIT));
        sum = sum * 31 + item->links.queue;
        if (item->links.queue) sum = sum * 31 + item->links.newer * 5 + item->links.older;
    }
    return sum;
}

static void change(int what, struct store_item **items)
{
    struct store_item *made = item_made(1000, 50, 0), *gone;
    switch (what) {
    case 0: policy_add(shard, made); break;
    case 1: policy_replace(shard, items[rand() % 10], made); break;
    case 2: policy_leave(shard, items[rand() % 10]); break;
    case 3: policy_use(shard, items[rand() % 10]); break;
    default:
        gone = policy_victim(shard, NULL, now);
        if (gone) policy_evict(shard, gone);
    }
}

static void a_change_that_was_not_finished_is_undone(void **state)
{
    for (int kind = STORE_POLICY_DEFAULT; kind <= STORE_POLICY_LRU; kind++)
        for (int n = 0; n < 500; n++) {
            struct store_item *items[10];
            shard_make((enum store_policy)kind, 1 << 16);
            for (uint32_t i = 0; i < 10; i++) hit(items[i] = added(i, 100 * i), rand() % 3);
            uint64_t before = picture();
            change(n % 5, items);
            slots--; /* of what was made, which no one refers to */
            undo_all(shard);
            assert_int_equal(picture(), before);
            shard_free();
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(under_lru_what_was_used_longest_ago_goes),
        cmocka_unit_test(by_default_queues_are_those_of_s3_fifo),
        cmocka_unit_test(what_is_asked_for_once_does_not_push_out_what_is_used),
        cmocka_unit_test(a_key_that_comes_back_soon_comes_into_the_main_queue),
        cmocka_unit_test(the_small_queue_is_as_large_as_it_pays),
        cmocka_unit_test(a_kept_item_never_goes),
        cmocka_unit_test(a_search_ends_although_all_items_are_used),
        cmocka_unit_test(an_expired_item_is_not_spared),
        cmocka_unit_test(a_change_that_was_not_finished_is_undone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
