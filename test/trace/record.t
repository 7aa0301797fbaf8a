#!/usr/bin/perl
# record.t - is what programs pass in the trace that `usdt record` writes?
#
# babeltrace2 reads the traces.
#
# SPDX-License-Identifier: BSD-2-Clause
use strict;
use warnings;

use POSIX ();
use Test::More;
use Time::HiRes qw(sleep time);
use Usdt::Process;
use Usdt::Tracer qw(need tracer_case scratch_dir);
use Usdt::TypesCases qw(request);
use Usdt::Watch qw(run_usdt usdt_command leftovers traced);

need('root', 'cc', 'babeltrace2', 'perf');
alarm 3600;

my $dir = scratch_dir();
my $traces = 0;

sub process { return traced($dir, @_) }

# record(COUNT, ARGUMENT...): a recorder that is attached to COUNT probes, and
# its trace.
sub record
{
	my ($count, @arguments) = @_;
	my $trace = "$dir/trace" . $traces++;
	my $run = Usdt::Watch->start(usdt_command(), 'record', '-o', $trace,
	    @arguments);

	$run->told(qr/(watching $count probes?)\n/);
	return ($run, $trace);
}

# read_traces(TRACE...): the reader's lines without times, its warnings, and the
# times in nanoseconds.
sub read_traces
{
	my $run = Usdt::Watch->start('env', 'LC_ALL=C.UTF-8', 'babeltrace2',
	    '--clock-seconds', '--no-delta', @_);

	$run->wait_until(sub { !$run->{out} });
	is($run->reap->[0], 0, 'babeltrace2 reads it') || diag($run->report);
	my @times;
	my @lines = map {
		s/^\[(\d+)\.(\d{9})\] // or die "not an event: $_\n";
		push @times, [$1, $2];
		my $host = (POSIX::uname())[1];
		s/^\Q$host\E //r;
	} @{ $run->{lines} };
	return (\@lines, $run->errors, \@times);
}

sub slurp
{
	my ($path) = @_;

	open(my $in, '<:raw', $path) or die "$path: $!\n";
	local $/;
	return scalar(<$in>);
}

# --- events -----------------------------------------------------------------

for my $way ([], ['--uprobe']) { tracer_case("values, names and times @$way" => sub {
	my $provider = "r${$}a" . @$way;
	my $process = process($provider, ['f', 'n-1', 'int id', 'char *text',
	    'void *at', 'double took', 'unsigned char'], ['f', 'none']);
	my $pid = $process->pid;
	my $before = time;
	my ($record, $trace) = record(2, @$way, "$provider:*");

	$process->ask('fire 0 -5 caf%c3%a9 0xdead 0x3fb999999999999a 255');
	$process->ask('fire 1');
	$process->ask('fire 0 2147483648 %ff 0 0x7ff0000000000000 256');
	is($record->code_of('INT'), 0, 'interrupted, it exits 0');
	like($record->errors, qr/^usdt: 3 events recorded$/m, '... says how many');
	my ($lines, $errors, $times) = read_traces($trace);
	my $who = "{ procname = \"test_usdt\" }, { pid = $pid, tid = $pid }";
	is_deeply($lines, [
		"$provider:n-1: $who, { id = -5, text = \"caf\xc3\xa9\", at = 0xDEAD, took = 0.1, arg4 = 255 }",
		"$provider:none: $who, { }",
		"$provider:n-1: $who, { id = -2147483648, text = \"\\\\xff\", at = 0x0, took = inf, arg4 = 0 }",
	], 'what was passed') || diag(explain($lines));
	is($errors, '', 'nothing lost');
	my @seconds = map { "$_->[0].$_->[1]" } @$times;
	cmp_ok($seconds[0], '>=', $before, 'the times are those of the clock');
	cmp_ok($seconds[2], '<=', time, '... none is to come');
	is_deeply([ sort @seconds ], \@seconds, '... in order');
	is_deeply([ map { sprintf '%o', (stat)[2] & 0777 } $trace,
	    "$trace/metadata" ], ['700', '600'], 'only its owner may read it');
}) }

