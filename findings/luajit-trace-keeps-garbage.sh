#!/bin/sh
# Expected: what no variable refers to any more goes at the next full garbage collection, whether its code was compiled or not.
# Happens: LuaJIT keeps it as long as the compiled code lives. A trace that calls a local function is compiled for that very function, and
#     refers to it, so the function and all its upvalues stay after their block has ended: here a table; in a long-running process a buffer
#     of any size. Interpreted, the same program gives it back. After jit.flush() it goes as well.
# Source: Debian bookworm's luajit 2.1.0~beta3+git20220320+dfsg-4.1+deb12u1.
# shellcheck source=findings/lib/debian.sh
. "$(dirname "$0")/lib/debian.sh"

have_package luajit bookworm '2.1.0~beta3+git20220320+dfsg-4.1+deb12u1'
(run_package luajit -v)

cat >"$work/play.lua" <<'X'
local weak = setmetatable({}, { __mode = "v" })

local function busy()
    local kept = {}
    weak.kept = kept
    local function get(i) return kept, i end
    for i = 1, 1000 do get(i) end
end

local function look(when)
    collectgarbage()
    collectgarbage()
    print(when .. ": " .. (weak.kept and "still there" or "gone"))
end

busy()
look("after the block")
jit.flush()
look("after jit.flush")
X
expect "compiled" "after the block: still there
after jit.flush: gone" "$(run_package luajit "$work/play.lua")"
expect "interpreted" "after the block: gone
after jit.flush: gone" "$(run_package luajit -joff "$work/play.lua")"
echo "as before"
