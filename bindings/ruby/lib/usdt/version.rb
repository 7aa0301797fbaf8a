# frozen_string_literal: true

# SPDX-License-Identifier: BSD-2-Clause

module USDT
  VERSION = "2.0.0"
end
