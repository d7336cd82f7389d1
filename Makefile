# wsmcp: GNU make, a C11 compiler, pkg-config, libcurl >= 8.14 with WebSocket, libcjson, libedit.
#
#   make                 build ./wsmcp
#   make demo            install what is missing, build, show a session
#   make test            install what the tests need, run them all
#   make sim             the simulator alone: SEEDS=1000000 for a long run
#   make test-asan       the same tests under AddressSanitizer and UBSan
#   make test-valgrind   the same tests under valgrind
#   make bench           the benchmark, against other bridges: BENCH=--quick, BENCH=--help
#   make lint, format    check or apply the formatting, static analysis
#   make library         build the C library, build/plain/libwsmcp.so and .a
#   make manual          build the man page and the completions in build/plain/manual
#   make install         program, library, man page and completions: PREFIX, BINDIR, LIBDIR, INCLUDEDIR, MANDIR, BASHDIR,
#                        ZSHDIR, FISHDIR and DESTDIR say where
#
# CC, CPPFLAGS, CFLAGS, LDFLAGS and LDLIBS are added to what is needed here and come last.
# WERROR=1 (or CI=true) turns warnings into errors.

CC         ?= cc
FUZZ_CC    ?= clang
PKG_CONFIG ?= pkg-config
CFLAGS     ?= -O2 -g
PREFIX     ?= /usr/local
BINDIR     ?= $(PREFIX)/bin
LIBDIR     ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
MANDIR     ?= $(PREFIX)/share/man
BASHDIR    ?= $(PREFIX)/share/bash-completion/completions
ZSHDIR     ?= $(PREFIX)/share/zsh/site-functions
FISHDIR    ?= $(PREFIX)/share/fish/vendor_completions.d

MAKEFLAGS  += --no-builtin-rules
VARIANT    := plain
BUILD      := build/$(VARIANT)
MODULES    := $(basename $(sort $(wildcard *.c)))
UNIT_TESTS := $(basename $(notdir $(wildcard tests/unit/test_*.c)))
FUZZERS    := $(basename $(notdir $(wildcard tests/fuzz/fuzz_*.c)))
BINARY     := $(if $(filter plain,$(VARIANT)),wsmcp,$(BUILD)/wsmcp)

# --- flags ---------------------------------------------------------------------------------

# The first use of a variable made with "once" runs its command, later uses take the result.
once = $(eval $(1) := $(2))$($(1))

# Those of the flags $(1) that the compiler takes, tried one by one on an empty program.
accepted = $(shell out=$$(mktemp); for flag in $(1); do echo 'int main(void) { return 0; }' | \
    $(CC) -Werror $$flag -x c - -o "$$out" 2>/dev/null && echo "$$flag"; done; rm -f "$$out")

WARNINGS := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wstrict-prototypes \
    -Wmissing-prototypes -Wwrite-strings -Wpointer-arith -Wcast-qual -Wformat=2 -Wvla -Wundef \
    -Wdouble-promotion -Wimplicit-fallthrough
ifneq ($(filter true,$(CI))$(WERROR),)
WARNINGS += -Werror
endif

# Fortified functions need an optimising compiler, and distributions bring their own level.
FORTIFY = $(if $(findstring _FORTIFY_SOURCE,$(CPPFLAGS) $(CFLAGS)),,$(if \
    $(filter-out -O0,$(filter -O%,$(CFLAGS))),-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2))
COMPILE_HARDENED := -fstack-protector-strong -fstack-clash-protection -fcf-protection -fPIE
LINK_HARDENED    := -pie -Wl,-z,relro -Wl,-z,now
HARDEN_CFLAGS     = $(call once,HARDEN_CFLAGS,$(call accepted,$(COMPILE_HARDENED)))
HARDEN_LDFLAGS    = $(call once,HARDEN_LDFLAGS,$(call accepted,$(LINK_HARDENED)))

SANITIZE_CFLAGS := -fno-omit-frame-pointer -fno-sanitize-recover=all
ifeq ($(VARIANT),plain)
VARIANT_CFLAGS   = $(FORTIFY) $(HARDEN_CFLAGS)
VARIANT_LDFLAGS  = $(HARDEN_LDFLAGS)
else ifeq ($(VARIANT),asan)
VARIANT_CFLAGS  := -fsanitize=address,undefined $(SANITIZE_CFLAGS)
VARIANT_LDFLAGS := $(VARIANT_CFLAGS)
else ifeq ($(VARIANT),fuzz)
override CC     := $(FUZZ_CC)
VARIANT_CFLAGS  := -fsanitize=fuzzer-no-link,address,undefined $(SANITIZE_CFLAGS)
VARIANT_LDFLAGS := -fsanitize=fuzzer,address,undefined $(SANITIZE_CFLAGS)
else
$(error VARIANT is plain, asan or fuzz)
endif

