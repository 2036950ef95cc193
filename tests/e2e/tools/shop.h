/* shop: a script whose answers can be foretold: md5 modulo two servers, or one server alone. Line 5 begins the route; line 9
 * raises; line 11 begins a second function. A constant.
 */
#ifndef TESTS_E2E_SHOP_H
#define TESTS_E2E_SHOP_H

#include "lib/moongate.h"

static const char SHOP[] =
    MG "local users = mg.pool { '127.0.0.1:1', '127.0.0.1:2', name = 'users',\n"
       "    distribution = 'modula', hash = 'md5', hash_tag = '{}' }\n"
       "local pages = mg.pool { '127.0.0.1:3', name = 'pages' }\n"
       "return function(req)\n"
       "  if req:has_prefix 'user:' then return users end\n"
       "  if req:has_prefix 'none:' then return mg.reply.miss() end\n"
       "  if req:has_prefix 'bad:' then return mg.reply.error 'not here' end\n"
       "  if req:has_prefix 'oops:' then error 'mine' end\n"
       "  if req:has_prefix 'tmp:' then\n"
       "    return function(r) r.key, r.exptime = 'v2:' .. r.key, 60 return pages end\n"
       "  end\n"
       "  return pages\n"
       "end\n";

#endif
