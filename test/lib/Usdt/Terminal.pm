# Usdt::Terminal - how does a test see what a command draws on a terminal?
#
#	my $terminal = Usdt::Terminal->start($rows, $columns, { TERM => 'xterm' },
#		$command, $argument);
#	$terminal->until(sub { /text/ });
#	$terminal->type('q');
#	is($terminal->reap, 0);
#
# SPDX-License-Identifier: BSD-2-Clause
package Usdt::Terminal;

use strict;
use warnings;

use Fcntl qw(O_RDWR O_NOCTTY);
use IO::Select;
use POSIX ();
use Time::HiRes ();
use Usdt::Tracer;

sub start
{
	my ($class, $rows, $columns, $env, @command) = @_;

	sysopen(my $master, '/dev/ptmx', O_RDWR() | O_NOCTTY())
	    or die "/dev/ptmx: $!\n";
	my $number = pack('i', 0);
	ioctl($master, 0x40045431, $number) or die "TIOCSPTLCK: $!\n";
	ioctl($master, 0x80045430, $number) or die "TIOCGPTN: $!\n";
	my $slave = '/dev/pts/' . unpack('i', $number);
	my $self = bless({ master => $master, slave => $slave, text => '' },
	    $class);

	$self->resize($rows, $columns);
	# It stays open, so that its modes can be looked at when all is over.
	sysopen($self->{keep}, $slave, O_RDWR() | O_NOCTTY())
	    or die "$slave: $!\n";
	$self->{modes} = $self->modes;
	defined($self->{pid} = fork()) or die "fork: $!\n";
	return $self if $self->{pid};
	POSIX::setsid();
	POSIX::close($_) for 0 .. 2;
	POSIX::open($slave, O_RDWR());
	POSIX::dup2(0, 1);
	POSIX::dup2(0, 2);
	%ENV = (%ENV, %$env);
	exec('setpriv', '--pdeathsig', 'KILL', @command) or POSIX::_exit(127);
}

sub resize
{
	my ($self, $rows, $columns) = @_;

	ioctl($self->{master}, 0x5414, pack('S4', $rows, $columns, 0, 0))
	    or die "TIOCSWINSZ: $!\n";
}

# Line by line, and with an echo?
sub modes
{
	my ($self) = @_;
	my $modes = POSIX::Termios->new;

	$modes->getattr(fileno $self->{keep}) or die "tcgetattr: $!\n";
	return $modes->getlflag & (POSIX::ICANON() | POSIX::ECHO());
}

sub type { syswrite($_[0]->{master}, $_[1]) }

# until(CONDITION): read until it holds for what was written.
sub until
{
	my ($self, $condition) = @_;
	my $end = Time::HiRes::time() + $Usdt::Tracer::PATIENCE;
	my $select = IO::Select->new($self->{master});

	for ($self->{text}) {
		until ($condition->()) {
			return 0 if Time::HiRes::time() > $end;
			next unless $select->can_read(0.1);
			sysread($self->{master}, $_, 65536, length) or return 0;
		}
	}
	return 1;
}

# The lines of the last whole table.
sub table
{
	my ($self) = @_;
	my ($table) = $self->{text} =~ /.*\e\[H(.*?)\e\[J/s or return;

	$table =~ s/\e\[2J//;
	return map { s/\e\[K\r?$//r } split /\r?\n/, $table;
}

sub reap
{
	my ($self) = @_;
	my $end = Time::HiRes::time() + $Usdt::Tracer::PATIENCE;

	while (Time::HiRes::time() < $end) {
		return $? if waitpid($self->{pid}, POSIX::WNOHANG()) > 0;
		# Its last words must not keep it.
		IO::Select->new($self->{master})->can_read(0.05) and
		    sysread($self->{master}, $self->{text}, 65536,
		    length $self->{text});
	}
	kill('KILL', $self->{pid});
	waitpid($self->{pid}, 0);
	return 'had to be killed';
}

1;
