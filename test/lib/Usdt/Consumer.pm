# Usdt::Consumer - how does a test talk to the helper usdt-dtrace?
#
# Each helper has an object.  It runs with a fake libdtrace, whose "D programs"
# are lists of events (test/consumer/fake_libdtrace.c).
#
# SPDX-License-Identifier: BSD-2-Clause
package Usdt::Consumer;

use strict;
use warnings;

use Cwd qw(abs_path);
use Exporter qw(import);
use Fcntl ();
use File::Basename qw(dirname);
use File::Temp qw(tempdir);
use IO::Select;
use IO::Handle;
use JSON::PP ();
use POSIX qw(:sys_wait_h);
use Time::HiRes qw(time sleep);

# If the helper is gone, a write fails.
$SIG{PIPE} = 'IGNORE';

our @EXPORT_OK = qw(build_fake build_helper little gone);

my $top = abs_path(dirname(__FILE__) . '/../../..');
# Seconds; a limit only against hanging.
my $patience = $ENV{USDT_TEST_PATIENCE} // 60;

sub compile
{
	my ($to, @words) = @_;
	my @cc = (split(' ', $ENV{CC} // 'cc'), '-std=gnu99', '-g', '-Wall',
		'-Wextra', '-Werror', '-o', $to, @words);

	system(@cc) == 0 or die "@cc: failed\n";
	return $to;
}

# build_fake(DIR): builds the fake library; returns its path.
sub build_fake
{
	my ($dir) = @_;

	return compile("$dir/libdtrace.so.2", '-shared', '-fPIC',
		"$top/test/consumer/fake_libdtrace.c");
}

# build_helper(DIR, NAME, FLAGS...): builds the helper with these flags.
sub build_helper
{
	my ($dir, $name, @flags) = @_;

	return compile("$dir/$name", @flags,
		glob("$top/consumer/*.c"), '-ldl');
}

# Numbers as bytes in hexadecimal: little('q', -1).
sub little
{
	my ($template, @numbers) = @_;

	return unpack('H*', pack("($template)<*", @numbers));
}

# start(HELPER, LIBRARY, NAME => VALUE ...): starts it with these variables.
sub start
{
	my ($class, $helper, $library, %more) = @_;
	my $words = delete($more{words}) // ['--serve'];

	pipe(my $in, my $to) or die "pipe: $!\n";
	pipe(my $from, my $out) or die "pipe: $!\n";
	my $errors = File::Temp->new;
	my $pid = fork() // die "fork: $!\n";

	if ($pid == 0) {
		%ENV = (%ENV, USDT_LIBDTRACE => $library,
			USDT_DTRACE_UNCHECKED => 1, %more);
		delete @ENV{grep { !defined $ENV{$_} } keys %ENV};
		open(STDIN, '<&', $in);
		open(STDOUT, '>&', $out);
		open(STDERR, '>&', $errors);
		exec { $helper } $helper, @$words or POSIX::_exit(127);
	}
	close($in);
	close($out);
	$to->autoflush(1);
	return bless({ pid => $pid, to => $to, from => $from, rest => '',
		errors => $errors, id => 0 }, $class);
}

sub pid { return $_[0]{pid} }

sub errors
{
	my ($self) = @_;
	open(my $in, '<', $self->{errors}->filename) or return '';
	local $/;
	return scalar <$in>;
}

# The next line as it came, or undef at the end.
sub raw_line
{
	my ($self) = @_;
	my $end = time + $patience;
	my $select = IO::Select->new($self->{from});

	while ($self->{rest} !~ /\n/) {
		my $left = $end - time;
		$left > 0 && $select->can_read($left)
		    or die "the helper says nothing\n" . $self->errors;
		sysread($self->{from}, $self->{rest}, 65536,
		    length $self->{rest}) or return;
	}
	$self->{rest} =~ s/\A([^\n]*)\n//;
	return $1;
}

sub line
{
	my ($self) = @_;
	my $line = $self->raw_line;

	return defined $line ? JSON::PP->new->utf8->decode($line) : undef;
}

sub tell
{
	my ($self, $line) = @_;

	return print { $self->{to} } $line;
}

# ask(COMMAND, NAME => VALUE ...): the answer (undef: none), then the lines that
# came before it.
sub ask
{
	my ($self, $command, %more) = @_;
	my $id = ++$self->{id};
	my @before;

	$self->tell(JSON::PP->new->ascii->canonical->encode(
		{ do => $command, id => $id, %more }) . "\n");
	while (defined(my $line = $self->line)) {
		return ($line, @before) if exists $line->{id};
		push @before, $line;
	}
	return (undef, @before);
}

# run(PROGRAM, ...): open, compile, go; returns the lines of BEGIN.
sub run
{
	my ($self, $program, %open) = @_;
	my @came;

	for (['open', %open], ['compile', program => $program], ['go']) {
		my ($answer, @before) = $self->ask(@$_);

		$answer && $answer->{ok} or die "$_->[0]: "
		    . ($answer ? $answer->{message} : 'no answer') . "\n"
		    . $self->errors;
		push @came, @before;
	}
	return @came;
}

sub close_input { close($_[0]{to}) }

# Waits for its end; its status, or undef if it does not end.
sub status
{
	my ($self) = @_;
	my $end = time + $patience;

	until (waitpid($self->{pid}, WNOHANG) == $self->{pid}) {
		return if time > $end;
		sleep(0.01);
	}
	return $? >> 8 || ($? & 127 ? 128 + ($? & 127) : 0);
}

sub end
{
	my ($self) = @_;

	$self->close_input;
	return $self->status;
}

# Waits for the process that has the library: the helper's child.
sub tracer
{
	my ($self) = @_;
	my $end = time + $patience;

	while (time < $end) {
		for my $stat (glob('/proc/[0-9]*/stat')) {
			open(my $in, '<', $stat) or next;
			my ($pid, $parent) =
			    (<$in> // '') =~ /^(\d+) .*\) \S (\d+) / or next;
			return $pid if $parent == $self->{pid};
		}
		sleep(0.01);
	}
	die "the helper has no child\n";
}

# gone(PID): waits until the process has ended.
sub gone
{
	my ($pid) = @_;
	my $end = time + $patience;

	while (kill(0, $pid)) {
		open(my $in, '<', "/proc/$pid/stat") or last;
		last if (<$in> // '') =~ /\) Z /;
		return 0 if time > $end;
		sleep(0.01);
	}
	return 1;
}

1;
