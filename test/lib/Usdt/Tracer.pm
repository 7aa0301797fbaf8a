# Usdt::Tracer - how does a test run a real tracer, and never hang on it?
#
# Everything here has a time limit, ends what it started (also when the test
# dies), and keeps the tracer's output, which a failing case shows.
#
# SPDX-License-Identifier: BSD-2-Clause
package Usdt::Tracer;

use strict;
use warnings;

use Cwd qw(abs_path);
use Exporter qw(import);
use File::Basename qw(basename dirname);
use File::Temp qw(tempdir);
use Test::More;

use Usdt::Cross ();

our @EXPORT_OK = qw(need tracer_case scratch_dir build_c source_dir
    kernel_headers bcc_headers);

# The time that any single step may take.  Machines that run tests are often
# busy: this is a limit for what hangs, not for speed.
our $PATIENCE = $ENV{USDT_TEST_PATIENCE} // 300;

# The tracers of the current case, whose output is shown if it fails.
our @started;

# A death by signal runs no END block and would leave events behind.
$SIG{$_} //= sub { exit 1 } for qw(HUP INT TERM);

sub source_dir
{
	return abs_path(dirname(__FILE__) . '/../../..');
}

# scratch_dir(): a directory that is removed at the end.  It is under /tmp,
# which sid's bpftrace sees too.
sub scratch_dir
{
	return tempdir('usdt-test-XXXXXX', DIR => '/tmp', CLEANUP => 1);
}

# need(WHAT...): continue only if this machine has what the test needs.
# Otherwise the test is skipped with the reason; under USDT_NO_SKIP it fails.
sub need
{
	for my $what (@_) {
		my $lack = lacks($what) // next;
		if ($ENV{USDT_NO_SKIP}) {
			plan(tests => 1);
			fail("$lack, and USDT_NO_SKIP is set");
			exit 1;
		}
		plan(skip_all => $lack);
	}
}

