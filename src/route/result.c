#include "route/result.h"

#include <string.h>

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
    if (news->event == CALL_ANSWERED)
        return (struct result){.kind = kind_of_response(news->response->kind), .news = news};
    return (struct result){.kind = kind_of_failure(news->why),
                           .text = news->failure,
                           .text_len = strlen(news->failure)};
}
