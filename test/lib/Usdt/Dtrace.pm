# Usdt::Dtrace - how does a test run the real dtrace and dtprobed?
#
# For tests inside the machine of test/vm. dtrace takes seconds to start there,
# so one script should check many cases.  Every event of a test's clauses prints
# a line that starts with "> ".
#
# SPDX-License-Identifier: BSD-2-Clause
package Usdt::Dtrace;

use strict;
use warnings;

use Exporter qw(import);
use File::Temp ();
use POSIX qw(WNOHANG);
use Test::More;
use Time::HiRes qw(time sleep);

use Usdt::Process;
use Usdt::Tracer qw(tracer_case);

our @ISA = ('Usdt::Tracer::Run');
our @EXPORT_OK = qw(dtrace_case process listing tree_of dtprobed_log
	restart_dtprobed same_events eventually wait_errors build_path
	as_user child_status fires_of);

# The directory of the programs for this machine's tests.
sub build_path
{
	return ($ENV{USDT_BUILD} // '.') . "/$_[0]";
}

# The words before a command that run it as an ordinary user.
sub as_user
{
	return ('setpriv', '--reuid=1000', '--regid=1000', '--clear-groups',
		@_);
}

# process(PROVIDER, ARGUMENT...): an ordinary user's test_usdt, or dies.  A hash
# as the first argument has options for Usdt::Process.
sub process
{
	my %option = ref $_[0] ? %{ shift @_ } : ();
	my ($provider, @arguments) = @_;
	my $program = delete $option{program} // [as_user(
		build_path('test_usdt'))];
	my $process = Usdt::Process->new(program => $program,
		args => ['-p', $provider, @arguments], %option);

	$process->ready or die $process->greeting . "\n";
	return $process;
}

