# frozen_string_literal: true

# What does a probe of the gem for Ruby cost?
#
#     ruby -IPATH... ruby.rb ROUNDS TIMES
#
# The paths have the gem, and ruby_empty.c as it was compiled.  Prints "WHAT
# NUMBER..." for each statement: of each round its nanoseconds of processor
# time, without the loop's.  All statements take turns in each round.
#
# SPDX-License-Identifier: BSD-2-Clause

require "ruby_empty"
require "usdt"

STATEMENTS = {
  "empty" => "empty.call",
  "empty2" => "empty.call(1, text)",
  "enabled" => "probe.enabled?",
  "fire" => "probe.fire(1, text)",
  "block" => "probe.fire { [1, text] }",
  "lambda" => "probe.fire(&lambda)",
  "method" => "ruby.method"
}.freeze

# The names that the statements use.
class RubyMethod
  def method; end
end

# A method that has the statement in a loop, with all names local.
def loop_of(what, statement)
  Object.class_eval(<<~RUBY, __FILE__, __LINE__ + 1)
    def run_#{what}(empty, probe, text, lambda, ruby, times)
      i = 0
      while i < times
        #{statement}
        i += 1
      end
    end
  RUBY
  method(:"run_#{what}")
end

# The objects that a loop allocates.
def allocated(run, names)
  run.call(*names, 1000)
  before = GC.stat(:total_allocated_objects)
  run.call(*names, 1000)
  GC.stat(:total_allocated_objects) - before
end

def now
  Process.clock_gettime(Process::CLOCK_PROCESS_CPUTIME_ID, :nanosecond)
end

rounds, times = ARGV.map(&:to_i)
provider = USDT::Provider.create(:rbbench)
probe = provider.probe(:f, :p1, :int, :string)
provider.enable
names = [RubyEmpty.new, probe, "text", -> { [1, "text"] }, RubyMethod.new]
loops = STATEMENTS.to_h { |what, code| [what, loop_of(what, code)] }
loops["loop"] = loop_of("loop", "")
taken = loops.transform_values { [] }
loops.each_value { |run| run.call(*names, times) }
rounds.times do
  loops.each do |what, run|
    begun = now
    run.call(*names, times)
    taken[what] << (now - begun) / times.to_f
  end
end
STATEMENTS.each_key do |what|
  each = taken[what].zip(taken["loop"]).map { |ns, bare| ns - bare }
  puts "#{what} #{each.map { |ns| format("%.3f", ns) }.join(" ")}"
end
allocated(loops["loop"], names)
%w[enabled fire block].each do |what|
  more = allocated(loops[what], names) - allocated(loops["loop"], names)
  puts "#{what}-objects #{more}"
end
