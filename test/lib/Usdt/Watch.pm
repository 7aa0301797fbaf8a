# Usdt::Watch - how does a test run `usdt watch` and read what it prints?
#
# SPDX-License-Identifier: BSD-2-Clause
package Usdt::Watch;

use strict;
use warnings;

use Cwd qw(abs_path);
use Exporter qw(import);
use Time::HiRes qw(sleep time);
use Usdt::Process;
use Usdt::Tracer;

our @ISA = ('Usdt::Tracer::Run');
our @EXPORT_OK = qw(usdt_command run_usdt leftovers build_notes run_notes
    traced traced_source);

my $events = '/sys/kernel/tracing/uprobe_events';

=head1 SYNOPSIS

	my $watch = Usdt::Watch->attach(2, 'prov:*');	# watches 2 probes
	$process->ask('');
	is_deeply([ $watch->take(3) ], [...]);
	is($watch->stop('INT'), 0);

	my ($status, $out, $err) = run_usdt('list', '-p', $pid);

=head1 FUNCTIONS AND METHODS

=over

=item usdt_command

The path of this build's command.

=item run_usdt(ARGUMENT...)

Runs the command to its end; returns exit status, standard output and standard
error.  A first argument of [WORD...] goes before the command (C<['setpriv',
...]>).

=item traced(DIRECTORY, PROVIDER, PROBE...)

A process with that provider, which has its image in the directory: a
C<Usdt::Process>.  PROBE is C<[FUNC, NAME, TYPE...]>.

=item build_notes(OUTPUT, NOTE...)

Compiles a program with notes that no header would write.  It prints C<ready
PID>.  For each line that it reads it runs through the sites of all notes, in
their order, and prints C<fired>.  NOTE is a hash of C<provider> and C<name>,
any bytes; C<args>, the text of the arguments; C<at>, an expression of the
assembler for the address, unless the note has a site of its own; C<semaphore>,
the same.  A NOTE that is no hash is the path of a file of C to be compiled as
well, or a piece of C that goes before the rest.

=item run_notes(OUTPUT, NOTE...)

The same, started: a C<Usdt::Process>.

=item leftovers(PID)

The lines of uprobe_events that belong to the watch of that process id.

=item attach(COUNT, ARGUMENT...)

Starts a watch and waits until it watches COUNT probes.  A first argument in
ARGUMENT of [WORD...] goes before the command.

=item take(COUNT)

Waits for COUNT lines and returns all lines since the last take, each without
its time.  Dies if a line has another form.

=item told(PATTERN)

Waits for PATTERN on standard error, and returns what it captured.

=back

=cut

