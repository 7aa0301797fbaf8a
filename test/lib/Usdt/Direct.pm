# Usdt::Direct - how does a test count what a program fires and a watch prints?
#
# SPDX-License-Identifier: BSD-2-Clause
package Usdt::Direct;

use strict;
use warnings;

use Exporter qw(import);
use Fcntl qw(O_RDWR O_NONBLOCK);
use POSIX qw(mkfifo);
use Test::More;
use Time::HiRes qw(sleep);
use Usdt::Tracer;
use Usdt::Watch qw(usdt_command);

our @EXPORT_OK = qw(run_scenario begin build_host host fired watch attached stuck ended
    exactly $PROVIDER $PATTERN);

=head1 SYNOPSIS

	begin($dir);
	my $program = build_host('direct_host');
	my $host = host($program, 'loop', 1000);
	my $watch = attached($host);
	my ($done, $begun) = fired($host);
	exactly('a loop', $done, $begun, ended($watch));

=head1 FUNCTIONS

=over

=item begin(DIRECTORY)

Sets the environment of programs and watches: the provider is called
C<$PROVIDER>, its images are below the directory, C<$PATTERN> means its probes.

=item build_host(NAME, FLAG...)

Compiles test/trace/NAME.c, which has one probe, C<event>, with the arguments
C<source> and C<serial>; the second counts up within the first.  Returns the
program.  FLAG is for the compiler.

=item host(COMMAND...)

Starts it, and returns when it says that it is ready.  It waits until its probe
is enabled.

=item watch(ARGUMENT...)

Starts a watch with these arguments, and returns when it is attached.

=item attached(HOST, ARGUMENT...)

The same, of the host, which stands still until then.

=item fired(HOST)

Waits for its end, or until it is done if $DIRECT_STAY is set: how many fires it
has done, and begun.  Dies if it does not say so.

=item stuck(HOST)

The same with a watch whose output nobody reads before its end.

=item ended(WATCH, [SIGNAL])

Ends the watch: a hash of how many events it C<printed>, and told to be C<lost> or
not written;
how many threads it told to be C<unread>; how many lines are C<odd>: none that
can be, or twice, or not in order; and what it C<said> on standard error.

=item run_scenario(PROGRAM, WHAT, SCENARIO, COUNT, [LOSSES, ARGUMENT...])

A case: direct_host goes through the scenario, and a watch with these arguments
prints all, by the way that it should.  LOSSES: some may be lost, and told.

=item exactly(WHAT, DONE, BEGUN, HASH)

Tests that all fires were printed or lost.

=back

=cut

our $PROVIDER = "direct$$";
our $PATTERN = "$PROVIDER:*";
my ($dir, $watches) = (undef, 0);

sub begin
{
	($dir) = @_;
	delete @ENV{qw(USDT_DISABLE USDT_DEBUG USDT_BACKENDS USDT_NOP)};
	$ENV{DIRECT_PROVIDER} = $PROVIDER;
	$ENV{USDT_HELPER} = '/nonexistent/helper';
	$ENV{USDT_IMAGE_DIR} = "$dir/images";
	mkdir("$dir/images", 0700) or die "$dir/images: $!\n";
}

sub build_host
{
	my ($name, @flags) = @_;
	my $build = $ENV{USDT_BUILD} // '.';
	my @compiler = split ' ', $ENV{CC} // 'cc';

	system(@compiler, qw(-std=gnu11 -O2 -Wall -Wextra -Werror -I.), '-o',
	    "$dir/$name", "test/trace/$name.c", "$build/libusdt.a",
	    '-pthread', @flags) == 0 or die "$name.c does not compile\n";
	return "$dir/$name";
}

sub host
{
	my $run = Usdt::Tracer::Run->start(@_);

	$run->wait_for(qr/^ready/) or die "no host:\n" . $run->report;
	return $run;
}

sub fired
{
	my ($host) = @_;

	$host->wait_for(qr/^fired \d+ to \d+$/)
	    or die "it does not end well:\n" . $host->report;
	$host->reap if !$ENV{DIRECT_STAY};
	return map { /^fired (\d+) to (\d+)$/ } @{ $host->{lines} };
}

