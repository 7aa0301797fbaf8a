-- What the package does that needs no tracer.  Prints TAP.
--
-- SPDX-License-Identifier: BSD-2-Clause

local usdt = require "usdt"

local unpack = table.unpack or unpack
local count, failed = 0, false
local cases = {}

local function quoted(text)
  return "'" .. text:gsub("'", "'\\''") .. "'"
end

local function check(right, what)
  if not right then
    error(what, 2)
  end
end

local function same(got, wanted)
  if got ~= wanted then
    error(("got %s, wanted %s"):format(tostring(got), tostring(wanted)), 2)
  end
end

-- The call returns nil and this text.
local function refuses(pattern, result, why, ...)
  check(result == nil and select("#", ...) == 0, "no nil and text")
  check(tostring(why):find(pattern), tostring(why))
end

-- The call raises this text.
local function raises(pattern, call, ...)
  local fine, why = pcall(call, ...)
  check(not fine, "raises nothing")
  check(tostring(why):find(pattern), tostring(why))
end

local function case(name, run)
  cases[#cases + 1] = { name, run }
end

local function live(...)
  local provider = assert(usdt.provider("lualive"))
  local probe = assert(provider:probe("f", "p1", ...))
  assert(provider:enable())
  return provider, probe
end

-- What this Lua prints for a program, with these variables.
local function lua(program, variables)
  local command = ("%s %s -e %s"):format(variables or "", arg[-1],
    quoted(program))
  local pipe = assert(io.popen("env " .. command .. " 2>&1"))
  local text = pipe:read("*a")
  pipe:close()
  return text
end

-- The bytes of all writable mappings.  Resident memory would be the emulator's too,
-- if one runs this process, and emulators keep the code that they have translated.
local function writable()
  local size = 0
  for line in io.lines("/proc/self/maps") do
    local from, to = line:match("^(%x+)%-(%x+) .w")
    if from then
      size = size + tonumber(to, 16) - tonumber(from, 16)
    end
  end
  return size
end

local function mapped(name)
  local found = 0
  for line in io.lines("/proc/self/maps") do
    if line:find(name, 1, true) then
      found = found + 1
    end
  end
  return found
end

case("the module is loaded, and is a global variable", function()
  same(usdt.load_error(), nil)
  same(_G.usdt, usdt)
  same(usdt._VERSION, "2.0.0")
end)

case("a probe knows what it is", function()
  local provider = assert(usdt.provider("luaprov"))
  local probe = assert(provider:probe("f", "p-1", "int id", "json", "double"))
  same(probe:name(), "p-1")
  same(probe:func(), "f")
  same(table.concat(probe:types(), ","), "int id,json,double")
  same(provider:name(), "luaprov")
  same(provider:module(), "lua")
  same(assert(usdt.provider("luaprov", "m")):module(), "m")
  same(tostring(probe), "probe luaprov:lua:f:p-1")
  same(tostring(provider), "provider luaprov:lua")
end)

case("untraced, a probe returns false", function()
  local provider, probe = live("int")
  local fire, enabled, lazy = probe:functions()
  same(probe:fire(1), false)
  same(probe:enabled(), false)
  same(probe:lazy(error, "called"), false)
  same(fire(1), false)
  same(enabled(), false)
  same(lazy(error, "called"), false)
  same(provider:disable(), true)
  same(provider:disable(), true)
  same(provider:enable(), true)
  same(provider:enable(), true)
end)

case("what the library refuses is nil and its text", function()
  local provider = assert(usdt.provider("luabad"))
  refuses("^no probes defined$", provider:enable())
  refuses("a provider", usdt.provider("a provider"))
  refuses("module", usdt.provider("luabad", "a/b"))
  refuses("a name", provider:probe("f", "a name"))
  refuses("declaration", provider:probe("f", "p", "int my-id"))
  local types = {}
  for i = 1, 33 do
    types[i] = "int"
  end
  refuses("32", provider:probe("f", "p", unpack(types)))
  local probe = assert(provider:probe("f", "p"))
  refuses("^probe named luabad:lua:f:p already exists$",
    provider:probe("f", "p"))
  assert(provider:probe("f", "other"))
  same(provider:remove(probe), true)
  refuses("^failed to remove probe luabad:lua:f:p$", provider:remove(probe))
  refuses("127", provider:probe("f", "p", ("x"):rep(200)))
end)

case("tracers see structs", function()
  local provider = assert(usdt.provider("luastructs"))
  same(provider:struct("peer", 4, { ["uint16_t port"] = 0,
    ["char flags[2]"] = 2 }), true)
  same(provider:struct("request", 16, { ["int64_t sent"] = 8, ["int id"] = 0,
    ["struct peer peer"] = 4 }), true)
  assert(provider:probe("f", "p1", "struct request *request", "char **list"))
  assert(provider:enable())
  local file = assert(io.open(provider:status().sdt.path, "rb"))
  local image = file:read("*a")
  file:close()
  for _, told in ipairs { "struct peer { uint16_t port; char flags[2]; };\n",
    "struct request { int id; struct peer peer; int64_t sent; };\n",
    "void p1(struct request *request, char **list);\n" } do
    check(image:find(told, 1, true), told)
  end
  refuses("needs struct other, which", provider:struct("a", 8,
    { ["struct other o"] = 0 }))
  refuses("0 fields", provider:struct("a", 8, {}))
  refuses("at offset 2", provider:struct("a", 4, { ["int a"] = 2 }))
  refuses("a word of C's", provider:struct("while", 4, { ["int a"] = 0 }))
  raises("bytes", provider.struct, provider, "a", {}, {})
  raises("bytes", provider.struct, provider, "a", -1, {})
  raises("bytes", provider.struct, provider, "a", 4, { ["int a"] = 0.5 })
  raises("table expected", provider.struct, provider, "a", 4, "int a")
  raises("field is a string", provider.struct, provider, "a", 4, { 0 })
  raises("without NUL", provider.struct, provider, "a", 4, { ["i\0"] = 0 })
end)

-- Declaring allocates memory, so finalizers run, which may add fields.
case("a table of fields may grow meanwhile", function()
  for _ = 1, 500 do
    local provider = assert(usdt.provider("luagrown"))
    local fields = { ["int id"] = 0 }
    local function grow()
      for i = 1, 40 do
        fields["int f" .. i] = 4 * i
      end
    end
    if newproxy then
      getmetatable(newproxy(true)).__gc = grow
    else
      setmetatable({}, { __gc = grow })
    end
    assert(provider:struct("grown", 200, fields))
  end
end)

case("what Lua refuses is an error", function()
  local provider, probe = live("int")
  raises("#1.*string expected", usdt.provider)
  raises("#2.*string expected", usdt.provider, "a", {})
  raises("NUL", usdt.provider, "a\0b")
  raises("NUL", provider.probe, provider, "f", "p\0q")
  raises("NUL", provider.probe, provider, "f", "p", "int\0id")
  raises("string expected", provider.probe, provider, "f")
  raises("#4.*string expected, got nil", provider.probe, provider, "f", "p",
    nil)
  raises("string expected, got number", provider.probe, provider, "f", "p", 1)
  raises("probe expected, got no value", provider.remove, provider)
  raises("probe expected, got userdata", provider.remove, provider, provider)
  raises("provider expected, got userdata", provider.enable, probe)
  raises("probe expected, got table", probe.fire, {})
  raises("probe expected, got userdata", probe.fire, io.stdout, 1)
  raises("value expected", probe.lazy, probe)
  same(getmetatable(probe), "usdt.probe")
  same(getmetatable(provider), "usdt.provider")
end)

case("status says where the probes are", function()
  local provider = assert(usdt.provider("luastat"))
  assert(provider:probe("f", "p1"))
  local status = provider:status()
  same(status.enabled, false)
  same(status.waiting, 1)
  assert(provider:enable())
  status = provider:status()
  same(status.enabled, true)
  same(status.probes, 1)
  same(status.images, 1)
  same(status.sdt.taken, true)
  same(status.sdt.errno, 0)
  same(status.dof.taken, false)
  same(status.dof.generation, -1)
  check(status.dof.reason:find("/nonexistent/helper"), status.dof.reason)
  check(status.sdt.path:find("/luastat/.*/lua$"), status.sdt.path)
  check(status.mappings > 0, "mappings")
  same(type(status.note), "string")
end)

case("what is collected is freed, also if it was collected by hand", function()
  local provider, probe = live("int")
  local fire, enabled, lazy = probe:functions()
  debug.getmetatable(probe).__gc(probe)
  debug.getmetatable(probe).__gc(probe)
  same(probe:fire(1), false)
  same(fire(1), false)
  same(enabled(), false)
  same(lazy(error), false)
  same(tostring(probe), "probe (collected)")
  raises("collected", probe.name, probe)
  raises("collected", provider.remove, provider, probe)
  debug.getmetatable(provider).__gc(provider)
  debug.getmetatable(provider).__gc(provider)
  same(tostring(provider), "provider (collected)")
  raises("collected", provider.enable, provider)
  raises("collected", provider.status, provider)
end)

case("what ends after a probe may use it", function()
  same(lua([[
    local usdt = require "usdt"
    local late = newproxy and newproxy(true) or setmetatable({}, {})
    getmetatable(late).__gc = function()
      print(late_probe:fire(1), late_fire(1), tostring(late_probe))
    end
    if not newproxy then setmetatable(late, getmetatable(late)) end
    local provider = assert(usdt.provider("lualate"))
    late_probe = assert(provider:probe("f", "p1", "int"))
    late_fire = late_probe:functions()
    assert(provider:enable())
  ]]):gsub("%s+", " "), "false false probe (collected) ")
end)

case("many lives take no memory", function()
  local function lives(number)
    for i = 1, number do
      local provider = assert(usdt.provider("lualife" .. i % 30 .. "x"))
      local probe = assert(provider:probe("f", "p1", "int", "char *"))
      assert(provider:enable())
      probe:fire(i, "text")
      probe:functions()(i)
    end
    collectgarbage()
    collectgarbage()
  end
  lives(3000)
  local before = writable()
  lives(3000)
  local grown = writable() - before
  check(grown < 1024 * 1024, "memory has grown by " .. grown .. " bytes")
  same(mapped("lualife"), 0)
end)

case("USDT_DISABLE makes every call do nothing", function()
  same(lua([[
    local usdt = require "usdt"
    local p = assert(usdt.provider("luaoff"))
    local q = assert(p:probe("f", "p1", "int"))
    assert(p:enable())
    print(q:enabled(), q:fire(1), p:status().sdt.path)
  ]], "USDT_DISABLE=1"):gsub("%s+", " "), "false false ")
end)

case("without the module there is a stub that says why", function()
  same(lua([[
    local usdt = require "usdt"
    print(usdt.load_error())
  ]], "LUA_CPATH='/nonexistent/?.so'"), "usdt is not compiled for this Lua: "
    .. "no file '/nonexistent/usdt.so'\n")
  check(lua([[print(require("usdt").load_error())]],
    "LUA_CPATH='" .. package.path:gsub("usdt", "?") .. "'") ~= "nil\n",
    "text is no module")
end)

case("the stub has the whole interface", function()
  local saved = package.cpath
  package.cpath = "/nonexistent/?.so"
  package.loaded.usdt = nil
  local stub = require "usdt"
  package.cpath = saved
  package.loaded.usdt, _G.usdt = usdt, usdt
  local provider, probe = stub.provider("a"), nil
  probe = provider:probe("f", "p", "int", "json")
  same(provider:enable(), true)
  same(probe:fire(1), false)
  same(probe:functions()(1), false)
  same(probe:lazy(error), false)
  same(stub._VERSION, usdt._VERSION)
  same(provider:status().sdt.reason, stub.load_error())
  same(table.concat(probe:types(), ","), "int,json")
  same(provider:module(), "lua")
  raises("string expected", stub.provider)
  raises("string expected", provider.probe, provider, "f", "p", 1)
  local real, its = live("int")
  for name in pairs(usdt) do
    check(stub[name] ~= nil, name)
  end
  for name in pairs(debug.getmetatable(real).__index) do
    check(provider[name], name)
  end
  for name in pairs(debug.getmetatable(its).__index) do
    check(probe[name], name)
  end
  same(provider:remove(probe), true)
  same(provider:disable(), true)
end)

for number, it in ipairs(cases) do
  local fine, why = pcall(it[2])
  count = number
  print((fine and "ok " or "not ok ") .. number .. " - " .. it[1])
  if not fine then
    failed = true
    io.stderr:write(tostring(why), "\n")
  end
end
print("1.." .. count)
os.exit(failed and 1 or 0)