PACKAGES        := libcurl libcjson
PACKAGE_CFLAGS   = $(call once,PACKAGE_CFLAGS,$(shell $(PKG_CONFIG) --cflags $(PACKAGES) 2>/dev/null))
PACKAGE_LIBS     = $(call once,PACKAGE_LIBS,$(shell $(PKG_CONFIG) --libs $(PACKAGES) 2>/dev/null))
# The program edits lines; the library does not.
EDIT_CFLAGS      = $(call once,EDIT_CFLAGS,$(shell $(PKG_CONFIG) --cflags libedit 2>/dev/null))
EDIT_LIBS        = $(call once,EDIT_LIBS,$(shell $(PKG_CONFIG) --libs libedit 2>/dev/null || echo -ledit))
CMOCKA_CFLAGS    = $(call once,CMOCKA_CFLAGS,$(shell $(PKG_CONFIG) --cflags cmocka))
CMOCKA_LIBS      = $(call once,CMOCKA_LIBS,$(shell $(PKG_CONFIG) --libs cmocka))

COMPILE = $(CC) -std=c11 -D_DEFAULT_SOURCE -D_DARWIN_C_SOURCE $(WARNINGS) $(VARIANT_CFLAGS) \
    -I. $(PACKAGE_CFLAGS) $(OWN_CFLAGS) $(TEST_CFLAGS) $(CPPFLAGS) $(CFLAGS)
LINK    = $(CC) $(VARIANT_LDFLAGS) $(CFLAGS) $(LDFLAGS)

# --- building ------------------------------------------------------------------------------

.PHONY: all library manual units fuzzers simulator drivers benchmarks bench sim need-libraries need-openssl demo test check test-asan test-valgrind lint format \
    install uninstall clean FORCE
.DELETE_ON_ERROR:
.SECONDARY:
.SECONDEXPANSION:

all: $(BINARY) $(if $(filter plain,$(VARIANT)),manual)

$(BINARY): $(MODULES:%=$(BUILD)/%.o)
	$(LINK) -o $@ $^ $(EDIT_LIBS) $(PACKAGE_LIBS) $(LDLIBS)

$(BUILD)/%.o: %.c $(BUILD)/command | need-libraries
	@mkdir -p $(@D)
	$(COMPILE) -MMD -MP -c -o $@ $<

$(BUILD)/editor.o: private OWN_CFLAGS = $(EDIT_CFLAGS)

# The library is what client.c stands on. Shared: nothing but wsmcp.h can be seen of it. Static: one object, in which
# everything else was made local where there is an objcopy for that.
VERSION   := $(shell sed -n 's/.*WSMCP_VERSION "\(.*\)"/\1/p' version.h)
SO_MAJOR  := $(firstword $(subst ., ,$(VERSION)))
OBJCOPY   ?= objcopy
PIC_FLAGS := -fPIC -fvisibility=hidden -fno-lto
ifeq ($(shell uname),Darwin)
SO_FILE   := libwsmcp.$(VERSION).dylib
SO_NAME   := libwsmcp.$(SO_MAJOR).dylib
SO_LINK   := libwsmcp.dylib
SO_FLAGS   = -dynamiclib -install_name $(LIBDIR)/$(SO_NAME)
else
SO_FILE   := libwsmcp.so.$(VERSION)
SO_NAME   := libwsmcp.so.$(SO_MAJOR)
SO_LINK   := libwsmcp.so
SO_FLAGS  := -shared -Wl,-soname,$(SO_NAME) -Wl,-z,defs -Wl,-z,relro -Wl,-z,now
endif
PIC_OBJECTS = $(patsubst $(BUILD)/%,$(BUILD)/pic/%,$(call objects,client lookup))

library: $(BUILD)/$(SO_FILE) $(BUILD)/libwsmcp.a

