#!/usr/bin/perl
# direct.t - is each direct event printed, or told to be lost?
#
# direct_host.c counts what it fires.  A watch prints it, or says how many events
# were lost; nothing may be missing, and nothing may come twice or be invented,
# whatever processes and readers go through.
use strict;
use warnings;

use POSIX ();
use Test::More;
use Time::HiRes qw(sleep);
use Usdt::Tracer qw(need tracer_case scratch_dir);
use Usdt::Watch qw(usdt_command);

need('root', 'cc', 'bpftrace');
alarm 3600;

my $dir = scratch_dir();
my $build = $ENV{USDT_BUILD} // '.';
my $PROVIDER = $ENV{DIRECT_PROVIDER} = "direct$$";
my $PATTERN = "$PROVIDER:*";
my ($PRINTED, $LOST, $UNREAD) = 0 .. 2;

delete @ENV{qw(USDT_DISABLE USDT_DEBUG USDT_BACKENDS USDT_NOP)};
$ENV{USDT_HELPER} = '/nonexistent/helper';
$ENV{USDT_IMAGE_DIR} = "$dir/images";
mkdir("$dir/images", 0700) or die "$dir/images: $!\n";

my @compiler = split ' ', $ENV{CC} // 'cc';
system(@compiler, qw(-std=gnu11 -O2 -Wall -Wextra -Werror), "-I.", '-o',
    "$dir/direct_host", 'test/trace/direct_host.c', "$build/libusdt.a",
    '-pthread') == 0 or BAIL_OUT('direct_host.c does not compile');

# --- programs and watches ---------------------------------------------------

# A program that has said that it is ready.
sub host
{
	my $run = Usdt::Tracer::Run->start("$dir/direct_host", @_);

	$run->wait_for(qr/^ready/) or die "no host:\n" . $run->report;
	return $run;
}

# It ends: how many fires it has done, and begun.
sub fired
{
	my ($host) = @_;
	my $line = $host->wait_for(qr/^fired \d+ to \d+$/)
	    or die "it does not end:\n" . $host->report;

	$host->reap;
	return grep { defined } map { /^fired (\d+) to (\d+)$/ }
	    @{ $host->{lines} };
}

# A watch that writes to a file: there may be millions of lines.
my $watches = 0;

sub watch
{
	my (@arguments) = @_;
	my $file = "$dir/lines" . ++$watches;
	my $run = Usdt::Watch->start('sh', '-c', 'exec "$@" >"$0"', $file,
		usdt_command(), 'watch', @arguments);

	return { run => $run, file => $file };
}

# A uprobe's gate opens before the uprobe is there.  So then the program waits.
sub attached
{
	my ($host, @arguments) = @_;

	kill('STOP', $host->pid) if @arguments;
	my $watch = watch(@arguments, $PATTERN);
	$watch->{run}->told(qr/(watching 1 probe)/);
	kill('CONT', $host->pid) if @arguments;
	return $watch;
}

