#!/usr/bin/perl
# copies.t - what if there are two copies of the library in a process?
#
# Two mappings of one file make the kernel's counts of tracers wrong, also if
# two copies map an image at the same moment.  The copies belong to two plugins,
# which don't know each other, in a program that exports all its names; or to a
# program and to its shared object, whose names the program could replace.
#
# SPDX-License-Identifier: BSD-2-Clause
use strict;
use warnings;

use Test::More;

use Usdt::Places qw(in_environment scratch build images_in);
use Usdt::Process;

my $rounds = 300;
my $scratch = scratch();
my $images = "$scratch/images";
my @plugins = map { "$scratch/$_.so" } qw(one other);

ok(eval {
	build("$scratch/concurrent_copies", 'concurrent_copies.c', '-rdynamic',
	    '-Wl,-u,usdt_errstr');	# with a copy of its own
	build($_, 'concurrent_copy.c', '-shared', '-fPIC')
	    for @plugins;
	1;
}, 'the host and its plugins') or BAIL_OUT($@);

{ open my $helper, '>', "$scratch/helper" or die "helper: $!\n" }
my $process = Usdt::Process->new(program => "$scratch/concurrent_copies",
	args => [@plugins, $rounds], env => in_environment(
		USDT_IMAGE_DIR => $images, USDT_DEBUG => undef,
		USDT_BACKENDS => undef, USDT_HELPER => "$scratch/helper"));
my (@said, @asked);

$process->ready or die $process->report;
push @said, $process->line until @said && $said[-1] =~ /^(?:images|error)/;
@said = grep { !/^asked/ || !push @asked, $_ } @said;
is("@asked", 'asked ' . 2 * $rounds . ' at-once 0',
    'each asks the helper, one at a time');
is(pop @said, 'images ' . 2 * $rounds, 'each enabling has an image');
is(scalar @said, 0, 'none is mapped twice')
    or diag(scalar @said, " are, the first: $said[0]");
is(scalar images_in($images), 2 * $rounds, 'each is a file');
is($process->close, 0, 'it ends well');

# The second copy uses another file, or one without a name.
build("$scratch/few_descriptors", 'few_descriptors.c');
$process = Usdt::Process->new(program => "$scratch/few_descriptors", args => [@plugins],
	env => in_environment(USDT_IMAGE_DIR => "$scratch/few.images",
		USDT_DEBUG => undef));
$process->ready or die $process->report;
is($process->line, 'files 2', 'few descriptors: each has a file');
is($process->close, 0, 'it ends well');

ok(eval {
	build("$scratch/partial_link.so", 'partial_link_so.c', '-shared', '-fPIC');
	# It comes after the program's copy of the library.
	local $ENV{LDFLAGS} = ($ENV{LDFLAGS} // '') . " $scratch/partial_link.so";
	build("$scratch/partial_link", 'partial_link.c', '-rdynamic');
	1;
}, 'a program and its shared object') or BAIL_OUT($@);
$process = Usdt::Process->new(program => "$scratch/partial_link", args => [],
	env => in_environment(USDT_IMAGE_DIR => $images,
		USDT_DEBUG => undef));
is($process->greeting, 'invalid argument: provider is NULL',
	'the shared object finds the text of its own call');
is($process->line, 'no probes defined', 'the program that of its own');
is($process->line, 'fired 10 seen 10', 'and the probe of the object fires');
is($process->close, 0, 'it ends well');

# Where there are direct events, each copy has rings.
build("$scratch/unloaded_rings", 'unloaded_rings.c');
build("$scratch/unloaded_rings.so", 'unloaded_rings.c', '-shared', '-fPIC');
$process = Usdt::Process->new(program => "$scratch/unloaded_rings",
	args => ["$scratch/unloaded_rings.so"],
	env => in_environment(USDT_IMAGE_DIR => $images, USDT_DEBUG => undef));
$process->ready or die $process->report;
like($process->line, qr/^rings (?:10|0), then 0$/,
	'a plugin that is unloaded leaves no ring');
is($process->close, 0, 'it ends well');
done_testing();
