# frozen_string_literal: true

# Programs for tests to trace: they act and judge nothing.
#
#     traced.rb NAME[,NAME...] PREFIX
#
# Each has a provider named PREFIX_NAME.  They print "site PATH PROVIDER PROBE"
# for what a tracer can attach to, and "say NAME TEXT" for what else a test may
# want to know.  What each has to come to is in test/lib/Usdt/BindingCases.pm.
#
# SPDX-License-Identifier: BSD-2-Clause

require "dtrace/provider"
require "fiber"
require "fiddle"
require "json"
require "socket"
require "usdt"

# A value that a block makes text of.
class Text
  def initialize(&block)
    @block = block
  end

  def to_s
    @block.call
  end
end

# A value whose own code raises.
class Raises
  def to_s
    raise ArgumentError, "no text"
  end

  alias to_int to_s
  alias to_json to_s
end

# What the cases have in common.
module Program
  def say(*words)
    @lines << ["say", @case, *words].join(" ")
  end

  # Where are the probes of the newest image?  DTrace finds them some time
  # after they appear: $USDT_TEST_AWAIT is how many seconds to wait for it.
  def site(provider, *probes)
    probes.each do |probe|
      await(probe)
      @lines << "site #{provider.status.sdt.path} #{provider.name} " \
                "#{probe.name.to_s.gsub("-", "__")}"
    end
  end

  def await(probe)
    limit = Time.now + ENV.fetch("USDT_TEST_AWAIT", 0).to_i
    sleep(0.02) until probe.enabled? || Time.now >= limit
  end

  def named
    "#{@prefix}_#{@case}"
  end

  # A provider with one probe, enabled.
  def live(*types, name: :p1)
    provider = USDT::Provider.create(named)
    probe = provider.probe(:function, name, *types)
    provider.enable
    site(provider, probe)
    [provider, probe]
  end

  def attempt
    given = yield
    say("gives", { true => "True", false => "False" }.fetch(given, given))
  rescue StandardError => e
    say("raises", e.class.name.split("::").last, e.message)
  end

  # A forked child that does nothing but the block; its pid.
  def child
    pid = fork do
      yield
    ensure
      exit!(0)
    end
    Process.wait(pid)
    pid
  end

  # Makes objects that no stack refers to afterwards, and collects garbage.
  def apart(&block)
    kept = Thread.new(&block).value
    3.times { GC.start }
    kept
  end

  def run(cases, prefix)
    @lines = []
    @prefix = prefix
    cases.split(",").each { |name| send("case_#{@case = name}") }
    puts @lines
  end
end

