# Do the binaries for aarch64 of the package for Node.js load and fire, with
# glibc and with musl?
#
# It runs in the machine with this processor, which has bpftrace and no Node.js:
# a small host of Node-API takes its place.
#
# SPDX-License-Identifier: BSD-2-Clause
use strict;
use warnings;

use Test::More;
use Usdt::Dtrace qw(build_path);
use Usdt::Tracer qw(need scratch_dir tracer_case);

need('root');

my $images = scratch_dir() . '/images';
my %command = (
	glibc => [build_path('node/glibc/host')],
	musl => [build_path('node/musl/loader'), build_path('node/musl/host')],
);

# The output of the host with that libc.
sub host
{
	my ($libc) = @_;
	my $run = Usdt::Tracer::Run->start('env', "USDT_IMAGE_DIR=$images",
		@{ $command{$libc} },
		build_path("node/$libc/DTraceProviderBindings.node"),
		"host$libc");

	$run->wait_until(sub { !$run->{out} });
	my $status = $run->reap;
	is($status && $status->[0], 0, "$libc: ends well")
	    or diag($run->report);
	return $run->lines(qr/^(.*)$/);
}

tracer_case('the binaries for glibc and musl' => sub {
	my %site;

	for my $libc (sort keys %command) {
		my @lines = host($libc);

		($site{$libc}) = map { m{^site (\S+) } } @lines;
		is($lines[-1], 'say enabled 0', "$libc: not traced yet");
	}
	my $bpftrace = Usdt::Tracer::Bpftrace->run('guest', [map {
		["usdt:$site{$_}:host$_:p1", "$_ %d %s %lx", '(int32)arg0',
			'str(arg1)', 'arg2'] } sort keys %site]);
	for my $libc (sort keys %command) {
		is((host($libc))[-1], 'say enabled 1', "$libc: traced");
	}
	my ($fires, @events) = $bpftrace->finish(2);
	is_deeply([sort @events], [map {
		"$_ -7 in a small host ffffffffffffffff" } sort keys %site],
		'each fired');
	is($fires, 2, 'once');
});

done_testing();
