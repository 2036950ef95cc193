#!/bin/sh
# Expected: a watch from a revision that etcd does not have yet is refused, as one from a revision that it has no more (compact_revision).
#     A program reads keys at revision N and watches from N + 1. When etcd begins again with other data in between (restored from a
#     backup, or set up again), its revisions begin low, and the program is told.
# Happens: etcd answers `created`, and then is silent until its own revisions reach that number: the changes before that are never told. The
#     one sign is the revision in the header of `created`, which is lower than the one before the watch begins.
# Source: Debian bookworm's etcd-server 3.4.23-4+b4.
# shellcheck source=findings/lib/etcd.sh
. "$(dirname "$0")/lib/etcd.sh"

have_etcd bookworm 3.4.23-4+b4
# shellcheck disable=SC2046
set -- $(free_ports 2)
run_member one "$1" "$2" "one=http://127.0.0.1:$2" &
process=$!

cat >"$work/play.py" <<'X'
import sys

from gateway import Gateway, b64, heard

etcd = Gateway(int(sys.argv[1]))
print("revision:", etcd.put("a", "1"))
watch = etcd.watch({"key": b64("a"), "start_revision": "6"})
print("a watch from 6:", heard(watch, 2))
for value in "23":
    print("revision:", etcd.put("a", value), "- heard:", heard(watch, 1))
etcd.put("a", "4")
print("revision:", etcd.put("a", "5"), "- heard:", heard(watch, 3))
X
expect "seen" "revision: 2
a watch from 6: created
revision: 3 - heard: nothing
revision: 4 - heard: nothing
revision: 6 - heard: a" "$(play "$work/play.py" "$1")"
echo "as before"
