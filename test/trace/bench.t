#!/usr/bin/perl
# Do the programs of `make bench` still build and run?
#
# This test judges no figure: times mean nothing on a machine that tests.
#
# SPDX-License-Identifier: BSD-2-Clause
use strict;
use warnings;

use Test::More;
use Usdt::Tracer qw(need scratch_dir source_dir);

need('root', 'cc');

my $dir = scratch_dir();
my $source = source_dir();

sub output
{
	my $text = qx{@_ 2>&1};

	is($?, 0, "@_[0 .. 0] ...") or diag($text);
	return $text;
}

output("env -u MAKEFLAGS -u MAKELEVEL make -s -C $source O=$dir/o BENCH=$dir/b "
    . "lib $dir/b/bench $dir/b/bpf_count");
$ENV{USDT_IMAGE_DIR} = "$dir/images";
$ENV{USDT_HELPER} = '/nonexistent/helper';
my $untraced = output("$dir/b/bench untraced 2 100");
like($untraced, qr/^$_ n6 [\d.]+ [\d.]+$/m, "$_ is timed")
    for qw(loop-checked sdt-checked usdt-checked usdt-fired usdt1x-checked);
my @created = output("$dir/b/bench create usdt 100 2") =~
    /^creation 100 maps \d+ fds \d+ bytes -?\d+ add \d+ enable \d+ /mg;
is(scalar @created, 2, 'creation is measured');
like(output("$dir/b/bench crowd usdt 5 2"), qr/^crowd 5 each \d+$/m,
    'processes that start together');
like(output("$dir/b/bench many usdt 200 60"),
    qr/^many 200 each \d+ destroy \d+$/m, 'many providers in one process');
like(output("$dir/b/bench hold usdt 3 held-x </dev/null"), qr/^ready \d+$/m,
    'processes to watch');
like(output("$source/bench/run --quick --only creation,crowd "
    . "--old $dir/o/libusdt.a $dir/b"),
    qr/^  memory at its peak +\d.*^\d+ of \d+ bounds hold$/ms,
    'the table, with another build beside it');
is(output("$dir/b/bench argc 32 10"), '', '32 arguments are fired');
is(output("$dir/b/bench helper 10"), '', 'a helper is asked');
my $traced = output("echo | $dir/b/bench traced 1 10");
my ($path) = $traced =~ /^path usdt (.+)$/m;
ok(defined $path && -e $path, 'tracers get the path');

done_testing();