# lacks(WHAT): undef, or the reason why WHAT can't be used here.
sub lacks
{
	my ($what) = @_;

	return $> == 0 ? undef : 'tracing needs root' if $what eq 'root';
	return lacks_bpftrace($what) if $what =~ /^bpftrace/;
	return lacks_tracefs() // lacks_command('perf') if $what eq 'perf';
	return $ENV{USDT_BUILT} ? undef : lacks_command($ENV{CC} // 'cc')
	    if $what eq 'cc';
	return lacks_command($what) if $what =~ /^(node|npm|musl-gcc|gdb|stap|babeltrace2)$/;
	return lacks_command('trace-bpfcc') if $what eq 'bcc';
	return lacks_python() if $what eq 'python';
	return lacks_ruby() if $what eq 'ruby';
	return lacks_command(ruby()) if $what eq 'ruby alone';
	return lacks_perl() if $what eq 'perl headers';
	return lacks_lua() if $what eq 'lua';
	return defined kernel_headers() ? undef : 'no headers of a kernel in '
	    . '/usr/src' if $what eq 'kernel headers';
	return Usdt::Cross::lacks_cross() if $what eq 'cross';
	die "need: unknown need '$what'\n";
}

sub lacks_command
{
	my ($command) = (split ' ', $_[0])[0];
	return if $command =~ m{/} && -x $command;
	return if grep { -x "$_/$command" } split /:/, $ENV{PATH};
	return "$command is not installed";
}

# python(): Debian's own, for which its packages are, or the first one.
sub python
{
	return -x '/usr/bin/python3' ? '/usr/bin/python3' : 'python3';
}

sub lacks_python
{
	my $lack = lacks_command(python());
	return $lack if $lack;
	my $asks = 'import os, setuptools, sysconfig; os.stat(os.path.join('
	    . 'sysconfig.get_path("include"), "Python.h"))';
	return if system(python(), '-I', '-W', 'ignore', '-c',
		"try:\n $asks\nexcept Exception: exit(1)") == 0;
	return python() . ' has no setuptools, or no Python.h (test/setup '
	    . 'python)';
}

# ruby(): Debian's own, or the first one.
sub ruby
{
	return -x '/usr/bin/ruby' ? '/usr/bin/ruby' : 'ruby';
}

sub lacks_ruby
{
	my $lack = lacks_command(ruby());
	return $lack if $lack;
	return if system(ruby(), '-e', 'require "minitest"; require "rbs"; '
		. 'exit File.exist?('
		. 'RbConfig::CONFIG["rubyhdrdir"] + "/ruby.h")') == 0;
	return ruby() . ' has no minitest, no rbs, or no ruby.h (test/setup ruby)';
}

# luas(): those that are here with their headers.  The package's Makefile knows
# where these are.
sub luas
{
	my $package = source_dir() . '/bindings/lua';

	return grep { !lacks_command($_)
		&& `make -s -C '$package' has-headers LUA=$_ 2>/dev/null` }
	    qw(lua5.4 luajit lua5.3 lua5.2 lua5.1);
}

sub lacks_lua
{
	my %have = map { $_ => 1 } luas();
	my @lacks = grep { !$have{$_} } qw(lua5.4 luajit);

	return @lacks ? "no @lacks with headers (test/setup lua)" :
	    lacks_command('luarocks');
}

# The Perl that runs this.
sub lacks_perl
{
	require Config;
	return if eval { require ExtUtils::MakeMaker } &&
	    -e "$Config::Config{archlibexp}/CORE/perl.h";
	return "$^X has no ExtUtils::MakeMaker, or no perl.h (test/setup perl)";
}

# kernel_headers(): Debian's directory of the newest kernel headers here.  They
# need not be the running kernel's: what bcc and SystemTap use of them for a
# probe of a process stays the same for years.
sub kernel_headers
{
	my ($newest) = sort { -M $a <=> -M $b }
	    glob('/usr/src/linux-headers-*/include/generated/autoconf.h');
	return defined $newest ? dirname(dirname(dirname($newest))) : undef;
}

# bcc_headers(DIR): such headers as one tree, made in DIR. Debian has two, bcc uses
# one.
sub bcc_headers
{
	my $headers = kernel_headers();
	my $common = $headers =~ s/-[^-]+$/-common/r;
	my $tree = "$_[0]/headers";

	mkdir($tree);
	for my $in ('include', map { "arch/$_/include" }
	    map { basename($_) } glob("$headers/arch/*")) {
		my $to = $tree;
		mkdir($to .= "/$_") for split m{/}, $in;
		symlink($_, "$to/" . basename($_))
		    for glob("$common/$in/* $headers/$in/*");
	}
	return $tree;
}

sub lacks_tracefs
{
	return if -e '/sys/kernel/tracing/uprobe_events';
	return 'no /sys/kernel/tracing/uprobe_events: is tracefs mounted?';
}

# An installed bpftrace may still not work: in a container, for example.
sub lacks_bpftrace
{
	my ($what) = @_;
	my $driver = $what eq 'bpftrace-sid' ? 'sid' : 'host';

	if ($driver eq 'host') {
		my $lack = lacks_command('bpftrace');
		return $lack if $lack;
	} elsif (!-x sid_root() . '/usr/bin/bpftrace') {
		return 'no bpftrace of Debian sid in ' . sid_root()
		    . ' (test/setup sid unpacks it)';
	}
	my $run = Usdt::Tracer::Run->start(Usdt::Tracer::Bpftrace::command(
		$driver, '-e', 'BEGIN { printf("works\n"); exit(); }'));
	my $works = $run->wait_for(qr/^works$/);
	$run->stop('INT');
	return if $works;
	return "bpftrace ($driver) does not work here:\n" . $run->output;
}

# sid_root(): where test/setup unpacks sid's bpftrace; a machine of test/vm has
# it elsewhere.
my $sid_root = $ENV{USDT_SID_ROOT};
sub sid_root
{
	if (!defined $sid_root) {
		my $setup = source_dir() . '/test/setup';
		open(my $pipe, '-|', $setup, '--sid-root')
		    or die "$setup: $!\n";
		chomp($sid_root = <$pipe> // '');
		close($pipe) && $sid_root ne '' or die "$setup: failed\n";
	}
	return $sid_root;
}

# tracer_case(NAME, CODE): a subtest.  It fails if CODE dies; a failure shows
# all output of the case's tracers.
sub tracer_case
{
	my ($name, $code) = @_;
	local @started;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $ok = subtest($name => sub {
		eval { $code->(); 1 } or fail("died: $@");
		done_testing();
	});
	if (!$ok) {
		diag($_->report) for @started;
	}
	$_->stop('KILL') for @started;
	return $ok;
}

# build_c(OUTPUT, ARGUMENT...): compile with the compiler of the build.  A
# machine without one gets the file of that name, which the host compiled, from
# $USDT_BUILT.
sub build_c
{
	my ($output, @arguments) = @_;
	if (my $built = $ENV{USDT_BUILT}) {
		my $from = "$built/" . basename($output);
		system('cp', $from, $output) == 0 or die "no $from\n";
		return $output;
	}
	my @command = (split(' ', $ENV{CC} // 'cc'), '-g', '-O2', '-Wall',
		'-I', source_dir(), '-o', $output, @arguments);

	system(@command) == 0 or die "failed: @command\n";
	return $output;
}

# The library of this build.
sub library
{
	return abs_path($ENV{USDT_BUILD} // source_dir()) . '/libusdt.a';
}


# A running tracer: a child process whose output is read line by line.
package Usdt::Tracer::Run;

use Errno qw(EINTR);
use File::Temp ();
use IO::Select;
use POSIX qw(WNOHANG);
use Time::HiRes qw(time sleep);

my %alive;

# start(COMMAND...): the command is killed when the test ends, however it ends.
# A first argument of { keep => [handles] } passes these on.
sub start
{
	my ($class, @command) = @_;
	my $keep = ref $command[0] ? (shift @command)->{keep} : [];
	my $stderr = File::Temp->new(TEMPLATE => 'usdt-stderr-XXXXXX',
		DIR => '/tmp');

	pipe(my $read, my $write) or die "pipe: $!\n";
	defined(my $pid = fork()) or die "fork: $!\n";
	if ($pid == 0) {
		become($write, $stderr, $keep, @command);
	}
	close($write);
	my $self = bless {
		pid => $pid, command => "@command", out => $read,
		stderr => $stderr, buffer => '', lines => [], seen => 0,
		owner => $$,
	}, $class;
	$alive{$pid} = 1;
	push @Usdt::Tracer::started, $self;
	return $self;
}

# The child's side of start.
sub become
{
	my ($write, $stderr, $keep, @command) = @_;

	$SIG{$_} = 'DEFAULT' for qw(HUP INT QUIT TERM);
	open(STDIN, '<', '/dev/null');
	open(STDOUT, '>&', $write);
	open(STDERR, '>&', $stderr);
	fcntl($_, POSIX::F_SETFD(), 0) for @$keep;
	# A process group of its own: keys typed at a terminal are for the test.
	setpgrp(0, 0);
	exec('setpriv', '--pdeathsig', 'KILL', @command)
	    or print STDERR "setpriv: $!\n";
	POSIX::_exit(127);
}

sub pid { return $_[0]->{pid} }

# read_some(SECONDS): read new output; false at its end.
sub read_some
{
	my ($self, $seconds) = @_;

	return 0 if !$self->{out};
	return 1 if !IO::Select->new($self->{out})->can_read($seconds);
	my $got = sysread($self->{out}, $self->{buffer}, 65536,
		length $self->{buffer});
	return 1 if !defined $got && $! == EINTR;
	while ($self->{buffer} =~ s/^([^\n]*)\n//) {
		push @{$self->{lines}}, $1;
	}
	return 1 if $got;
	delete $self->{out};
	return 0;
}

# wait_until(CONDITION, SECONDS): read until CONDITION holds.  False if time
# runs out or the tracer ends first.
sub wait_until
{
	my ($self, $condition, $seconds) = @_;
	my $end = time + ($seconds // $Usdt::Tracer::PATIENCE);

	until ($condition->()) {
		my $left = $end - time;
		return 0 if $left <= 0;
		$self->read_some($left) or return $condition->() ? 1 : 0;
	}
	return 1;
}

# wait_at_rest(NAME): wait until the process runs the program of that name and
# sleeps.  It has the name before it has mapped its file.
sub wait_at_rest
{
	my ($self, $name) = @_;
	my $end = time + $Usdt::Tracer::PATIENCE;
	my $stat = "/proc/$self->{pid}/stat";

	for (my ($before, $now) = ('', ''); time < $end; $before = $now) {
		open(my $in, '<', $stat) or return 0;
		# Its name, state, and how often it ran.
		$now = <$in> =~ /\((.*)\) S/ && $1 eq $name ?
		    join('', grep { /switches/ } status($self->{pid})) : '';
		return 1 if $now ne '' && $now eq $before;
		sleep(0.2);
	}
	return 0;
}

sub status
{
	open(my $in, '<', "/proc/$_[0]/status") or return;
	return <$in>;
}

# wait_for(PATTERN, SECONDS): until a line matches.
sub wait_for
{
	my ($self, $pattern, $seconds) = @_;

	return $self->wait_until(sub {
		grep { /$pattern/ } @{$self->{lines}};
	}, $seconds);
}

# lines(PATTERN): the captures of the lines so far that match.
sub lines
{
	my ($self, $pattern) = @_;

	return map { /$pattern/ ? $1 // $_ : () } @{$self->{lines}};
}

# stop(SIGNAL): signal the tracer, read the rest, and wait.  Returns the status,
# or undef if it had to be killed. bpftrace 0.17 misses a signal that comes
# while it handles an event or just before it sleeps, so the signal is repeated
# each second, by TERM, since a second INT would end it while it detaches. bcc's
# tools get more time between signals: Python drops a signal that comes while a
# line is printed, and one that comes later keeps it from cleaning up.
sub stop
{
	my ($self, $signal) = @_;

	return $self->{status} if !$self->{pid} || $self->{owner} != $$;
	my $end = time + $Usdt::Tracer::PATIENCE;
	my ($again, $pause) = $self->{command} =~ /\bbpftrace\b/ ? ('TERM', 1)
	    : $self->{command} =~ /-bpfcc\b/ ? ($signal, 20)
	    : ($signal, $Usdt::Tracer::PATIENCE);
	my $ended;
	do {
		kill($signal, $self->{pid});
		$ended = $self->wait_until(sub { !$self->{out} }, $pause);
		$signal = $again;
	} until $ended || time >= $end;
	$ended &&= $self->reap;
	if (!$ended) {
		kill('KILL', $self->{pid});
		waitpid($self->{pid}, 0);
	} else {
		$self->{status} = $ended->[0];
	}
	delete $alive{delete $self->{pid}};
	delete $self->{out};
	return $self->{status};
}

# reap(): [status] once the child has ended, undef if it does not.
sub reap
{
	my ($self) = @_;
	my $end = time + $Usdt::Tracer::PATIENCE;

	while (time < $end) {
		my $got = waitpid($self->{pid}, WNOHANG);
		return [$got < 0 ? undef : $?] if $got != 0;
		sleep(0.02);
	}
	return;
}

sub errors
{
	my ($self) = @_;

	open(my $file, '<', $self->{stderr}->filename) or return '';
	local $/;
	return scalar(<$file>) // '';
}

sub output
{
	my ($self) = @_;

	return join('', map { "$_\n" } @{$self->{lines}})
	    . $self->{buffer} . $self->errors;
}

sub report
{
	my ($self) = @_;

	return "--- $self->{command}\n" . $self->output . "--- end of output";
}

sub DESTROY
{
	my ($self) = @_;
	local ($?, $!, $@);

	$self->stop('KILL');
}

# end_all(): kill and wait, since events in use can't be deleted.
sub end_all
{
	kill('KILL', keys %alive);
	waitpid($_, 0) for keys %alive;
	%alive = ();
}


# bpftrace: the host's, sid's, or that of the machine in which the test runs.
package Usdt::Tracer::Bpftrace;

our @ISA = ('Usdt::Tracer::Run');

# command(DRIVER, ARGUMENT...): sid's runs in its own tree, with this machine's
# kernel file systems and with /tmp and /dev/shm, so that images have the same
# paths there.  The mounts end with their process.
sub command
{
	my ($driver, @arguments) = @_;

	return ('env', 'LC_ALL=C', 'BPFTRACE_STRLEN=32', 'bpftrace',
		@arguments) if $driver eq 'host';
	return ('bpftrace', @arguments) if $driver eq 'guest';
	my $enter = 'for d in proc sys dev tmp; do'
	    . ' mount -o rbind "/$d" "$0/$d" || exit 1; done;'
	    . ' exec env -i LC_ALL=C PATH=/usr/sbin:/usr/bin HOME=/'
	    . ' "$(command -v chroot)" "$0" bpftrace "$@"';
	return ('unshare', '--mount', 'sh', '-c', $enter,
		Usdt::Tracer::sid_root(), @arguments);
}

# run(DRIVER, CLAUSES, PID): start it, and return when everything is attached.
# A clause is [ATTACH POINTS, FORMAT, EXPRESSION...].  Each fire is printed and,
# since printed lines could get lost, counted too.  Old and new bpftrace print
# the text of BEGIN only after everything is attached.
sub run
{
	my ($class, $driver, $clauses, $pid) = @_;
	my $script = "BEGIN { printf(\"ready\\n\"); }\n";

	for my $clause (@$clauses) {
		my ($where, $format, @values) = @$clause;
		my $list = join(', ', "\"> $format\\n\"", @values);
		$script .= "$where { printf($list); \@fires = count(); }\n";
	}
	my $self = $class->start(command($driver, $pid ? ('-p', $pid) : (),
		'-e', $script));
	$self->wait_for(qr/^ready$/) or
	    die "bpftrace did not attach:\n" . $self->report . "\n";
	return $self;
}

sub events
{
	my ($self) = @_;

	return $self->lines(qr/^> (.*)$/);
}

# wait_events(N): wait until N fires were printed, time runs out, or it died.
sub wait_events
{
	my ($self, $n) = @_;

	return $self->wait_until(sub { $self->events >= $n });
}

# end_softly(): bpftrace 0.17 misses a signal that comes while it prints, so the
# signal is repeated.  A second INT would end it before it printed the counts.
sub end_softly
{
	my ($self) = @_;
	my $end = time + $Usdt::Tracer::PATIENCE;

	while ($self->{pid} && time < $end) {
		kill('TERM', $self->{pid});
		last if $self->wait_until(sub { !$self->{out} }, 0.5);
	}
	$self->stop('TERM');
}

# finish(N): wait for N fires, end, and return the counts and the printed lines.
# Fires beyond N are included.
sub finish
{
	my ($self, $n) = @_;

	$self->wait_events($n);
	$self->end_softly;
	my ($fires) = $self->lines(qr/^\@fires: (\d+)$/);
	return ($fires // 0, $self->events);
}


# perf, with events, data and a cache of build-ids separate from the user's.
package Usdt::Tracer::Perf;

use IO::Handle;

my $uprobe_events = '/sys/kernel/tracing/uprobe_events';
my %groups;

# provider(): the name that the traced provider must have.  Events and their
# names are global: ours contain the process id.
sub provider
{
	return "perf${$}test";
}

# new(): also deletes the events of killed tests.
sub new
{
	my ($class) = @_;
	my $self = bless {
		dir => Usdt::Tracer::scratch_dir(),
		group => 'sdt_' . provider(),
	}, $class;

	$groups{$self->{group}} = $$;
	delete_events(sub {
		$_[0] =~ /^sdt_perf(\d+)test$/ && !-d "/proc/$1";
	});
	return $self;
}

sub command
{
	my ($self, @arguments) = @_;

	return ('env', 'LC_ALL=C', "HOME=$self->{dir}", 'perf',
		'--buildid-dir', "$self->{dir}/buildid", @arguments);
}

# call(ARGUMENT...): run to the end; returns the output, stderr included.
sub call
{
	my ($self, @arguments) = @_;
	my $run = Usdt::Tracer::Run->start($self->command(@arguments));

	$run->wait_until(sub { !$run->{out} }) or
	    die "perf does not end:\n" . $run->report . "\n";
	my $status = $run->stop('CONT');
	die "perf failed:\n" . $run->report . "\n" if $status != 0;
	return $run->output;
}

# record(ARGUMENT...): starts to record, and returns when the events count.
# They start disabled: perf reports when it has enabled them.
sub record
{
	my ($self, @arguments) = @_;

	pipe(my $theirs, my $orders) or die "pipe: $!\n";
	pipe(my $answers, my $answer) or die "pipe: $!\n";
	my $control = 'fd:' . fileno($theirs) . ',' . fileno($answer);
	$self->{data} = "$self->{dir}/perf.data";
	my $run = Usdt::Tracer::Run->start({ keep => [$theirs, $answer] },
		$self->command('record', '-q', '-o', $self->{data},
		'-D', '-1', "--control=$control", @arguments));
	close($theirs);
	close($answer);
	local $SIG{PIPE} = 'IGNORE';
	syswrite($orders, "enable\n");
	my $said = '';
	IO::Select->new($answers)->can_read($Usdt::Tracer::PATIENCE) and
	    sysread($answers, $said, 64);
	$said =~ /^ack/ or
	    die "perf does not record:\n" . $run->report . "\n";
	$self->{recorder} = $run;
	$self->{orders} = $orders;
	return $run;
}

# script(STACKS): ends recording and returns the events, each { pid, event,
# text, argN => ... }.  With STACKS, each has its functions in stack, innermost
# first; perf 7 dies of looking for inlined ones.
sub script
{
	my ($self, $stacks) = @_;

	$self->{recorder}->stop('INT');
	my @events;
	for my $line (split /\n/, $self->call('script', '-i', $self->{data},
	    '--no-inline', '-F', 'pid,event,trace' . ($stacks ? ',ip,sym' : ''))) {
		push @{ $events[-1]{stack} }, $1
		    if $stacks && @events && $line =~ /^\s+[0-9a-f]+ (\S+)/;
		my ($pid, $event, $text) =
		    $line =~ /^\s*(\d+)\s+(\S+):\s+\([0-9a-f]+\)\s*(.*)$/
		    or next;
		my %arguments = $text =~ /(arg\d+)=("[^"]*"|\S+)/g;
		push @events, {
			pid => $pid, event => $event, text => $text,
			%arguments,
		};
	}
	return @events;
}

# delete_events(CHOICE): delete the events of the groups for which CHOICE is
# true.  It reports an event that can't be deleted: none may stay unnoticed.
sub delete_events
{
	my ($choice) = @_;

	open(my $list, '<', $uprobe_events) or return;
	my @lines = <$list>;
	close($list);
	for (@lines) {
		my ($event, $group) = m{^[pr]:(([^/\s]+)/\S+)} or next;
		next if !$choice->($group);
		delete_event($event) or
		    warn "event $event is left behind: $!\n";
	}
}

# A killed recorder may hold its events for another moment.
sub delete_event
{
	my ($event) = @_;

	open(my $file, '>>', $uprobe_events) or return 0;
	my $end = time + $Usdt::Tracer::PATIENCE;
	until (syswrite($file, "-:$event\n")) {
		return 0 if $! != Errno::EBUSY || time > $end;
		Time::HiRes::sleep(0.1);
	}
	return 1;
}

sub DESTROY
{
	my ($self) = @_;
	local ($?, $!, $@);

	return if ($groups{$self->{group}} // 0) != $$;
	$self->{recorder}->stop('KILL') if $self->{recorder};
	delete_events(sub { $_[0] eq $self->{group} });
	delete $groups{$self->{group}};
}

END {
	my $status = $?;
	Usdt::Tracer::Run::end_all();
	delete_events(sub { ($groups{$_[0]} // 0) == $$ });
	$? = $status;
}

1;
