#!/usr/bin/perl
# ruby.t - does the gem for Ruby do what it promises, and do real tracers see its
# probes?
#
# bindings/ruby/test/interface_test.rb needs no tracer, test/traced.rb has the
# programs that are traced, and test/typed.rb what rbs allows and refuses.
#
# SPDX-License-Identifier: BSD-2-Clause
use strict;
use warnings;

use Test::More;
use Usdt::BindingCases qw(run_all);
use Usdt::Package qw(test_package runs pass_on example_serves);
use Usdt::Tracer qw(need source_dir);

need('root', 'bpftrace', 'cc', 'ruby');
my ($package, $dir) = test_package('ruby', qr/^(?:RUBY|GEM_|BUNDLE)/);
my $ruby = Usdt::Tracer::ruby();

$ENV{LC_ALL} = 'C.UTF-8';

# What the signatures allow and refuse.
sub types_are_right
{
	local $ENV{RBS_TEST_RAISE} = 'true';
	local $ENV{RBS_TEST_LOGLEVEL} = 'error';
	local $ENV{RBS_TEST_OPT} = "-I $package/sig";
	local $ENV{RBS_TEST_TARGET} = 'USDT,USDT::*,Dtrace::Provider';

	runs('the signatures are valid', $ruby, '-e', 'require "rbs"; '
		. 'require "rbs/cli"; '
		. 'RBS::CLI.new(stdout: $stdout, stderr: $stderr).run(ARGV)',
		'--', '-I', "$package/sig", 'validate');
	pass_on('the signatures', $ruby, "-I$package/ext", "-I$package/lib",
		'-rrbs/test/setup', "$package/test/typed.rb");
}

# The gem as it is shipped, made in a path with blanks and brackets, of what is
# staged.
sub is_shipped
{
	my $odd = "$dir/a b [c]";

	runs('a copy', 'sh', '-c', 'mkdir "$2" && cd "$1" && tar -cf - '
		. '--exclude "*.o" --exclude "*.so" --exclude "*.gem" '
		. '--exclude ext/usdt/Makefile . | tar -xf - -C "$2"', 'sh',
		$package, $odd);
	runs('the gem is built', 'sh', '-c', 'cd "$1" && exec "$2" build --norc',
		'sh', $odd, gem()) or return;
	my ($gem, @more) = glob("\Q$odd\E/*.gem");
	is(@more, 0, 'one gem');
	my ($version) = $gem =~ m{/usdt-([\d.]+)\.gem$};
	runs('the version is the library\'s', 'grep', '-q',
		"USDT_VERSION.*\"$version\"", source_dir() . '/usdt.h');
	my $said = install($odd, $gem, 'installed', 'cc');
	like($said // '', qr{^from \Q$odd\E/installed/.*/usdt/native\.so, nil$},
		'loads');
	$said = install($odd, $gem, 'stub', '/nonexistent/cc');
	like($said // '', qr{^from , #<LoadError.*usdt/native>, false$},
		'without a compiler it is a stub that says why');
}

sub gem
{
	return $ruby =~ s/ruby$/gem/r;
}

my $says = 'require "usdt"; q = USDT::Provider.create(:a).probe(:f, :p); '
    . 'puts "from #{$".grep(/native\.so/).join}, #{USDT.load_error.inspect}"'
    . ' + (USDT.load_error ? ", #{q.fire}" : "")';

# install(DIRECTORY, GEM, NAME, CC): what a program says that uses it.
sub install
{
	my ($odd, $gem, $name, $cc) = @_;
	local $ENV{CC} = $cc;
	local $ENV{GEM_HOME} = "$odd/$name";
	local $ENV{GEM_PATH} = $ENV{GEM_HOME};
	runs("it is installed, with $cc", gem(), qw(install --norc --local
		--no-document --quiet), $gem) or return;
	my $run = runs('a program runs', 'sh', '-c', 'cd / && exec "$@"', 'sh',
		$ruby, '-e', $says) or return;
	return $run->{lines}[0];
}

# What only Ruby has.
my $own = {
	old => {
		print => {
			p1 => ['%s %s %ld', 'str(arg0)', 'str(arg1)', 'arg2'],
			p2 => ['%d', '(int32)arg0'],
		},
		events => ['foo bar 1099511627776', '-5'],
		said => [('gives False') x 2,
			':myfn :p1 [:string, :string, :integer]'],
		traced => [('gives True') x 2,
			':myfn :p1 [:string, :string, :integer]'],
	},
	camel_case => {
		print => {
			by_method => ['%s %d', 'str(arg0)', 'arg1'],
			by_option => ['%d', '(int32)arg0'],
		},
		events => ['x 1', '-2'],
		said => [], traced => ['case_camel_case'],
	},
	keywords => {
		print => { p1 => ['%d %s %s', 'arg0', 'str(arg1)',
			'str(arg2)'] },
		events => ['1 / [2]'],
		said => ['int first string json'],
	},
	fibers => {
		print => { p1 => ['%d %s', 'arg0', 'str(arg1)'] },
		events => [map { ("$_ first", "$_ second") } 1 .. 3],
	},
	ways_out => {
		print => { p1 => ['%d', 'arg0'] },
		events => [1, 2],
		said => [('gives False') x 4],
		traced => ['gives True', ('gives False') x 2, 'gives True'],
	},
	ending => {
		print => { p1 => ['%d', 'arg0'] },
		events => [0, 0, 0],
		said => [('gives False') x 6, 'gives False'],
		traced => ['ends Interrupt', 'ends SystemExit',
			'ends NoMemoryError', ('gives True') x 3,
			'gives is thrown'],
	},
	changing => {
		print => { p1 => ['%d %s', 'arg2', 'str(arg1)'] },
		events => ['7 changed'],
	},
	collecting => {
		print => { p1 => ['%s %s %lu %s', 'str(arg0)', 'str(arg1)',
			'arg2', 'str(arg3)'] },
		events => [map { "text $_ {\"n\":$_} " . (9223372036854775808
			+ $_) . " number $_" } 0 .. 2],
	},
	ractors => {
		print => { p1 => ['%d %s', 'arg0', 'str(arg1)'] },
		events => [map { my $n = $_; map { 10 * $n + $_
			. " {\"n\":$n}" } 0 .. 9 } 0, 1],
	},
	prefork => {
		print => { p1 => ['%d %d %s', 'pid == arg0', 'arg0',
			'str(arg1)'] },
		events => sub { map { "1 $_" } @_ },
	},
};

my $built = runs('the library is staged', 'make', '-s', '-C', $package, 'stage')
    && runs('the extension is configured', 'sh', '-c', 'cd "$1/ext/usdt" && '
	. 'exec "$2" extconf.rb --with-cflags="-g -O2 -Wall -Wextra -Werror '
	. '-Wno-unused-parameter"', 'sh', $package, $ruby)
    && runs('the extension is built', 'make', '-s', '-C', "$package/ext/usdt");
if ($built) {
	my @ruby = ($ruby, '-w', "-I$package/ext", "-I$package/lib");
	my @traced = (@ruby, "$package/test/traced.rb");
	my $prefix = "rb$$";

	pass_on('the interface', @ruby, "$package/test/interface_test.rb");
	run_all(\@traced, $prefix, $own);
	example_serves(@ruby, "$package/examples/web.rb");
	types_are_right();
	is_shipped();
}
done_testing();
