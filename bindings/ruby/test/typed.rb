# frozen_string_literal: true

# What the signatures in sig/ have to allow, and to refuse.  rbs checks calls
# while the program runs (rbs/test/setup); prints TAP.
#
# SPDX-License-Identifier: BSD-2-Clause

require "dtrace/provider"
require "usdt"

@count = 0

def ok(passed, name)
  puts "#{"not " unless passed}ok #{@count += 1} - #{name}"
end

def allowed(name)
  yield
  ok(true, "allowed: #{name}")
rescue RBS::Test::Tester::TypeError => e
  warn e.message
  ok(false, "allowed: #{name}")
end

def refused(name)
  yield
  ok(false, "refused: #{name}")
rescue RBS::Test::Tester::TypeError
  ok(true, "refused: #{name}")
end

provider = probe = nil
allowed("providers") do
  provider = USDT::Provider.create(:typed, "module") { |p| p }
  USDT::Provider.new("typed")
  USDT::Provider.create("typed").inspect
  [provider.name, provider.mod]
end
allowed("probes") do
  probe = provider.probe(:f, "p", :int, "char *url", body: :json, n: "int")
  other = provider.probe("f", :q)
  provider.remove_probe(other)
end
allowed("structs") do
  provider.struct(:point, 8, "int x" => 0, :"int y" => 4)
end
refused("an offset of nil") { provider.struct(:point, 8, "int x" => nil) }
allowed("enabling") do
  provider.enable
  status = provider.status
  [status.enabled, status.note, status.sdt.path, status.dof.generation]
  provider.disable
end
allowed("firing") do
  probe.fire(1, nil) if probe.enabled?
  probe.fire { [1, Object.new] }
  probe.fire(1) { |one| one }
  [probe.name, probe.function, probe.arguments]
end
allowed("ruby-dtrace") do
  Dtrace::Provider.create(:typed_old, module: "m") do |p|
    p.probe :by_name, :string
    p.probe :by_option, { function: "f" }, :integer
  end
  USDT.load_error
end
refused("a number for a name") { USDT::Provider.create(1) }
refused("a class for a type") { provider.probe(:f, :c, Integer) }
refused("a type that is misspelt") { provider.probe(:f, :c, :flaot) }
refused("such a type of a name") { provider.probe(:f, :c, a: :flaot) }
refused("a name in place of a probe") { provider.remove_probe(:p) }
refused("an unknown type of ruby-dtrace") do
  Dtrace::Provider.create(:typed_wrong) { |p| p.probe :p, :float }
end
puts "1..#{@count}"
