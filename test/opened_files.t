#!/usr/bin/perl
# opened_files.t - does the usdt command open files only, and never a device?
#
# The names belong to the process that is examined, and may lead to a device the
# moment after they were looked up.  So the command holds each by O_PATH, and
# opens what it holds (/proc/self/fd/N) if that is a file.
#
# SPDX-License-Identifier: BSD-2-Clause
use strict;
use warnings;

use Test::More;

use Usdt::Places qw(case scratch place slurp spew);
use Usdt::Process;
use Usdt::Watch qw(run_usdt usdt_command);

my $scratch = scratch();
my $log = "$scratch/log";
my $library = "$scratch/opened.so";
my @nobody = qw(setpriv --reuid=65534 --regid=65534 --clear-groups);

# A directory in which each user can run them.
chmod(0711, $scratch) or die "$scratch: $!\n";
system('cp', Usdt::Process::program(), usdt_command(), $scratch) == 0
    or BAIL_OUT('cp');
$ENV{USDT_BUILD} = $scratch;
system(split(' ', $ENV{CC} // 'cc'), qw(-shared -fPIC -Wall -Wextra -o),
	$library, 'test/opened_files.c') == 0 or BAIL_OUT('opened_files.c');

# opened(AS, PATTERN, ARGUMENT...): run the command; returns the opened names
# and files that match, how often it opened what it held, and its output.
sub opened
{
	my ($as, $pattern, @arguments) = @_;

	spew($log, '');
	chmod(0666, $log) or die "$log: $!\n";
	my (undef, $out, $err) = run_usdt([@$as, 'env',
		"LD_PRELOAD=$library", "OPENED=$log"], @arguments);
	my @lines = split /\n/, slurp($log);
	return ([grep { / $pattern/ } @lines],
		scalar(grep { m{^opened /proc/self/fd/} } @lines), "$out$err");
}

# A user, the command to become that user, and the user's way to files.
my @users = ($> == 0 ? ([root => [], 'map_files'],
	[nobody => \@nobody, 'root']) : [user => [], 'root']);

for (@users) {
	my ($user, $as, $way) = @$_;
	case("what a process has mapped, for $user" => sub {
		my $dir = "$scratch/$user";
		mkdir($dir, 0700);
		chown(65534, 65534, $dir) if @$as;
		my $process = place($dir, under => $as);
		$process->ready or die $process->report;
		my $pid = $process->pid;

		for my $command (qw(list dump)) {
			my ($lines, $count, $said) = opened($as,
				"/proc/$pid/(?:map_files|root)", $command,
				'-p', $pid);
			like($said, qr/testusdt/, "$command sees it");
			is_deeply([grep { !/^held / } @$lines], [],
				'it opens no name');
			cmp_ok(scalar(grep { m{/$pid/$way/} } @$lines), '>', 1,
				"but holds some in $way");
			cmp_ok($count, '>', 1, 'and opens what it holds');
		}
	});
}

for (['list', '/dev/null:x'], ['dump', '/dev/null'],
    $> == 0 && -e '/sys/kernel/tracing/uprobe_events' ?
    ['watch', '/dev/null:x'] : ()) {
	case("@$_" => sub {
		my ($lines, undef, $said) = opened([], '/dev/null$', @$_);

		is_deeply($lines, ['held /dev/null'],
			'it is only held, by no name opened');
		like($said, qr/^usdt: \/dev\/null: is not a (?:regular )?file$/m,
			'and it says why');
	});
}

done_testing();