# child_status(PROCESS): the status of its forked child, after it has registered
# its probes with dtprobed: where that is slow, when it enables.
sub child_status
{
	my ($process) = @_;
	my $status = $process->status('child ');

	return $status if ($status->{'dof.reason'} // '') !~
	    /^not yet registered/;
	note("dtprobed is slow: $status->{'dof.reason'}");
	is($process->ask('child enable'), 'child ok', 'the child enables');
	return $process->status('child ');
}

# dtrace_case(NAME, CODE): a subtest; a failure shows what dtrace printed, and
# the end of dtprobed's log.
sub dtrace_case
{
	my ($name, $code) = @_;
	my $start = time;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $ok = tracer_case($name, $code);
	diag("the end of dtprobed's log:\n" . dtprobed_log(40)) if !$ok;
	note(sprintf('%s: %.1f s', $name, time - $start));
	return $ok;
}

sub dtprobed_log
{
	my ($count) = @_;

	open(my $log, '<', '/tmp/dtprobed.log') or return '';
	my @lines = grep { !/Added mapping|unique:/ } <$log>;
	splice(@lines, 0, -$count) if $count && @lines > $count;
	return join('', @lines);
}

# The common start of all dtrace commands.  Its own D libraries would take most
# of its start-up under emulation; the directory has only the indispensable
# ones.
sub command
{
	return ('dtrace', '-xsyslibdir=/dlib', '-xswitchrate=20hz',
		'-xaggrate=20hz', '-q', @_);
}

# run(SCRIPT, OPTION...): returns when everything is attached: dtrace runs BEGIN
# after that.
sub run
{
	my ($class, $script, @options) = @_;
	my $file = File::Temp->new(TEMPLATE => 'usdt-d-XXXXXX',
		DIR => '/tmp', SUFFIX => '.d');

	my $start = time;

	print $file "BEGIN { printf(\"ready\\n\"); }\n$script\n";
	close($file);
	my $self = $class->start(command(@options, '-s', $file->filename));
	$self->{script} = $file;
	$self->wait_for(qr/^ready$/) or die "dtrace did not start:\n"
	    . $self->report . "\n$script\n";
	note(sprintf('dtrace attached in %.1f s', time - $start));
	return $self;
}

# fires_of(PROBES, OPTION...): a run whose events are "PID ARG0".
sub fires_of
{
	my ($probes, @options) = @_;

	return __PACKAGE__->run("$probes { printf(\"> %d %d\\n\", pid, arg0); }",
		@options);
}

# dtrace does not promise the order of events of several processors.
sub events
{
	my ($self) = @_;

	my @events = sort { $a cmp $b } $self->lines(qr/^> (.*)$/);

	return @events;
}

sub wait_events
{
	my ($self, $n) = @_;

	return $self->wait_until(sub { $self->events >= $n });
}

# In this time dtrace reads its buffers several times, so all events have come.
sub settle
{
	my ($self) = @_;
	my $end = time + ($ENV{USDT_TEST_SETTLE} // 0.7);

	while (time < $end) {
		$self->read_some(0.1) or sleep(0.1);
	}
}

# wait_errors(RUN, PATTERN): wait until PATTERN is on the standard error of a
# running command.  It polls, since no output announces it.
sub wait_errors
{
	my ($run, $pattern) = @_;

	return eventually(sub {
		$run->read_some(0.1);
		$run->errors =~ $pattern;
	});
}

# finish(N): waits for N events, and a little for excess ones, ends dtrace and
# returns all events.  Complaints of dtrace (lost events, unreadable addresses)
# are failures.
sub finish
{
	my ($self, $n) = @_;

	my $start = time;
	$self->wait_events($n);
	my $events = time;
	$self->settle;
	my $stop = time;
	$self->stop('INT');
	note(sprintf('the events came in %.1f s, ending took %.1f s',
	    $events - $start, time - $stop));
	is($self->errors, '', 'dtrace has no complaints');
	return $self->events;
}

sub same_events
{
	my ($got, $expected, $name) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return is_deeply($got, [sort { $a cmp $b } @$expected], $name);
}

# listing(SPEC, OPTION...): the output of `dtrace -l`, a hash for each probe:
# provider, module, function, name, and with -v types.
sub listing
{
	my ($spec, @options) = @_;
	my $run = __PACKAGE__->start(command('-l', @options, '-n', $spec));
	my (@probes, $in_types);

	$run->wait_until(sub { !$run->{out} });
	$run->stop('CONT');
	for my $line ($run->lines(qr/^(.*)$/)) {
		if ($line =~ /^\s*\d+\s+(\S+)\s+(\S+)\s+(\S+)\s+(\S+)\s*$/) {
			push @probes, { provider => $1, module => $2,
				function => $3, name => $4, types => [] };
			$in_types = 0;
		} elsif ($line =~ /^\s*Argument Types/) {
			$in_types = 1;
		} elsif ($in_types && $line =~ /^\s*args\[(\d+)\]: (.*)$/) {
			$probes[-1]{types}[$1] = $2;
		}
	}
	@probes = sort { "@$a{qw(provider module function name)}" cmp
	    "@$b{qw(provider module function name)}" } @probes;
	return @probes;
}

# tree_of(PID): the files that dtprobed keeps of a process: every path below its
# two directories, relative to them.
sub tree_of
{
	my ($pid) = @_;
	my @found;

	for my $top ("/run/dtrace/stash/dof-pid/$pid",
	    "/run/dtrace/probes/$pid") {
		next if !-e $top;
		open(my $find, '-|', 'find', $top) or die "find: $!\n";
		push @found, map { chomp; s{^/run/dtrace/}{}r } <$find>;
		close($find);
	}
	@found = sort { $a cmp $b } @found;
	return @found;
}

# eventually(CODE): its value once it is true, or its last one.
sub eventually
{
	my ($code, $seconds) = @_;
	my $end = time + ($seconds // $Usdt::Tracer::PATIENCE);
	my $value;

	sleep(0.05) until ($value = $code->()) || time > $end;
	return $value;
}

# restart_dtprobed(ARGUMENT...): end dtprobed, and start it with these
# arguments, as this machine's init did.
sub restart_dtprobed
{
	my (@arguments) = @_;
	my $pidfile = '/run/dtprobed.pid';

	open(my $in, '<', $pidfile) or die "$pidfile: $!\n";
	chomp(my $pid = <$in>);
	close($in);
	kill('TERM', $pid);
	eventually(sub { !-d "/proc/$pid" || zombie($pid) })
	    or die "dtprobed does not end\n";
	my $new = fork() // die "fork: $!\n";
	if ($new == 0) {
		setpgrp(0, 0);
		open(STDIN, '<', '/dev/null');
		open(STDOUT, '>>', '/tmp/dtprobed.log');
		open(STDERR, '>&', \*STDOUT);
		exec('dtprobed', '-F', '-d', @arguments) or POSIX::_exit(127);
	}
	open(my $out, '>', $pidfile) or die "$pidfile: $!\n";
	print $out "$new\n";
	close($out);
	# Before it serves, it parses all documents that it has, and removes
	# those of processes that have ended.
	eventually(sub { -c '/dev/dtrace/helper' }, 300)
	    or die "dtprobed makes no device\n";
	chmod(0666, '/dev/dtrace/helper');
	return $new;
}

sub zombie
{
	my ($pid) = @_;

	open(my $in, '<', "/proc/$pid/stat") or return 1;
	return <$in> =~ /\) Z /;
}

1;
