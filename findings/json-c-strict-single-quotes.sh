#!/bin/sh
# Expected: with JSON_TOKENER_STRICT json-c takes what RFC 8259 calls JSON, and nothing else. It refuses a text in single quotes, a comma
#     behind the last item, and comments.
# Happens: it takes the name of a member in single quotes, NaN, and a control byte as it is within a text.
# Source: Debian bookworm's libjson-c5 0.16-2.
# shellcheck source=findings/lib/debian.sh
. "$(dirname "$0")/lib/debian.sh"

have_package libjson-c5 bookworm 0.16-2

# shellcheck disable=SC2154
cat >"$work/play.py" <<'X'
import ctypes
import sys

json_c = ctypes.CDLL(sys.argv[1])
json_c.json_tokener_new.restype = ctypes.c_void_p
json_c.json_tokener_error_desc.restype = ctypes.c_char_p
for text in (b'{"a":1}', b'["a"]', b"['a']", b"{\"a\":'b'}", b'{"a":1,}', b"[1]/**/", b"{'a':1}", b"[NaN]", b'["\x01"]'):
    tokener = ctypes.c_void_p(json_c.json_tokener_new())
    json_c.json_tokener_set_flags(tokener, 1)
    json_c.json_tokener_parse_ex(tokener, text, len(text) + 1)
    error = json_c.json_tokener_get_error(tokener)
    print(text.decode().replace("\1", "<byte 1>"), "->", "taken" if error == 0 else "refused")
X
expect "seen" "{\"a\":1} -> taken
[\"a\"] -> taken
['a'] -> refused
{\"a\":'b'} -> refused
{\"a\":1,} -> refused
[1]/**/ -> refused
{'a':1} -> taken
[NaN] -> taken
[\"<byte 1>\"] -> taken" "$(timeout 20 python3 -B "$work/play.py" "$(find "$work/root" -name 'libjson-c.so.5' | head -n 1)")"
echo "as before"
