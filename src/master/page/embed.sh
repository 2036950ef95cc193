#!/bin/sh
# Writes the C source that links the page into the binary: each file given as an argument becomes a text, page.css as page_css.
set -eu
echo '/* Made by src/master/page/embed.sh. */'
echo '#include "base/page_files.h"'
for file; do
    echo "const char $(basename "$file" | tr . _)[] ="
    sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/^/    "/' -e 's/$/\\n"/' "$file"
    echo '    ;'
done
