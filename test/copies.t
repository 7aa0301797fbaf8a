#!/usr/bin/perl
# copies.t - does a process map an image once, if two copies of the library in
# it take one at the same moment?
#
# Two mappings of one file make the kernel's counting of tracers go wrong.  The
# copies are those of two plugins, which know nothing of each other.
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
	build("$scratch/copies", 'copies.c');
	build($_, 'copy.c', '-shared', '-fPIC', '-Wl,--exclude-libs,ALL')
	    for @plugins;
	1;
}, 'the host and its plugins') or BAIL_OUT($@);

my $process = Usdt::Process->new(program => "$scratch/copies",
	args => [@plugins, $rounds], env => in_environment(
		USDT_IMAGE_DIR => $images, USDT_DEBUG => undef));
my @said;

$process->ready or die $process->report;
push @said, $process->line until @said && $said[-1] =~ /^(?:images|error)/;
is(pop @said, 'images ' . 2 * $rounds, 'each enabling has an image');
is(scalar @said, 0, 'none is mapped twice')
    or diag(scalar @said, " are, the first: $said[0]");
is(scalar images_in($images), 2 * $rounds, 'each is a file');
is($process->close, 0, 'it ends well');
done_testing();
