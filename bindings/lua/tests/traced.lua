-- Programs for tests to trace: they act and judge nothing.
--
--   traced.lua NAME[,NAME...] PREFIX
--
-- Each has a provider named PREFIX_NAME.  They print "site PATH PROVIDER PROBE"
-- for what a tracer can attach to, and "say NAME TEXT" for what else a test may
-- want to know.  test/lib/Usdt/BindingCases.pm has the expected results.  The
-- module "host" is host.c, compiled.
--
-- SPDX-License-Identifier: BSD-2-Clause

local host = require "host"
local usdt = require "usdt"

local unpack = table.unpack or unpack
local lines, cases, case, prefix = {}, {}, nil, nil

local function say(...)
  local words = { "say", case, ... }
  for i, word in ipairs(words) do
    words[i] = tostring(word)
  end
  lines[#lines + 1] = table.concat(words, " ")
end

-- Where are the probes of the newest image?  DTrace finds them some time after
-- they appear: $USDT_TEST_AWAIT is how many seconds to wait for it.
local function site(provider, ...)
  local limit = os.time() + (tonumber(os.getenv "USDT_TEST_AWAIT") or 0)
  for _, probe in ipairs { ... } do
    while not probe:enabled() and os.time() < limit do
      host.sleep(0.02)
    end
    lines[#lines + 1] = table.concat({ "site", provider:status().sdt.path,
      provider:name(), (probe:name():gsub("-", "__")) }, " ")
  end
end

local function named()
  return prefix .. "_" .. case
end

-- A provider with a probe p1, enabled.
local function live(...)
  local provider = assert(usdt.provider(named()))
  local probe = assert(provider:probe("f", "p1", ...))
  assert(provider:enable())
  site(provider, probe)
  return provider, probe
end

local function attempt(act)
  local fine, result, why = pcall(act)
  if not fine then
    say("raises Error", result)
  elseif result == nil and why then
    say("raises Error", why)
  else
    say("gives", result and "True" or "False")
  end
end

-- A forked child that does nothing but ACT; its pid.
local function child(act)
  local pid = host.fork()
  if pid == 0 then
    pcall(act)
    host.exit()
  end
  host.wait(pid)
  return pid
end

local function times(count, value)
  local values = {}
  for i = 1, count do
    values[i] = value
  end
  return unpack(values)
end

local function with_text(tostring)
  return setmetatable({}, { __tostring = tostring })
end

local raises = with_text(function() error("no text") end)

function cases.basic()
  local provider = assert(usdt.provider(named()))
  local probe = assert(provider:probe("f", "request-start", "int", "char *"))
  assert(provider:enable())
  site(provider, probe)
  probe:fire(1, "two")
  probe:fire(-3, "four")
end

function cases.ints()
  local _, probe = live(times(32, "int"))
  local values = {}
  for count = 1, 32 do
    values[count] = count
    probe:fire(unpack(values))
  end
end

function cases.texts()
  local _, probe = live(times(32, "char *"))
  local values = {}
  for i = 0, 31 do
    values[i + 1] = "text" .. i
  end
  probe:fire(unpack(values))
end

-- 1 + (1 + 2 + ... + 9) = 46 fires.
function cases.grow()
  local provider = assert(usdt.provider(named()))
  local probes = { [0] = assert(provider:probe("f", "p0", "int")) }
  assert(provider:enable())
  site(provider, probes[0])
  probes[0]:fire(0)
  for i = 1, 9 do
    provider:disable()
    probes[i] = assert(provider:probe("f", "p" .. i, "int"))
    assert(provider:enable())
    site(provider, probes[i])
    for j = 1, i do
      probes[j]:fire(i)
    end
  end
end

-- A probe that comes to an enabled provider is visible at once.
function cases.added()
  local provider, first = live("int")
  local second = assert(provider:probe("f", "p2", "int"))
  site(provider, second)
  first:fire(1)
  second:fire(2)
end

function cases.ten()
  local providers = {}
  for i = 0, 9 do
    local provider, probe = live("int")
    providers[i] = provider
    probe:fire(i)
  end
end

function cases.modules()
  for _, module in ipairs { "one", "two" } do
    local provider = assert(usdt.provider(named(), module))
    local probe = assert(provider:probe("f", "p1", "char *"))
    assert(provider:enable())
    site(provider, probe)
    probe:fire(module)
  end
end

function cases.cycles()
  local provider, probe = live("int")
  for i = 0, 10 do
    assert(provider:enable())
    probe:fire(i)
    provider:disable()
    probe:fire(100)
  end
end

function cases.twice()
  local provider, probe = live("int")
  probe:fire(1)
  assert(provider:enable())
  probe:fire(2)
end

function cases.fewer()
  local _, probe = live("int", "int", "char *", "json")
  probe:fire(5)
end

function cases.more()
  local _, probe = live("int")
  probe:fire(5, 6, "seven", raises)
end

