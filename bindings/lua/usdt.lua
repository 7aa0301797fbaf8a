-- Tracing probes in a running Lua program.
--
--   local usdt = require "usdt"
--
--   local provider = assert(usdt.provider("myapp"))
--   local request = assert(provider:probe("handle", "request-start", "int",
--       "char *"))
--   assert(provider:enable())
--
--   request:fire(200, "/index")
--
-- bpftrace, perf, DTrace and `usdt watch` then see the probe as if it had been
-- compiled in.
--
-- All of it is in usdt.so, which works without this file.  Where it can't be
-- loaded, what follows stands in for it: every call succeeds and does nothing,
-- and usdt.load_error() says why.
--
-- SPDX-License-Identifier: BSD-2-Clause

-- The compiled module, or nil and why there is none.
local function compiled()
  local tried = {}
  for template in package.cpath:gmatch("[^;]+") do
    local path = template:gsub("%?", "usdt")
    local file = io.open(path, "rb")
    if file then
      file:close()
      local open, why = package.loadlib(path, "luaopen_usdt")
      if not open then
        return nil, why
      end
      local loaded, module = pcall(open, "usdt", path)
      if loaded then
        return module
      end
      return nil, tostring(module)
    end
    tried[#tried + 1] = "no file '" .. path .. "'"
  end
  return nil, "usdt is not compiled for this Lua: " .. table.concat(tried, ", ")
end

local module, why = compiled()
if module then
  return module
end

-- Programs that pass something else would not work where the probes do.
local function check(number, value, wanted, optional)
  if type(value) ~= wanted and not (optional and value == nil) then
    error(("bad argument #%d (%s expected, got %s)"):format(number, wanted,
      type(value)), 3)
  end
end

local function no()
  return false
end

local function yes()
  return true
end

local Probe = {}
Probe.__index = Probe
Probe.fire, Probe.enabled, Probe.lazy = no, no, no

function Probe.functions()
  return no, no, no
end

function Probe:name()
  return self._name
end

function Probe:func()
  return self._func
end

function Probe:types()
  local copy = {}
  for i, declared in ipairs(self._types) do
    copy[i] = declared
  end
  return copy
end

function Probe:__tostring()
  return ("probe %s:%s"):format(self._func, self._name)
end

local Provider = {}
Provider.__index = Provider
Provider.enable, Provider.disable, Provider.remove = yes, yes, yes
Provider.struct, Provider.__close = yes, yes

function Provider:probe(func, name, ...)
  check(1, func, "string")
  check(2, name, "string")
  for i = 1, select("#", ...) do
    check(i + 2, (select(i, ...)), "string")
  end
  return setmetatable({ _func = func, _name = name, _types = { ... } }, Probe)
end

function Provider.status()
  local function backend()
    return { taken = false, errno = 0, generation = -1, path = "",
      reason = why }
  end
  return { enabled = false, probes = 0, waiting = 0, images = 0,
    dof = backend(), sdt = backend(), note = why, mappings = 0 }
end

function Provider:name()
  return self._name
end

function Provider:module()
  return self._module
end

function Provider:__tostring()
  return ("provider %s:%s"):format(self._name, self._module)
end

-- Like modules of Lua 5.1, the module is a global variable, too.
local stub = { null = {}, _VERSION = "2.0.0" }

function stub.provider(name, module_name)
  check(1, name, "string")
  check(2, module_name, "string", true)
  return setmetatable({ _name = name, _module = module_name or "lua" },
    Provider)
end

function stub.load_error()
  return why
end

rawset(_G, "usdt", stub)
return stub
