# Usdt::Node - which parts of the package for Node.js do machines of test/vm
# get?
#
# The package as npm packs it, from a copy of the sources: another test may be
# packing too.  Built and fetched files are removed with the test.
#
# SPDX-License-Identifier: BSD-2-Clause
package Usdt::Node;

use strict;
use warnings;

use Cwd qw(abs_path);
use Exporter qw(import);
use File::Basename qw(dirname);
use File::Temp qw(tempdir);

use Usdt::Cross qw(lacks_cross cross_cc);
use Usdt::Variant ();

our @EXPORT_OK = qw(stage_node stage_hosts stage_consumer);

my $top = abs_path(dirname(__FILE__) . '/../../..');

# run(COMMAND...): returns the output; dies with it if the command failed.
sub run
{
	local %ENV = %ENV;
	# Without the settings of a make or npm that started this test.
	delete @ENV{grep { /^(?:MAKE|npm_)/ } keys %ENV};
	delete @ENV{qw(MFLAGS CC CFLAGS)};
	my ($output, $status) = Usdt::Variant::quiet(@_);

	$status == 0 or die "@_: failed\n$output\n";
	return $output;
}

# copy(DIR): copies the sources that packing needs.  Returns the package's
# directory.
sub copy
{
	my ($dir) = @_;

	run('sh', '-c', 'mkdir -p "$2/test" && cd "$1" && '
	    . 'cp -r usdt*.[chs] core image none Makefile LICENSE "$2" && '
	    . 'cp test/setup "$2/test" && tar -cf - --exclude build '
	    . '--exclude prebuilds --exclude libusdt bindings/node '
	    . 'bindings/vouch.h | '
	    . 'tar -xf - -C "$2"', 'sh', $top, $dir);
	return "$dir/bindings/node";
}

sub npm
{
	my ($in, @words) = @_;

	return run('sh', '-c', 'cd "$1" && shift && exec npm "$@"', 'sh', $in,
	    @words, qw(--no-audit --no-fund --no-update-notifier));
}

# This machine's node, with the libraries that it needs beyond those of every
# Debian.
sub copy_node
{
	my ($to) = @_;
	my $node = run('node', '-p', 'process.execPath') =~ s/\n\z//r;

	run('cp', $node, $to);
	for (split /\n/, run('ldd', $node)) {
		my ($name, $path) = /^\s*(\S+) => (\/\S+)/ or next;
		next if $name =~
		    /^(?:ld-linux|libc|libm|libdl|libpthread|librt)\b/;
		run('cp', '-L', $path, "$to/$name");
	}
}

sub lacks_node
{
	for my $command (qw(node npm musl-gcc)) {
		return "$command is not installed (test/setup node widths)"
		    if !grep { -x "$_/$command" } split /:/, $ENV{PATH};
	}
	return lacks_cross();
}

# stage_node(DIR, PROJECT...): "node" with its libraries, "package" with its
# tests, and for each PROJECT a directory in which npm installed those, with our
# package in place of dtrace-provider.
sub stage_node
{
	my ($to, @projects) = @_;

	if (my $lack = lacks_node()) {
		die "$lack, and USDT_NO_SKIP is set\n" if $ENV{USDT_NO_SKIP};
		return;
	}
	my $source = copy(tempdir('usdt-node-XXXXXX', TMPDIR => 1,
		CLEANUP => 1));

	run('mkdir', '-p', "$to/packed");
	copy_node($to);
	npm($source, 'pack', '--pack-destination', "$to/packed");
	my ($tarball) = glob("$to/packed/*.tgz");
	run('tar', '-xf', $tarball, '-C', $to);
	run('cp', '-r', "$source/test", "$to/package/");
	for my $project (@projects) {
		my $dir = "$to/" . $project =~ s/@.*//r;

		mkdir($dir) or die "$dir: $!\n";
		open(my $json, '>', "$dir/package.json") or die "$dir: $!\n";
		print $json '{ "overrides": { "dtrace-provider": "file:',
		    "$tarball\" } }\n";
		close($json);
		fetch($dir, $project);
	}
}

# fetch(DIR, PROJECT): from npm's registry.  A network failure is not ours:
# DIR/lacks then names it to the test, unless skips are failures and
# $USDT_NO_REGISTRY does not say that the registry is unreachable.
sub fetch
{
	my ($dir, $project) = @_;

	my $why = "npm's registry can not be reached";

	if (!$ENV{USDT_NO_REGISTRY}) {
		return if eval {
			npm($dir, 'install', '--ignore-scripts', $project);
		};
		die $@ if $@ !~ /\b(E(?:NOTFOUND|AI_AGAIN|CONNREFUSED
			|CONNRESET|TIMEDOUT|NETUNREACH|HOSTUNREACH)
			|ERR_SOCKET_TIMEOUT|SELF_SIGNED_CERT_IN_CHAIN
			|UNABLE_TO_GET_ISSUER_CERT\w*)\b/x;
		$why .= ": $1";
		die "$why, and USDT_NO_SKIP is set\n" if $ENV{USDT_NO_SKIP};
	}
	open(my $lacks, '>', "$dir/lacks") or die "$dir: $!\n";
	print $lacks "$why\n";
	close($lacks);
}

# stage_consumer(DIR): the package usdt-consumer and the two that re-export it,
# placed so that they find the helper as in a checkout.
sub stage_consumer
{
	my ($to) = @_;

	run('mkdir', '-p', "$to/bindings");
	run('cp', '-r', "$top/bindings/$_", "$to/bindings/")
	    for qw(node-consumer dtrace-async libdtrace);
}

# stage_hosts(DIR): for glibc and musl, DIR/LIBC has the binary of the package
# for linux-arm64 and a small host of Node-API, "host", with the loader of musl.
sub stage_hosts
{
	my ($to) = @_;
	my $source = copy(tempdir('usdt-node-XXXXXX', TMPDIR => 1,
		CLEANUP => 1));
	my $bin = dirname(cross_cc('aarch64'));
	my %cc = (glibc => "$bin/aarch64-linux-gnu-gcc",
		musl => "$bin/aarch64-linux-musl-gcc");

	for my $libc (sort keys %cc) {
		my $prebuilt = "prebuilds/linux-arm64-$libc";

		run('make', '-s', '-C', $source, '-f', 'pack.mk', $prebuilt);
		run('mkdir', '-p', "$to/$libc");
		run('sh', '-c', 'cp "$1"/* "$2"', 'sh', "$source/$prebuilt",
		    "$to/$libc");
		run($cc{$libc}, '-std=gnu99', '-rdynamic', '-o',
		    "$to/$libc/host", "$source/test/lib/host.c", '-ldl');
	}
	run('cp', '-L', "$bin/../arm64/lib/ld-musl-aarch64.so.1",
	    "$to/musl/loader");
}

1;