function cases.json()
  local _, probe = live("json", "json")
  probe:fire({ a = 1, b = { true, usdt.null, "ü" } }, "text")
end

function cases.circular()
  local _, probe = live("json")
  local value = {}
  value.self = value
  probe:fire(value)
  probe:fire(print)
end

-- The program keeps only the provider, then only the probe.
function cases.collected()
  local provider, probe = live("int")
  probe = nil
  collectgarbage()
  collectgarbage()
  say("probes", provider:status().probes)
  provider, probe = live("int")
  provider = nil
  collectgarbage()
  collectgarbage()
  probe:fire(7)
  return probe
end

-- The program keeps neither: both are freed.
function cases.gone()
  do
    live("int")
  end
  collectgarbage()
  collectgarbage()
  local mapped = 0
  for line in io.lines("/proc/self/maps") do
    if line:find(named(), 1, true) then
      mapped = mapped + 1
    end
  end
  say("mapped", mapped)
end

function cases.disabled()
  local provider = assert(usdt.provider(named()))
  local probe = assert(provider:probe("f", "p1", "int"))
  attempt(function() return probe:fire(raises) end)
  attempt(function() return probe:lazy(say, "called") end)
end

function cases.removed()
  local provider = assert(usdt.provider(named()))
  local probe = assert(provider:probe("f", "p1", "int"))
  local other = assert(provider:probe("f", "p2", "int"))
  assert(provider:enable())
  site(provider, probe, other)
  probe:fire(1)
  assert(provider:remove(probe))
  probe:fire(2)
  other:fire(3)
  attempt(function() return provider:remove(probe) end)
end

function cases.lazy()
  local _, probe = live("int", "char *")
  attempt(function()
    return probe:lazy(function() return 1, "tuple" end)
  end)
  attempt(function()
    return probe:lazy(function(...) return ... end, 2, "list")
  end)
  attempt(function() return probe:lazy(function() return 3 end) end)
end

function cases.throwing()
  local _, probe = live("int")
  attempt(function() return probe:lazy(error, "mine") end)
  attempt(function() return probe:fire(4) end)
end

-- Numbers of Lua 5.1 have 53 bits: texts of digits are as good as numbers.
function cases.integers()
  local _, probe = live("int64_t", "uint64_t")
  for _, value in ipairs { -1, 2 ^ 63, "18446744073709551615",
    "1180591620717411303431", -2 ^ 63, true, 2.9, 1e300 } do
    probe:fire(value, value)
  end
end

