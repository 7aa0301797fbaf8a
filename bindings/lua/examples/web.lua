-- A web server with a probe at the start and at the end of each request.
--
--   lua web.lua <requests
--
-- Lua's standard library has no sockets: this server reads requests from its
-- input and answers on its output, as inetd, systemd or socat start servers:
--
--   socat TCP-LISTEN:8000,fork,reuseaddr EXEC:'lua web.lua'
--
-- Each of these processes has the same probes, at the same path.
--
-- SPDX-License-Identifier: BSD-2-Clause

local usdt = require "usdt"

local provider = assert(usdt.provider("web"))
local request_start = assert(provider:probe("serve", "request-start",
  "char *method", "char *path"))
local request_done = assert(provider:probe("serve", "request-done",
  "char *path", "int status", "uint64_t cpu_ns", "json headers"))
local shown, why = provider:enable()
if not shown then
  io.stderr:write("no probes: ", why, "\n")
end

local function answer(path)
  if path == "/" then
    return 200, "Hello\n"
  end
  return 404, "Not here\n"
end

local function serve(line)
  local method, path = line:match("^(%u+) (%S+) HTTP/1%.%d\r?$")
  if not method then
    return false
  end
  local begin = os.clock()
  request_start:fire(method, path)
  local headers = {}
  for header in io.lines() do
    local name, value = header:match("^([^:]+): *(.-)\r?$")
    if not name then
      break
    end
    headers[name:lower()] = value
  end
  local status, body = answer(path)
  io.write(("HTTP/1.1 %d\r\nContent-Length: %d\r\n\r\n%s"):format(status,
    #body, body))
  io.flush()
  -- Nothing in the function is computed unless somebody traces.
  request_done:lazy(function()
    return path, status, (os.clock() - begin) * 1e9, headers
  end)
  return true
end

for line in io.lines() do
  if not serve(line) then
    break
  end
end
