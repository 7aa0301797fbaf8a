# frozen_string_literal: true

# How is the extension built?  The library's files are in libusdt, where
# `make stage` put them.
#
# SPDX-License-Identifier: BSD-2-Clause

# A Makefile that builds nothing.  Then the gem is a stub, which says so.
def build_nothing(why)
  warn "usdt: #{why}: the gem is installed as a stub that does nothing"
  File.write("Makefile", "all clean distclean install install-so install-rb " \
                         "realclean static:\n.PHONY: all install clean\n")
  exit
end

require "rbconfig"
require "rbconfig/sizeof"

if ENV["CC"]
  [RbConfig::CONFIG, RbConfig::MAKEFILE_CONFIG].each do |config|
    config["CC"] = ENV["CC"]
  end
end
headers = [RbConfig::CONFIG["rubyhdrdir"], RbConfig::CONFIG["rubyarchhdrdir"]]
unless File.exist?(File.join(headers[0].to_s, "ruby.h")) &&
       File.exist?(File.join(headers[1].to_s, "ruby", "config.h"))
  build_nothing("there is no ruby.h in #{headers[0]}")
end

require "mkmf"

# What libusdt calls systems and processors.
SYSTEMS = { "linux" => "linux", "freebsd" => "freebsd", "solaris" => "illumos",
            "darwin" => "macos" }.freeze
PROCESSORS = { "amd64" => "x86_64", "x64" => "x86_64", "arm64" => "aarch64",
               "sparcv9" => "sparc64", "arm" => "armhf",
               "powerpc64le" => "ppc64le", "powerpc64" => "ppc64",
               "powerpc" => "ppc" }.freeze

# Distributions link the library that they have installed.
INSTALLED = ENV["USDT_LIBRARY"] == "installed"

def processor
  cpu = RbConfig::CONFIG["target_cpu"].downcase
  cpu = PROCESSORS.fetch(cpu, cpu)
  narrow = RbConfig::SIZEOF["void*"] == 4
  return "i386" if cpu.match?(/\Ai\d86\z/) || (cpu == "x86_64" && narrow)

  cpu == "sparc" && !narrow ? "sparc64" : cpu
end

# The library's files for this target, which `make stage` listed.
def library_files
  rows = File.readlines(File.join($srcdir, "../../libusdt/sources.txt"))
             .to_h { |line| [line.split.first(2), line.split.drop(2)] }
  system = SYSTEMS.find { |theirs, _| RUBY_PLATFORM.include?(theirs) }&.last
  rows[[system, processor]] || rows[[system, "other"]] ||
    rows[%w[freebsd other]]
rescue Errno::ENOENT
  abort "extconf.rb: libusdt/ is not here: `make stage` copies it"
end

files = INSTALLED ? [] : library_files
works = begin
  try_compile("#include <ruby.h>")
rescue RuntimeError
  false
end
build_nothing("there is no C compiler that works") unless works

have_func("rb_ext_ractor_safe", "ruby.h")
$CFLAGS << " -std=gnu99 -fvisibility=hidden"
$INCFLAGS << " -I$(srcdir)/../../#{INSTALLED ? ".." : "libusdt"}"
$LIBS << (INSTALLED ? " -lusdt -lpthread" : " -lpthread")
objects = files.to_h { |file| [file.tr("/", "_").sub(/\.[cs]\z/, ".o"), file] }
$objs = ["native.o", *objects.keys]

# mkmf knows neither files in folders nor assembly.
create_makefile("usdt/native") do |makefile|
  next makefile if INSTALLED

  makefile + ["all:\n\nnative.o: $(srcdir)/../../libusdt/usdt.h\n\n"] +
    objects.map do |object, file|
      <<~RULE
        #{object}: $(srcdir)/../../libusdt/#{file}
        \t$(ECHO) compiling #{file}
        \t$(Q) $(CC) $(INCFLAGS) $(CPPFLAGS) $(CFLAGS) $(COUTFLAG)$@ \\
        \t    -c $(CSRCFLAG)$(srcdir)/../../libusdt/#{file}

      RULE
    end
end
