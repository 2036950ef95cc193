/* I12: a cas number comes from one server's counter, and means nothing to another server. A client that was shown the cas of a
 * gutter pool's item, and compares it later at the first server, could overwrite a value that it has never seen. So a policy
 * with several children says which one is the place of such requests, and shows any other child's cas as PLACE_NO_CAS, which no
 * item has.
 *
 * The same goes for the right to renew an item (a recache win): a server gives it to one client until the item is stored. Where
 * a policy asks several servers and shows one answer, the wins in the other answers would be lost, and nobody would renew those
 * items; so they are handed back. */
#include "route/elsewhere.h"

#include <assert.h>

void elsewhere_finish(struct flow *flow, const struct result *result)
{
    struct kept_result other = {0};
    struct response_value v;
    if (result->news) v = response_read(result->news->response);
    if (!result->news || v.cas == 0) {
        flow_finish(flow, result);
        return;
    }
    result_keep(&other, result);
    v = response_read(&other.response);
    v.cas = PLACE_NO_CAS;
    result_rewrite(&other, &v);
    struct result shown = result_of(&other);
    flow_finish(flow, &shown);
    result_release(&other);
}

static void run(struct flow *flow, uint32_t place, const struct request *r)
{
    flow_leg(flow, place, flow->route->children[place], r);
}

void elsewhere_hand_back(struct flow *flow, uint32_t place)
{
    uint8_t args[PLACE_ARGS_LEAST];
    struct request back;
    assert(flow_is_finished(flow) && flow->kept->r.command_id == COMMAND_META_GET);
    assert(!flow->legs[place].hands_back);
    flow->legs[place].hands_back = true;
    request_hand_back(&flow->kept->r, &back, args);
    run(flow, place, &back);
}

void elsewhere_leg_without_making(struct flow *flow, uint32_t place)
{
    uint8_t args[LINE_MAX_BYTES];
    struct request looks;
    assert(flow->kept->r.args_len <= sizeof args);
    request_without_making(&flow->kept->r, &looks, args);
    run(flow, place, &looks);
}

bool elsewhere_leg_for_copies(struct flow *flow, uint32_t place)
{
    uint8_t args[LINE_MAX_BYTES];
    struct request copy;
    assert(flow->kept->r.args_len <= sizeof args);
    if (!request_for_copies(&flow->kept->r, &copy, args)) return false;
    run(flow, place, &copy);
    return true;
}