tracer_case('structs' => sub {
	my $request = request($dir);
	my ($record, $trace) = record(1, $request->{provider});

	$request->fire(7);
	is($record->code_of('TERM'), 0, 'exit 0');
	my ($lines) = read_traces($trace);
	my ($args) = $lines->[0] =~ /, (\{ id = .*)$/;
	$args =~ s/0x[0-9A-F]{8,}/0x1/g;
	is($args, '{ id = 7, url = "/index", req = { address = 0x1, id = 7, '
	    . 'flags = 3, url = "/index", took = 2.5, bytes = 12345678901, '
	    . 'peer = { host = "localhost", port = 443 }, next = 0x1 }, '
	    . 'took = 3.25, body = "{\"a\":1}", body_len = 7, size = -7, '
	    . 'agent = "curl" }', 'names and members');
});

tracer_case('several processes, children, and all that they fire' => sub {
	my $provider = "r${$}b";
	my @processes = map { process($provider, ['f', 'n', 'int id']) } 1 .. 3;
	my ($record, $trace) = record(1, $provider);

	for my $round (1 .. 5) {
		$processes[$_]->ask('loop 0 ' . (100 * ($_ + 1)) . " $round")
		    for 0 .. 2;
	}
	is($record->code_of('INT'), 0, 'exit 0');
	my ($lines) = read_traces($trace);
	my (%count, %first);
	for (@$lines) {
		/pid = (\d+), tid = \d+ \}, \{ id = (\d+) \}$/ or die $_;
		$count{$1}{$2}++;
	}
	is_deeply(\%count, { map { my $i = $_;
		$processes[$i]->pid => { map { $_ => 100 * ($i + 1) } 1 .. 5 }
	} 0 .. 2 }, 'each fire once, of its process');
	is(scalar(() = glob "$trace/[0-9]*"), 3, 'a stream for each process');
});

for my $way ([], ['--uprobe']) { tracer_case("losses @$way" => sub {
	my $provider = "r${$}c" . @$way;
	my $process = process($provider, ['f', 'n', ('long') x 32]);
	my ($record, $trace) = record(1, @$way, $provider);
	my $fires = 100_000;
	my $end = time + $Usdt::Tracer::PATIENCE;

	# The recorder knows the process when it has written its first event.
	$process->ask("fire 0 @{[ 1 .. 32 ]}");
	sleep(0.05) until glob("$trace/[0-9]*") || time > $end;
	kill('STOP', $record->pid);
	is($process->ask("loop 0 $fires @{[ 1 .. 32 ]}"), "fired $fires",
	    'fired while nobody reads');
	kill('CONT', $record->pid);
	$record->told(qr/(\d+) events lost/);
	is($record->code_of('INT'), 0, 'exit 0');
	my ($lines, $errors) = read_traces($trace);
	my $lost = 0;
	$lost += $1 while $errors =~ /Tracer discarded (\d+) events/g;
	cmp_ok($lost, '>', 0, 'some were lost');
	is(@$lines + $lost, $fires + 1, 'recorded and lost are all');
	unlike($errors, qr/may have/, 'the reader knows how many');
	like($record->errors, qr/^usdt: ${\ scalar @$lines} events recorded, $lost lost$/m,
	    'so does the recorder') || diag($record->errors);
}) }

tracer_case('a trace of the kernel beside it' => sub {
	my $provider = "r${$}d";
	my $process = process($provider, ['f', 'n', 'int id']);
	my $data = "$dir/perf.data";
	my $kernel = Usdt::Watch->start('perf', 'record', '-q', '-k',
	    'CLOCK_MONOTONIC', '-e', 'raw_syscalls:sys_enter', '-o', $data,
	    '-p', $process->pid);
	my ($record, $trace) = record(1, $provider);

	$kernel->wait_at_rest('perf') or die $kernel->report;
	# Each command is read and answered by system calls.
	$process->ask("fire 0 $_") for 1 .. 5;
	$kernel->stop('INT');
	is($record->code_of('INT'), 0, 'exit 0');
	is(system("perf data convert -f --tod --to-ctf=$dir/kernel -i $data >$dir/out 2>&1"),
	    0, 'perf writes a trace') || diag(`cat $dir/out`);
	# Both have the same clock.  But perf looks at the time of day some
	# microseconds later than at the clock.
	my ($offset) = slurp("$trace/metadata") =~ /\toffset = (\d+);/;
	my $metadata = slurp("$dir/kernel/metadata");
	my ($theirs) = $metadata =~ /\toffset = (\d+);/;
	cmp_ok(abs($offset - $theirs), '<', 1e9, 'the offsets are alike');
	$metadata =~ s/\toffset = \K\d+;/$offset;/;
	open(my $out, '>', "$dir/kernel/metadata") or die;
	print $out $metadata;
	close($out) or die;
	my ($lines) = read_traces('--clock-force-correlate', $trace,
	    "$dir/kernel");
	my @course = map { /\{ id = (\d+) \}/ ? "fired $1" :
	    /raw_syscalls:sys_enter.* id = ([01]), / ?
	    ('read', 'write')[$1] : () } @$lines;
	my ($some) = "@course" =~ /(fired 2 write (?:read )+fired 3 write (?:read )+fired 4 write)/;
	ok(defined $some, 'each event lies between the calls around it')
	    || diag("@course");
});

# --- when it ends, and what is left -------------------------------------------

