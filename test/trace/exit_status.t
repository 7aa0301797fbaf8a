#!/usr/bin/perl
# exit_status.t - does each subcommand exit with what usdt(1) says?
#
# The manual has a list for each subcommand, with a clause for each case.  Each
# clause is tried here, and each case that is tried here is in the manual.
#
# SPDX-License-Identifier: BSD-2-Clause
use strict;
use warnings;

use Test::More;
use Usdt::Process;
use Usdt::Tracer qw(need tracer_case scratch_dir);
use Usdt::Variant;
use Usdt::Watch qw(run_usdt traced);

need('root', 'cc');
alarm 3600;

my $dir = scratch_dir();
chmod(0755, $dir);
my @nobody = ('setpriv', '--reuid=65534', '--regid=65534', '--clear-groups');
my $provider = "e${$}x";
my $probe = "$provider:n";
my $gone = 4194304;	# more than any process's number
my $number = 0;

# --- what the manual says -----------------------------------------------------

sub text_of { local (@ARGV, $/) = @_; return scalar <> }

# Lines of mdoc as words.
sub words
{
	my ($mdoc) = @_;

	$mdoc =~ s/^\.Fl -?(\S+)/length $1 > 1 ? "--$1" : "-$1"/mge;
	$mdoc =~ s/^\.Dq //mg;
	return join(' ', split ' ', $mdoc) =~ s/ ([;:])/$1/gr;
}

my %manual;	# {SUBCOMMAND}{CODE}: clauses
my ($section) = text_of('man/usdt.1') =~ /^\.Sh EXIT STATUS\n(.*?)^\.Sh /ms;
for my $item (split /^\.It Cm /m, $section) {
	my ($names, $codes) = $item =~ /^([a-z ,]+)\n\.Bl.*?\n(.*?)^\.El/ms or next;

	for my $row (split /^\.It /m, $codes) {
		my ($code, $text) = $row =~ /^(\d+)\n(.*)/s or next;

		for my $name (split / , /, $names) {
			push @{ $manual{$name}{$code} }, split /; /, words($text);
		}
	}
}
my ($help) = (run_usdt('--help'))[1];
is(join(' ', sort grep { $_ ne 'help' } keys %manual),
    join(' ', sort $help =~ /^  ([a-z]+)  /mg), 'the manual has each subcommand');

# --- what is true -------------------------------------------------------------

# Rows are [SUBCOMMANDS, CODE, CLAUSE, WORD...], or with a function in place of
# the words that gets the subcommand's name and returns the exit status.
my $process = traced($dir, $provider, ['f', 'n', 'int id']);

