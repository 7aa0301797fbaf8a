# frozen_string_literal: true

# SPDX-License-Identifier: BSD-2-Clause

module USDT
  # What do providers and probes do where the extension is missing?  Nothing, in
  # silence; USDT.load_error says why.

  class Probe
    attr_reader :function, :name, :arguments

    def initialize(function, name, arguments)
      @function = function.to_sym
      @name = name.to_sym
      @arguments = arguments
      freeze
    end
    private_class_method :new

    def enabled?
      false
    end

    def fire(*)
      false
    end
  end

  class Provider
    attr_reader :name, :mod

    def initialize(name, mod = :ruby)
      @name = name.to_sym
      @mod = mod.to_sym
    end

    def enable
      true
    end

    def disable
      true
    end

    def remove_probe(_probe)
      true
    end

    private

    def add(function, name, _types, _kinds, arguments)
      Probe.send(:new, function, name, arguments)
    end

    def add_struct(_name, _size, _declarations, _offsets)
      true
    end

    def live?
      false
    end

    def status_values
      why = "the extension is not loaded: see USDT.load_error"
      backend = [false, 0, -1, "", why]
      [false, 0, 0, 0, backend, backend, why, 0]
    end
  end
end