tracer_case('how long' => sub {
	my $provider = "r${$}e";
	my $process = process($provider, ['f', 'n', 'int id']);
	my ($record, $trace) = record(1, '-d', '0.3', $provider);
	my $end = time + $Usdt::Tracer::PATIENCE;
	my $fired = 0;

	$process->ask('fire 0 ' . $fired++)
	    until waitpid($record->pid, POSIX::WNOHANG()) > 0 || time > $end;
	is($?, 0, '-d: it ends by itself');
	my @ids = map { /\{ id = (\d+) \}/ } @{ (read_traces($trace))[0] };
	is_deeply(\@ids, [ 0 .. $#ids ], '... with all that was fired before');
	cmp_ok(scalar @ids, '<=', $fired, '... and no more');

	# A process that is killed takes direct events along that nobody has read.
	($record, $trace) = record(1, '--uprobe', '-p', $process->pid,
	    $provider);
	$process->ask('fire 0 2');
	$process->end('KILL');
	is($record->reap->[0], 0, '-p: it ends with the process');
	is(scalar @{ (read_traces($trace))[0] }, 1, '... with what was fired');
	is(scalar leftovers($record->pid), 0, '... no event is left');
});

tracer_case('a recorder that is killed' => sub {
	my $provider = "r${$}f";
	my $process = process($provider, ['f', 'n', 'int id']);
	my ($record, $trace) = record(1, $provider);

	$process->ask('fire 0 1');
	my $end = time + $Usdt::Tracer::PATIENCE;
	sleep(0.05) until glob("$trace/[0-9]*") || time > $end;
	$record->stop('KILL');
	is(scalar @{ (read_traces($trace))[0] }, 1,
	    'what it wrote each second can be read');
});

tracer_case('wrong directories' => sub {
	my $provider = "r${$}g";
	my $process = process($provider, ['f', 'n', 'int id']);

	mkdir("$dir/used") or die;
	open(my $file, '>', "$dir/used/file") or die;
	my @case = (
		["$dir/used", 1, qr/used: the directory is not empty$/],
		["$dir/used/file", 1, qr/file: Not a directory$/],
		["$dir/no/such", 1, qr{no/such: No such file or directory$}],
		['', 2, qr/-o has to name the trace's directory$/m],
	);
	for (@case) {
		my ($name, $code, $why) = @$_;
		my ($status, $out, $err) = run_usdt('record', '-d', 1, '-o',
		    $name, $provider);
		is($status, $code, "\"$name\": exit $code");
		like($err, qr/^usdt: .*$why/m, '... says why');
	}
	is_deeply([ glob "$dir/used/*" ], ["$dir/used/file"],
	    'what was there is as it was');
	my ($status, undef, $err) = run_usdt('record', '-o', "$dir/none",
	    'nobody-has-this');
	is($status, 1, 'no such probe: exit 1');
	ok(!-e "$dir/none", '... and no directory');
	($status, undef, $err) = run_usdt('record', '-d', 'soon', '-o',
	    "$dir/none", $provider);
	is($status, 2, '-d soon: exit 2');
	like($err, qr/^usdt: --duration wants seconds from 0.1 to 1000000000, not "soon"$/m,
	    '... says what it wants');
	for my $other (1, 0) {
		my $name = "$dir/other$other";

		mkdir($name) or die;
		chmod(0777, $name) or die if !$other;
		chown(65534, 65534, $name) or die if $other;
		($status, undef, $err) = run_usdt('record', '-d', '0.1', '-o',
		    $name, $provider);
		is($status, 1, 'a directory of another user, or for all: exit 1');
		like($err, qr/another user's, or others may write to it$/m,
		    '... and why');
		is(scalar(() = glob "$name/*"), 0, '... it stays empty');
	}
	mkdir("$dir/empty", 0755) or die;
	($status, undef, $err) = run_usdt('record', '-d', '0.1', '-o',
	    "$dir/empty", $provider);
	is($status, 0, 'an empty directory: exit 0') || diag($err);
	is(scalar @{ (read_traces("$dir/empty"))[0] }, 0,
	    '... a trace without events');
});

tracer_case('a full disk' => sub {
	my $provider = "r${$}h";
	my $process = process($provider, ['f', 'n', 'int id']);
	my $trace = "$dir/limited";
	my $run = Usdt::Watch->start('sh', '-c',
	    'ulimit -f 64; exec "$@"', 'sh', usdt_command(), 'record', '-o',
	    $trace, $provider);

	$run->told(qr/(watching 1 probe)\n/);
	$process->ask('loop 0 10000 1');
	my $ended = $run->reap;
	is($ended->[0] >> 8, 1, 'exit 1') || diag($run->report);
	like($run->errors, qr/^usdt: \Q$trace\E: File too large$/m, '... and why');
	is(scalar leftovers($run->pid), 0, '... no event is left');
	my ($lines) = read_traces($trace);
	pass('what was written before can be read: ' . @$lines);
});

done_testing();
