# Usdt::Process - how does a test start a process to trace, talk to it, and look
# at its memory, without ever hanging?
#
# SPDX-License-Identifier: BSD-2-Clause
package Usdt::Process;

use strict;
use warnings;

use Errno qw(EAGAIN EINTR);
use File::Temp ();
use POSIX ();
use Test::Builder;
use Time::HiRes qw(time sleep);

=head1 NAME

Usdt::Process - a running test_usdt, as an object

=head1 SYNOPSIS

	my $p = Usdt::Process->new(
		args => [qw(-p prov -m mod func name int), 'char *'],
		env => { USDT_NOP => 1, USDT_DEBUG => undef });
	$p->ready or die $p->greeting;		# "error TEXT"
	is($p->ask('enabled 0'), 'enabled 0');
	my @lines = $p->ask_all('status');	# ends with "ok"
	is($p->status->{images}, 1);
	my ($image) = $p->images;
	my $bytes = $p->mem($image->{base}, 64);
	is($p->close, 0);

=head1 METHODS

=over

=item new(args => [...], env => {...}, program => ...)

Starts the program, which is test_usdt in $USDT_BUILD (default: the current
directory); C<program> is another path, or a list whose first word is one
(C<['valgrind', '-q', $path]>).  C<env> adds to the environment; a value of
undef removes.  C<patience> is the number of seconds that an answer may take
(default: $USDT_TEST_PATIENCE, else 300).  Does not wait.

=item ready, greeting, pid

C<ready> waits for the first line and is true if that was "ready PID".
C<greeting> is that line.  C<pid> is the process's number.  All methods wait for
the first line, except C<alive> and C<end>.

=item ask(LINE), ask_all(LINE), send(LINE), line

C<ask> sends a line and returns the one line of the answer.  C<ask_all>
returns all lines up to and including "ok" or "error TEXT".  C<send> only
sends, C<line> only waits for a line.

=item status([PREFIX])

The answer to "status" (C<status('child ')>: that of the child) as a hash.

=item close, end(SIGNAL), alive

C<close> says "quit", closes standard input, waits, and returns the exit
status, as a shell gives it: 128 + N after signal N.  C<end> sends a signal
(default: KILL) and does the same.  Either may be called again.

=item maps, mem(ADDRESS, LENGTH)

C<maps>: one hash for each line of /proc/PID/maps: start, end, perms, offset,
dev, inode, path, deleted.  C<mem>: bytes of the process's memory, undef if
they can't be read.  C<maps(PID)> and C<mem(ADDRESS, LENGTH, PID)> look at
another process, such as a forked child.

=item images([PID])