$(BUILD)/pic/%.o: %.c $(BUILD)/command | need-libraries
	@mkdir -p $(@D)
	$(COMPILE) $(PIC_FLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/$(SO_FILE): $$(PIC_OBJECTS)
	$(CC) $(SO_FLAGS) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(PACKAGE_LIBS) $(LDLIBS)

$(BUILD)/libwsmcp.a: $$(PIC_OBJECTS)
	@rm -f $@ $(BUILD)/pic/wsmcp.o
	if $(LD) -r -o $(BUILD)/pic/wsmcp.o $^ && $(OBJCOPY) --localize-hidden $(BUILD)/pic/wsmcp.o; \
	    then $(AR) rcs $@ $(BUILD)/pic/wsmcp.o; else $(AR) rcs $@ $^; fi

# The man page and the completions: templates, filled in from the tables of commands and options.
MANUAL := $(patsubst manual/%.in,$(BUILD)/manual/%,$(wildcard manual/*.in))
manual: $(MANUAL)

$(BUILD)/manual/fill: $(patsubst %.c,$(BUILD)/%.o,$(wildcard manual/*.c)) $$(call objects,command)
	$(LINK) -o $@ $^ $(LDLIBS)

$(BUILD)/manual/%: manual/%.in $(BUILD)/manual/fill
	$(BUILD)/manual/fill <$< >$@

# Objects are made again when the command that makes them changes.
$(BUILD)/command: FORCE | need-libraries
	@mkdir -p $(@D)
	@echo '$(COMPILE) : $(LINK)' | cmp -s - $@ || echo '$(COMPILE) : $(LINK)' > $@

need-libraries:
	@$(PKG_CONFIG) --exists 'libcurl >= 8.14' && $(PKG_CONFIG) --variable=supported_protocols libcurl | \
	    tr -d '"' | grep -qw WS || { echo "wsmcp needs libcurl 8.14 or newer with WebSocket (found:" \
	    "$$($(PKG_CONFIG) --modversion libcurl 2>/dev/null || echo none); $(LIBRARY_HINT))." >&2; exit 1; }
	@$(PKG_CONFIG) --exists libcjson || { echo "wsmcp needs cJSON (found: none; $(LIBRARY_HINT))." >&2; exit 1; }
	@echo '#include <histedit.h>' | $(CC) $(EDIT_CFLAGS) $(CPPFLAGS) -E -x c - >/dev/null 2>&1 || \
	    { echo "wsmcp needs libedit (found: none; $(LIBRARY_HINT))." >&2; exit 1; }

LIBRARY_HINT := ./setup.sh build installs one where it can

# A test or fuzz target is linked with the modules it includes, with what those include, and so on
# down: NEEDS_foo holds what foo.c and foo.h include.
includes = $(shell grep '^#include "' /dev/null *.[ch] tests/unit/*.c tests/fuzz/*.c 2>/dev/null | \
    sed 's,^.*/,,; s,^\([^.]*\)\.[ch]:#include "\([^.]*\)\.h".*,NEEDS_\1+=\2,')
$(foreach include,$(includes),$(eval $(include)))
reach   = $(sort $(1) $(foreach module,$(1),$(NEEDS_$(module))))
closure = $(if $(filter-out $(1),$(call reach,$(1))),$(call closure,$(call reach,$(1))),$(1))
objects = $(patsubst %,$(BUILD)/%.o,$(filter $(MODULES),$(call closure,$(1))))

simulator: $(BUILD)/sim/sim
units: $(UNIT_TESTS:%=$(BUILD)/unit/%)
fuzzers: $(FUZZERS:%=$(BUILD)/fuzzers/%)

$(BUILD)/tests/unit/%.o: TEST_CFLAGS = $(CMOCKA_CFLAGS)
$(BUILD)/unit/%: $(BUILD)/tests/unit/%.o $$(call objects,$$*)
	@mkdir -p $(@D)
	$(LINK) -o $@ $^ $(CMOCKA_LIBS) $(if $(filter %/editor.o,$^),$(EDIT_LIBS)) $(PACKAGE_LIBS) $(LDLIBS)

# The simulator has a network, a header command and a log of its own.
SIM_REPLACES := link helper log sock
SIM_SOURCES  := $(wildcard tests/sim/*.c)

$(BUILD)/sim/sim: $(SIM_SOURCES:%.c=$(BUILD)/%.o) \
    $(filter-out $(SIM_REPLACES:%=$(BUILD)/%.o),$(call objects,connection))
	@mkdir -p $(@D)
	$(LINK) -o $@ $^ $(PACKAGE_LIBS) $(LDLIBS)

$(BUILD)/fuzzers/%: $(BUILD)/tests/fuzz/%.o $$(call objects,$$*)
	@mkdir -p $(@D)
	$(LINK) -o $@ $^ $(PACKAGE_LIBS) $(LDLIBS)

# Programs that the end-to-end tests drive.
DRIVERS := $(basename $(notdir $(wildcard tests/e2e/*_driver.c)))
drivers: $(DRIVERS:%=$(BUILD)/drivers/%)

$(BUILD)/drivers/%: $(BUILD)/tests/e2e/%.o $$(call objects,client lookup)
	@mkdir -p $(@D)
	$(LINK) -o $@ $^ $(PACKAGE_LIBS) $(LDLIBS)

# The benchmark: the load generator, and the programs that are no bridges but limits.
BENCH_LIMITS   := copy curl_loop
BENCH_LOAD     := $(filter-out $(BENCH_LIMITS),$(basename $(notdir $(wildcard tests/bench/*.c))))
OPENSSL_CFLAGS  = $(call once,OPENSSL_CFLAGS,$(shell $(PKG_CONFIG) --cflags openssl 2>/dev/null))
OPENSSL_LIBS    = $(call once,OPENSSL_LIBS,$(shell $(PKG_CONFIG) --libs openssl 2>/dev/null || echo -lssl -lcrypto))
CURL_LIBS       = $(call once,CURL_LIBS,$(shell $(PKG_CONFIG) --libs libcurl 2>/dev/null))

benchmarks: $(BUILD)/bench/load $(BUILD)/bench/copy $(BUILD)/bench/curl-loop

$(patsubst %,$(BUILD)/tests/bench/%.o,$(BENCH_LOAD) $(BENCH_LIMITS)): TEST_CFLAGS = -D_GNU_SOURCE $(OPENSSL_CFLAGS)
$(patsubst %,$(BUILD)/tests/bench/%.o,$(BENCH_LOAD)): | need-openssl

need-openssl:
	@echo '#include <openssl/ssl.h>' | $(CC) $(OPENSSL_CFLAGS) $(CPPFLAGS) -E -x c - >/dev/null 2>&1 || \
	    { echo "the benchmark needs the headers of OpenSSL's libssl (found: none; ./setup.sh bench installs them where it can)." >&2; exit 1; }

$(BUILD)/bench/load: $(BENCH_LOAD:%=$(BUILD)/tests/bench/%.o)
	@mkdir -p $(@D)
	$(LINK) -o $@ $^ $(OPENSSL_LIBS) $(LDLIBS)

$(BUILD)/bench/copy: $(BUILD)/tests/bench/copy.o
	@mkdir -p $(@D)
	$(LINK) -o $@ $^ $(LDLIBS)

$(BUILD)/bench/curl-loop: $(BUILD)/tests/bench/curl_loop.o
	@mkdir -p $(@D)
	$(LINK) -o $@ $^ $(CURL_LIBS) $(LDLIBS)

-include $(wildcard $(BUILD)/*.d $(BUILD)/pic/*.d $(BUILD)/manual/*.d $(BUILD)/tests/*/*.d)

# --- running and testing -------------------------------------------------------------------

# What the set-up installs is looked for afterwards, so each of these builds in a make of its own,
# with every processor unless -j was given.
jobs = $(if $(findstring jobserver,$(MAKEFLAGS)),,-j$(shell getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2))
build = $(MAKE) --no-print-directory --silent $(jobs)

demo:
	@./setup.sh demo
	@echo '-- building'
	@$(build) all
	@"$$(./setup.sh python)" tests/demo/demo.py ./wsmcp

test check:
	@./setup.sh test
	@echo '-- building'
	@$(build) all library units simulator drivers benchmarks
	@$(build) VARIANT=fuzz fuzzers
	@tests/run

test-asan:
	@./setup.sh test
	@echo '-- building'
	@$(build) VARIANT=asan all units simulator drivers
	@tests/run --variant asan

test-valgrind:
	@./setup.sh test-valgrind
	@echo '-- building'
	@$(build) all library units simulator drivers
	@tests/run --variant valgrind

# A long run: make sim SEEDS=1000000. A seed that fails prints the command that replays it.
SEEDS ?= 50000
sim:
	@$(build) simulator
	@$(BUILD)/sim/sim --seeds $(SEEDS) --jobs $(shell getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)

# What it says goes to build/bench, too: bench.json, bench.svg. Options of the driver: make bench BENCH='--rounds 3'.
bench:
	@./setup.sh bench
	@echo '-- building'
	@$(build) all benchmarks
	@python3 tests/bench/bench.py $(BENCH)

# --- source code ---------------------------------------------------------------------------

C_SOURCES  := $(wildcard *.c manual/*.c)
C_ALL      := $(wildcard *.c *.h manual/*.[ch] examples/*.c tests/e2e/*_driver.c tests/unit/*.[ch] tests/fuzz/*.[ch] tests/sim/*.[ch] tests/bench/*.[ch])
SH_SOURCES := $(wildcard setup.sh .ci/run tests/*.sh tests/*/*.sh)
PY_SOURCES := tests/run $(wildcard tests/*.py tests/*/*.py)

lint:
	@./setup.sh lint
	@clang-format --dry-run -Werror $(C_ALL)
	@printf '%s\n' $(C_SOURCES) | xargs -n 1 -P 2 sh -c 'out=$$(clang-tidy --quiet "$$0" -- -std=c11 \
	    -D_DEFAULT_SOURCE -D_DARWIN_C_SOURCE -I. $(PACKAGE_CFLAGS) 2>&1) || { echo "$$out"; exit 255; }'
	@shellcheck $(SH_SOURCES)
	@python3 -c 'import ast, sys; [ast.parse(open(f).read(), f) for f in sys.argv[1:]]' $(PY_SOURCES)

format:
	@clang-format -i $(C_ALL)

# --- installing ----------------------------------------------------------------------------

# A new name first, then mv: what is running keeps its old file.
put = mkdir -p '$(DESTDIR)$(3)' && install -m $(1) '$(2)' '$(DESTDIR)$(3)/.$(notdir $(2)).new' && \
    mv -f '$(DESTDIR)$(3)/.$(notdir $(2)).new' '$(DESTDIR)$(3)/$(notdir $(2))'
link = ln -sf '$(1)' '$(DESTDIR)$(LIBDIR)/$(2)'

# Paths below the prefix are written with it, so that pkg-config can move them.
pc_path = $(patsubst $(PREFIX)/%,$${prefix}/%,$(1))

$(BUILD)/wsmcp.pc: wsmcp.pc.in version.h FORCE
	@mkdir -p $(@D)
	@sed -e 's,@PREFIX@,$(PREFIX),' -e 's,@LIBDIR@,$(call pc_path,$(LIBDIR)),' \
	    -e 's,@INCLUDEDIR@,$(call pc_path,$(INCLUDEDIR)),' -e 's,@VERSION@,$(VERSION),' \
	    -e 's,@LIBS@,$(strip $(PACKAGE_LIBS)),' $< > $@

install: all library $(BUILD)/wsmcp.pc
	$(call put,755,wsmcp,$(BINDIR))
	$(call put,644,wsmcp.h,$(INCLUDEDIR))
	$(call put,644,$(BUILD)/libwsmcp.a,$(LIBDIR))
	$(call put,755,$(BUILD)/$(SO_FILE),$(LIBDIR))
	$(call link,$(SO_FILE),$(SO_NAME))
	$(call link,$(SO_NAME),$(SO_LINK))
	$(call put,644,$(BUILD)/wsmcp.pc,$(LIBDIR)/pkgconfig)
	$(call put,644,$(BUILD)/manual/wsmcp.1,$(MANDIR)/man1)
	$(call put,644,$(BUILD)/manual/wsmcp.bash,$(BASHDIR))
	$(call put,644,$(BUILD)/manual/_wsmcp,$(ZSHDIR))
	$(call put,644,$(BUILD)/manual/wsmcp.fish,$(FISHDIR))

uninstall:
	rm -f '$(DESTDIR)$(BINDIR)/wsmcp' '$(DESTDIR)$(INCLUDEDIR)/wsmcp.h' \
	    $(patsubst %,'$(DESTDIR)$(LIBDIR)/%',libwsmcp.a $(SO_FILE) $(SO_NAME) $(SO_LINK) \
	    pkgconfig/wsmcp.pc) '$(DESTDIR)$(MANDIR)/man1/wsmcp.1' '$(DESTDIR)$(BASHDIR)/wsmcp.bash' \
	    '$(DESTDIR)$(ZSHDIR)/_wsmcp' '$(DESTDIR)$(FISHDIR)/wsmcp.fish'

clean:
	rm -rf build wsmcp
