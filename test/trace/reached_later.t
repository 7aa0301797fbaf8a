#!/usr/bin/perl
# reached_later.t - does a watch find images that come later because the kernel
# tells of them, and without that by looking again?
#
# SPDX-License-Identifier: BSD-2-Clause
use strict;
use warnings;

use Test::More;
use Usdt::Process;
use Usdt::Tracer qw(need tracer_case scratch_dir source_dir);
use Usdt::Watch qw(build_notes traced);

need('root', 'cc');
alarm 3600;

my $dir = scratch_dir();
my $preload = Usdt::Tracer::build_c("$dir/reached_later.so", '-shared',
	'-fPIC', source_dir() . '/test/trace/reached_later.c', '-ldl');

# watch(VARIABLE, ARGUMENT...): with that variable for the preloaded library.
sub watch
{
	my ($variable, @arguments) = @_;

	return Usdt::Watch->attach(1, ['env', "LD_PRELOAD=$preload",
		"$variable=1"], @arguments);
}

# So many are watched, and we wait for it.
sub watches
{
	my ($watch, $count) = @_;

	return $watch->told(qr/(watching $count probes)/);
}

tracer_case('the kernel tells of new images' => sub {
	my $provider = "r${$}a";
	my $first = traced($dir, "${provider}0", ['f', 'one', 'int']);
	my $watch = watch('ONE_LOOK', "$provider*:*");
	my @notes = { provider => "${provider}n", name => 'note' };

	my $later = traced($dir, "${provider}1", ['f', 'one', 'int']);
	watches($watch, 2);
	my $program = build_notes("$dir/noted", @notes);
	my $noted = Usdt::Process->new(program => $program);
	$noted->ready or die $noted->greeting;
	watches($watch, 3);
	my $nowhere = Usdt::Process->new(args => ['-p', "${provider}2", 'f',
		'one', 'int'], env => { USDT_IMAGE_DIR => "$dir/images" });
	$nowhere->ready or die $nowhere->greeting;
	watches($watch, 4);

	$_->ask('') for $first, $later, $noted, $nowhere;
	is_deeply([ sort map { s/^\d+ //r } $watch->take(4) ], [
		"noted ${provider}n:note",
		map { "test_usdt ${provider}$_:one 1" } 0 .. 2,
	], 'the events of each come');

	# The same inode again: another file.
	$noted->close;
	unlink($program) or die "$program: $!\n";
	$notes[0]{name} = 'other';
	build_notes($program, @notes);
	$noted = Usdt::Process->new(program => $program);
	$noted->ready or die $noted->greeting;
	watches($watch, 5);
	$noted->ask('');
	ok($watch->wait_until(sub {
		grep { / noted ${provider}n:other$/ } @{ $watch->{lines} }
	}), 'a program that was built again');
	is($watch->stop('INT'), 0, 'exit 0');
});

tracer_case('of one process' => sub {
	my $provider = "r${$}b";
	my $process = traced($dir, "${provider}0", ['f', 'one', 'int']);
	my $other = traced($dir, "${provider}1", ['f', 'one', 'int']);
	my $watch = watch('ONE_LOOK', '-p', $process->pid, "$provider*:*");
	my $third = traced($dir, "${provider}2", ['f', 'one', 'int']);

	$_->ask('') for $other, $third, $process;
	is($watch->stop('INT'), 0, 'exit 0');
	is_deeply([ map { s/^\d+ //r } $watch->take(1) ],
	    [ "test_usdt ${provider}0:one 1" ], 'only its events come');
});

tracer_case('the kernel does not tell' => sub {
	my $provider = "r${$}c";
	my $first = traced($dir, "${provider}0", ['f', 'one', 'int']);
	my $watch = watch('NO_MAPS', "$provider*:*");

	like($watch->errors, qr/^usdt: programs that start later are looked for from time to time only, since the kernel does not tell what they map: Permission denied$/m,
	    'it says so');
	my $later = traced($dir, "${provider}1", ['f', 'one', 'int']);
	watches($watch, 2);
	$later->ask('');
	is_deeply([ map { s/^\d+ //r } $watch->take(1) ],
	    [ "test_usdt ${provider}1:one 1" ], 'a new image is found anyway');
	is($watch->stop('INT'), 0, 'exit 0');
});

done_testing();