# It ends: what it printed, and said to be lost and unread.
sub ended
{
	my ($watch, $signal) = @_;
	my ($lost, $unread, %seen, @odd) = (0, 0);

	sleep(0.3);
	$watch->{run}->stop($signal // 'INT');
	my $said = $watch->{run}->errors;
	$lost += $1 while $said =~ /: (\d+) events? of .* lost in all$/mg;
	$unread += $1 while $said =~ /^usdt: (\d+) .*unread/mg;
	open(my $in, '<', $watch->{file}) or die "$watch->{file}: $!\n";
	my ($n, $last) = (0);
	while (<$in>) {
		if (!/^\d\d:\d\d:\d\d\.\d{6} \S+ \S+ $PROVIDER:event source=(\d+) serial=(\d+)$/) {
			push @odd, $_;
			next;
		}
		$n++;
		push @odd, "twice, or not in order: $_"
		    if defined $seen{$1} && $seen{$1} >= $2;
		$seen{$1} = $2;
	}
	diag("not a line that is expected: $odd[0]") if @odd;
	return ($n, $lost, $unread, scalar @odd, $said);
}

# exactly(WHAT, FIRED, ENDED): all of it, and where a process was killed maybe
# one event more.
sub exactly
{
	my ($what, $done, $begun, @ended) = @_;
	my ($printed, $lost, $unread, $odd, $said) = @ended;
	my $sum = $printed + $lost;

	ok($sum >= $done && $sum <= $begun && $odd == 0 && $unread == 0,
	    "$what: $done to $begun fired, $printed printed, $lost lost")
	    or diag("$odd odd lines, $unread unread\n$said");
}

sub run_scenario
{
	my ($what, $scenario, $count, $losses, @arguments) = @_;

	tracer_case($what => sub {
		my $host = host($scenario, $count);
		my $watch = attached($host, @arguments);
		my ($done, $begun) = fired($host);
		my @ended = ended($watch);

		exactly($what, $done, $begun, @ended);
		is($ended[$LOST], 0, "$what: nothing is lost") if !$losses;
	});
}

# --- tests ------------------------------------------------------------------

run_scenario('a loop', 'loop', 1000);
run_scenario('threads that end', 'threads', 500);
run_scenario('forked children', 'children', 100);
run_scenario('children of vfork', 'vforked', 100);
run_scenario('children of clone', 'cloned', 100);
run_scenario('signal handlers', 'signals', 5000);
run_scenario('exec', 'exec', 1000);
run_scenario('bursts of 2,000 each 20 ms', 'bursts', 50);
run_scenario('faster than anybody can read', 'loop', 20_000_000, 1);
run_scenario('by uprobe', 'loop', 1000, 0, '--uprobe');
run_scenario('children that are killed anywhere', 'killed',
    $ENV{USDT_DIRECT_KILLS} // 200, 1);

tracer_case('both ways print the same' => sub {
	my @lines;

	for my $way ([], ['--uprobe']) {
		my $host = host('loop', 20);
		my $watch = attached($host, @$way);
		fired($host);
		ended($watch);
		open(my $in, '<', $watch->{file}) or die;
		push @lines, join('', map { s/^\S+ \S+ //r } <$in>);
	}
	is($lines[0], $lines[1], 'but for time and process');
});

tracer_case('two readers at once, and bpftrace' => sub {
	my $host = host('bursts', 20);
	my $image = (glob "$dir/images/$PROVIDER/*/host")[0];
	my $bpftrace = Usdt::Tracer::Run->start(
		Usdt::Tracer::Bpftrace::command('host', '-e',
		"BEGIN { printf(\"ready\\n\"); } "
		. "usdt:$image:$PROVIDER:event { \@n = count(); }"));

	# All three wait for the gate, which the first of them opens.
	kill('STOP', $host->pid);
	$bpftrace->wait_for(qr/^ready/) or die $bpftrace->report;
	my @watches = map { attached($host) } 1 .. 2;
	kill('CONT', $host->pid);
	my ($done, $begun) = fired($host);
	exactly('each reader', $done, $begun, ended($_)) for @watches;
	$bpftrace->stop('INT');
	my ($n) = join("\n", @{ $bpftrace->{lines} }, $bpftrace->{buffer}) =~
	    /\@n: (\d+)/;
	is($n, $done, 'bpftrace counts them all');
});

tracer_case('a reader that is killed, and another' => sub {
	my $host = host('bursts', 60);
	my $watch = attached($host);

	sleep(0.3);
	$watch->{run}->stop('KILL');
	my $next = attached($host);
	my ($done) = fired($host);
	my ($printed, $lost, $unread, $odd) = ended($next);

	ok($printed > 0 && $printed + $lost < $done && $odd == 0,
	    "the second prints what was fired since: $printed of $done");
});

tracer_case('nothing stays' => sub {
	my $host = host('bursts', 3);
	my $watch = attached($host);
	my $pid = $watch->{run}->pid;
	fired($host);
	ended($watch);
	is(scalar(Usdt::Watch::leftovers($pid)), 0,
	    'of a watch that has ended');
	is_deeply([glob '/dev/shm/*usdt-ring*'], [], 'nor a file');
});

done_testing();
