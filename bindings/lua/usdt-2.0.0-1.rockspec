-- SPDX-License-Identifier: BSD-2-Clause
rockspec_format = "3.0"
package = "usdt"
version = "2.0.0-1"
source = {
  -- What `make rock` made.
  url = "usdt-2.0.0.tar.gz",
  dir = "usdt-2.0.0"
}
description = {
  summary = "Tracing probes (USDT) in a running program",
  detailed = [[
    A program declares probes by function calls, and bpftrace, perf, DTrace
    and others see them as if they had been compiled in.
  ]],
  license = "BSD-2-Clause",
  labels = { "tracing", "usdt", "dtrace", "bpftrace" }
}
dependencies = {
  "lua >= 5.1, < 5.5"
}
build = {
  type = "make",
  build_target = "try",
  build_variables = {
    CC = "$(CC)",
    CFLAGS = "$(CFLAGS)",
    LUA = "$(LUA)",
    LUA_INCDIR = "$(LUA_INCDIR)"
  },
  install_variables = {
    LUA = "$(LUA)",
    LIBDIR = "$(LIBDIR)",
    LUADIR = "$(LUADIR)"
  },
  copy_directories = { "examples" }
}
