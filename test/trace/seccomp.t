#!/usr/bin/perl
# seccomp.t - does a reader ever harm a process with a filter of system calls?
#
# A direct event may need system calls, and a filter may end the process for
# them.  seccomp_host.c has such a filter, which allows only what its own loop
# needs, installed at different times.  It must live, and each event must be
# printed or told to be lost.
#
# SPDX-License-Identifier: BSD-2-Clause
use strict;
use warnings;

use Test::More;
use Usdt::Direct qw(begin build_host host fired attached ended exactly
    $PROVIDER $PATTERN);
use Usdt::Tracer qw(need tracer_case scratch_dir);
use Usdt::Watch qw(run_usdt);

need('root', 'cc');
alarm 3600;

my $dir = scratch_dir();
begin($dir);
my $program = build_host('seccomp_host');
my $COUNT = 1000;

# A watch of that host, from before it fires to its end.
sub watched
{
	my ($when, $action, @arguments) = @_;
	my $host = host($program, $when, $action, $COUNT);
	my $watch = attached($host, @arguments);
	my ($done, $begun) = fired($host);
	my $end = ended($watch);

	exactly("$when, $action", $done, $begun, $end);
	return $end;
}

my %by_thread = (early => 'the process', thread => 'one of its threads');

for my $when (sort keys %by_thread) {
	for my $action ('kill', 'errno') {
		tracer_case("$by_thread{$when} had a filter before: $action"
		    => sub {
			my $end = watched($when, $action);

			is($end->{printed}, $COUNT, 'all are printed');
			like($end->{said}, qr/^usdt: \S+: by uprobe, since a process has a seccomp filter$/m,
			    'by uprobe, which it says');
		});
	}
}

# Where the reader could not see it: the thread asks, if it may.
for my $action ('ask', 'errno') {
	tracer_case("a filter after it was attached: $action" => sub {
		my $end = watched('late', $action);

		is($end->{lost}, $COUNT, 'all are lost, which it says');
	});
}

for my $action ('kill', 'errno') {
	tracer_case("a filter after the first events: $action" => sub {
		my $end = watched('warm', $action);

		is($end->{printed}, 3 * $COUNT, 'the ring goes on');
	});
}

tracer_case('no filter' => sub {
	my $end = watched('early', 'allow');

	is($end->{printed}, $COUNT, 'all are printed');
	like($end->{said}, qr/^usdt: \S+: 1 probe direct$/m, 'direct');
});

tracer_case('usdt list says which way' => sub {
	for my $when (sort keys %by_thread) {
		my $host = host($program, $when, 'kill', 1);
		my (undef, $out) = run_usdt('list', '-p', $host->pid);

		like($out, qr/event\(.*\) \[uprobe, since a process has a seccomp filter\]/,
		    "$by_thread{$when} has a filter");
		$host->stop('KILL');
	}
	my $host = host($program, 'early', 'allow', 1);
	my (undef, $out) = run_usdt('list', '-p', $host->pid);
	like($out, qr/event\(.*\) \[direct\]$/m, 'none has one');
});

done_testing();
