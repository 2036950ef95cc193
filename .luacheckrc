-- luacheck's settings for `make lint`: lua/ and the scripts that users would write in examples/.
std = "luajit"
max_line_length = 120
exclude_files = { "build/**" }

-- Takes string.dump and the like away from scripts.
files["lua/moongate/sandbox.lua"] = { ignore = { "122" } }

-- string.dump of --unsafe-lua keeps the names that checks need.
files["lua/moongate/interrupt.lua"] = { ignore = { "122" } }

-- Types for editors: functions without bodies, whose parameters are the documentation.
files["lua/moongate/_meta*.lua"] = { ignore = { "111", "112", "113", "131", "211", "212", "221", "241", "631" } }

-- Its test puts a seed and servers in place of these.
files["tests/e2e/scripts/api_fuzz.lua"] = { read_globals = { "SEED", "SERVERS" } }