# The command line of a stream of events.  With -o a directory that is new.
sub stream
{
	my ($command, $pattern, @options) = @_;
	my %more = (hist => ['id'], latency => [$pattern]);

	return ($command, @options, '-o', "$dir/trace" . $number++, $pattern)
	    if $command eq 'record';
	return ($command, @options, $pattern, @{ $more{$command} // [] });
}

sub status { return (run_usdt(@_))[0] }

# That of one which is ended by END when it watches.
sub ended
{
	my ($line, $end) = @_;
	my $run = Usdt::Watch->start(Usdt::Watch::command(@$line));

	$run->told(qr/^usdt: (watching) 1 probe$/m);
	$end->($run);
	$run->wait_until(sub { !$run->{out} }) or die "does not end:\n" . $run->report;
	return Usdt::Watch::code($run->reap->[0]);
}

# A process with two documents.
sub two_documents
{
	my $two = traced($dir, "${provider}z", ['f', 'n', 'int id']);

	$two->ask('add g m') =~ /^ok/ && $two->ask('enable') eq 'ok' or die;
	return $two;
}

# An image whose DOF is damaged.
sub damaged
{
	my $name = "$dir/damaged";
	my ($status, $dof) = run_usdt('dump', '-r', 'a:b:c:d(int)');

	substr($dof, length($dof) / 2, 8) = "\xff" x 8;
	open(my $out, '>:raw', $name) or die;
	print $out $dof;
	close $out;
	return $name;
}

my $streams = 'watch top hist latency';
my @rows = (
	['list', 0, 'probes were printed', $probe],
	['list', 1, 'there is no such probe', "$provider:other"],
	['list', 1, 'there is no such process, or it may not be read', '-p', $gone],
	['list', 1, 'there is no such process, or it may not be read',
	    sub { status(\@nobody, 'list', '-p', $process->pid) }],
	['list', 1, "a file that a pattern names can't be read", "$dir/nothing", $probe],
	['list', 2, 'a pattern is wrong', 'a:b:c'],

	[$streams, 0, 'the seconds are over',
	    sub { status(stream($_[0], $probe, '-d', '0.1')) }],
	['record', 0, 'the trace is complete, and the seconds are over',
	    sub { status(stream($_[0], $probe, '-d', '0.1')) }],
	["$streams record", 0, 'a signal ended it',
	    sub { ended([stream($_[0], $probe)], sub { kill('TERM', $_[0]{pid}) }) }],
	["$streams record", 0, 'the process of -p has ended', sub {
		my $other = traced($dir, "${provider}y", ['f', 'n', 'int id']);
		ended([stream($_[0], "${provider}y:n", '-p', $other->pid)],
		    sub { $other->close });
	}],
	["$streams record", 1, 'there is no such probe',
	    sub { status(stream($_[0], "$provider:other")) }],
	["$streams record", 1, "no probe can be watched",
	    sub { status(stream($_[0], "$probe\{other == 1}")) }],
	["$streams record", 1, 'there is no such process',
	    sub { status(stream($_[0], $probe, '-p', $gone)) }],
	["$streams record", 1, 'this user may not watch', sub {
		mkdir("$dir/nobody"), chown(65534, 65534, "$dir/nobody");
		status(\@nobody, map { s{^\Q$dir\E/trace}{$dir/nobody/trace}r }
		    stream($_[0], $probe));
	}],
	["$streams record", 1, 'the command of -c had no such probe, and ended with 0',
	    sub { status(stream($_[0], "$provider:other", '-c', 'true')) }],
	["$streams record", 126, "the command of -c can't be executed",
	    sub { status(stream($_[0], $probe, '-c', $dir)) }],
	["$streams record", 127, 'the command of -c does not exist',
	    sub { status(stream($_[0], $probe, '-c', "$dir/nothing")) }],
	["$streams record", 2, 'a pattern or a filter is wrong',
	    sub { status(stream($_[0], 'a:b:c')) }],
	["$streams record", 2, 'a pattern or a filter is wrong',
	    sub { status(stream($_[0], "$probe\{id ==}")) }],
	[$streams, 2, 'a pattern or an argument is missing'],
	['hist latency', 2, 'a pattern or an argument is missing', $probe],
	['record', 1, "the directory can't be used", '-o', $dir, $probe],
	['record', 1, "the trace can't be written", sub {
		my ($command, @line) = stream($_[0], $probe);
		status(['sh', '-c', 'ulimit -f 0 && trap "" XFSZ && exec "$@"', 'sh'],
		    $command, '-d', '0.1', @line);
	}],
	['record', 2, 'a pattern or the directory is missing', '-o', "$dir/trace"],
	['record', 2, 'a pattern or the directory is missing', $probe],

	['dump', 0, 'what the file, the process or the definitions have was printed or written',
	    'a:b:c:d(int)'],
	['dump', 0, 'what the file, the process or the definitions have was printed or written',
	    '-r', 'a:b:c:d(int)'],
	['dump', 0, 'what the file, the process or the definitions have was printed or written',
	    sub { status('dump', '-p', $process->pid) }],
	['dump', 0, 'an ELF file has neither DOF nor notes', Usdt::Process::program()],
	['dump', 1, 'a line begins with WRONG', sub { status('dump', damaged()) }],
	['dump', 1, "the file can't be read, or is neither ELF nor DOF", "$dir/nothing"],
	['dump', 1, "the file can't be read, or is neither ELF nor DOF", $0],
	['dump', 1, "the process has nothing to print, or can't be read", '-p', $gone],
	['dump', 1, 'with -r: there is not just one document', '-r', Usdt::Process::program()],
	['dump', 1, 'with -r: there is not just one document',
	    sub { my $two = two_documents(); status('dump', '-r', '-p', $two->pid) }],
	['dump', 2, 'a definition is wrong', 'a:b:c:d(int'],
	['dump', 2, 'the file is for another processor than --arch',
	    '--arch=sparc64', Usdt::Process::program()],

	['header', 0, 'all of it was printed', 'a:b:c:d(int id)'],
	['header', 0, 'all of it was printed', sub { status('header', '-p', $process->pid) }],
	['header', 1, "the file can't be read, or has no probes", "$dir/nothing"],
	['header', 1, "the file can't be read, or has no probes", Usdt::Process::program()],
	['header', 1, "the process has none of libusdt, or can't be read", '-p', $$],
	['header', 1, "the process has none of libusdt, or can't be read", '-p', $gone],
	['header', 2, 'a definition is wrong', 'a:b:c:d(int'],

	['doctor', 1, 'there are problems',
	    sub { status(\@nobody, 'doctor') }],
	['doctor', 1, 'there is no such process, or it may not be read', '-p', $gone],

	['clean', 0, 'what is not in use is removed, or would be',
	    sub { mkdir("$dir/clean", 0700); status('clean', "$dir/clean") }],
	['clean', 0, 'what is not in use is removed, or would be', '-n'],
	['clean', 1, "a directory is not there, or can't be one of this user's images",
	    "$dir/nothing"],
	['clean', 1, "a directory is not there, or can't be one of this user's images",
	    sub { mkdir("$dir/open"); chmod(0755, "$dir/open"); status('clean', "$dir/open") }],

	['help', 0, 'it was printed', 'list'],
	['help', 2, 'there is no such subcommand', 'nothing'],
);

my %tried;
for my $row (@rows) {
	my ($names, $code, $clause, @how) = @$row;

	for my $name (split ' ', $names) {
		tracer_case("$name, $code: $clause" => sub {
			is(ref $how[0] ? $how[0]->($name) : status($name, @how),
			    $code, join(' ', grep { !ref } $name, @how));
		});
		$tried{$name}{$code}{$clause} = 1;
	}
}

# A machine may have problems; then no process is without them.
tracer_case('doctor, 0: there are no problems' => sub {
	my ($status, $out) = run_usdt('doctor', '-p', $process->pid);

	is($status, $out =~ /^PROBLEM/m ? 1 : 0, 'as its lines say');
	$tried{doctor}{0}{'there are no problems'} = 1;
});

for my $name (sort keys %manual) {
	for my $code (0 .. 2, 126, 127) {
		is_deeply([ sort keys %{ $tried{$name}{$code} } ],
		    [ sort @{ $manual{$name}{$code} // [] } ],
		    "$name, $code: the manual's clauses are those above");
	}
}
is(join(' ', grep { !$manual{$_} } sort keys %tried), '', 'and its subcommands');

# --- what is true of all --------------------------------------------------------

tracer_case('all' => sub {
	for my $name (sort keys %manual) {
		next if $name eq 'help';
		is(status($name, '--nothing'), 2, "$name: an option is wrong");
		is(status($name, '--help'), 0, '... --help');
	}
	is(status(), 2, 'no subcommand');
	is(status('-V'), 0, '-V');
	is(status(stream($_, $probe, '-c', 'exit 7;')), 7,
	    "$_ -c: that of the command") for split ' ', "$streams record";
	is(status(stream('watch', $probe, '-c', 'kill $$;')), 128 + 15,
	    '... or of its signal');
	my @commands = (['list', $probe], ['dump', 'a:b:c:d(int)'],
	    ['header', 'a:b:c:d(int id)'], ['doctor'], ['help'],
	    ['top', '-n', 1, '-d', 5, $probe]);
	for (@commands) {
		is(status(['sh', '-c', 'exec "$@" >/dev/full', 'sh'], @$_), 1,
		    "@$_: what can't be written");
	}
	# The reader is gone before there is output.
	my @closed = ('perl', '-e', 'pipe my $r, my $w; close $r; open STDOUT, ">&", $w;'
	    . 'exec @ARGV');
	isnt(status([@closed], @$_), 1, "@$_: a pipe that nobody reads")
	    for grep { $_->[0] ne 'doctor' } @commands;
});

done_testing();
