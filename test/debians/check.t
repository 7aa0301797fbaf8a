#!/usr/bin/perl
# check.t - does `make check` pass on other Debians, with their compilers and tools?
#
# The trees of `test/setup check-SUITE` have what `make check` asks for and nothing
# else.  $USDT_DEBIANS has the names of suites.
#
# SPDX-License-Identifier: BSD-2-Clause
use strict;
use warnings;

use File::Temp qw(tempdir);
use Test::More;
use Usdt::Tracer qw(need source_dir);

need('root');

my $top = source_dir();
my @suites = split ' ', $ENV{USDT_DEBIANS} // 'trixie';
my %tree = map { my $path = `'$top/test/setup' --check-root $_`;
	chomp($path); $_ => $path } @suites;
for my $suite (grep { !-d $tree{$_} } @suites) {
	my $why = "no $tree{$suite} (test/setup check-$suite makes it)";

	plan($ENV{USDT_NO_SKIP} ? () : (skip_all => $why));
	BAIL_OUT($why);
}
# What hangs ends, and so does the command that a signal to this test leaves.
my $entered;
$SIG{ALRM} = sub { exit 1 };
alarm 900 * @suites;
END { kill('TERM', $entered) if $entered }
# The checkout may belong to another user.
@ENV{qw(GIT_CONFIG_COUNT GIT_CONFIG_KEY_0 GIT_CONFIG_VALUE_0)} = (1, 'safe.directory', '*');

# The tree can't be written: what tests write is in a directory of this test.  There
# are no other processes, no other images and no further descriptors.  It is not
# entered by chroot, in which nobody may make a user namespace.
my $enter = <<'END_OF_SCRIPT';
set -e
mount --bind "$1" "$1"
cd "$1"
mount -o remount,bind,ro .
mount --bind "$2" tmp
mount -t proc proc proc
mount --rbind /sys sys
mount --rbind /dev dev
mount -t tmpfs -o mode=1777 tmpfs dev/shm
patience=$3
pivot_root . .
umount -l .
cd /tmp/libusdt
exec env -i LC_ALL=C PATH=/usr/sbin:/usr/bin HOME=/tmp USDT_NO_SKIP=1 \
    USDT_TEST_PATIENCE="$patience" sh -c \
    'gcc --version; clang --version; exec make check' 2>&1 </dev/null \
    3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-
END_OF_SCRIPT

for my $suite (@suites) {
	my $dir = tempdir('usdt-check-XXXXXX', TMPDIR => 1, CLEANUP => 1);

	chmod(01777, $dir);
	mkdir("$dir/libusdt");
	system('sh', '-c', 'cd "$1" && git ls-files -z | tar -cf - --null -T - | '
	    . 'tar -xf - -C "$2/libusdt"', 'sh', $top, $dir) == 0
	    or die "the sources can't be copied\n";
	$entered = open(my $pipe, '-|', qw(unshare --mount --pid --fork --kill-child sh -c),
	    $enter, 'sh', $tree{$suite}, $dir, $ENV{USDT_TEST_PATIENCE} // 300)
	    or die "unshare: $!\n";
	my $said = join('', <$pipe>);
	my $ended = close($pipe);
	undef $entered;
	my ($files, $tests) = $said =~ /^Files=(\d+), Tests=(\d+)/m;

	note(join(', ', $said =~ /^(gcc .*|.*clang version .*)$/mg));
	ok($ended && $said =~ /^Result: PASS$/m && $tests > 1000,
	    "$suite: " . ($tests // 'no') . ' cases of make check')
	    or diag($said);
}
done_testing();
