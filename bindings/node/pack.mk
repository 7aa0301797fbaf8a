# What goes into the package beside what lies here?
#
#	make -f pack.mk stage		done by `npm pack`: the library's
#					sources, and the binding for each of
#					PREBUILDS
#	make -f pack.mk unstage		take them away again
#
# A compiler that is missing is an error: a package without its binaries would
# look like a whole one.

PREBUILDS = linux-x64-glibc linux-x64-musl
LIBRARY	= $(wildcard ../../usdt*.[chs]) ../../Makefile ../../LICENSE

CC_linux-x64-glibc	= gcc -m64
CC_linux-x64-musl	= musl-gcc
CC_linux-arm64-glibc	= aarch64-linux-gnu-gcc
CC_linux-arm64-musl	= aarch64-linux-musl-gcc

# Those for glibc are to load on older ones, too.
MORE_glibc = old_glibc.c
libc	= $(lastword $(subst -, ,$1))

stage: LICENSE libusdt $(PREBUILDS:%=prebuilds/%)

LICENSE: ../../LICENSE
	cp $^ $@

libusdt: $(LIBRARY)
	rm -rf $@ $@.part
	mkdir $@.part
	cp $^ $@.part
	mv $@.part $@

prebuilds/%: libusdt
	$(MAKE) -C src TO=../$@ LIB=build/$* CC='$(CC_$*)' \
	    MORE='$(MORE_$(call libc,$*))' CFLAGS='-O2 -g0'

unstage:
	rm -rf LICENSE libusdt libusdt.part prebuilds

.PHONY: stage unstage
