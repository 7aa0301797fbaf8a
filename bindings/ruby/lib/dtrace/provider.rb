# frozen_string_literal: true

# SPDX-License-Identifier: BSD-2-Clause

require "usdt"

# The provider of ruby-dtrace, on top of USDT:
#
#   Dtrace::Provider.create(:action_controller) do |p|
#     p.probe :process_start, :string, :integer
#   end
#   Dtrace::Probe::ActionController.process_start do |probe|
#     probe.fire("index", 1)      # only while somebody traces
#   end
class Dtrace
  class Exception < StandardError; end

  # Has a constant for each provider, which has a method for each probe.
  class Probe
    # What such a constant is.
    class Probes < Module
      def initialize(probes)
        super()
        probes.each do |name, probe|
          define_singleton_method(name) do |&block|
            block.call(probe) if block && probe.enabled?
          end
        end
      end

      def respond_to_missing?(*)
        false
      end

      def method_missing(name, *)
        raise Dtrace::Exception, "no such probe in #{self}: #{name}"
      end
    end
    private_constant :Probes

    def self.provide(name, probes)
      constant = name.to_s.gsub(/(?:\A|[^A-Za-z0-9]+)(.?)/) { $1.upcase }
      remove_const(constant) if const_defined?(constant, false)
      const_set(constant, Probes.new(probes))
    end
    private_class_method :provide
  end

  class Provider
    TYPES = { string: "char *", integer: "int" }.freeze
    private_constant :TYPES

    # Yields a provider, and enables it.
    def self.create(name, options = {})
      provider = new(name, options[:module] || "ruby")
      yield provider if block_given?
      provider.enable
    end

    def initialize(name, mod)
      @name = name
      @provider = USDT::Provider.create(name.to_s, mod.to_s)
      @probes = {}
    end

    # Adds a probe.  Before its types may stand { :function => "f" }; without it
    # the function is the calling method, or the probe's name.
    def probe(name, *types)
      options = types.first.is_a?(Hash) ? types.shift : {}
      function = options[:function] || Provider.method_of(caller_locations(1, 1))
      c_types = types.map do |type|
        TYPES.fetch(type) do
          raise Dtrace::Exception, "type '#{type}' invalid"
        end
      end
      @probes[name.to_sym] =
        @provider.probe((function || name).to_s, name.to_s, *c_types)
    end

    def enable
      done = @provider.enable
      Probe.send(:provide, @name, @probes)
      done
    end

    # The name of the method in which a caller is, or nil.
    def self.method_of(locations)
      label = locations.first&.base_label
      label unless label.nil? || label.empty? || label.include?("<")
    end
  end
end
