# frozen_string_literal: true

# SPDX-License-Identifier: BSD-2-Clause

require_relative "lib/usdt/version"

Gem::Specification.new do |spec|
  spec.name = "usdt"
  spec.version = USDT::VERSION
  spec.summary = "Tracing probes made at run time, for bpftrace, perf and DTrace"
  spec.description = "Providers and probes (USDT) that a running Ruby program " \
                     "declares by method calls. A probe that nobody traces " \
                     "costs about as much as a call of an empty method."
  spec.authors = ["The libusdt authors"]
  spec.license = "BSD-2-Clause"
  spec.required_ruby_version = ">= 3.0"
  spec.extensions = ["ext/usdt/extconf.rb"]
  spec.files = Dir.chdir(__dir__) do
    abort "usdt.gemspec: libusdt/ is not here: `make stage` copies it" unless
      File.exist?("libusdt/sources.txt")
    Dir["LICENSE", "README.md", "ext/usdt/*.{rb,c}",
        "{lib,sig}/**/*.{rb,rbs}", "{test,examples}/*.rb",
        "libusdt/**/*"].select { |path| File.file?(path) }
  end
end
