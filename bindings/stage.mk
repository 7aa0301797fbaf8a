# stage.mk - which of the library's files go into a language's package?
#
# Used in the package's folder, by its Makefile or as `make -f ../stage.mk`:
#
#	make stage	add the library's sources and license, and a list of the
#			sources that each system and processor needs
#	make unstage	remove them again
#
# SPDX-License-Identifier: BSD-2-Clause

SYSTEMS	= linux freebsd illumos macos
ARCHS	= x86_64 i386 aarch64 sparc64 riscv64 s390x armhf ppc64le ppc ppc64 other
ROOMS	= core image none
LIBRARY	= $(wildcard ../../usdt*.[chs]) $(ROOMS:%=../../%) ../vouch.h
FILES	= $(LIBRARY) $(wildcard $(ROOMS:%=../../%/*.[ch])) ../../Makefile

stage: LICENSE libusdt

LICENSE: ../../LICENSE
	cp $^ $@

# Lines "SYSTEM ARCH FILE...", from the library's own Makefile.
libusdt: $(FILES)
	rm -rf $@ $@.part
	mkdir $@.part
	cp -r $(LIBRARY) $@.part
	for system in $(SYSTEMS); do for arch in $(ARCHS); do \
	    echo "$$system $$arch $$($(MAKE) -s --no-print-directory -C ../.. \
	    sources SYSTEM=$$system ARCH=$$arch)" || exit 1; \
	done; done > $@.part/sources.txt
	mv $@.part $@

unstage:
	rm -rf LICENSE libusdt libusdt.part

.PHONY: stage unstage
