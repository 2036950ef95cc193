/* What the answer to a call means, apart from its bytes: kinds are what policies decide by, and what a script sees. A response
 * that says no for a reason of the client's making (NOT_STORED, EXISTS) is no error: another server would not do better. */
#include "route/result.h"

#include <assert.h>
#include <string.h>

const char RESULT_SCRIPT_TEXT[] = "script error";
_Static_assert(sizeof RESULT_SCRIPT_TEXT - 1 == RESULT_SCRIPT_TEXT_LEN, "its length is right");

static unsigned kind_of_response(enum response_kind kind)
{
    if (kind & RESPONSE_SERVER_ERROR) return RESULT_SERVER_ERROR;
    if (kind & (RESPONSE_CLIENT_ERROR | RESPONSE_ERROR)) return RESULT_CLIENT_ERROR;
    if (kind & (RESPONSE_END | RESPONSE_NOT_FOUND | RESPONSE_EN | RESPONSE_NF)) return RESULT_MISS;
    if (kind & (RESPONSE_NOT_STORED | RESPONSE_EXISTS | RESPONSE_NS | RESPONSE_EX))
        return RESULT_REFUSED;
    return RESULT_HIT;
}

static unsigned kind_of_failure(enum call_failure why)
{
    static const unsigned kinds[] = {[FAILURE_DOWN] = RESULT_DOWN,
                                     [FAILURE_BUSY] = RESULT_BUSY,
                                     [FAILURE_TIMEOUT] = RESULT_TIMEOUT,
                                     [FAILURE_LOST] = RESULT_LOST};
    return kinds[why];
}

struct result result_from_news(const struct call_news *news)
{
    assert(news->event != CALL_VALUE); /* more would follow */
    if (news->event == CALL_ANSWERED)
        return (struct result){.kind = kind_of_response(news->response->kind), .news = news};
    return (struct result){.kind = kind_of_failure(news->why),
                           .text = news->failure,
                           .text_len = strlen(news->failure),
                           .is_whole = news->is_whole};
}

bool result_is_worse(unsigned kind, unsigned than)
{
    static const unsigned order[] = {RESULT_HIT, RESULT_MISS, RESULT_REFUSED, RESULT_ANY_ERROR};
    size_t a = 0, b = 0;
    assert(kind && than);
    while (!(order[a] & kind)) a++;
    while (!(order[b] & than)) b++;
    return a > b;
}
