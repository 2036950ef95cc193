#!/bin/sh
# Writes the C source that links moongate's Lua into the binary: the modules given as arguments, as bytecode with their line
# numbers, the C header for ffi.cdef, and the text of the built-in script. CC is the compiler.
set -eu
raw=$(mktemp)
trap 'rm -f "$raw"' EXIT

# A file as the inside of a C string.
as_string() {
    sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/^/    "/' -e 's/$/\\n"/'
}

echo '/* Made by src/script/embed.sh. */'
echo '#include "script/modules.h"'
table=
for file; do
    name=$(echo "$file" | sed -e 's,^lua/,,' -e 's,\.lua$,,' -e 's,/,.,g')
    symbol=$(echo "$name" | tr . _)
    luajit -bg "$file" "$raw"
    echo "static const unsigned char ${symbol}[] = {"
    od -An -v -tx1 "$raw" | sed 's/ \(..\)/0x\1,/g'
    echo '};'
    table="$table    {\"$name\", $symbol, sizeof $symbol},
"
done
echo 'const struct script_module script_modules[] = {'
printf '%s' "$table"
echo '    {NULL, NULL, 0},'
echo '};'
echo 'const char script_cdef[] ='
"${CC:-cc}" -E -P -DMOONGATE_CDEF -Iinclude include/script/abi.h | as_string
echo ';'
echo 'const char script_servers_text[] ='
as_string < lua/moongate/servers.lua
echo ';'
echo 'const char script_cache_text[] ='
as_string < lua/moongate/cache.lua
echo ';'