The probe images that the process maps, in the order of their addresses: path,
base (address of the file's first byte), dev, ino, deleted, memfd, and
segments, which are lines of maps.  A file that is mapped twice is listed twice.

=item image_bytes(IMAGE, [PID])

The bytes of an image's file, memfds and removed files included.

=back

An answer that does not come in time, or that can't come because the process
ended, is a failed test that shows the whole conversation; then it dies.
Processes are killed with the object, and when the test is interrupted.

=cut

# A death by signal would run no destructor and leave processes behind.
$SIG{$_} //= sub { exit 1 } for qw(HUP INT TERM);

sub new
{
	my ($class, %option) = @_;
	my $program = $option{program} // program();
	my @command = (ref $program ? @$program : $program,
		@{ $option{args} // [] });
	my $self = bless {
		owner => $$,
		name => join(' ', map { m{[^\w./:=+-]} ? "'$_'" : $_ }
			@command),
		patience => $option{patience} // $ENV{USDT_TEST_PATIENCE} // 300,
		buffer => '',
		transcript => [],
		stderr => scalar File::Temp::tempfile(UNLINK => 1),
	}, $class;

	$self->start(\@command, $option{env} // {});
	return $self;
}

sub program
{
	my $path = ($ENV{USDT_BUILD} // '.') . '/test_usdt';

	-x $path or die "no $path: run make, or set USDT_BUILD\n";
	return $path;
}

# A process group of its own, so that forked children end with it.
sub start
{
	my ($self, $command, $env) = @_;

	pipe(my $stdin, $self->{to}) or die "pipe: $!\n";
	pipe($self->{from}, my $stdout) or die "pipe: $!\n";
	my $pid = fork() // die "fork: $!\n";
	if ($pid == 0) {
		setpgrp(0, 0);
		@SIG{qw(HUP INT TERM)} = ('DEFAULT') x 3;
		for my $name (keys %$env) {
			delete $ENV{$name};
			$ENV{$name} = $env->{$name} if defined $env->{$name};
		}
		POSIX::dup2(fileno $stdin, 0);
		POSIX::dup2(fileno $stdout, 1);
		POSIX::dup2(fileno $self->{stderr}, 2);
		no warnings 'exec';
		exec { $command->[0] } @$command
		    or print STDERR "$command->[0]: $!\n";
		POSIX::_exit(127);
	}
	$self->{child} = $pid;
	$self->{to}->autoflush(1);
}

# --- speaking ---------------------------------------------------------------

sub greeting
{
	my ($self) = @_;

	$self->{greeting} //= $self->next_line;
	return $self->{greeting};
}

sub ready
{
	my ($self) = @_;
	return $self->greeting =~ /^ready \d+$/ ? 1 : 0;
}

# The pid is the one that the process prints: under a wrapper that forks, it is
# not the process that was started.
sub pid
{
	my ($self) = @_;

	return $self->greeting =~ /^ready (\d+)$/ ? $1 : $self->{child};
}

sub send
{
	my ($self, $line) = @_;
	local $SIG{PIPE} = 'IGNORE';

	$self->greeting;
	push @{ $self->{transcript} }, "> $line";
	print { $self->{to} } "$line\n" or $self->trouble("can't send: $!");
}

sub line
{
	my ($self) = @_;
	$self->greeting;
	return $self->next_line;
}

sub ask
{
	my ($self, $line) = @_;
	$self->send($line);
	return $self->next_line;
}

sub ask_all
{
	my ($self, $line) = @_;
	my @lines;

	$self->send($line);
	do {
		push @lines, $self->next_line;
	} until $lines[-1] =~ /^(?:child )?(?:ok|error)\b/
	    || $lines[-1] eq 'child ended';
	return @lines;
}

sub status
{
	my ($self, $prefix) = @_;
	$prefix //= '';
	my @lines = $self->ask_all($prefix . 'status');
	my %status;

	for (@lines) {
		$status{$1} = $2 // ''
		    if /^\Q$prefix\Estatus (\S+)(?: (.*))?$/;
	}
	return \%status;
}

# The only place that waits for output, and never longer than the patience.
sub next_line
{
	my ($self) = @_;
	my $end = time + $self->{patience};

	while (index($self->{buffer}, "\n") < 0) {
		my $left = $end - time;
		$self->trouble("no answer in $self->{patience} seconds")
		    if $left <= 0;
		my $bits = '';
		vec($bits, fileno $self->{from}, 1) = 1;
		my $found = select($bits, undef, undef, $left);
		next if $found <= 0;
		my $got = sysread($self->{from}, $self->{buffer}, 65536,
			length $self->{buffer});
		next if !defined $got && ($! == EINTR || $! == EAGAIN);
		$self->trouble('the process ended: ' . $self->how_it_ended)
		    if !$got;
	}
	$self->{buffer} =~ s/^(.*)\n//;
	my $line = $1;
	push @{ $self->{transcript} }, "< $line";
	return $line;
}

sub how_it_ended
{
	my ($self) = @_;
	my $status = $self->reap(5);

	return 'standard output closed, but it runs' if !defined $status;
	return $status > 128 ? 'signal ' . ($status - 128) : "exit $status";
}

# Fail, and show everything that is known.
sub trouble
{
	my ($self, $what) = @_;
	my $test = Test::Builder->new;
	my $text = substr($self->{name}, 0, 100) . ": $what";

	$self->reap(0) // kill('KILL', -$self->{child});
	$test->ok(0, $text);
	$test->diag($self->report);
	die "$text\n";
}

# report: the conversation so far, for diag.
sub report
{
	my ($self) = @_;
	my $report = "$self->{name} (pid $self->{child})\n";

	$report .= "  $_\n" for @{ $self->{transcript} };
	$report .= "  < $self->{buffer} (no newline)\n"
	    if $self->{buffer} ne '';
	my $stderr = $self->stderr;
	$stderr =~ s/^(?=.)/  ! /mg;
	return $report . $stderr;
}

# stderr: what the process wrote there so far.
sub stderr
{
	my ($self) = @_;
	my $text = '';

	open(my $in, '<', '/proc/self/fd/' . fileno $self->{stderr})
	    or return '';
	local $/;
	return <$in> // '';
}

# --- ending -----------------------------------------------------------------

# Wait up to SECONDS; the exit status, or undef if it still runs.
sub reap
{
	my ($self, $seconds) = @_;
	my $end = time + $seconds;
	local ($?, $!);

	until (defined $self->{status}) {
		my $got = waitpid($self->{child}, POSIX::WNOHANG());
		if ($got == $self->{child}) {
			$self->{status} = $? & 127 ? 128 + ($? & 127) : $? >> 8;
		} elsif ($got < 0) {
			$self->{status} = 255;
		} else {
			return if time >= $end;
			sleep(0.002);
		}
	}
	return $self->{status};
}

sub alive
{
	my ($self) = @_;
	return defined $self->reap(0) ? 0 : 1;
}

sub close
{
	my ($self) = @_;
	local $SIG{PIPE} = 'IGNORE';

	return $self->{status} if defined $self->{status};
	print { $self->{to} } "quit\n";
	CORE::close($self->{to});
	return $self->reap($self->{patience})
	    // $self->trouble("does not end in $self->{patience} seconds");
}

sub end
{
	my ($self, $signal) = @_;

	return $self->{status} if defined $self->{status};
	kill($signal // 'KILL', $self->{child});
	return $self->reap($self->{patience})
	    // $self->trouble("does not end in $self->{patience} seconds");
}

sub DESTROY
{
	my ($self) = @_;
	local ($?, $!, $@);

	return if $self->{owner} != $$ || !$self->{child};
	kill('KILL', -$self->{child});
	$self->reap(5);
}

# --- looking ----------------------------------------------------------------

sub maps
{
	my ($self, $pid) = @_;
	$pid //= $self->pid;
	my @maps;
	local $_;

	open(my $in, '<', "/proc/$pid/maps") or die "/proc/$pid/maps: $!\n";
	while (<$in>) {
		my ($start, $end, $perms, $offset, $dev, $inode, $path) =
		    /^(\w+)-(\w+) (\S+) (\w+) (\S+) (\d+) *(.*)$/
		    or die "/proc/$pid/maps: $_";
		my $deleted = $path =~ s/ \(deleted\)$// ? 1 : 0;
		push @maps, {
			start => address($start), end => address($end),
			perms => $perms, offset => address($offset),
			dev => $dev, inode => $inode,
			path => $path, deleted => $deleted,
		};
	}
	return @maps;
}

# hex() without its remark that more than 32 bits are not portable.
sub address
{
	no warnings 'portable';
	return hex $_[0];
}

sub mem
{
	my ($self, $address, $length, $pid) = @_;
	$pid //= $self->pid;
	my $bytes = '';

	open(my $in, '<:raw', "/proc/$pid/mem") or return;
	defined sysseek($in, $address, 0) or return;
	while (length $bytes < $length) {
		my $got = sysread($in, $bytes, $length - length $bytes,
			length $bytes);
		return if !$got;
	}
	return $bytes;
}

# An image is recognized by its path: .../LAYOUT-HASH/MODULE, or a memfd.
sub images
{
	my ($self, $pid) = @_;
	my (@images, %image);

	for my $map ($self->maps($pid)) {
		next unless $map->{path} =~
		    m{/\d+-[0-9a-f]{16}(?:\.\d+)?/[^/]+$|^/memfd:usdt-(?!ring$)};
		my $base = $map->{start} - $map->{offset};
		my $key = "$map->{dev} $map->{inode} $base";
		push @images, $image{$key} = {
			path => $map->{path}, base => $base,
			dev => $map->{dev}, ino => $map->{inode},
			deleted => $map->{deleted}, segments => [],
			memfd => $map->{path} =~ m{^/memfd:} ? 1 : 0,
		} if !$image{$key};
		push @{ $image{$key}{segments} }, $map;
	}
	return @images;
}

sub image_bytes
{
	my ($self, $image, $pid) = @_;
	$pid //= $self->pid;

	for my $path (paths_to($image, $pid)) {
		open(my $in, '<:raw', $path) or next;
		local $/;
		return scalar <$in>;
	}
	die "$image->{path}: can't be opened in any way\n";
}

# Ways to a file that may have no name: by descriptor for any user, by mapping
# for the privileged.
sub paths_to
{
	my ($image, $pid) = @_;

	return $image->{path} if !$image->{memfd} && !$image->{deleted};
	my @paths = grep {
		my $inode = (stat $_)[1];
		defined $inode && $inode == $image->{ino}
		    && (readlink($_) // '') =~ /^\Q$image->{path}\E/;
	} glob("/proc/$pid/fd/*");
	my $map = $image->{segments}[0];
	return @paths, sprintf('/proc/%d/map_files/%x-%x', $pid,
		$map->{start}, $map->{end});
}

1;
