#!/usr/bin/perl
# Does the library work, and do tracers see its probes, in programs with musl,
# and in those that are linked statically?
#
# Left out are plugins, which static programs can't load and which musl never
# unloads; and unit tests that need what musl lacks (a backtrace) or count the
# mappings of malloc (resource_growth).
#
# SPDX-License-Identifier: BSD-2-Clause
use strict;
use warnings;

use Test::More;
use Usdt::BpftraceCases qw(run_values run_life run_sharing);
use Usdt::Direct qw(run_scenario begin build_host);
use Usdt::Process;
use Usdt::Tracer qw(need scratch_dir);
use Usdt::Variant qw(variant units run_unit require_compiler);
use Usdt::Watch qw(usdt_command);
use Usdt::WatchCases qw(run_watch);

need('root', 'cc', 'bpftrace', 'bpftrace-sid');
alarm 3600;

my $dir = scratch_dir();
my $command = usdt_command();
my $cc = $ENV{CC} // 'cc';
my %needs_glibc = map { $_ => 1 } qw(helper resource_growth slow_helper stash
	stubs types);
# One run of a million cycles is enough.  And the injector of
# refused_system_calls.c needs the kernel's headers, which musl-gcc does not
# find, and libc of its own.
my @units = grep { !/^(?:long_run|refused_system_calls)$/ } units();
my @musl_units = grep { !$needs_glibc{$_} } @units;

delete @ENV{qw(USDT_DISABLE USDT_DEBUG USDT_BACKENDS USDT_NOP)};
require_compiler(Usdt::Variant::compiles('musl-gcc'),
    'no musl-gcc (test/setup widths installs it)');
require_compiler(Usdt::Variant::compiles($cc, '-static'),
    "$cc makes no static programs");

# A dynamic program names its loader; a static one has none.
sub interpreter
{
	my ($program) = @_;
	my ($output) = Usdt::Variant::quiet('readelf', '-lW', $program);

	return $output =~ /interpreter: ([^\]]*)\]/ ? $1 : '';
}

for my $case (
    ['musl', 'musl-gcc', '', qr{/ld-musl-}, @musl_units],
    ['musl, static', 'musl-gcc', '-static', qr/^$/, @musl_units],
    ['static', $cc, '-static', qr/^$/, @units],
) {
	my ($name, $compiler, $link, $loader, @units) = @$case;
	my $build = "$dir/" . $name =~ s/\W+/-/r;

	note($name);
	my $obj = variant($build, ['lib', 'test_usdt', 'examples/hello',
		map { "unit/$_" } @units], "CC=$compiler", "LDFLAGS=$link",
		'CFLAGS=-O2 -g -Werror') // next;
	like(interpreter("$build/test_usdt"), $loader, "$name: the program");
	run_unit("$obj/test/unit/$_", "$name: $_") for @units;

	symlink($command, "$build/usdt") or die "$build/usdt: $!\n";
	local $ENV{USDT_BUILD} = $build;
	local $ENV{CC} = "$compiler $link";
	subtest("$name: the bpftrace of this machine" => sub {
		run_values('host');
		run_life('host');
		run_sharing('host', plugins => 0);
	});
	subtest("$name: the current bpftrace" => sub {
		run_life('sid');
	});
	subtest("$name: the command" => sub { run_watch() });
	subtest("$name: direct events" => sub {
		local %ENV = %ENV;
		begin(scratch_dir());
		my $program = build_host('direct_host');
		run_scenario($program, @$_) for ['a loop', 'loop', 1000],
		    ['threads that end', 'threads', 200],
		    ['forked children', 'children', 100],
		    ['children of vfork', 'vforked', 100],
		    ['signal handlers', 'signals', 2000],
		    ['bursts', 'bursts', 10];
	});
}
done_testing();
