#!/usr/bin/perl
# jit.t - do tracers see a site in code of a code generator's, with arguments in
# registers of its choice, and the generated function that runs it?
#
# examples/jit.c is compiled with a provider of our own and runs as long as the
# test.  Its loop makes three turns a second: i is 1, 2, 3, and sum 1, 3, 6.
#
# SPDX-License-Identifier: BSD-2-Clause
use strict;
use warnings;

use Test::More;
use Usdt::Process;
use Usdt::Tracer qw(build_c need scratch_dir source_dir tracer_case);
use Usdt::Watch qw(run_usdt);

need('root', 'cc', 'bpftrace', 'bpftrace-sid', 'perf');
alarm 3600;

my $provider = Usdt::Tracer::Perf->provider;
my $scratch = scratch_dir();
my @turns = map { "$_->[0] from generated code $_->[1]" }
    [1, 1], [2, 3], [3, 6];

open(my $in, '<', source_dir() . '/examples/jit.c') or die "jit.c: $!\n";
my $source = join('', <$in>);
close($in);
$source =~ s/usdt_create_provider\("jit"/usdt_create_provider("$provider"/
    or die 'jit.c creates no provider';
$source =~ s/ && turns > -60//g == 1 or die 'jit.c ends otherwise';
# It tells of its rounds.
$source =~ s/sleep\(1\);/puts("round"); fflush(stdout); sleep(1);/
    or die 'jit.c does not sleep';
open(my $out, '>', "$scratch/jit.c") or die "$scratch/jit.c: $!\n";
print $out $source;
close($out);
build_c("$scratch/jit", "$scratch/jit.c", Usdt::Tracer::library(), '-pthread');

# Killed programs leave them.
my @maps;
END { unlink(@maps) }

# jit(OPTION...): the running program, and the path of its image.
sub jit
{
	local $ENV{USDT_IMAGE_DIR} = "$scratch/images";
	my $run = Usdt::Tracer::Run->start("$scratch/jit", @_);
	push @maps, "/tmp/perf-$run->{pid}.map";
	my $end = time + $Usdt::Tracer::PATIENCE;
	my $path;

	until (-s "/tmp/perf-$run->{pid}.map") {
		die "no jit:\n" . $run->report if time > $end;
		select(undef, undef, undef, 0.05);
	}
	open(my $maps, '<', "/proc/$run->{pid}/maps") or die "maps: $!\n";
	($path) = map { m{ (\Q$scratch\E/images/\S+)} ? $1 : () } <$maps>;
	return ($run, $path);
}

# saw(NAME, EVENT...): the turns, again and again, from any one on.
sub saw
{
	my ($name, @events) = @_;
	my ($first) = grep { $turns[$_] eq ($events[0] // '') } 0 .. $#turns;
	my @expected = map { $turns[(($first // 0) + $_) % 3] } 0 .. $#events;

	cmp_ok(scalar @events, '>=', 6, "$name: two rounds");
	is_deeply(\@events, \@expected, "$name: values");
}

for my $driver ('host', 'sid') {
	for my $option ([], ['-f']) {
		my $how = @$option ? 'usdt_probe_fire' : 'a site of its own';

		tracer_case("bpftrace ($driver), $how" => sub {
			my ($run, $path) = jit(@$option);
			my $bt = Usdt::Tracer::Bpftrace->run($driver,
				[["usdt:$path:$provider:turn", '%d %s %d',
				    'arg0', 'str(arg1)', 'arg2']], $run->{pid});
			my ($count, @events) = $bt->finish(6);

			saw($how, @events);
			is($count, scalar @events, 'each event counts once');
		});
	}
	tracer_case("bpftrace ($driver), stacks" => sub {
		my ($run, $path) = jit();
		my $bt = Usdt::Tracer::Bpftrace->run($driver,
			[["usdt:$path:$provider:turn", '%s',
			    'ustack(perf, 4)']], $run->{pid});

		$bt->wait_for(qr/ main\+/);
		my @frames = map { s/\+.*//r }
		    $bt->lines(qr/^\s+[0-9a-f]+ (\S+)/);
		$bt->end_softly;
		is("@frames[0 .. 2]", 'loop jit_loop main',
			'from the site to the program');
	});
}

tracer_case('perf' => sub {
	my ($run, $path) = jit();
	my $perf = Usdt::Tracer::Perf->new;

	$perf->call('buildid-cache', '--add', $path);
	$perf->call('probe', "sdt_$provider:turn");
	my $recorder = $perf->record('-e', "sdt_$provider:turn*", '-g', '-p',
		$run->{pid});
	my $rounds = $run->lines(qr/^round/);
	$run->wait_until(sub { $run->lines(qr/^round/) >= $rounds + 4 });
	my @events = $perf->script(1);
	my %values = map { ("$_->{arg1} $_->{arg3}") => 1 } @events;

	note("$_->{event} $_->{text}") for @events;
	cmp_ok(scalar @events, '>=', 6, 'two rounds');
	is(join(', ', sort keys %values), '1 1, 2 3, 3 6', 'values');
	my @stack = @{ $events[0]{stack} // [] };
	is("@stack[0 .. 2]", 'loop jit_loop main', 'the stack');
});

tracer_case('usdt watch and list' => sub {
	my ($run, $path) = jit();
	my $watch = Usdt::Watch->attach(2, '-p', $run->{pid},
		"$provider:turn");
	my @events = $watch->take(6);
	my @values = map { /:turn i=(\d+) text="(.*)" sum=(\d+)$/ ?
	    "$1 $2 $3" : $_ } @events;

	saw('names, text', @values);
	is($watch->stop('INT'), 0, 'watch ends');
	my ($status, $out) = run_usdt('list', '-v', '-p', $run->{pid});
	is(scalar(() = $out =~ /:loop:turn\(int i, char \*text, long sum\)/g),
		1, 'the list has the probe once');
	like($out, qr/usdt:\S+:turn \{ printf\(.*arg2/,
		'and a line for its sites');
	unlike($out, qr/uprobe:/, 'and no line for the stub, which the code does not run through');
});
done_testing();
