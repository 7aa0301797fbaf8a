#!/usr/bin/perl
# Does the library build, and does every call work, where nothing is supported?
#
# Once for an unknown system (the row is forced), once for an unknown processor,
# and for x32, which compilers know and the library does not.
#
# SPDX-License-Identifier: BSD-2-Clause
use strict;
use warnings;

use File::Temp qw(tempdir);
use POSIX qw(WNOHANG);
use Test::More;
use Time::HiRes qw(sleep);
use Usdt::Variant qw(variant run_unit);

my $dir = tempdir('usdt-none-XXXXXX', TMPDIR => 1, CLEANUP => 1);
# The units that need no system and no processor.
my @pure = qw(document_bytes names probeset structs threads types);

delete @ENV{qw(USDT_DISABLE USDT_DEBUG USDT_BACKENDS USDT_NOP)};
$ENV{USDT_IMAGE_DIR} = "$dir/images";
$ENV{USDT_HELPER} = "$dir/helper";

# run(COMMAND...): a test: it exits with 0.  Returns its output.
sub run
{
	my ($output, $status) = Usdt::Variant::quiet(@_);

	is($status, 0, "@_[0 .. 0]") || diag($output);
	return $output;
}

sub build_calls
{
	my ($o, @flags) = @_;

	run(split(' ', $ENV{CC} // 'cc'), @flags, '-Wall', '-Wextra',
	    '-Werror', '-Itest', '-I.', '-o', "$o/none", 'test/none.c',
	    "$o/libusdt.a", '-pthread');
	return "$o/none";
}

# rests(PID, PROGRAM): does it run that program, and sleep?  It asks twice,
# since a starting program may sleep for a moment.
sub rests
{
	my ($pid, $program) = @_;
	my $state = sub {
		open(my $in, '<', "/proc/$pid/stat") or return '';
		return (readlink("/proc/$pid/exe") // '') eq $program
		    && <$in> =~ /\) S (?:\S+ ){10}(\d+)/ ? "at rest $1" : '';
	};
	my $before = $state->();

	sleep(0.2);
	return $before ne '' && $state->() eq $before;
}

# It runs for a minute: it is enough that it sleeps once, and prints nothing.
sub hello
{
	my ($program) = @_;
	my $said = "$dir/hello.txt";
	my $pid = fork() // die "fork: $!\n";

	if ($pid == 0) {
		open(STDOUT, '>', $said) and open(STDERR, '>&', \*STDOUT)
		    and exec($program);
		POSIX::_exit(127);
	}
	sleep(0.02) until rests($pid, $program) || waitpid($pid, WNOHANG) != 0;
	kill('TERM', $pid);
	waitpid($pid, 0);
	is($? & 127, 15, 'the example runs until it is ended');
	is(-s $said, 0, 'and has nothing to complain of');
}

for my $case (['no system', 'CPPFLAGS=-DUSDT_PLATFORM_NONE'],
    ['no processor', 'ARCH=unheard-of']) {
	my ($name, $variable) = @$case;

	subtest($name => sub {
		my $o = "$dir/" . $name =~ s/ /-/r;
		my $obj = variant($o, ['all', 'test_usdt',
			map { "unit/$_" } @pure], $variable,
		    'CFLAGS=-O2 -g -Werror') // return;

		run_unit(build_calls($o), 'every call');
		run_unit("$obj/test/unit/$_", $_) for @pure;
		hello("$o/examples/hello");
		ok(!-e "$dir/images", 'no image was made');
	});
}

# x32's pointers have 4 bytes and its words 8.  Few kernels run its programs.
SKIP: {
	my @x32 = ('-mx32', '-idirafter', '/usr/include/x86_64-linux-gnu');
	my $o = "$dir/x32";
	my $try = "$dir/try";

	skip('x32 is a width of x86-64', 1)
	    if Usdt::Variant::native() ne 'x86_64';
	run('sh', '-c', 'echo "int main(void) { return 0; }" >$0.c', $try);
	my ($output, $status) = Usdt::Variant::quiet(
		split(' ', $ENV{CC} // 'cc'), @x32, '-o', $try, "$try.c");
	if ($status != 0) {
		fail("may not be skipped: $output") if $ENV{USDT_NO_SKIP};
		skip('the compiler makes no x32 programs', 1);
	}
	subtest('x32' => sub {
		variant($o, ['lib', 'examples/hello'], 'ARCH=x32',
		    "CFLAGS=-O2 -Werror @x32") // return;
		is(Usdt::Variant::elf_class("$o/libusdt.a"), 32,
		    'its objects');
		my $calls = build_calls($o, @x32);
		if (Usdt::Variant::works($try)) {
			run_unit($calls, 'every call');
		} else {
			note('this kernel runs no x32 programs: only built');
		}
	});
}
done_testing();
