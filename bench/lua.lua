-- What does a probe of the package for Lua cost?
--
--   lua lua.lua ROUNDS TIMES
--
-- package.cpath has the package, and lua_empty.c as it was compiled.  Prints
-- "WHAT NUMBER..." for each statement: of each round its nanoseconds of
-- processor time, without the loop's.  All statements take turns in each round.
--
-- SPDX-License-Identifier: BSD-2-Clause

local empty = require "lua_empty"
local usdt = require "usdt"

local statements = {
  { "empty", "if empty() then fire() end" },
  { "empty2", "empty(1, text)" },
  { "enabled", "if enabled() then fire() end" },
  { "fire", "fire(1, text)" },
  { "lazy", "lazy(f)" },
  { "closure", "lazy(function() return i, text end)" },
  { "enabled-method", "if probe:enabled() then fire() end" },
  { "fire-method", "probe:fire(1, text)" },
  { "lua", "if lua() then fire() end" },
  { "loop", "" },
}
local rounds, times = tonumber(arg[1]), tonumber(arg[2])

local provider = assert(usdt.provider("luabench"))
local probe = assert(provider:probe("f", "p1", "int", "char *"))
local fire, enabled, lazy = probe:functions()
assert(provider:enable())

-- A function that has the statement in a loop, with all names local.
local function loop(statement)
  local make = assert((loadstring or load)(([[
    local empty, probe, fire, enabled, lazy, f, lua, text = ...
    return function(times)
      for i = 1, times do
        %s
      end
    end
  ]]):format(statement)))
  return make(empty, probe, fire, enabled, lazy,
    function() return 1, "text" end, function() return false end, "text")
end

-- The bytes that 1000 turns of a loop allocate.
local function allocated(run)
  run(1000)
  collectgarbage()
  collectgarbage("stop")
  local before = collectgarbage("count")
  run(1000)
  local bytes = (collectgarbage("count") - before) * 1024
  collectgarbage("restart")
  return bytes
end

local taken = {}
for i, statement in ipairs(statements) do
  statement.run = loop(statement[2])
  statement.run(times)
  taken[i] = {}
end
for round = 1, rounds do
  for i, statement in ipairs(statements) do
    local begin = os.clock()
    statement.run(times)
    taken[i][round] = (os.clock() - begin) / times * 1e9
  end
end
local bare = taken[#statements]
for i = 1, #statements - 1 do
  local values = {}
  for round = 1, rounds do
    values[round] = ("%.3f"):format(taken[i][round] - bare[round])
  end
  print(statements[i][1] .. " " .. table.concat(values, " "))
end
for _, statement in ipairs(statements) do
  if statement[1] == "enabled" or statement[1] == "fire" then
    print(("%s-bytes %.0f"):format(statement[1], allocated(statement.run)))
  end
end