sub usdt_command
{
	my $path = abs_path(($ENV{USDT_BUILD} // '.') . '/usdt');

	-x $path or die "no usdt command at $path ($!): run make, or set USDT_BUILD\n";
	return $path;
}

sub command
{
	my @before = ref $_[0] ? @{ shift() } : ();
	return (@before, usdt_command(), @_);
}

sub run_usdt
{
	my $run = Usdt::Tracer::Run->start(command(@_));

	$run->wait_until(sub { !$run->{out} })
	    or die "does not end:\n" . $run->report . "\n";
	my $status = $run->reap // die "does not end:\n" . $run->report . "\n";
	my $lines = join('', map { "$_\n" } @{ $run->{lines} });
	return (code($status->[0]), $lines . $run->{buffer}, $run->errors);
}

sub traced
{
	my ($dir, $provider, @probes) = @_;
	my @args = ('-p', $provider);

	push @args, (@args > 2 ? '--' : ()), @$_ for @probes;
	my $process = Usdt::Process->new(args => \@args,
		env => { USDT_IMAGE_DIR => "$dir/images" });
	$process->ready or die $process->greeting;
	return $process;
}

# A process of that program in C: it declares the provider that it gets as its
# argument, and prints "ready PID".
sub traced_source
{
	my ($dir, $provider, $name, $source) = @_;

	open(my $out, '>', "$dir/$name.c") or die "$dir/$name.c: $!\n";
	print $out $source;
	close($out) or die "$dir/$name.c: $!\n";
	Usdt::Tracer::build_c("$dir/$name", "$dir/$name.c",
	    Usdt::Tracer::library(), '-pthread');
	my $process = Usdt::Process->new(program => "$dir/$name",
		args => [$provider], env => { USDT_IMAGE_DIR => "$dir/images" });
	$process->ready or die $process->greeting;
	return $process;
}

# A string of any bytes, in the assembler's words.
sub asciz
{
	return '.byte ' . join(',', map { ord } split(//, $_[0]), "\0");
}

sub build_notes
{
	my ($output, @notes) = @_;
	my $number = 0;
	my @lines = ('.section .note.GNU-stack, "", "progbits"',
	    '.section .note.stapsdt, "", "note"');
	my ($head, $sites, @files) = ('', '');

	for (@notes) {
		if (!ref) {
			push @files, $_ if m{^/};
			$head .= "$_\n" if !m{^/};
			next;
		}
		my $site = 'site' . $number++;
		$sites .= qq(\t__asm__ volatile (".globl $site\\n$site: nop");\n)
		    if !defined $_->{at};
		push @lines, '.balign 4', '.4byte 8, 2f - 1f, 3',
		    '.asciz "stapsdt"', '1: .8byte ' . ($_->{at} // $site),
		    '.8byte 0, ' . ($_->{semaphore} // 0),
		    asciz($_->{provider}), asciz($_->{name}),
		    asciz($_->{args} // ''), '2: .balign 4';
	}
	write_lines("$output.s", @lines);
	write_lines("$output.c", '#include <stdio.h>', '#include <unistd.h>',
	    $head, '__attribute__((noinline)) static void', 'sites(void)',
	    '{', $sites, '}', <<'EOF_C');
int
main(void)
{
	char line[80];

	printf("ready %d\n", (int)getpid());
	fflush(stdout);
	while (fgets(line, sizeof line, stdin) != NULL) {
		sites();
		puts("fired");
		fflush(stdout);
	}
	return 0;
}
EOF_C
	return Usdt::Tracer::build_c($output, '-fno-toplevel-reorder',
	    "$output.c", "$output.s", @files);
}

sub run_notes
{
	my $process = Usdt::Process->new(program => build_notes(@_));

	$process->ready or die $process->greeting;
	return $process;
}

sub write_lines
{
	my ($name, @lines) = @_;

	open(my $out, '>', $name) or die "$name: $!\n";
	print $out map { "$_\n" } @lines;
	close($out) or die "$name: $!\n";
}

# As a shell reports it: 128 + the signal's number.
sub code
{
	my ($status) = @_;
	return $status & 127 ? 128 + ($status & 127) : $status >> 8;
}

sub leftovers
{
	my ($pid) = @_;

	open(my $in, '<', $events) or return ();
	return grep { /:usdt_${pid}_/ } <$in>;
}

sub attach
{
	my ($class, $count, @arguments) = @_;
	my @before = ref $arguments[0] ? @{ shift @arguments } : ();
	my $self = $class->start(command(@before ? \@before : (), 'watch',
		@arguments));

	my ($watching) = $self->told(qr/watching (\d+) probes?\n(?!.*watching)/s);
	$watching == $count
	    or die "watches $watching probes, not $count\n" . $self->report;
	return $self;
}

sub told
{
	my ($self, $pattern) = @_;
	my $end = time + $Usdt::Tracer::PATIENCE;

	until ($self->errors =~ $pattern) {
		my $ended = waitpid($self->{pid}, POSIX::WNOHANG());
		last if $self->errors =~ $pattern;
		die "ended:\n" . $self->report . "\n" if $ended != 0;
		die "does not say $pattern:\n" . $self->report . "\n"
		    if time > $end;
		$self->read_some(0.02) or sleep(0.02);
	}
	$self->errors =~ $pattern;
	return $1;
}

sub take
{
	my ($self, $count) = @_;

	$self->wait_until(sub { @{ $self->{lines} } >= $count });
	return map {
		/^\d\d:\d\d:\d\d\.\d{6} (.*)$/ or die "not a line: $_\n"; $1
	} splice(@{ $self->{lines} });
}

sub code_of
{
	my ($self, $signal) = @_;
	my $status = $self->stop($signal);

	return defined $status ? code($status) : 'had to be killed';
}

1;
