# What goes into the package besides the files in this folder?
#
#	make -f pack.mk stage		`npm pack` does it: add the helper for
#					each of PREBUILDS
#	make -f pack.mk unstage		remove them again
#
# The compilers are gcc of an x86-64 machine, and the one for aarch64 that
# `test/setup cross` unpacks.  A missing one is an error.
#
# SPDX-License-Identifier: BSD-2-Clause

PREBUILDS = linux-x64 linux-arm64
CROSS	= $(shell ../../test/setup --cross-root)/bin
SOURCES	= $(wildcard ../../consumer/*.[ch])
FLAGS	= -std=gnu99 -O2 -g0 -fPIE -pie -Wl,-z,relro,-z,now -s

CC_linux-x64	= gcc -m64
CC_linux-arm64	= $(CROSS)/aarch64-linux-gnu-gcc

stage: LICENSE $(PREBUILDS:%=prebuilds/%/usdt-dtrace)

LICENSE: ../../LICENSE
	cp $^ $@

prebuilds/%/usdt-dtrace: $(SOURCES)
	mkdir -p $(@D)
	$(CC_$*) $(FLAGS) -o $@.part $(filter %.c,$(SOURCES)) -ldl
	mv $@.part $@

unstage:
	rm -rf LICENSE prebuilds

.PHONY: stage unstage
