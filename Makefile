# libusdt.  `make` builds, `make demo` shows, `make test` tests everything;
# `make check` runs the tests that need neither root nor a tracer.
#
# SPDX-License-Identifier: BSD-2-Clause

CC	?= cc
AR	?= ar
OBJCOPY	?= $(shell $(CC) -print-prog-name=objcopy 2>/dev/null)
CFLAGS	?= -O2 -g
PREFIX	?= /usr/local
DESTDIR	?=
STD	?= gnu99
O	?= .
# make can't have blanks in the names of files: a link stands for such a directory.
ifneq ($(word 2,$(O)),)
override O := $(shell packaging/link '$(subst ','\'',$(O))')
ifeq ($(O),)
$(error no link to that directory)
endif
endif
TARGET	:= $(shell $(CC) -dumpmachine 2>/dev/null)
# A processor by its name in the rows.
ours	= $(shell echo $(1) | sed 's/^i.86$$/i386/; s/^amd64$$/x86_64/; s/^arm64$$/aarch64/; s/^sparcv9$$/sparc64/; s/^powerpc/ppc/; s/^arm$$/armhf/; s/^armv[6-9].*$$/armhf/')
NATIVE	:= $(call ours,$(firstword $(subst -, ,$(TARGET))))
ARCH	?= $(NATIVE)
override ARCH := $(call ours,$(ARCH))
SYSTEM	?= $(shell echo $(TARGET) | sed -n 's/.*linux.*/linux/p; s/.*darwin.*/macos/p; s/.*macos.*/macos/p; s/.*freebsd.*/freebsd/p; s/.*solaris.*/illumos/p')
V	?= 0
FUZZ_SECONDS ?= 30
export USDT_CACHE ?= $(HOME)/.cache/libusdt

# --- end of settings --------------------------------------------------------

# The headers: <asm/...> is there without the package gcc-multilib, too.
ARCHFLAGS_i386 = -m32
HEADERS_i386 = -idirafter /usr/include/x86_64-linux-gnu
WARN	= -Wall -Wextra -Wshadow -Wmissing-prototypes -Wstrict-prototypes \
	  -Wpointer-arith -Wwrite-strings -Wundef
override CFLAGS += -std=$(STD) $(WARN) -fPIC -fvisibility=hidden \
	  $(ARCHFLAGS_$(ARCH)) $(HEADERS_$(ARCH))
ASFLAGS_macos = -Wa,-defsym,MACHO=1
LIBS	= -pthread
Q	= $(if $(filter 1,$(V)),,@)
OBJ	= $(O)/obj-$(ARCH)

