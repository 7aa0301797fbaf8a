# Usdt::Staging - how do the interpreters of languages, and packages built for
# them, come into machines of test/vm?
#
# SPDX-License-Identifier: BSD-2-Clause
package Usdt::Staging;

use strict;
use warnings;

use Cwd qw(abs_path);
use Exporter qw(import);
use File::Basename qw(dirname);
use File::Path qw(make_path);
use File::Temp qw(tempdir);

use Usdt::Variant ();

our @EXPORT_OK = qw(run copy copy_libraries copy_sources);

my $top = abs_path(dirname(__FILE__) . '/../../..');

# run(COMMAND...): returns the output; dies with it if the command failed.
sub run
{
	local %ENV = %ENV;
	# Without the settings of what started this test.
	delete @ENV{grep { /^(?:MAKE|PERL|PYTHON|RUBY|GEM_|LUA)/ } keys %ENV};
	delete @ENV{qw(MFLAGS CC CFLAGS)};
	my ($output, $status) = Usdt::Variant::quiet(@_);

	$status == 0 or die "@_: failed\n$output\n";
	return $output;
}

sub copy
{
	my ($from, $to) = @_;

	make_path(dirname($to));
	run('cp', '-L', $from, $to);
	return;
}

# copy_libraries(FILE, DIR): those that a program or a shared object needs beyond
# those of every Debian.
sub copy_libraries
{
	my ($file, $to) = @_;

	for (split(/\n/, run('ldd', $file))) {
		copy($2, "$to/$1") if /^\s*(\S+) => (\/\S+)/ &&
		    $1 !~ /^lib(?:c|m|dl|pthread|rt)\.so/;
	}
	return;
}

# copy_sources(): the library's sources, as packages take them along, in a
# directory of this test: another test may be building in the checkout.
sub copy_sources
{
	my $dir = tempdir('usdt-package-XXXXXX', TMPDIR => 1, CLEANUP => 1);

	run('sh', '-c', 'mkdir "$2/bindings" && cd "$1" && '
	    . 'cp -r usdt*.[chs] core image none Makefile LICENSE "$2" && '
	    . 'cp bindings/stage.mk bindings/vouch.h "$2/bindings"', 'sh', $top, $dir);
	return $dir;
}

1;
