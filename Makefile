# moongate: a memcache proxy whose routing is a Lua script.   `make help` lists what can be made.

VERSION := 0.1.0
PREFIX  ?= /usr/local
DESTDIR ?=
B       ?= build
CC      ?= cc
CFLAGS  ?= -O2 -g

# --- what moongate is made of ------------------------------------------------------------------

FLOORS := base net protocol placement discovery convert record spool store backend route client script worker move replay master tools main
SRC    := $(sort $(foreach f,$(FLOORS),$(wildcard src/$f/*.c)))
LUA    := $(sort $(wildcard lua/moongate/*.lua lua/moongate/routes/*.lua lua/moongate/routelib/*.lua lua/moongate/test/*.lua))
TYPES  := $(filter lua/moongate/_meta%,$(LUA))
LUA    := $(filter-out $(TYPES),$(LUA))
UNIT   := $(sort $(wildcard tests/unit/*/*.c))
E2E    := $(sort $(wildcard tests/e2e/*/*.c))
SOAK_C := $(sort $(wildcard tests/soak/*.c))
TLIB   := $(sort $(wildcard tests/lib/*.c))
FUZZ   := $(sort $(wildcard tests/fuzz/*_fuzz.c))
LOADERS := $(sort $(wildcard tests/bench/*.c))
HEADERS := $(sort $(wildcard include/*/*.h tests/lib/*.h))

OBJ      := $(SRC:src/%.c=$B/obj/%.o)
CORE     := $(filter-out $B/obj/main/main.o,$(OBJ)) $B/obj/gen/modules.o $B/obj/gen/page.o
TLIBOBJ  := $(TLIB:%.c=$B/obj/%.o)
# These once more, with TLS between moongate and its servers: see tests/lib/overtls.h.
OVERTLS  := e2e/protocol/framing e2e/servers/dialect
# These once more, with stores of moongate's own in place of servers: see tests/lib/places.h.
INSTORES := e2e/routes/places_commands
TESTS    := $(UNIT:tests/%.c=$B/tests/%) $(E2E:tests/%.c=$B/tests/%) $(FUZZ:tests/%.c=$B/tests/%) $(OVERTLS:%=$B/tests/%_tls_test) $(INSTORES:%=$B/tests/%_stores_test)
SOAKBIN  := $(SOAK_C:tests/%.c=$B/tests/%)
FUZZBIN  := $(FUZZ:tests/fuzz/%.c=$B/fuzz/%)
PURE     := $(filter src/protocol/%,$(SRC))
WHOLE    := $(foreach f,base net record spool store placement discovery backend route client,$(filter src/$f/%,$(SRC)))
BENCHBIN := $(LOADERS:tests/bench/%.c=$B/bench/%)

# --- how ----------------------------------------------------------------------------------------

PKG     := luajit libxxhash libmd libcares libmicrohttpd json-c yaml-0.1 libssl libcrypto libzstd
# libcurl is loaded by those who need it: discovery/http_client.h.
PKGFLAGS = $(shell pkg-config --cflags $(PKG) libcurl)
LIBS     = $(shell pkg-config --libs $(PKG)) -lev -lm
TESTLIBS = -lev -lcmocka -lm $(shell pkg-config --libs libssl libcrypto)
WARN    := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wvla -Wformat=2 \
           -Wno-unused-parameter -Wno-missing-field-initializers
HARDEN  := -fstack-protector-strong -fstack-clash-protection -fPIE -D_FORTIFY_SOURCE=2
HARDLD  := -pie -Wl,-z,relro,-z,now -Wl,-z,noexecstack
ifeq ($(shell uname -m),x86_64)
HARDEN  += -fcf-protection
endif
ifdef SANITIZE
HARDEN  := -fPIE -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all
HARDLD  := -pie -fsanitize=address,undefined
CFLAGS  := -O1 -g
endif
CPPFLAGS_ALL = -D_GNU_SOURCE -DMOONGATE_VERSION='"$(VERSION)"' -Iinclude $(CPPFLAGS)
CFLAGS_ALL   = -std=c11 $(WARN) $(HARDEN) $(CFLAGS) -MMD -MP
# A line a file; `make V=1` shows the commands.
ifdef V
say =
else
say = @echo '  $(1) $(2)';
endif
COMPILE      = $(CC) $(CPPFLAGS_ALL) $(PKGFLAGS) $(CFLAGS_ALL)
LINK         = $(CC) $(CFLAGS) $(HARDLD) $(LDFLAGS) -Wl,-E

all: $B/moongate ## build build/moongate (default)

# A missing package is named here, before a compiler trips over it.
$B/.packages: deps/check | $B
	@sh deps/check build
	@touch $@

$B:
	@mkdir -p $@

$B/obj/%.o: src/%.c $B/.packages
	@mkdir -p $(@D)
	$(call say,CC,$<)$(COMPILE) -c -o $@ $<

$B/obj/tests/%.o: tests/%.c $B/.packages
	@mkdir -p $(@D)
	$(call say,CC,$<)$(COMPILE) -Itests -c -o $@ $<

$B/moongate: $B/obj/main/main.o $(CORE)
	$(call say,LINK,$@)$(LINK) -o $@ $^ $(LIBS)

# The Lua library, as bytecode, and the C header that Lua's FFI reads: linked into the binary.
$B/gen/modules.c: $(LUA) $(HEADERS) src/script/embed.sh $B/.packages
	@mkdir -p $(@D)
	$(call say,GEN,$@)CC='$(CC)' sh src/script/embed.sh $(LUA) > $@.new
	@mv $@.new $@

$B/obj/gen/modules.o: $B/gen/modules.c
	@mkdir -p $(@D)
	$(call say,CC,$<)$(COMPILE) -c -o $@ $<

# The page of --metrics and that of a replay: their files, linked into the binary.
PAGE := $(sort $(wildcard src/master/page/page.*)) src/replay/report.css
$B/gen/page.c: $(PAGE) src/master/page/embed.sh $B/.packages
	@mkdir -p $(@D)
	$(call say,GEN,$@)sh src/master/page/embed.sh $(PAGE) > $@.new
	@mv $@.new $@

$B/obj/gen/page.o: $B/gen/page.c
	@mkdir -p $(@D)
	$(call say,CC,$<)$(COMPILE) -c -o $@ $<

# --- run ----------------------------------------------------------------------------------------

run: $B/moongate ## memcached servers, moongate with an example script before them, a line to try
	@MOONGATE=$B/moongate sh examples/run

# --- test ---------------------------------------------------------------------------------------

$B/obj/tests/unit/%.o $B/obj/tests/e2e/%.o $B/obj/tests/soak/%.o: CFLAGS_ALL += -Wno-missing-prototypes

# Nothing calls it, so it is linked by its name.
FILTER := $B/obj/tests/lib/filter.o

# From the floor of backend upward a test may run a script, and Lua asks for functions by their names: there all are linked.
PLAIN_FLOORS := base net protocol placement discovery convert record spool

$(foreach f,$(PLAIN_FLOORS),$B/tests/unit/$f/%): WHOLE_CORE :=
$B/tests/unit/%: WHOLE_CORE := -Wl,--whole-archive
$B/tests/unit/%: $B/obj/tests/unit/%.o $(FILTER) $B/lib.a $B/core.a
	@mkdir -p $(@D)
	$(call say,LINK,$@)$(LINK) -o $@ $< $(FILTER) $B/lib.a $(WHOLE_CORE) $B/core.a -Wl,--no-whole-archive $(LIBS) -lcmocka

# Archives, of which a test links what it uses: that is quick. They name their objects, and hold none (T).
$B/core.a: $(CORE)
$B/lib.a: $(TLIBOBJ)
$B/core.a $B/lib.a:
	@rm -f $@
	$(call say,AR,$@)ar rcsT $@ $^

# What a played spooler says is written and read by the functions that the real one has.
SPOKEN := $B/obj/spool/words.o

$B/tests/e2e/%: $B/obj/tests/e2e/%.o $(FILTER) $B/lib.a $(SPOKEN)
	@mkdir -p $(@D)
	$(call say,LINK,$@)$(LINK) -o $@ $^ $(TESTLIBS)

$B/tests/e2e/%_tls_test: $B/tests/e2e/%_test
	@ln -f $< $@

$B/tests/e2e/%_stores_test: $B/tests/e2e/%_test
	@ln -f $< $@

# It reads a document as programs do.
$B/tests/e2e/service/stores_shown_test: TESTLIBS += -ljson-c

# They read what a daemon records.
$(addprefix $B/tests/e2e/service/,record_test record_ends_test): \
    $(addprefix $B/obj/,record/take.o record/datagram.o base/live.o base/utf8.o protocol/command.o)

# It looks at the load generator of the benches.
$B/tests/e2e/tools/load_test: | $B/bench/load

$B/tests/soak/%: $B/obj/tests/soak/%.o $(FILTER) $B/lib.a $(SPOKEN)
	@mkdir -p $(@D)
	$(call say,LINK,$@)$(LINK) -o $@ $^ $(TESTLIBS)

# A fuzz target that plays its corpus, without a fuzzer.
$B/tests/fuzz/%: $B/obj/tests/fuzz/%.o $B/obj/tests/fuzz/replay.o $(PURE:src/%.c=$B/obj/%.o)
	@mkdir -p $(@D)
	$(call say,LINK,$@)$(LINK) -o $@ $^ $(FUZZLIBS) -lcmocka

# Some of them are a whole worker, all but its script.
WHOLE_FUZZ := $(foreach t,worker_fuzz discovery_fuzz server_fuzz proxy_fuzz,$B/tests/fuzz/$t $B/fuzz/$t)
$(filter $B/tests/fuzz/%,$(WHOLE_FUZZ)): $(WHOLE:src/%.c=$B/obj/%.o)
$(filter $B/fuzz/%,$(WHOLE_FUZZ)): $(WHOLE)
$(WHOLE_FUZZ): FUZZLIBS = $(LIBS)

# Some read configurations of other proxies.
READERS := $(filter src/convert/% src/base/% src/placement/%,$(SRC)) src/net/addr.c src/discovery/server.c
READER_FUZZ := $(foreach t,guess_fuzz twemproxy_fuzz mcrouter_fuzz,$B/tests/fuzz/$t $B/fuzz/$t)
$(filter $B/tests/fuzz/%,$(READER_FUZZ)): $(READERS:src/%.c=$B/obj/%.o)
$(filter $B/fuzz/%,$(READER_FUZZ)): $(READERS)
$(READER_FUZZ): FUZZLIBS = $(LIBS)

# TLS: the net floor, and OpenSSL's own end of a connection.
SECURE := $(filter src/base/% src/net/%,$(SRC))
SECURE_LIB := $(addprefix tests/lib/,certs.c secure.c octets.c)
SECURE_FUZZ := $B/tests/fuzz/tls_fuzz $B/fuzz/tls_fuzz
$B/tests/fuzz/tls_fuzz: $(SECURE:src/%.c=$B/obj/%.o) $(SECURE_LIB:%.c=$B/obj/%.o)
$B/fuzz/tls_fuzz: $(SECURE) $(SECURE_LIB)
$(SECURE_FUZZ): FUZZLIBS = $(LIBS)

# Recordings.
RECORDS := $(filter src/base/% src/record/%,$(SRC))
RECORD_FUZZ := $B/tests/fuzz/recording_fuzz $B/fuzz/recording_fuzz
$B/tests/fuzz/recording_fuzz: $(RECORDS:src/%.c=$B/obj/%.o)
$B/fuzz/recording_fuzz: $(RECORDS)
$(RECORD_FUZZ): FUZZLIBS = $(LIBS)

# A store, and its answers.
STORED := $(filter src/base/% src/placement/% src/store/%,$(SRC))
STORE_FUZZ := $(foreach t,store_fuzz answer_fuzz,$B/tests/fuzz/$t $B/fuzz/$t)
$(filter $B/tests/fuzz/%,$(STORE_FUZZ)): $(STORED:src/%.c=$B/obj/%.o)
$(filter $B/fuzz/%,$(STORE_FUZZ)): $(STORED)
$(STORE_FUZZ): FUZZLIBS = $(LIBS)

# Who may be a client.
$B/tests/fuzz/auth_fuzz: $B/obj/net/users.o
$B/fuzz/auth_fuzz: src/net/users.c

# routelib's reader runs Lua. Under clang's AddressSanitizer, too, each block of its state is a malloc.
ROUTELIB := $(READERS) $(addprefix src/script/,routelib.c memory.c library.c depth.c)
ROUTELIB_FUZZ := $B/tests/fuzz/routelib_fuzz $B/fuzz/routelib_fuzz
$B/tests/fuzz/routelib_fuzz: $(ROUTELIB:src/%.c=$B/obj/%.o) $B/obj/gen/modules.o
$B/fuzz/routelib_fuzz: $(ROUTELIB) $B/gen/modules.c
$B/fuzz/routelib_fuzz: CPPFLAGS += -D__SANITIZE_ADDRESS__
$(ROUTELIB_FUZZ): FUZZLIBS = $(LIBS)

$B/.packages-test: deps/check | $B
	@sh deps/check test
	@touch $@

# As many compilers as there are processors, unless make was told a number.
BUILD_TESTS = $(MAKE) --no-print-directory $(if $(findstring -j,$(MAKEFLAGS)),,-j$(shell nproc)) B=$B tests-built

test: $B/.packages-test ## every test; the last line counts them
	@+$(BUILD_TESTS)
	@MOONGATE=$B/moongate BUILD=$B sh tests/run $(TESTS)

tests-built: $B/moongate $(TESTS)
.PHONY: tests-built

test-servers: $B/.packages-test ## tests in front of other memcached versions (sh deps/install servers gets them); SERVERS=forky: of one
	@+$(BUILD_TESTS)
	@MOONGATE=$B/moongate BUILD=$B sh tests/servers/run $(SERVERS)

test-operate: $B/moongate ## the tools of operators: promtool, a browser, tmux, packages (sh deps/install operate gets them); OPERATE=metrics: one
	@sh deps/check operate
	@MOONGATE=$B/moongate BUILD=$B sh tests/operate/run $(OPERATE)

test-long: $B/.packages-test ## tests with large counts, in front of each memcached at hand; SAMPLE=30: so many seconds of each
	@+$(BUILD_TESTS)
	@$(MAKE) --no-print-directory B=$B/asan SANITIZE=1 $B/asan/moongate
	@MOONGATE=$B/moongate BUILD=$B SAMPLE=$(SAMPLE) sh tests/long/run $(LONG)

soak: $B/.packages-test $B/moongate $(SOAKBIN) ## random faults of all kinds for ten minutes; SOAK=60: for so many seconds; SEED: the same again
	@MOONGATE=$B/moongate $(SOAKBIN)

# What an end-to-end test does itself is not moongate's: it is built as ever. The documents, the floors, libraries and their maps run little
# of moongate that nothing else here runs.
ASAN_BUILT := $B/asan/moongate $(patsubst $B/%,$B/asan/%,$(filter-out $B/tests/e2e/%,$(TESTS)))
asan: $B/.packages-test ## tests under AddressSanitizer and UBSan, in build/asan
	@+$(BUILD_TESTS)
	@$(MAKE) --no-print-directory B=$B/asan SANITIZE=1 $(ASAN_BUILT) $B/asan/bench/load
	@MOONGATE=$B/asan/moongate BUILD=$B/asan LEAVE_OUT='docs clients placement floors floors_test' TEST_TIMEOUT=600 sh tests/run $(filter-out $B/asan/moongate,$(ASAN_BUILT)) $(filter $B/tests/e2e/%,$(TESTS))

FUZZER = clang -std=c11 $(CPPFLAGS_ALL) -Itests -O1 -g -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all

$B/fuzz/%: tests/fuzz/%.c $(wildcard tests/fuzz/*.h) $(PURE) $(HEADERS)
	@mkdir -p $(@D)
	$(call say,FUZZ,$@)$(FUZZER) $(PKGFLAGS) -o $@ $(filter %.c,$^) $(FUZZLIBS)

fuzz: $(FUZZBIN) ## the parsers, the readers of configurations and a worker with random bytes, FUZZ_RUNS each, at most 60 s in all (needs clang)
	@sh tests/fuzz/run $(FUZZBIN)

mutants: ## take out one check after the other: a test must notice each
	@+$(BUILD_TESTS)
	@BUILD=$B SAMPLE=$(SAMPLE) sh tests/mutants/run $(MUTANTS)

lint: $B/moongate ## clang-format, clang-tidy, cppcheck, luacheck, shellcheck, the list of mutants, the floors
	@sh deps/check lint
	@BUILD=$B CPPFLAGS='$(CPPFLAGS_ALL) $(PKGFLAGS)' sh tests/lint

floors: ## the size of each floor, its assertions and comments
	@sh tests/floors sizes

# --- bench --------------------------------------------------------------------------------------

$B/bench/%: tests/bench/%.c $B/.packages
	@mkdir -p $(@D)
	$(call say,CC,$<)$(COMPILE) $(HARDLD) -o $@ $< -lm $(shell pkg-config --libs libssl)

$B/bench/slow_clock.so: tests/bench/preload/slow_clock.c $B/.packages
	@mkdir -p $(@D)
	$(call say,CC,$<)$(COMPILE) -Wno-missing-prototypes -fPIC -shared -o $@ $<

# Two of them are not loads but parts of moongate.
$B/bench/select $B/bench/heat: $B/bench/%: $B/obj/tests/bench/%.o $(CORE)
	@mkdir -p $(@D)
	$(call say,LINK,$@)$(LINK) -o $@ $^ $(LIBS)

# One compares caches: it holds the store, and streams of requests that tests have too.
RATES := $(addprefix $B/obj/tests/,bench/rates.o lib/trace.o $(patsubst tests/%.c,%.o,$(wildcard tests/lib/simulated*.c)))
$B/bench/rates: $(RATES) $(CORE)
	@mkdir -p $(@D)
	$(call say,LINK,$@)$(LINK) -o $@ $^ $(LIBS)

$B/bench/turns.so: tests/bench/preload/turns.c $B/.packages
	@mkdir -p $(@D)
	$(call say,CC,$<)$(COMPILE) -fPIC -shared -o $@ $< -ldl

bench-words: $B/bench/words ## CPU of memcached by the words in which it is asked, for each version at hand
	@for m in $(or $(MEMCACHED),memcached) $(wildcard build/servers/*/memcached); do \
	    printf '%s\0' "$$m -u root -l 127.0.0.1 -p \$$PORT -t 1"; \
	done | xargs -0 $B/bench/words

bench: $B/moongate $(BENCHBIN) ## CPU, throughput and latency beside other proxies, 22 minutes; LOADS='d32 hot': some rows; BASE=PATH: beside another moongate
	@sh deps/check bench
	@[ -n "$(LOADS)" ] || { $B/bench/select && $B/bench/heat; }
	@MOONGATE=$B/moongate LOAD=$B/bench/load BUILD=$B sh tests/bench/run $(BENCH)

bench-quick: ## a few rows of it, 1 minute; fails if a figure is far off
	@$(MAKE) --no-print-directory bench BENCH=quick

bench-publish: ## put the last full run, with its plots, into examples/speed
	@BUILD=$B sh tests/bench/run publish

bench-instructions: $B/moongate $B/bench/slow_clock.so ## instructions and system calls a request, beside an earlier build; BASE=REV: of that revision
	@sh deps/check bench
	@MOONGATE=$B/moongate BASE=$(BASE) LOADS='$(LOADS)' CLOCK=$B/bench/slow_clock.so OUT=$B/bench tests/bench/count/instructions $(BENCH)

bench-growth: $B/moongate $B/bench/load $B/bench/slow_clock.so ## the same by numbers of clients, servers, prefixes and pools; memory of an idle client; plots
	@sh deps/check bench
	@MOONGATE=$B/moongate LOAD=$B/bench/load CLOCK=$B/bench/slow_clock.so OUT=$B/bench tests/bench/count/growth $(BENCH)

bench-start: $B/moongate $B/bench/turns.so ## what it costs to start, reload and keep 1,000 servers, 10,000 prefixes, 5,000 lines
	@sh deps/check bench
	@MOONGATE=$B/moongate TURNS_SO=$B/bench/turns.so tests/bench/start $(START)

bench-move: $B/moongate $B/bench/load ## what recording and copying cost the service, how fast copy and replay are; MOVE='record copy': some cases
	@sh deps/check bench
	@MOONGATE=$B/moongate LOAD=$B/bench/load tests/bench/move $(MOVE)

bench-store: $B/moongate $B/bench/load $B/bench/rates ## how often the store hits, what fits into it, CPU for a request, beside a memcached; STORE='memory cpu': some cases
	@sh deps/check bench
	@MOONGATE=$B/moongate LOAD=$B/bench/load RATES=$B/bench/rates tests/bench/store $(STORE)

# --- the rest -----------------------------------------------------------------------------------

# Not scripts: what operators copy.
OPERATE_EX := $(addprefix examples/operate/,*.* Dockerfile kubernetes/*)

install: $B/moongate ## into $(DESTDIR)$(PREFIX): the binary, manual pages that are made, the Lua library to read, the examples
	install -D -m 755 $B/moongate '$(DESTDIR)$(PREFIX)/bin/moongate'
	for page in $(wildcard $(MAN)); do \
	    install -D -m 644 "$$page" '$(DESTDIR)$(PREFIX)/share/man/man'"$${page##*.}/$${page##*/}" || exit 1; \
	done
	for f in $(LUA) $(TYPES) $(wildcard examples/.luacheckrc examples/*.lua $(OPERATE_EX)); do \
	    install -D -m 644 "$$f" '$(DESTDIR)$(PREFIX)/share/moongate/'"$$f" || exit 1; \
	done

# Manual pages, made of the references; their date is that of the package's last entry.
MAN := $B/man/moongate.8 $B/man/moongate-script.5 $B/man/moongate-ctl.1

$B/man/%: deps/package/man.py deps/package/debian/changelog src/main/README.md lua/README.md $(TYPES)
	@mkdir -p $(@D)
	$(call say,MAN,$@)python3 $< $* $(VERSION) "$$(date -u -d "$$(sed -n 's/^ -- .*>  //p' deps/package/debian/changelog | head -n 1)" +%F)" > $@.new
	@mv $@.new $@

man: $(MAN) ## manual pages in build/man (needs lowdown and python3)

deb: ## a Debian package in build/deb (sh deps/install operate gets the tools)
	@sh deps/check operate
	@BUILD=$B sh deps/package/deb

deb-test: deb ## installs it on a bare Debian 12, starts it, asks it, removes it (needs root and debootstrap)
	@BUILD=$B sh deps/package/deb-test

clean: ## remove build/
	rm -rf $B

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "make %-18s %s\n", $$1, $$2}' Makefile

-include $(OBJ:.o=.d) $(TESTS:$B/tests/%=$B/obj/tests/%.d) $(SOAKBIN:$B/tests/%=$B/obj/tests/%.d) $(TLIBOBJ:.o=.d) $B/obj/tests/fuzz/replay.d $(BENCHBIN:=.d) $B/obj/gen/modules.d

.DELETE_ON_ERROR:
.SECONDARY:
.PHONY: all run test test-servers test-operate test-long soak asan fuzz mutants lint floors bench bench-quick bench-publish bench-instructions bench-growth bench-start bench-move bench-store bench-words man deb deb-test install clean help