# It writes to a file: there may be millions of lines.
sub watch
{
	my (@arguments) = @_;
	my $file = "$dir/lines" . ++$watches;
	my $run = Usdt::Watch->start('sh', '-c', 'exec "$@" >"$0"', $file,
		usdt_command(), 'watch', @arguments);

	$run->told(qr/(watching \d+ probe)/);
	return { run => $run, file => $file };
}

# A uprobe's gate opens before the uprobe is there.  So the host waits.
sub attached
{
	my ($host, @arguments) = @_;

	kill('STOP', $host->pid);
	my $watch = watch(@arguments, $PATTERN);
	kill('CONT', $host->pid);
	return $watch;
}

sub stuck
{
	my ($host) = @_;
	my $fifo = "$dir/lines" . ($watches + 1);

	mkfifo($fifo, 0600) or die "$fifo: $!\n";
	sysopen(my $out, $fifo, O_RDWR | O_NONBLOCK) or die "$fifo: $!\n";
	return { %{ attached($host) }, fifo => $out };
}

# What a watch has written.
sub lines
{
	my ($watch) = @_;
	my $text = '';

	if (!$watch->{fifo}) {
		open(my $in, '<', $watch->{file})
		    or die "$watch->{file}: $!\n";
		return $in;
	}
	1 while sysread($watch->{fifo}, $text, 1 << 16, length $text);
	$text =~ s/[^\n]+\z//;	# it counts as not written
	open(my $in, '<', \$text) or die;
	return $in;
}

sub ended
{
	my ($watch, $signal) = @_;
	my %end = (printed => 0, lost => 0, unread => 0, odd => 0);
	my %seen;

	sleep(0.3);
	$watch->{run}->stop($signal // 'INT');
	$end{said} = $watch->{run}->errors;
	$end{lost} += $1
	    while $end{said} =~ /: (\d+) events? of .* lost in all$/mg;
	$end{unread} += $1
	    while $end{said} =~ /^usdt: (\d+) threads? ended before/mg;
	$end{lost} += $1
	    while $end{said} =~ /^usdt: (\d+) events? not written: /mg;
	my $in = lines($watch);
	while (<$in>) {
		my ($pid, $source, $serial) = /^\d\d:\d\d:\d\d\.\d{6} (\S+) \S+ $PROVIDER:event source=(\d+) serial=(\d+)$/;

		$source = "$pid $source" if defined $source;
		my $before = defined $source ? $seen{$source} : undef;

		if (!defined $source || (defined $before &&
		    $before >= $serial)) {
			diag("not a line that is expected: $_")
			    if $end{odd}++ == 0;
			next;
		}
		$end{printed}++;
		$seen{$source} = $serial;
	}
	return \%end;
}

my %stays = (loop => 1, signals => 1, bursts => 1);

sub run_scenario
{
	my ($program, $what, $scenario, $count, $losses, @arguments) = @_;

	Usdt::Tracer::tracer_case($what => sub {
		# A thread that has just got a larger ring may end before we
		# have that; so such a process stays until all is read.
		local %ENV = (%ENV,
			$stays{$scenario} ? (DIRECT_STAY => 1) : ());
		my $host = host($program, $scenario, $count);
		my $watch = attached($host, @arguments);
		my ($done, $begun) = fired($host);
		my $end = ended($watch);
		$host->stop('KILL') if $ENV{DIRECT_STAY};
		my $direct = $end->{said} =~ /: 1 probe direct$/m;

		exactly($what, $done, $begun, $end);
		is($end->{lost}, 0, "$what: nothing is lost") if !$losses;
		is($direct ? 'direct' : '--uprobe', $arguments[0] // 'direct',
		    "$what: the way");
	});
}

# Where a process was killed there is maybe one event more.
sub exactly
{
	my ($what, $done, $begun, $end) = @_;
	my $sum = $end->{printed} + $end->{lost};
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	ok($sum >= $done && $sum <= $begun && $end->{odd} == 0 &&
	    $end->{unread} == 0, "$what: $done to $begun fired, "
	    . "$end->{printed} printed, $end->{lost} lost")
	    or diag("$end->{odd} odd lines, $end->{unread} unread\n"
	    . $end->{said});
}

1;