# The cases of each binding.
module Cases
  def case_basic
    _, probe = live(:int, :string, name: "request-start")
    probe.fire(1, "two")
    probe.fire(-3, "four")
  end

  def case_ints
    _, probe = live(*["int"] * 32)
    (1..32).each { |count| probe.fire(*1..count) }
  end

  def case_texts
    _, probe = live(*["char *"] * 32)
    probe.fire(*(0..31).map { |i| "text#{i}" })
  end

  # 1 + (1 + 2 + ... + 9) = 46 fires.
  def case_grow
    provider, first = live(:integer, name: :p0)
    probes = [first]
    first.fire(0)
    (1..9).each do |i|
      provider.disable
      probes << provider.probe(:function, "p#{i}", :integer)
      provider.enable
      site(provider, probes.last)
      probes.drop(1).each { |probe| probe.fire(i) }
    end
  end

  # A probe that comes to an enabled provider is visible at once.
  def case_added
    provider, first = live(:int)
    second = provider.probe(:function, :p2, :int)
    site(provider, second)
    first.fire(1)
    second.fire(2)
  end

  def case_ten
    providers = []
    10.times do |i|
      providers << live(:int)
      providers.last[1].fire(i)
    end
  end

  def case_modules
    %w[one two].each do |mod|
      USDT::Provider.create(named, mod) do |provider|
        probe = provider.probe(:function, :p1, :string)
        provider.enable
        site(provider, probe)
        probe.fire(mod)
      end
    end
  end

  def case_cycles
    provider, probe = live(:int)
    11.times do |i|
      provider.enable
      probe.fire(i)
      provider.disable
      probe.fire(100)
    end
  end

  def case_twice
    provider, probe = live(:int)
    probe.fire(1)
    provider.enable
    probe.fire(2)
  end

  def case_fewer
    _, probe = live(:int, :int, :string, :json)
    probe.fire(5)
  end

  def case_more
    _, probe = live(:int)
    probe.fire(5, 6, "seven", Raises.new)
  end

  def case_json
    _, probe = live(:json, "json")
    probe.fire({ a: 1, b: [true, nil, "ü"] }, "text")
  end

  def case_circular
    _, probe = live(:json)
    value = {}
    value["self"] = value
    probe.fire(value)
    probe.fire(Raises.new)
  end

  # Who lives: the provider alone, then the probe alone.
  def case_collected
    provider = apart { live(:int)[0] }
    say("probes", provider.status.probes)
    probe = apart { live(:int)[1] }
    probe.fire(7)
  end

  # Neither: nothing is left of it.
  def case_gone
    apart { live(:int) && nil }
    say("mapped", File.readlines("/proc/self/maps").grep(/#{named}/).size)
  end

  def case_disabled
    provider = USDT::Provider.create(named)
    probe = provider.probe(:function, :p1, :int)
    attempt { probe.fire(Raises.new) }
    attempt { probe.fire { say("called") } }
  end

  def case_removed
    provider = USDT::Provider.create(named)
    probe, other = %i[p1 p2].map { |p| provider.probe(:function, p, :int) }
    provider.enable
    site(provider, probe, other)
    probe.fire(1)
    provider.remove_probe(probe)
    probe.fire(2)
    other.fire(3)
    attempt { provider.remove_probe(probe) }
  end

  def case_lazy
    _, probe = live(:int, :string)
    attempt { probe.fire { [1, "tuple"] } }
    attempt { probe.fire(2, "list") { |a, b| [a, b] } }
    attempt { probe.fire { 3 } }
  end

  def case_throwing
    _, probe = live(:int)
    attempt { probe.fire { raise KeyError, "mine" } }
    attempt { probe.fire(4) }
  end

  def case_integers
    _, probe = live(:integer, :uint64)
    [-1, 2**63, 2**64 - 1, 2**70 + 7, -2**63, true, 2.9, 1e300].each do |value|
      probe.fire(value, value)
    end
  end

  def case_structs
    provider = USDT::Provider.new(named)
    provider.struct(:request, 16, "int id" => 0, "char path[12]" => 4)
    probe = provider.probe(:f, :p1, "struct request *request", n: :int)
    provider.enable
    site(provider, probe)
    probe.fire([-7, "/bytes"].pack("la12"), 1)
    probe.fire(Fiddle::Pointer[[-8, "/address"].pack("la12")], 2)
  end

  def case_narrow
    _, probe = live(:int8, :uint8, :int16, :uint16, :int32, :uint32)
    probe.fire(*[-1] * 6)
    probe.fire(*[2**31 + 1] * 6)
  end

  def case_wrong
    _, probe = live(*[:int] * 4, :string, :string)
    probe.fire("1", nil, Raises.new, Float::NAN, Raises.new, nil)
  end

  # "lone" has half a character in UTF-16, for which UTF-8 has nothing.
  def case_utf8
    _, probe = live(:string)
    lone = "lone ".encode("UTF-16LE") + "\x00\xd8".b.force_encoding("UTF-16LE")
    ["grüße €", "\xff\xfe".b, "an array".byteslice(3, 5), "raw \xff", lone,
     "cut\0here", 404, 1.5, :view].each { |value| probe.fire(value) }
  end

  def case_floats
    _, probe = live(:double, "float")
    probe.fire(0.5, 3)
  end

  def case_threads
    _, probe = live(:int)
    (0..3).map do |number|
      Thread.new { 25.times { |i| probe.fire(100 * number + i) } }
    end.each(&:join)
  end

  # Child, parent, and a child's provider of its own.
  def case_forked
    provider, probe = live(:string)
    say(child { probe.fire("child") })
    probe.fire("parent")
    say(child do
      provider.disable
      provider.enable
      probe.fire("again")
    end)
    say(Process.pid)
  end
end

# What only Ruby has.
module Own
  # A program for ruby-usdt, as its README had it.
  def case_old
    provider = USDT::Provider.create(named.to_sym, :test)
    p1 = provider.probe("myfn", "p1", :string, :string, :integer)
    p2 = provider.probe(:myfn2, :p2, :integer)
    provider.enable
    site(provider, p1, p2)
    attempt { p1.enabled? && p1.fire("foo", "bar", 2**40) }
    attempt { p2.fire(-5) }
    say(p1.function.inspect, p1.name.inspect, p1.arguments.inspect)
  end

  # The same for ruby-dtrace.
  def case_camel_case
    inner = both = nil
    Dtrace::Provider.create(named.to_sym, module: "camel") do |p|
      both = [p.probe(:by_method, :string, :integer),
              p.probe(:by_option, { function: "option" }, :integer)]
      inner = p.instance_variable_get(:@provider)
    end
    site(inner, *both)
    probes = Dtrace::Probe.const_get("#{@prefix.capitalize}CamelCase")
    probes.by_method do |probe|
      say(probe.function)
      probe.fire("x", 1)
    end
    probes.by_option { |probe| probe.fire(-2) }
  end

  # Arguments that have names.
  def case_keywords
    provider = USDT::Provider.new(named)
    probe = provider.probe(:function, :p1, "int first", url: :string,
                                                        body: :json)
    provider.enable
    site(provider, probe)
    probe.fire(1, "/", [2])
    say(*probe.arguments)
  end

  # Fibers, one of which stops inside a fire.
  def case_fibers
    _, probe = live(:int, :string)
    fibers = (1..3).map do |i|
      Fiber.new do
        probe.fire(i, "first")
        probe.fire do
          Fiber.yield
          [i, "second"]
        end
      end
    end
    2.times { fibers.reverse_each { |f| f.resume if f.alive? } }
  end

  # Ways out of a block, after which the probe fires again.
  def case_ways_out
    _, probe = live(:int)
    attempt { probe.fire { next 1 } }
    attempt { probe.fire { break false } }
    attempt { catch(:out) { probe.fire { throw :out, false } } }
    attempt { probe.fire(2) }
  end

  # What ends programs comes out of a value's code, what fails does not.
  def case_ending
    _, probe = live(:string)
    [Interrupt, SystemExit, NoMemoryError, NotImplementedError,
     SystemStackError, IOError].each do |kind|
      attempt { probe.fire(Text.new { raise kind, kind.name }) }
    rescue Exception => e
      say("ends", e.class)
    end
    ends = Text.new { Thread.exit }
    Thread.new { probe.fire(ends) && say("goes on") }.join
    thrown = Text.new { throw(:out, "is thrown") }
    attempt { catch(:out) { probe.fire(thrown) } }
  end

  # Values that change while other values' code runs.
  def case_changing
    _, probe = live(:string, :string, :int)
    values = [+"as it was when all were read", nil, 7]
    values[1] = Text.new do
      values[0].replace("after" * 100)
      values.clear
      GC.start
      "changed"
    end
    probe.fire { values }
  end

  # What values become lives until the probe has fired.
  def case_collecting
    _, probe = live(:string, :json, :uint64, :string)
    GC.auto_compact = true if GC.respond_to?(:auto_compact=)
    GC.stress = true
    3.times do |i|
      probe.fire(Text.new { "text #{i}" }, { n: i }, 2**64 + 2**63 + i,
                 "number #{i} of 3".byteslice(0, 8))
    end
  ensure
    GC.stress = false
    GC.auto_compact = false if GC.respond_to?(:auto_compact=)
  end

  # Each Ractor has its own interpreter's lock.
  def case_ractors
    _, probe = live(:int, :json)
    Warning[:experimental] = false
    (0..1).map do |number|
      Ractor.new(probe, number) do |shared, n|
        10.times { |i| shared.fire { [10 * n + i, { n: n }] } }
      end
    end.each { |r| r.respond_to?(:value) ? r.value : r.take }
  end

  # A server that loads its program, then forks workers that have threads, as
  # puma does.  At the end a worker serves that another one forked (puma's
  # fork_worker).
  def case_prefork
    _, @probe = live(:int, :string)
    @listener = TCPServer.new("127.0.0.1", 0)
    @alive, master = IO.pipe
    workers = (0..1).map do
      fork do
        master.close
        work
      end
    end
    %w[/one /two].each { |path| say(ask(path), path) }
    refork = ask("fork")
    workers.each do |pid|
      Process.kill(:KILL, pid)
      Process.wait(pid)
    end
    say(ask("/three") == refork && refork, "/three")
    ask("stop")
  end

  # Workers end with their master.
  def work
    Thread.new { @alive.read && exit!(1) }
    loop { Thread.new(@listener.accept) { |client| serve(client) } }
  end

  def serve(client)
    case request = client.gets.chomp
    when "fork" then answer = fork { work }
    when "stop" then exit!(0)
    else @probe.fire(answer = Process.pid, request)
    end
    client.puts(answer)
    client.close
  end

  def ask(request)
    TCPSocket.open("127.0.0.1", @listener.addr[1]) do |socket|
      socket.puts(request)
      socket.gets.to_i
    end
  end
end

extend Program
extend Cases
extend Own
run(*ARGV)
