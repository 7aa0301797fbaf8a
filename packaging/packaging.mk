# packaging.mk - how does the library reach others: as a shared library,
# installed, in one file, as a tarball?  Part of the Makefile.
#
# SPDX-License-Identifier: BSD-2-Clause

PREFIX	?= /usr/local
BINDIR	?= $(PREFIX)/bin
LIBDIR	?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
DATADIR	?= $(PREFIX)/share
MANDIR	?= $(DATADIR)/man

# --- what is missing --------------------------------------------------------

# Once for each $(OBJ): names what is not installed, and its package.
quoted	= '$(subst ','\'',$(1))'
$(OBJ)/has-library $(OBJ)/has-command: $(OBJ)/has-%:
	@mkdir -p $(@D)
	@CC=$(call quoted,$(CC)) FLAGS=$(call quoted,$(CPPFLAGS) $(CFLAGS)) \
	    test/setup --name $* && touch $@

$(TOOLS:%=$(OBJ)/%.o): | $(OBJ)/has-command

# --- the shared library -----------------------------------------------------

# Its objects mark the interface as exported; in the archive it is hidden.
EXPORT	= -D'USDT_API=__attribute__((visibility("default")))'
SOOBJS	= $(ROOMS:%=$(OBJ)/shared/%.o) $(OBJ)/$(basename $(TRACEPOINTS)).o
# -Bsymbolic: no program can replace a call inside of the library.
SOFLAGS	= -shared -Wl,-soname,$(SONAME) -Wl,-Bsymbolic \
	  -Wl,--version-script=packaging/libusdt.map

$(OBJ)/shared/%.o: %.c | $(OBJ)/has-library
	@mkdir -p $(@D)
	@echo "  CC      $< (shared)"
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) $(EXPORT) -I. -MMD -MP -c -o $@ $<

$(O)/$(SONAME): $(SOOBJS) packaging/libusdt.map $(OBJ)/latest
	@echo "  LD      $@"
	$(Q)$(CC) $(CFLAGS) $(filter-out -static%,$(LDFLAGS)) $(SOFLAGS) \
	    -o $@ $(SOOBJS) $(LIBS)

-include $(wildcard $(OBJ)/shared/*.d $(OBJ)/shared/*/*.d)

# --- one file ---------------------------------------------------------------

# For whom two files are enough: $(O)/amalgamation/libusdt.c and usdt.h.
ONE	= $(O)/amalgamation
amalgamation: $(ONE)/libusdt.c $(ONE)/usdt.h
$(ONE)/libusdt.c: packaging/amalgamate LICENSE usdt.h $(wildcard \
	  usdt*.[cs] core/* image/* none/*)
	@mkdir -p $(@D)
	@echo "  GEN     $@"
	$(Q)packaging/amalgamate '$(SHARED:%=%.c)' \
	    '$(ROOMS_linux:%=core/%.c) $(IMAGE_linux:%=%.c)' none/image.c \
	    '$(wildcard usdt_tracepoints_*.s)' >$@.part && mv $@.part $@
$(ONE)/usdt.h: usdt.h
	@mkdir -p $(@D)
	$(Q)cp usdt.h $@

# --- installing -------------------------------------------------------------

# packaging/install knows which file goes where.  It gets names by the
# environment, so that they may have blanks.
install install-lib uninstall: export O := $(O)
install install-lib uninstall: export DESTDIR := $(DESTDIR)
install install-lib uninstall: export PREFIX := $(PREFIX)
install install-lib uninstall: export BINDIR := $(BINDIR)
install install-lib uninstall: export LIBDIR := $(LIBDIR)
install install-lib uninstall: export INCLUDEDIR := $(INCLUDEDIR)
install install-lib uninstall: export DATADIR := $(DATADIR)
install install-lib uninstall: export MANDIR := $(MANDIR)
install install-lib uninstall: export VERSION := $(VERSION)
install install-lib uninstall: export SONAME := $(if $(SOLIB),$(SONAME))
install install-lib uninstall: export COMMANDS := $(COMMAND) $(TRACER)

install: all
	@packaging/install install library programs
install-lib: lib
	@packaging/install install library
uninstall:
	@packaging/install uninstall library programs

# --- tarball and Debian packages ------------------------------------------------

# What the last commit has; the same bytes each time.
DIST	= libusdt-$(VERSION)
dist: $(O)/$(DIST).tar.gz
	@echo $<
$(O)/$(DIST).tar.gz: FORCE
	@git rev-parse --verify --quiet HEAD >/dev/null || \
	    { echo "make dist: needs git, and a commit" >&2; exit 1; }
	@mkdir -p $(@D)
	$(Q)git archive --format=tar --prefix=$(DIST)/ HEAD | gzip -9n >$@.part && \
	    mv $@.part $@
FORCE:

# In $(O)/deb.
deb: $(O)/$(DIST).tar.gz
	@packaging/deb '$<' '$(O)/deb' '$(VERSION)'

# In clean chroots of $(SUITES), as root; and for arm64 by a cross compiler.
test-deb:
	@test/setup chroots
	@$(MAKE) -s dist
	@test/debian '$(O)/$(DIST).tar.gz' '$(VERSION)' $(SUITES) arm64

.PHONY: dist deb test-deb amalgamation install install-lib uninstall
