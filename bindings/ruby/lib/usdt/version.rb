# frozen_string_literal: true

module USDT
  VERSION = "2.0.0"
end
