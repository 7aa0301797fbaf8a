# frozen_string_literal: true

# SPDX-License-Identifier: BSD-2-Clause

require "json"

module USDT
  # How do declared types become those of C, and values JSON?
  module Values
    # The types that a Symbol can name.
    SYMBOLS = {
      integer: "int64_t", int: "int", uint: "unsigned int",
      int8: "int8_t", int16: "int16_t", int32: "int32_t", int64: "int64_t",
      uint8: "uint8_t", uint16: "uint16_t", uint32: "uint32_t",
      uint64: "uint64_t", bool: "bool", string: "char *", json: "json",
      float: "float", double: "double"
    }.freeze

    NAME = /[A-Za-z_]\w*/
    private_constant :NAME
    # Strings of C: "char *", "const char *url".
    TEXT = /\A(const |(un)?signed )*char( const)? ?\*( ?const)?( ?#{NAME})?( ?:.*)?\z/
    # What tracers get as text, since they can't read it otherwise.
    AS_TEXT = /\A(json|float|double|long double)( #{NAME})?\z/
    private_constant :TEXT, :AS_TEXT

    module_function

    # The type of an argument that tracers get, and how values become one: "i" an
    # integer, "t" text, "j" JSON, "p" a pointer to anything else.
    def argument(declared, name = nil)
      type = c_type(declared)
      type = "#{type}#{" " unless type.end_with?("*")}#{name}" if name
      words = type.split.join(" ")
      if (found = AS_TEXT.match(words))
        ["char *#{found[2]&.lstrip}", found[1] == "json" ? "j" : "t"]
      else
        [type, kind(words)]
      end
    end

    def kind(words)
      return "t" if TEXT.match?(words)

      words.include?("*") ? "p" : "i"
    end

    def c_type(declared)
      case declared
      when String then declared
      when Symbol
        SYMBOLS.fetch(declared) do
          raise ArgumentError, "the type of an argument is a String of C, or " \
                               "#{SYMBOLS.keys.map(&:inspect).join(", ")}, " \
                               "not #{declared.inspect}"
        end
      else
        raise TypeError, "the type of an argument must be a Symbol or a " \
                         "String, not #{declared.inspect}"
      end
    end

    # A value's JSON, or an object that says why it has none.
    def json(value)
      JSON.generate(value)
    rescue StandardError, ScriptError, SystemStackError => e
      why = reason(e).b.force_encoding("UTF-8").scrub("?")
      JSON.generate({ "error" => why })
    end

    def reason(error)
      "#{error.class}: #{error.message}"
    rescue StandardError, ScriptError, SystemStackError
      error.class.to_s     # its message is of the program's own code
    end
  end

  private_constant :Values
end
