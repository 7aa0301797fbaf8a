# frozen_string_literal: true

# A web server with a probe at the start and at the end of each request.
#
#     ruby web.rb [PORT]
#
# SPDX-License-Identifier: BSD-2-Clause

require "socket"
require "usdt"

provider = USDT::Provider.create(:web)
REQUEST_START = provider.probe(:serve, "request-start", :string, :string)
REQUEST_DONE = provider.probe(:serve, "request-done", :string, :int, :uint64,
                              :json)

def now
  Process.clock_gettime(Process::CLOCK_MONOTONIC, :nanosecond)
end

# The headers of a request, by their names.
def headers(client)
  lines = client.each_line(chomp: true).take_while { |line| !line.empty? }
  lines.to_h { |line| line.split(": ", 2) }
end

def serve(client)
  verb, path = client.gets.to_s.split
  return unless path

  begun = now
  REQUEST_START.fire(verb, path)
  agent = headers(client)["User-Agent"]
  status, text = path == "/" ? [200, "Hello\n"] : [404, "Not here\n"]
  client.print("HTTP/1.1 #{status}\r\nContent-Length: #{text.size}\r\n" \
               "Connection: close\r\n\r\n#{text}")
  # Nothing in the block is computed unless somebody traces.
  REQUEST_DONE.fire do
    [path, status, now - begun,
     { client: client.peeraddr(false)[3], agent: agent }]
  end
ensure
  client.close
end

server = TCPServer.new("127.0.0.1", (ARGV[0] || 8000).to_i)
provider.enable
puts "http://127.0.0.1:#{server.addr[1]}/"
$stdout.flush
begin
  loop { Thread.new(server.accept) { |client| serve(client) } }
rescue Interrupt
  provider.disable
end
