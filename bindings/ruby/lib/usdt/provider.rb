# frozen_string_literal: true

# SPDX-License-Identifier: BSD-2-Clause

module USDT
  # What one way of showing probes to tracers did with a provider.
  Backend = Struct.new(:taken, :errno, :generation, :path, :reason,
                       keyword_init: true)

  # What shows a provider to tracers, or why nothing does.
  Status = Struct.new(:enabled, :probes, :waiting, :images, :dof, :sdt, :note,
                      :mappings, keyword_init: true)

  # A named set of probes, which is enabled and disabled as a whole.
  class Provider
    # A provider; a block gets it, to add probes.
    def self.create(name, mod = :ruby)
      provider = new(name, mod)
      yield provider if block_given?
      provider
    end

    # Adds a probe.  Types are Symbols (:integer, :string, :json, :int8 to
    # :uint64 ...) or Strings with types of C; keywords give arguments names.
    # If the provider is enabled the probe is visible at once.
    def probe(function, name, *types, **named)
      arguments = types.map { |type| Values.argument(type) } +
                  named.map { |key, type| Values.argument(type, key) }
      declared = (types + named.values).map { |type| type.dup.freeze }.freeze
      probe = add(function, name, arguments.map(&:first),
                  arguments.map(&:last).join, declared)
      deliver(probe) if live?
      probe
    end

    # Tells tracers the layout of a struct: its size in bytes, and a Hash that
    # has the offset of each field, declared as in C: "int id" => 0.  They show
    # the fields of arguments declared as "struct NAME *".  Structs come before
    # #enable.
    def struct(name, size, fields)
      add_struct(name, size, fields.keys, fields.values)
    end

    # What shows the probes to tracers, where, and if nothing, why.
    def status
      *counts, dof, sdt, note, mappings = status_values
      both = [dof, sdt].map do |values|
        Backend.new(**Backend.members.zip(values).to_h).freeze
      end
      Status.new(**Status.members.zip([*counts, *both, note, mappings]).to_h)
            .freeze
    end

    def inspect
      "#<#{self.class} #{name}:#{mod}>"
    end

    private

    def deliver(probe)
      enable
    rescue Exception
      remove_probe(probe)
      raise
    end
  end
end