-- string.pack("<i4c12", id, path), which Lua 5.1 does not have.
local function packed(id, path)
  local bytes = {}
  for i = 0, 3 do
    local byte = math.floor(id / 256 ^ i) % 256
    bytes[i + 1] = string.char(byte)
  end
  return table.concat(bytes) .. path .. ("\0"):rep(12 - #path)
end

function cases.structs()
  local provider = assert(usdt.provider(named()))
  assert(provider:struct("request", 16, { ["int id"] = 0,
    ["char path[12]"] = 4 }))
  local probe = assert(provider:probe("f", "p1", "struct request *request",
    "int n"))
  assert(provider:enable())
  site(provider, probe)
  local kept = packed(-8, "/address")
  probe:fire(packed(-7, "/bytes"), 1)
  probe:fire(host.address(kept), 2)
end

function cases.narrow()
  local _, probe = live("int8_t", "uint8_t", "int16_t", "uint16_t", "int32_t",
    "uint32_t")
  probe:fire(times(6, -1))
  probe:fire(times(6, 2 ^ 31 + 1))
end

function cases.wrong()
  local _, probe = live("int", "int", "int", "int", "char *", "char *")
  probe:fire("one", nil, raises, 0 / 0, raises, nil)
end

-- Strings of Lua are bytes: there are no surrogates that have to be replaced.
function cases.utf8()
  local _, probe = live("char *")
  for _, value in ipairs { "grüße €", "\255\254",
    with_text(function() return "array" end), "raw \255", "lone ?",
    "cut\0here", 404, 1.5, with_text(function() return "view" end) } do
    probe:fire(value)
  end
end

function cases.floats()
  local _, probe = live("double", "float")
  probe:fire(0.5, 3)
end

-- Each thread has a Lua state of its own, and so a provider of its own.
function cases.threads()
  local results = { host.threads(([[
    local number = ...
    local host, usdt = require "host", require "usdt"
    local provider = assert(usdt.provider("%s", "lua" .. number))
    local probe = assert(provider:probe("f", "p1", "int"))
    assert(provider:enable())
    local limit = os.time() + (tonumber(os.getenv "USDT_TEST_AWAIT") or 0)
    while not probe:enabled() and os.time() < limit do
      host.sleep(0.02)
    end
    for i = 0, 24 do
      probe:fire(100 * number + i)
    end
    return "site " .. provider:status().sdt.path .. " %s p1"
  ]]):format(named(), named())) }
  for _, line in ipairs(results) do
    lines[#lines + 1] = line
  end
end

-- Child, parent, and a child's provider of its own.
function cases.forked()
  local provider, probe = live("char *")
  say(child(function() probe:fire("child") end))
  probe:fire("parent")
  say(child(function()
    provider:disable()
    provider:enable()
    probe:fire("again")
  end))
  say(host.pid())
end

-- --- what only Lua has -------------------------------------------------------

-- A program for lua-usdt 0.1.
function cases.historic()
  local old = _G.usdt
  local provider = old.provider(named(), "historic")
  local probe = provider:probe("func", "name", "int", "char *", "int")
  provider:enable()
  site(provider, probe)
  probe:fire(42, "text")
  if probe:enabled() then
    probe:fire(43, "enabled", -1)
  end
end

-- A loop that LuaJIT compiles sees the gate change.
function cases.hot()
  local provider, probe = live("int")
  local fire, enabled, lazy = probe:functions()
  local seen = 0
  for i = 1, 400 do
    if enabled() then
      seen = seen + 1
      if i % 2 == 0 then
        fire(i)
      else
        lazy(function() return i end)
      end
    end
    if i == 200 then
      provider:disable()
    elseif i == 300 then
      provider:enable()
    end
  end
  say("seen", seen)
end

-- As servers do: each request is a coroutine.
function cases.coroutines()
  local _, probe = live("int", "char *")
  local fire = probe:functions()
  local threads = {}
  for number = 1, 4 do
    threads[number] = coroutine.create(function()
      for step = 1, 3 do
        probe:fire(number, "start " .. step)
        coroutine.yield()
        fire(number, "done " .. step)
      end
    end)
  end
  for _ = 1, 4 do
    for _, thread in ipairs(threads) do
      coroutine.resume(thread)
    end
  end
end

-- The end of a block, which Lua 5.4 has: elsewhere it is called.
function cases.closed()
  local provider, probe = live("int")
  if _VERSION >= "Lua 5.4" then
    assert(load([[
      local provider, probe = ...
      local block <close> = provider
      probe:fire(1)
    ]]))(provider, probe)
  else
    probe:fire(1)
    debug.getmetatable(provider).__close(provider)
  end
  probe:fire(2)
  say(provider:status().enabled)
end

-- Arguments have names, and their types are found in front of them.
function cases.declared()
  local _, probe = live("int id", "char *url", "json payload", "double took",
    "const char *const *list")
  probe:fire(7, "/index", { 1, { x = "y" } }, 0.25, { "not text" })
end

-- JSON of Lua's tables.
function cases.tables()
  local _, probe = live("json")
  for _, value in ipairs { { 1, 2, 3 }, {}, { 1, nil, 3 }, { [10] = 2,
    two = 3, [0.5] = 1 }, { { {} } }, "\1\"\\\n\255é", 1e300, 0.1,
    2 ^ 53, { [true] = 1 }, 0 / 0, with_text(error), false } do
    probe:fire(value)
  end
end

-- An object that calls a function when it is collected.
local function finalized(call)
  if not newproxy then
    return setmetatable({}, { __gc = call })
  end
  local object = newproxy(true)
  getmetatable(object).__gc = call
  return object
end

-- Making JSON allocates memory, so finalizers run, which add to its table.
function cases.finalizers()
  local _, probe = live("json")
  for _ = 1, 300 do
    local table = { a1 = 1, a2 = 2, a3 = 3 }
    finalized(function()
      for i = 1, 40 do
        table["key" .. i] = i
      end
    end)
    probe:fire(table)
  end
end

-- LuaJIT's own numbers of 64 bits, and a type that looks like one at first.
function cases.cdata()
  local _, probe = live("int64_t", "uint64_t", "json", "char *")
  local source = "return -1LL, 18446744073709551615ULL, {-2LL, 3ULL}, 4LL"
  probe:fire(assert(loadstring(source))())
  local ffi, texts = require "ffi", { "5LL" }
  local kind = ffi.metatype("struct { int id; }", { __tostring = function()
    return assert(table.remove(texts))
  end })
  probe:fire(0, 0, kind())
end

-- LuaJIT's own structs: by pointer, and as they are.
function cases.memory()
  local ffi = require "ffi"
  local provider = assert(usdt.provider(named()))
  ffi.cdef "struct request { int id; char path[12]; };"
  assert(provider:struct("request", 16, { ["int id"] = 0,
    ["char path[12]"] = 4 }))
  local probe = assert(provider:probe("f", "p1", "struct request *request"))
  assert(provider:enable())
  site(provider, probe)
  local request = ffi.new("struct request", -7, "/struct")
  probe:fire(request)
  request.id = -8
  probe:fire(ffi.cast("struct request *", request))
  request.id = -9
  probe:fire(ffi.cast("uintptr_t", ffi.cast("void *", request)))
end

prefix = arg[2]
for name in arg[1]:gmatch("[^,]+") do
  case = name
  cases[name]()
end
print(table.concat(lines, "\n"))
