#!/usr/bin/perl
# trixie.t - are the packages for languages built on Debian 13, and do their own
# tests pass there?
#
# The tree of `test/setup trixie` has that Debian's interpreters, compiler and
# bpftrace.  In it run test/LANGUAGE/LANGUAGE.t, in a copy of the sources, under
# this machine's kernel: of all languages, or of those that are arguments.
#
# SPDX-License-Identifier: BSD-2-Clause
use strict;
use warnings;

use File::Temp qw(tempdir);
use TAP::Parser;
use Test::More;
use Usdt::Tracer qw(need source_dir);
use Usdt::Watch qw(usdt_command);

need('root');
alarm 1800;

my $top = source_dir();
chomp(my $tree = `'$top/test/setup' --trixie-root`);
if (!-d $tree) {
	my $why = "no $tree (test/setup trixie unpacks it)";

	plan($ENV{USDT_NO_SKIP} ? () : (skip_all => $why));
	BAIL_OUT($why);
}

my $dir = tempdir('usdt-trixie-XXXXXX', TMPDIR => 1, CLEANUP => 1);

# Without what was built here, for other interpreters.
system('sh', '-c', 'cd "$1" && tar -cf - --exclude "*.o" --exclude "*.so" '
    . '--exclude "*.a" --exclude build --exclude libusdt --exclude blib '
    . '--exclude dist --exclude pm_to_blib --exclude USDT.c --exclude '
    . 'ext/usdt/Makefile --exclude bindings/perl/Makefile --exclude '
    . 'node_modules usdt*.[chs] core image none Makefile LICENSE bindings '
    . 'test/lib test/python test/ruby test/perl test/lua test/setup | '
    . 'tar -xf - -C "$2" && cp "$3" "$2/usdt"', 'sh', $top, $dir,
    usdt_command()) == 0 or die "the sources can't be copied\n";

my $enter = 'for d in proc sys dev tmp; do mount -o rbind "/$d" "$0/$d" || '
    . 'exit 1; done; exec env -i LC_ALL=C PATH=/usr/sbin:/usr/bin HOME=/root '
    . 'USDT_NO_SKIP=1 USDT_BUILD="$1" USDT_TEST_PATIENCE="$2" '
    . '"$(command -v chroot)" "$0" sh -c \'cd "$1" && exec perl -Itest/lib '
    . '"test/$2/$2.t" 2>&1\' sh "$1" "$3"';

for my $language (@ARGV ? @ARGV : qw(lua perl python ruby)) {
	open(my $pipe, '-|', 'unshare', '--mount', 'sh', '-c', $enter, $tree,
	    $dir, $ENV{USDT_TEST_PATIENCE} // 60, $language)
	    or die "unshare: $!\n";
	my $tap = join('', <$pipe>);
	my $ended = close($pipe);
	my $parser = TAP::Parser->new({ tap => $tap });

	$parser->run;
	ok($ended && !$parser->has_problems, "$language: " . $parser->passed
	    . ' of ' . $parser->tests_run . ' cases')
	    or diag($tap);
}
done_testing();
