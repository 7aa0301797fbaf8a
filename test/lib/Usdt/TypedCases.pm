# Usdt::TypedCases - what must tracers see of typed fires, for any kind of traced
# process?
#
# The programs are test/trace/typed_fires.c and .cc: two probes with values that
# need 64 bits, doubles and floats among them.
#
# SPDX-License-Identifier: BSD-2-Clause
package Usdt::TypedCases;

use strict;
use warnings;

use Exporter qw(import);
use Test::More;
use Usdt::Process;
use Usdt::Tracer qw(build_c scratch_dir source_dir tracer_case);
use Usdt::Watch;

our @EXPORT_OK = qw(run_typed build_typed);

my $dir;

# build_typed(DIRECTORY, SOURCE): the program, for a build of its own.
sub build_typed
{
	my ($where, $source) = @_;

	return build_c("$where/typed_fires",
	    source_dir() . "/test/trace/$source", Usdt::Tracer::library(), '-pthread');
}

sub process
{
	my ($program, $provider) = @_;
	my $process = Usdt::Process->new(program => $program,
		args => [$provider], env => { USDT_IMAGE_DIR => "$dir/images" });

	$process->ready or die $process->report;
	is($process->ask(''), 'evaluated 0', 'untraced: nothing is evaluated');
	return $process;
}

sub fire
{
	my ($process) = @_;

	# A tracer has attached to both when the arguments are evaluated.
	my $said = $process->ask('');
	like($said, qr/^evaluated [12]$/, 'traced: the arguments are evaluated');
	return $said;
}

sub by_bpftrace
{
	my ($program, $driver) = @_;
	my $process = process($program, 'typedtest');
	my @arguments = map { "arg$_" } 0 .. 5;

	$arguments[2] = 'str(arg2)';
	my $bt = Usdt::Tracer::Bpftrace->run($driver, [map {
		["usdt:*:typedtest:$_", '%d %ld %s 0x%lx %lu 0x%x', @arguments]
	} qw(declared made)], $process->pid);

	is(fire($process), 'evaluated 2', 'both probes are traced');
	my ($fires, @events) = $bt->finish(2);
	is_deeply([sort @events], [
		'-5 -5000000000 declared 0x400a000000000000 '
		    . '12345678901234567890 0x3f000000',
		'-6 -6000000000 made 0xbfe8000000000000 '
		    . '18364758544493064720 0x3fc00000',
	], 'bpftrace prints the values');
	is($fires, 2, 'each fire once');
}

sub by_watch
{
	my ($program) = @_;
	my $process = process($program, "typed$$");
	my $watch = Usdt::Watch->attach(2, "typed$$:*");

	is(fire($process), 'evaluated 2', 'both probes are traced');
	is_deeply([map { s{^\d+ \S+ \w+:}{}r =~ s{ arg\d=}{ }gr } $watch->take(2)], [
		'declared small=-5 big=-5000000000 text="declared" took=3.25 '
		    . 'all=12345678901234567890 ratio=0.5',
		'made -6 -6000000000 "made" -0.75 18364758544493064720 1.5',
	], 'usdt watch prints the values');
}

sub by_perf
{
	my ($program) = @_;
	my $perf = Usdt::Tracer::Perf->new;
	my $provider = Usdt::Tracer::Perf::provider();
	my $process = process($program, $provider);
	my %paths = map { $_->{path} => 1 } $process->images;

	$perf->call('buildid-cache', '--add', $_) for sort keys %paths;
	$perf->call('probe', "sdt_$provider:$_") for qw(declared made);
	$perf->record('-e', "sdt_$provider:*", '-p', $process->pid);
	is(fire($process), 'evaluated 2', 'both probes are traced');
	# perf prints a text as its address.
	is_deeply([map { $_->{text} =~ s/ arg3=\S+//r } $perf->script], [
		'arg1=-5 arg2=-5000000000 arg4=4614500768194494464 '
		    . 'arg5=12345678901234567890 arg6=1056964608',
		'arg1=-6 arg2=-6000000000 arg4=13828302655841107968 '
		    . 'arg5=18364758544493064720 arg6=1069547520',
	], 'perf prints the values');
}

# run_typed(PROGRAM, DRIVER...): with these bpftraces.
sub run_typed
{
	my ($program, @drivers) = @_;

	$dir //= scratch_dir();
	for my $driver (@drivers) {
		tracer_case("typed fires: bpftrace ($driver)" => sub {
			by_bpftrace($program, $driver);
		});
	}
	tracer_case('typed fires: usdt watch' => sub { by_watch($program) });
	tracer_case('typed fires: perf' => sub { by_perf($program) });
}

1;
