#!/usr/bin/perl
# rows.t - how does the library work on other systems?
#
# For each row except that of Linux, a program is built of the library's objects
# with that row forced, and of test/rows/helper_device.c, which simulates that
# system's helper device and makes the checks.  With $USDT_ROWS_DIR the programs
# are left there for another machine to run, and don't run here.
#
# SPDX-License-Identifier: BSD-2-Clause
use strict;
use warnings;
use Test::More;
use File::Temp qw(tempdir);
use Usdt::Variant qw(require_compiler shared_objects);

my $obj = $ENV{USDT_OBJ} // 'obj-x86_64';

require_compiler(scalar($obj =~ /obj-(?:x86_64|i386)$/), 'the tracer that is played knows x86 alone');
my @cc = split ' ', $ENV{CC} // 'cc';
my @width = $obj =~ /i386/ ? Usdt::Variant::width_flags() : ();
my @flags = (qw(-std=gnu99 -O1 -g -Wall -Wextra -fPIC -I. -Itest/unit), @width);
# With 32-bit words the wide calls are wrapped, under these names.
my %wrapped = map { $_ => @width && /^(?:open|mmap)$/ ? "${_}64" : $_ } qw(open close ioctl mmap mprotect munmap);
my $dir = $ENV{USDT_ROWS_DIR} // tempdir('usdt-rows-XXXXXX', TMPDIR => 1, CLEANUP => 1);

sub run { return ok(system(@_) == 0, "$_[0] ... $_[-1]") }

# Linux' own rooms are left out, as in a build for the others.
my @objects = shared_objects($obj);
ok(@objects > 8, 'the library has been built') or BAIL_OUT("no objects in $obj");
run(@cc, @flags, '-c', '-o', "$dir/none.o", 'none/image.c');
run(@cc, @flags, (map { ("-D__wrap_$_=__wrap_$wrapped{$_}", "-D__real_$_=__real_$wrapped{$_}") } sort keys %wrapped),
    '-c', '-o', "$dir/helper.o", 'test/rows/helper_device.c');
# No current macOS runs 32-bit processes.
for my $row (qw(illumos freebsd), @width ? () : 'macos') {
	run(@cc, @flags, "-DUSDT_PLATFORM=\"$row\"", '-c', '-o', "$dir/$row.o", 'core/platform.c');
	run(@cc, @flags, (map { "-Wl,--wrap=$_" } sort values %wrapped),
	    "$dir/helper.o", "$dir/none.o", "$dir/$row.o", @objects, '-pthread', '-o', "$dir/$row") or next;
	next if $ENV{USDT_ROWS_DIR};
	subtest $row => sub {
		my @lines = `timeout 600 $dir/$row`;
		my $status = $?;
		for (@lines) {
			if (/^(not )?ok \d+ - (.*)/) { ok(!$1, $2) }
			elsif (/^#/) { chomp; diag($_) }
		}
		is($status, 0, 'the program ends well');
		like($lines[-1] // '', qr/^1\.\.\d+$/, 'and says how many tests there were');
	};
}
done_testing();
