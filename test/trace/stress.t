#!/usr/bin/perl
# Is every event seen, and does nothing break, while everything happens at once:
# threads that fire, change and free, forks, signals, and tracers that come and
# go?
#
# If nothing may be skipped, a minute under tracers and a minute without them
# under the thread sanitizer; else ten seconds each ($USDT_STRESS_SECONDS).
#
# SPDX-License-Identifier: BSD-2-Clause
use strict;
use warnings;

use Test::More;
use Time::HiRes qw(time);
use Usdt::Process;
use Usdt::Tracer qw(need tracer_case scratch_dir source_dir);
use Usdt::Watch qw(leftovers);

need('root', 'cc', 'bpftrace');

my $seconds = $ENV{USDT_STRESS_SECONDS} // ($ENV{USDT_NO_SKIP} ? 60 : 10);
my $dir = scratch_dir();
my $prefix = "t${$}x";
my $source = source_dir();
my @cc = ($ENV{CC} // 'cc', qw(-std=gnu99 -g -O2 -Wall -Wextra),
    "-I$source");

alarm(4 * $seconds + 3600);

sub run_or_die
{
	system(@_) == 0 or die "@_: failed\n";
}

sub stress
{
	my ($program, $times) = @_;
	my $process = Usdt::Process->new(program => $program,
		args => [$prefix, $times], patience => 1200,
		env => { USDT_IMAGE_DIR => "$dir/images" });

	$process->ready or die $process->greeting;
	return $process;
}

# path(PROCESS, PROVIDER): the path of its image.
sub path
{
	my ($process, $provider) = @_;
	my ($path) = grep { m{/\Q$prefix$provider\E/} }
	    map { $_->{path} } $process->images;

	return $path // die "$provider has no image\n";
}

# Ends it; returns the rest of its output, as name => number.
sub results
{
	my ($process) = @_;
	my %result;

	$process->send('');
	while (defined(my $line = $process->line)) {
		$result{$2} = $3 while $line =~ /(fired )?(\w+) (\d+)/g;
		last if $line =~ /^wrong/;
	}
	return %result;
}

# Runs tracers that come and go, until time is over and some of them saw events;
# returns how many there were.
sub come_and_go
{
	my ($pid, $end) = @_;
	my @ways = (
		["${prefix}switching:w"], ['-p', $pid, "${prefix}steady:s0"],
		["${prefix}passing*:*"], ["${prefix}living:*"],
	);
	my ($n, $seen) = (0, 0);

	while (time < $end || $n <= $seconds / 4 || $seen == 0) {
		my $watch = Usdt::Tracer::Run->start(Usdt::Watch::command(
			'watch', '-n', 100, @{ $ways[$n % @ways] }));
		my $its_pid = $watch->pid;
		# Its probes may be gone at this moment.
		$watch->read_some(0.05) while $watch->{out}
		    && $watch->errors !~ /^watching/m;
		$watch->wait_until(sub { !$watch->{out} }, 1 + rand);
		$seen += () = $watch->lines(qr/(7 "text")$/);
		$watch->stop('INT');
		$n++;
		fail('a watch left its events') if leftovers($its_pid);
	}
	return ($n, $seen);
}

tracer_case('everything at once, traced' => sub {
	run_or_die(@cc, '-o', "$dir/stress", "$source/test/trace/stress.c",
	    Usdt::Tracer::library(), '-pthread');
	my $process = stress("$dir/stress", 10 * $seconds);
	my ($steady, $living) = map { path($process, $_) } 'steady', 'living';
	my $counter = Usdt::Tracer::Run->start(
		Usdt::Tracer::Bpftrace::command('host', '-e',
		"BEGIN { printf(\"ready\\n\"); }\n"
		. "usdt:$steady:${prefix}steady:s0 { \@s0 = count(); }\n"
		. "usdt:$steady:${prefix}steady:s1 { \@s1 = count(); }\n"
		. "usdt:$living:${prefix}living:kept { \@kept = count(); }\n"));

	$counter->wait_for(qr/^ready$/) or die $counter->report;
	$process->send('');
	my ($watches, $seen) = come_and_go($process->pid, time + $seconds);
	my %did = results($process);
	is($did{wrong}, 0, 'every call did what it should')
	    or diag($process->report);
	ok($did{$_} >= 10 * $seconds, "$did{$_} times: $_")
	    for qw(switched changed passed asked);
	ok($did{children} > 0, "$did{children} children");
	ok($watches > $seconds / 4 && $seen > 0,
	    "$watches watches came and went, with $seen events");
	Usdt::Tracer::Bpftrace::end_softly($counter);
	for my $probe (qw(s0 s1 kept)) {
		my ($counted) = $counter->lines(qr/^\@$probe: (\d+)$/);

		is($counted, $did{$probe}, "each fire of $probe is counted")
		    or diag($counter->report);
	}
	$process->send('');
	is($process->close, 0, 'the process ends well');
});

tracer_case('everything at once, under the thread sanitizer' => sub {
	my @sanitized = (@cc, '-fsanitize=thread', '-fno-omit-frame-pointer');
	my $probe = "echo 'int main(void) { return 0; }' | $cc[0] "
	    . "-fsanitize=thread -x c -o $dir/none - 2>/dev/null";

	if (system($probe) != 0) {
		return fail('no thread sanitizer') if $ENV{USDT_NO_SKIP};
		plan(skip_all => 'the compiler has no thread sanitizer');
	}
	run_or_die('env', '-u', 'MAKEFLAGS', '-u', 'MAKELEVEL', 'make', '-s',
	    '-C', $source, "O=$dir/tsan", 'lib',
	    'CFLAGS=-O1 -g -fsanitize=thread');
	run_or_die(@sanitized, '-o', "$dir/stress-tsan",
	    "$source/test/trace/stress.c", "$dir/tsan/libusdt.a", '-pthread');
	my $process = stress("$dir/stress-tsan", $seconds);

	$process->send('');
	sleep($seconds);
	my %did = results($process);
	is($did{wrong}, 0, 'every call did what it should');
	ok($did{$_} >= $seconds, "$did{$_} times: $_")
	    for qw(switched changed passed asked);
	$process->send('');
	is($process->close, 0, 'the process ends well');
	unlike($process->stderr, qr/WARNING: ThreadSanitizer/, 'no races')
	    or diag($process->report);
});

done_testing();
