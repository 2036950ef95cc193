#!/bin/sh
# Expected: a key may be called `noreply`; `delete noreply` deletes it and is answered, as by memcached up to 1.6.38. The option would
#     be a second word: `delete noreply noreply`.
# Happens: memcached 1.6.45 deletes the key and answers nothing: it takes the last word of the line for the option, also where that
#     word is the key. A client that waits for the answer waits until its timeout. With a time behind the key it is answered.
# Source: Debian trixie's memcached 1.6.38-1 and forky's 1.6.45-1.
. "$(dirname "$0")/lib/memcached.sh"

have_memcached forky 1.6.45-1
serve
seen=$(ask 'set noreply 0 0 1|x' 'delete noreply' 'get noreply' 'set noreply 0 0 1|x' 'delete noreply 0')
expect "deleted by its name alone, then with a time" 'set noreply 0 0 1|x -> STORED
delete noreply -> (nothing)
get noreply -> END
set noreply 0 0 1|x -> STORED
delete noreply 0 -> DELETED' "$seen"
echo "as before"
