# frozen_string_literal: true

# SPDX-License-Identifier: BSD-2-Clause

require_relative "usdt/version"
require_relative "usdt/values"

# Tracing probes in a running Ruby program.
#
#   require "usdt"
#
#   provider = USDT::Provider.new(:myapp)
#   request = provider.probe(:handle, :request_start, :int, :string)
#   provider.enable
#
#   request.fire(200, "/index")
#   request.fire { [200, expensive] }   # called only while somebody traces
#
# bpftrace, perf, DTrace and `usdt watch` then see the probe as if it had been
# compiled in.
module USDT
  # What the library refuses or can't do; the text says why.
  class Error < RuntimeError; end

  @load_error = nil
  begin
    require "usdt/native"
  rescue LoadError => error
    @load_error = error
    require_relative "usdt/stub"
  end

  class << self
    # Why providers and probes are stubs that do nothing, or nil.
    attr_reader :load_error
  end
end

require_relative "usdt/provider"
