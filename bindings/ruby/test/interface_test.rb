# frozen_string_literal: true

# What the gem does that needs no tracer.  Prints TAP.
#
# SPDX-License-Identifier: BSD-2-Clause

require "dtrace/provider"
require "fileutils"
require "json"
require "minitest"
require "open3"
require "rbconfig"
require "tmpdir"
require "usdt"

# Minitest's results as lines of TAP.
class Tap < Minitest::AbstractReporter
  def initialize
    super
    @count = 0
    @passed = true
  end

  def record(result)
    name = result.name.delete_prefix("test_").tr("_", " ")
    puts "#{"not " unless result.passed?}ok #{@count += 1} - #{name}"
    return if result.passed?

    @passed = false
    warn result
  end

  def report
    puts "1..#{@count}"
  end

  def passed?
    @passed
  end
end

# A value whose own code may not run.
class Untouched
  %i[to_s to_int to_json].each do |name|
    define_method(name) { |*| raise "converted" }
  end
end

class InterfaceTest < Minitest::Test
  PACKAGE = File.dirname(__dir__)

  def live(*types)
    provider = USDT::Provider.create(:rblive)
    probe = provider.probe(:f, :p1, *types)
    provider.enable
    [provider, probe]
  end

  # What a new Ruby prints.
  def ruby(program, paths = %W[#{PACKAGE}/ext #{PACKAGE}/lib], **environment)
    out, status = Open3.capture2(environment.transform_keys(&:to_s),
                                 RbConfig.ruby, *paths.map { |p| "-I#{p}" },
                                 "-e", program)
    assert_predicate(status, :success?)
    out
  end

  # The same where the extension is missing.
  def stub(program)
    Dir.mktmpdir do |dir|
      FileUtils.cp_r("#{PACKAGE}/lib/.", dir)
      FileUtils.rm_f("#{dir}/usdt/native.so")
      ruby(program, [dir])
    end
  end

  def mapped(text)
    File.read("/proc/self/maps").scan(text).size
  end

  # Makes objects that no stack refers to afterwards, and collects garbage.
  def apart(&block)
    kept = Thread.new(&block).value
    3.times { GC.start }
    kept
  end

  def test_the_extension_is_loaded
    assert_nil(USDT.load_error)
  end

  def test_a_probe_knows_what_it_is
    provider = USDT::Provider.new("rbprov")
    probe = provider.probe("f", :"p-1", :integer, "json", size: :uint64)
    assert_equal([:"p-1", :f, [:integer, "json", :uint64]],
                 [probe.name, probe.function, probe.arguments])
    assert_equal(%i[rbprov ruby], [provider.name, provider.mod])
    assert_equal("#<USDT::Probe rbprov:ruby:f:p-1>", probe.inspect)
    assert_equal("#<USDT::Provider rbprov:ruby>", provider.inspect)
  end

  def test_names_of_other_encodings
    provider = USDT::Provider.create(:rbprov)
    probe = provider.probe("gr\xfcn".dup.force_encoding("ISO-8859-1"), "b\xff")
    assert_equal([:grün, "b\xff".b], [probe.function, probe.name.to_s])
  end

  def test_a_block_gets_the_provider
    inside = nil
    provider = USDT::Provider.create(:rbprov, :mymod) { |p| inside = p }
    assert_same(provider, inside)
    assert_equal(:mymod, provider.mod)
  end

  def test_what_calls_return
    provider, probe = live(:int)
    assert_equal([true, true, true],
                 [provider.enable, provider.disable,
                  provider.remove_probe(probe)])
  end

  def test_untraced
    _, probe = live(:int)
    assert_equal([false, false, false],
                 [probe.enabled?, probe.fire(1), probe.fire { flunk }])
  end

  def test_nothing_is_converted_when_untraced
    _, probe = live(:int, :string, :json)
    assert_equal(false, probe.fire(*Array.new(3) { Untouched.new }))
  end

  # Turns of a loop that does nothing else.
  def allocated
    10.times { yield }
    before = GC.stat(:total_allocated_objects)
    i = 0
    while i < 1000
      yield
      i += 1
    end
    GC.stat(:total_allocated_objects) - before
  end

  def test_nothing_is_allocated_when_untraced
    _, probe = live(:int, :string)
    GC.disable
    allocated { nil }
    counts = [
      allocated { probe.enabled? },
      allocated { probe.fire(1, "text") },
      allocated { probe.fire { [1, +"text"] } },
      allocated { probe.fire(1) { |one| [one, +"text"] } }
    ]
    assert_equal([0, 0, 0, 0], counts)
    assert_operator(allocated { +"text" }, :>=, 1000)
  ensure
    GC.enable
  end

  def test_status
    provider, = live(:int)
    status = provider.status
    assert_equal([true, 1, 0, 1], [status.enabled, status.probes,
                                   status.waiting, status.images])
    assert_equal([true, false], [status.sdt.taken, status.dof.taken])
    assert_path_exists(status.sdt.path)
    refute_empty(status.dof.reason)
    case status
    in { enabled: true, sdt: { taken: true, path: String } }
      provider.disable
    end
    refute(provider.status.enabled)
  end

  def refused(kind, text, &call)
    assert_match(text, assert_raises(kind, &call).message)
  end

  def test_errors_name_what_is_wrong_with_a_provider
    refused(USDT::Error, /provider/) { USDT::Provider.create(:"a b") }
    refused(USDT::Error, /provider/) { USDT::Provider.create("") }
    refused(USDT::Error, /module/) { USDT::Provider.create(:ok, :"a/b") }
    refused(TypeError, /provider.* nil/) { USDT::Provider.create(nil) }
    refused(TypeError, /module.* 7/) { USDT::Provider.create(:a, 7) }
    refused(ArgumentError, /NUL/) { USDT::Provider.create("a\0b") }
    refused(ArgumentError, /arguments/) { USDT::Provider.new }
    refused(USDT::Error, /no probes/) { USDT::Provider.new(:a).enable }
    refused(TypeError, /Probe/) { USDT::Provider.new(:a).remove_probe(1) }
    refused(TypeError, /copied/) { USDT::Provider.new(:a).dup }
    refused(RuntimeError, /once/) do
      USDT::Provider.new(:a).send(:initialize, :b)
    end
    refused(RuntimeError, /super/) do
      Class.new(USDT::Provider) { def initialize; end }.new.enable
    end
  end

  def test_errors_name_what_is_wrong_with_a_probe
    provider = USDT::Provider.create(:rbprov)
    refused(USDT::Error, /name/) { provider.probe(:f, "a:b") }
    refused(TypeError, /name of a probe.* 1/) { provider.probe(:f, 1) }
    refused(TypeError, /function.* nil/) { provider.probe(nil, :p) }
    refused(TypeError, /type.* 1/) { provider.probe(:f, :p, 1) }
    refused(ArgumentError, /:int8.* not :flaot/) do
      provider.probe(:f, :p, :flaot)
    end
    refused(ArgumentError, /NUL/) { provider.probe(:f, :p, "in\0t") }
    refused(USDT::Error, /type/) { provider.probe(:f, :p, "") }
    refused(USDT::Error, /32/) { provider.probe(:f, :p, *[:int] * 33) }
    refused(USDT::Error, /name/) { provider.probe(:f, :p, "int a", a: :int) }
    refused(USDT::Error, /int my-id/) { provider.probe(:f, :p, "int my-id") }
    probe = provider.probe(:f, :p, :int)
    refused(USDT::Error, /exists/) { provider.probe(:f, :p, :int) }
    refused(NoMethodError, /new/) { USDT::Probe.new }
    refused(TypeError, /allocator/) { USDT::Probe.allocate }
    refused(TypeError, /allocator/) { probe.dup }
    refused(TypeError, /_dump/) { Marshal.dump(probe) }
  end

  def test_a_refused_probe_is_not_added
    provider, = live(:int)
    assert_raises(USDT::Error) { provider.probe(:f, :p1, :int) }
    assert_equal([1, 0], [provider.status.probes, provider.status.waiting])
  end

  def test_a_refused_probe_is_no_object
    assert_equal("[]\n", ruby(<<~'PROGRAM'))
      require "usdt"
      provider = USDT::Provider.create(:rbrefused)
      begin
        provider.probe(:f, "a b")
      rescue USDT::Error
        nil
      end
      p ObjectSpace.each_object(USDT::Probe).map(&:inspect)
    PROGRAM
  end

  def test_a_removed_probe_leaves_its_name
    provider, probe = live(:int)
    assert_raises(USDT::Error) do
      USDT::Provider.create(:rbother).remove_probe(probe)
    end
    provider.remove_probe(probe)
    again = provider.probe(:f, :p1, :int)
    assert_equal(1, provider.status.probes)
    refute_predicate(again, :enabled?)
  end

  def test_arguments_have_names
    provider = USDT::Provider.create(:rbnames)
    provider.probe(:f, :p1, "int id", " char  *url", "json body", :int,
                   took: :double, size: :uint64, text: :string, more: :json)
    provider.enable
    image = File.binread(provider.status.sdt.path)
    assert_includes(image, "(int id, char  *url, char *body, int arg3, " \
                           "char *took, uint64_t size, char *text, char *more)")
    refused(USDT::Error, /name that another/) do
      provider.probe(:f, :p2, "int id", id: :string)
    end
  end

  def test_structs
    provider = USDT::Provider.create(:rbstructs)
    assert(provider.struct(:peer, 4, { "uint16_t port" => 0,
                                      "char flags[2]" => 2 }))
    assert(provider.struct("request", 16, "int64_t sent" => 8, "int id" => 0,
                                          "struct peer peer" => 4))
    provider.probe(:f, :p1, "struct request *request", list: "char **")
    provider.enable
    image = File.binread(provider.status.sdt.path)
    assert_match(/struct peer { uint16_t port; char flags\[2\]; };$/, image)
    assert_match(/^struct request { int id; struct peer peer; int64_t sent; };$/,
                 image)
    assert_match(/p1\(struct request \*request, char \*\*list\);$/, image)
  end

  def test_a_struct_keeps_its_name_if_the_program_changes_it
    provider = USDT::Provider.create(:rbkept)
    name = +"request"
    size = Object.new
    size.define_singleton_method(:to_int) do
      name.replace("other" * 1000)
      4
    end
    assert(provider.struct(name, size, "int a" => 0))
    refused(USDT::Error, /request/) do
      provider.struct(:request, 8, "int a" => 0)
    end
  end

  def test_errors_name_what_is_wrong_with_a_struct
    provider = USDT::Provider.create(:rbstructs)
    refused(USDT::Error, /needs struct other, which/) do
      provider.struct(:a, 8, "struct other o" => 0)
    end
    refused(USDT::Error, /0 fields/) { provider.struct(:a, 8, {}) }
    refused(USDT::Error, /a word of C's/) do
      provider.struct("while", 4, "int a" => 0)
    end
    refused(TypeError, /name of a struct/) do
      provider.struct(1, 4, "int a" => 0)
    end
    refused(TypeError, /field of a struct/) { provider.struct(:a, 4, 1 => 0) }
    refused(USDT::Error, /at offset 2, the struct has 4/) do
      provider.struct(:a, 4, "int a" => 2)
    end
    assert(provider.struct(:a, 4, "int a" => 0))
    refused(USDT::Error, /another/) do
      provider.struct(:a, 8, "int a" => 0)
    end
  end

  def test_a_value_without_json_says_why
    silent = Class.new(StandardError) do
      def message = raise("of its own code")
      def self.to_s = "Silent"
    end
    broken = Object.new
    broken.define_singleton_method(:to_json) { |*| raise silent }
    values = USDT.const_get(:Values)
    assert_equal('{"a":1}', values.json({ a: 1 }))
    assert_match(/"error":"[A-Za-z:]+: /, values.json(Float::NAN))
    assert_equal('{"error":"Silent"}', values.json([broken]))
  end

  def test_types_stay_as_they_were_declared
    type = +"int"
    probe = USDT::Provider.create(:rbprov).probe(:f, :p, type)
    type << " *"
    assert_equal(["int"], probe.arguments)
    assert(Ractor.shareable?(probe))
  end

  def test_cycles_are_collected
    path = apart do
      owner = Class.new(USDT::Provider) { attr_accessor :mine }.new(:rbcycle)
      owner.mine = [owner, owner.probe(:f, :p1)]
      owner.enable
      assert_operator(mapped("rbcycle"), :>, 0)
      nil
    end
    assert_nil(path)
    assert_equal(0, mapped("rbcycle"))
  end

  def test_memory_that_moves
    skip("no compaction") unless GC.respond_to?(:compact)
    _, probe = live(:int, "char *")
    GC.compact
    assert_equal([[:int, "char *"], false], [probe.arguments, probe.fire(1)])
  end

  # The bytes of all writable mappings.  Resident memory would be the emulator's
  # too, if one runs this process, and emulators keep the code that they have
  # translated.
  def writable
    File.read("/proc/self/maps").scan(/^(\w+)-(\w+) .w/).sum do |ends|
      ends[1].hex - ends[0].hex
    end
  end

  # More than a process could map at once, if the collector did not know.
  def lives(count)
    apart do
      count.times do |i|
        provider = USDT::Provider.create("rblife#{i % 30}x")
        probe = provider.probe(:f, :p1, :int, :string)
        provider.enable
        probe.fire(i, "text")
      end
      nil
    end
  end

  def test_many_lives_take_no_memory
    lives(3000)
    before = writable
    lives(30_000)
    assert_operator(writable - before, :<, 4 << 20)
    assert_equal(0, mapped("rblife"))
  end

  def test_disabled_by_the_environment
    program = <<~RUBY
      require "usdt"
      p1 = USDT::Provider.create(:rboff)
      q = p1.probe(:f, :p1, :int)
      print p1.enable, q.enabled?, q.fire(1), p1.status.sdt.path.inspect
    RUBY
    assert_equal('truefalsefalse""', ruby(program, USDT_DISABLE: "1"))
  end

  # One that is in a call when the process forks.
  def test_a_child_is_not_held_up_by_a_thread_of_its_parent
    provider, = live(:int)
    over = false
    thread = Thread.new do
      until over
        provider.disable
        provider.enable
      end
    end
    100.times do
      _, status = Process.wait2(child_that_enables(provider))
      assert_predicate(status, :success?)
    end
  ensure
    over = true
    thread.join
  end

  def child_that_enables(provider)
    fork do
      Thread.new { sleep(300) && exit!(2) } # what hangs
      provider.disable
      provider.enable
      exit!(provider.status.enabled)
    ensure
      exit!(1)
    end
  end

  # Threads of Ruby run while another one is in a call that takes long.
  def test_threads_that_change_one_provider
    provider, probe = live(:int)
    errors = (0..3).map do |number|
      Thread.new do
        (0..20).filter_map do |i|
          added = provider.probe(:f, "p-#{number}-#{i}")
          provider.remove_probe(added)
          begin
            provider.remove_probe(added)
          rescue USDT::Error => e
            e.message unless e.message.end_with?("p-#{number}-#{i}")
          end
        end
      end
    end.flat_map(&:value)
    assert_empty(errors)
    refute_predicate(probe, :enabled?)
  end

  # Enabling waits for this directory, by which copies of the library take turns.  An
  # exception that comes meanwhile is raised when the call is over.
  def test_threads_run_while_another_one_enables
    provider = USDT::Provider.create(:rbwaits)
    provider.probe(:f, :p1)
    thread = File.open("/proc/self/fd") do |turn|
      turn.flock(File::LOCK_EX)
      enabling = Thread.new { provider.enable }
      enabling.report_on_exception = false
      Thread.pass until [nil, false, "sleep"].include?(enabling.status)
      enabling.raise("enough")
      enabling
    end
    assert_equal("enough", assert_raises(RuntimeError) { thread.join }.message)
    assert(provider.status.enabled)
  end

  def test_a_provider_that_ractors_share
    Warning[:experimental] = false
    provider, = live(:int)
    refute(Ractor.shareable?(provider))
    refused(TypeError, /make_shareable/) { Ractor.new(provider) { |p| p } }
    Ractor.make_shareable(provider)
    names = (0..1).map do |number|
      Ractor.new(provider, number) do |shared, n|
        5.times.map { |i| shared.probe(:f, "r-#{n}-#{i}", :json).name }
      end
    end.flat_map { |r| r.respond_to?(:value) ? r.value : r.take }
    assert_equal(11, provider.status.probes)
    assert_equal(10, names.uniq.size)
  end

  STUB = <<~RUBY
    require "dtrace/provider"
    print USDT.load_error.class, " "
    inside = nil
    provider = USDT::Provider.create(:"a b") { |given| inside = given }
    probe = provider.probe(:f, :p1, :integer, "json", a: :int)
    p provider.enable, probe.enabled?, probe.fire(1), probe.fire { raise }
    p probe.name, probe.function, probe.arguments, inside.equal?(provider)
    p provider.remove_probe(probe), provider.disable, provider.name
    p provider.status.enabled, provider.status.note, USDT::Error.superclass
    p Dtrace::Provider.create(:old) { |old| old.probe(:p, :integer) }
    p Dtrace::Probe::Old.p { raise }
  RUBY

  def test_the_stub
    assert_equal(<<~OUT, stub(STUB))
      LoadError true
      false
      false
      false
      :p1
      :f
      [:integer, "json", :int]
      true
      true
      true
      :"a b"
      false
      "the extension is not loaded: see USDT.load_error"
      RuntimeError
      true
      nil
    OUT
  end

  def test_the_stub_refuses_wrong_types_too
    program = <<~RUBY
      require "usdt"
      USDT::Provider.create(:a).probe(:f, :p, :flaot)
    RUBY
    out = stub("begin\n#{program}\nrescue ArgumentError\nputs $!\nend")
    assert_match(/not :flaot/, out)
  end

  def test_a_provider_of_ruby_dtrace_is_replaced_by_the_next_of_its_name
    counts = (1..2).map do |i|
      Dtrace::Provider.create("rb-again") { |p| p.probe "p#{i}", :string }
      Dtrace::Probe::RbAgain.singleton_methods(false)
    end
    assert_equal([[:p1], [:p2]], counts)
  end

  def test_the_provider_of_ruby_dtrace
    created = Dtrace::Provider.create(:rb_OLD_one) do |p|
      p.probe :process_start, :string, :integer
      refused(Dtrace::Exception, /\Atype 'float' invalid\z/) do
        p.probe :wrong, :float
      end
    end
    assert_equal(true, created)
    probes = Dtrace::Probe::RbOLDOne
    assert_nil(probes.process_start { flunk })
    refused(Dtrace::Exception,
            /\Ano such probe in Dtrace::Probe::RbOLDOne: nothing\z/) do
      probes.nothing { flunk }
    end
  end
end

Minitest.seed = Random.new_seed % 0xFFFF
reporter = Tap.new
reporter.start
InterfaceTest.run(reporter, {})
reporter.report
exit(reporter.passed?)
