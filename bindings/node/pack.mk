# What goes into the package besides the files in this folder?
#
#	make -f pack.mk stage		`npm pack` does it: add the library's
#					sources, and the binding for each of
#					PREBUILDS
#	make -f pack.mk unstage		remove them again
#
# The compilers are gcc and musl-gcc of an x86-64 machine, and those that
# `test/setup cross` unpacks.  A missing one is an error: a package without its
# binaries would look complete.
#
# SPDX-License-Identifier: BSD-2-Clause

PREBUILDS = linux-x64-glibc linux-x64-musl linux-arm64-glibc linux-arm64-musl
CROSS	= $(shell ../../test/setup --cross-root)/bin
ROOMS	= core image none
LIBRARY	= $(wildcard ../../usdt*.[chs]) $(ROOMS:%=../../%) ../../Makefile \
	  ../../LICENSE ../vouch.h

CC_linux-x64-glibc	= gcc -m64
CC_linux-x64-musl	= musl-gcc
CC_linux-arm64-glibc	= $(CROSS)/aarch64-linux-gnu-gcc
CC_linux-arm64-musl	= $(CROSS)/aarch64-linux-musl-gcc

AR_x64			= ar
AR_arm64		= $(CROSS)/aarch64-linux-gnu-ar

# Binaries for glibc must load on older versions, too.
MORE_glibc = old_glibc.c
libc	= $(lastword $(subst -, ,$1))
cpu	= $(word 2,$(subst -, ,$1))

stage: LICENSE libusdt $(PREBUILDS:%=prebuilds/%)

LICENSE: ../../LICENSE
	cp $^ $@

libusdt: $(LIBRARY)
	rm -rf $@ $@.part
	mkdir $@.part
	cp -r $^ $@.part
	mv $@.part $@

prebuilds/%: libusdt
	@command -v $(firstword $(CC_$*)) >/dev/null || { echo "pack.mk: the \
binary for $* needs $(firstword $(CC_$*)), which is not there: type \
\`test/setup cross widths' in the project's folder" >&2; exit 1; }
	$(MAKE) -C src TO=../$@ LIB=build/$* CC='$(CC_$*)' \
	    AR='$(AR_$(call cpu,$*))' MORE='$(MORE_$(call libc,$*))' CFLAGS='-O2 -g0'

unstage:
	rm -rf LICENSE libusdt libusdt.part prebuilds

.PHONY: stage unstage