# The library's sources: first those for all systems, then those for Linux alone,
# which none/ replaces on other systems.
ROOMS_linux = by_image guard turn
IMAGE_linux = $(basename $(wildcard image/*.c))
SHARED	= $(basename $(wildcard usdt*.c)) \
	  $(filter-out $(ROOMS_linux:%=core/%),$(basename $(wildcard core/*.c)))
ROOMS	= $(sort $(SHARED) $(if $(filter linux,$(SYSTEM)), \
	  $(ROOMS_linux:%=core/%) $(IMAGE_linux),none/image))
TRACEPOINTS = $(firstword $(wildcard usdt_tracepoints_$(ARCH).s) \
	  none/tracepoints.c)
LIBOBJS	= $(ROOMS:%=$(OBJ)/%.o) $(OBJ)/$(basename $(TRACEPOINTS)).o
TOOLS	= $(basename $(wildcard tools/*.c tools/*/*.c))
EXAMPLES = $(basename $(wildcard examples/*.c))
CONSUMER = $(basename $(wildcard consumer/*.c))
UNITS	= $(basename $(wildcard test/unit/*.c))

# The command reads programs of both widths, and is built for the machine's own.
# `make ARCH=i386 usdt` needs a libelf of that width.
COMMAND	= $(if $(filter $(ARCH),$(NATIVE)),$(O)/usdt)
# Linux' libdtrace is for 64 bits only, and is loaded when it runs.
TRACER	= $(if $(filter $(ARCH),$(NATIVE)),$(O)/usdt-dtrace)
LIBDL	= $(if $(filter linux,$(SYSTEM)),-ldl)
# Where the tests can link it.
SOLIB	= $(if $(filter linux,$(SYSTEM)),$(if $(wildcard packaging/*.map),$(O)/$(SONAME)))
SONAME	= libusdt.so.$(firstword $(subst ., ,$(VERSION)))
VERSION	:= $(shell sed -n 's/^\#define USDT_VERSION[^"]*"\(.*\)"/\1/p' usdt.h)

all: $(O)/libusdt.a $(SOLIB) $(OBJ)/rooms.a $(O)/test_usdt $(COMMAND) $(TRACER) $(EXAMPLES:%=$(O)/%)

lib: $(O)/libusdt.a $(SOLIB)

# List the library's files, for other builds: SYSTEM= and ARCH= choose.
sources:
	@echo $(ROOMS:%=%.c) $(TRACEPOINTS)

# The archive has one member, so that a program has all of the library or none,
# and only the names of usdt.h are global.  Mach-O has no objcopy, and objects
# for LTO are no machine code yet: there it has a member for each room.
JOINED	= $(if $(SYSTEM),$(if $(filter macos,$(SYSTEM))$(findstring \
	  -flto,$(CC) $(CFLAGS)),,$(OBJ)/libusdt.o))
MACHINE	= $(filter -m% --target=% --sysroot=%,$(CFLAGS))

$(O)/libusdt.a: $(LIBOBJS) $(OBJ)/latest
	@rm -f $@
	@if [ -n "$(JOINED)" ] && { \
	    $(CC) $(MACHINE) -r -nostdlib -o $(OBJ)/libusdt.o $(LIBOBJS) && \
	    $(OBJCOPY) -w --localize-symbol='usdt__*' $(OBJ)/libusdt.o; \
	    } >$(OBJ)/libusdt.log 2>&1; then \
		echo "  AR      $@"; $(AR) rcs $@ $(OBJ)/libusdt.o; \
	else \
		echo "  AR      $@ (a member for each room)"; \
		$(AR) rcs $@ $(LIBOBJS); \
	fi

# For what uses the library's own names: the command, units.
$(OBJ)/rooms.a: $(LIBOBJS)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

# The processor for which $(O) was last built: a build for another replaces it.
$(OBJ)/latest:
	@mkdir -p $(@D)
	$(Q)rm -f $(O)/obj-*/latest && touch $@

# Sources that packages take along come without packaging/.
HAS_LIBRARY = $(if $(wildcard packaging/packaging.mk),$(OBJ)/has-library)
$(OBJ)/%.o: %.c | $(HAS_LIBRARY)
	@mkdir -p $(@D)
	@echo "  CC      $<"
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -I. -MMD -MP -c -o $@ $<

$(OBJ)/%.o: %.s $(wildcard core/*.inc) | $(HAS_LIBRARY)
	@mkdir -p $(@D)
	@echo "  AS      $<"
	$(Q)$(CC) $(ARCHFLAGS_$(ARCH)) $(ASFLAGS_$(SYSTEM)) -I. -c -o $@ $<

$(O)/test_usdt: $(OBJ)/test_usdt.o $(O)/libusdt.a
	@echo "  LD      $@"
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)

$(O)/usdt: $(TOOLS:%=$(OBJ)/%.o) $(OBJ)/rooms.a
	@echo "  LD      $@"
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ -lelf $(LIBS)

$(O)/usdt-dtrace: $(CONSUMER:%=$(OBJ)/%.o)
	@echo "  LD      $@"
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBDL)

$(O)/examples/%: $(OBJ)/examples/%.o $(O)/libusdt.a
	@mkdir -p $(@D)
	@echo "  LD      $@"
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)

$(OBJ)/test/unit/%: $(OBJ)/test/unit/%.o $(OBJ)/rooms.a
	@echo "  LD      $@"
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ -ldl $(LIBS)

# By clang, with its flags in CFLAGS: test/fuzz/run does it.
$(OBJ)/tools.a: $(patsubst %,$(OBJ)/%.o,$(filter-out tools/usdt,$(TOOLS)))
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(OBJ)/test/fuzz/%: $(OBJ)/test/fuzz/%.o $(OBJ)/tools.a $(OBJ)/rooms.a
	@echo "  LD      $@"
	$(Q)$(CC) $(CFLAGS) -fsanitize=fuzzer -o $@ $^ -lelf $(LIBS)

-include $(wildcard $(OBJ)/*.d $(OBJ)/*/*.d $(OBJ)/*/*/*.d)

# --- tests ------------------------------------------------------------------

# First test/setup installs or names missing programs; then make starts again, so
# that it sees a compiler that was just installed.
AGAIN	= @$(MAKE) --no-print-directory $(if $(filter -j%,$(MAKEFLAGS)),,-j$(CPUS))
PROVE	= USDT_BUILD=$(abspath $(O)) USDT_OBJ=$(abspath $(OBJ)) \
	  prove -Itest/lib --timer
CPUS	= $(shell nproc 2>/dev/null || echo 2)
units	= $(UNITS:%=$(OBJ)/%)
machines = test/vm/dtrace.t test/vm/sid.t test/vm/arm64.t test/vm/processor.t
checks	= $(filter-out $(longer),$(sort $(wildcard test/*.t))) $(units)
# Not in `make check`, which should take less than a minute.
longer	= $(patsubst %,test/%.t,amalgamation bindings builds costs cross deb fuzz none power \
	  sanitize standards targets typed widths)
# Both build a package for npm, and ask its registry.
nodes	= test/node/node.t test/node/consumer.t
LANGUAGES = python ruby perl lua
languages = $(foreach l,$(LANGUAGES),test/$l/$l.t)
debians	= test/debians/check.t
traces	= $(sort $(wildcard test/trace/*.t test/kernel/*.t))

# All that `make check` and `make test` need, and nothing else.
WANTED	= check trace sid check-trixie cross vm deb fuzz bench node $(LANGUAGES)
deps:
	@test/setup $(WANTED)

check:
	@test/setup check
	$(AGAIN) run-check
run-check: all $(units)
	$(PROVE) -j$(CPUS) $(checks)

test-trace:
	@test/setup trace sid
	$(AGAIN) run-trace
run-trace: all
	$(PROVE) $(traces)

test-dtrace:
	@test/setup check widths cross vm node $(LANGUAGES)
	@test/vm/build
	$(AGAIN) run-dtrace
run-dtrace: all
	$(PROVE) --verbose $(machines)

test:
	@test/setup $(WANTED)
	$(AGAIN) run-test
run-test: all $(units)
	$(PROVE) -j$(CPUS) $(checks); checked=$$?; \
	$(PROVE) -j3 --rules='seq=test/{trace,kernel}/*.t' --rules='par=**' \
	    $(traces) $(nodes) $(languages) $(machines) $(debians) $(longer) && \
	    exit $$checked

# All of one processor: `make test-arch ARCH=s390x`.
emulated = $(if $(filter sparc64,$(ARCH)),,$(if $(filter aarch64,$(ARCH)), \
	  test/vm/arm64.t,test/vm/processor.t))
test-arch:
	@test/setup check cross vm
	USDT_CROSS=$(ARCH) USDT_PROCESSOR=$(ARCH) prove -Itest/lib --timer \
	    --verbose test/cross.t $(emulated)

# The package for Node.js; some of it asks npm's registry.
test-node:
	@test/setup trace widths node cross
	$(AGAIN) run-node
run-node: all
	$(PROVE) $(nodes)

# The packages for the other languages.
$(LANGUAGES:%=test-%): test-%:
	@test/setup trace $*
	$(AGAIN) run-$*
$(LANGUAGES:%=run-%): run-%: all
	$(PROVE) test/$*/$*.t

# On other Debians: the same packages, and `make check`, which `make test` does on
# the next one alone.
SUITES	?= bookworm trixie sid
test-debians:
	@test/setup trace trixie $(SUITES:%=check-%)
	$(AGAIN) run-debians
run-debians: all
	USDT_DEBIANS='$(SUITES)' $(PROVE) test/debians/trixie.t test/debians/check.t

# The packages, and that for Node.js, on another processor, as its Debian has it:
# `make test-foreign ARCH=s390x`, or riscv64, armhf, ppc64le; of the packages only
# USDT_LANGUAGES, if it is set.
test-foreign:
	@test/setup cross foreign-$(ARCH)
	prove -Itest/lib --timer --verbose test/debians/foreign.t :: $(ARCH)

# Each fuzzer for $(FUZZ_SECONDS).
fuzz:
	@test/setup fuzz
	@O=$(O) test/fuzz/run $(FUZZ_SECONDS)

# The machine in which DTrace runs, and a shell in it.
vm:
	@test/vm/build
vm-shell: vm all
	@test/vm/shell

# bench/README.md says what is measured.  To add a library, write lib_NAME.c and
# put its name here.
BENCHED	= loop call sdt sdtcall sdt5 usdt usdt1x
BENCH	= $(OBJ)/bench
BENCHFLAGS = -I. -Ibench -DBENCHED='$(patsubst %,X(%),$(BENCHED))'
BENCHSRC = bench/bench.c bench/libraries.c $(BENCHED:%=bench/lib_%.c)

$(BENCH)/bench: $(BENCHSRC) bench/bench.h bench/compiled_in.h $(O)/libusdt.a
	@mkdir -p $(@D)
	@echo "  BENCH   $@"
	$(Q)$(CC) $(CFLAGS) -O2 -mno-red-zone $(BENCHFLAGS) -o $@ $(BENCHSRC) \
	    $(O)/libusdt.a $(LIBS)
$(BENCH)/bench-clang: $(BENCHSRC) bench/bench.h bench/compiled_in.h $(O)/libusdt.a
	@mkdir -p $(@D)
	@echo "  BENCH   $@"
	$(Q)clang -std=gnu99 -O2 -gdwarf-4 -mno-red-zone $(BENCHFLAGS) -o $@ \
	    $(BENCHSRC) $(O)/libusdt.a $(LIBS)
$(BENCH)/bpf_count: bench/bpf_count.c
	@mkdir -p $(@D)
	@echo "  BENCH   $@"
	$(Q)$(CC) $(CFLAGS) -O2 -o $@ $<

$(BENCH)/direct: bench/direct.c bench/direct.h $(O)/libusdt.a
	@mkdir -p $(@D)
	@echo "  BENCH   $@"
	$(Q)$(CC) $(CFLAGS) -O2 -I. -o $@ bench/direct.c $(O)/libusdt.a $(LIBS)
$(BENCH)/reach: bench/reach.c $(O)/libusdt.a
	@mkdir -p $(@D)
	@echo "  BENCH   $@"
	$(Q)$(CC) $(CFLAGS) -O2 -I. -o $@ bench/reach.c $(O)/libusdt.a $(LIBS)
$(BENCH)/direct_lttng: bench/direct_lttng.c bench/direct_lttng.h bench/direct.h
	@mkdir -p $(@D)
	@echo "  BENCH   $@"
	$(Q)$(CC) -O2 -Ibench -o $@ bench/direct_lttng.c -llttng-ust $(LIBDL) $(LIBS)

benched = $(BENCH)/bench $(BENCH)/bpf_count $(BENCH)/direct $(BENCH)/reach \
	  $(if $(wildcard $(addsuffix /lttng/tracepoint.h,/usr/include \
	/usr/include/*-linux-gnu)),$(BENCH)/direct_lttng) \
	  $(if $(shell command -v clang),$(BENCH)/bench-clang)

bench:
	@test/setup bench
	$(AGAIN) run-bench
run-bench: all $(benched)
	@USDT_BUILD=$(abspath $(O)) bench/run $(BENCHOPT) $(BENCH)
	@USDT_DTRACE=$(abspath $(O))/usdt-dtrace \
	    node bindings/node-consumer/bench.js

demo:
	@test/setup demo
	$(AGAIN) run-demo
run-demo: all
	@sh examples/demo.sh $(O)

-include packaging/packaging.mk

clean:
	rm -rf $(O)/obj-* $(ONE) $(O)/deb $(O)/libusdt-*.tar.gz $(O)/libusdt.a $(O)/libusdt.so.* $(O)/test_usdt $(O)/usdt \
	    $(O)/usdt-dtrace $(EXAMPLES:%=$(O)/%) $(filter .out-%,$(O))

.PHONY: all lib sources check run-check test-trace run-trace test-dtrace run-dtrace \
	test run-test test-node run-node $(LANGUAGES:%=test-%) \
	$(LANGUAGES:%=run-%) test-debians run-debians test-foreign fuzz vm vm-shell bench run-bench demo run-demo \
	clean
.SECONDARY: $(UNITS:%=$(OBJ)/%.o) $(EXAMPLES:%=$(OBJ)/%.o) \
	$(patsubst %.c,$(OBJ)/%.o,$(wildcard test/fuzz/*.c))
