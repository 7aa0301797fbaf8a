# Usdt::Perl - which parts of the package for Perl do machines of test/vm get?
#
# This machine's Perl, since the extension is built for it: the program, and of
# its modules those that the traced programs load.
package Usdt::Perl;

use strict;
use warnings;

use Cwd qw(abs_path);
use Exporter qw(import);
use File::Basename qw(dirname);
use File::Temp qw(tempdir);

use Usdt::Staging qw(run copy copy_program);
use Usdt::Tracer ();

our @EXPORT_OK = qw(stage_perl);

my $top = abs_path(dirname(__FILE__) . '/../../..');

# build(): the package, built in a copy of the sources, since another test may
# be building it too.  Returns its directory.
sub build
{
	my $dir = tempdir('usdt-perl-XXXXXX', TMPDIR => 1, CLEANUP => 1);

	run('sh', '-c', 'mkdir -p "$2/bindings/perl" && cd "$1" && '
	    . 'cp -r usdt*.[chs] core image none Makefile LICENSE "$2" && '
	    . 'cp bindings/stage.mk "$2/bindings" && cd bindings/perl && '
	    . 'cp --parents MANIFEST.in $(sed "/^MANIFEST$/d" MANIFEST.in) '
	    . '"$2/bindings/perl" && cd "$2/bindings/perl" && '
	    . '"$3" Makefile.PL && make -s', 'sh', $top, $dir, $^X);
	return "$dir/bindings/perl";
}

# stage_perl(DIR): "perl" with its libraries, "lib" with the modules, and
# "traced.pl".
sub stage_perl
{
	my ($to) = @_;

	if (my $lack = Usdt::Tracer::lacks_perl()) {
		die "$lack, and USDT_NO_SKIP is set\n" if $ENV{USDT_NO_SKIP};
		return;
	}
	my $package = build();
	copy_program($^X, $to, 'perl');
	copy("$package/t/traced.pl", "$to/traced.pl");
	my $lists = 'END { print "> $_\n" for @DynaLoader::dl_shared_objects, '
	    . 'map { "$INC{$_} $_" } keys %INC }';
	for (split(/\n/, run($^X, "-Mblib=$package/blib", '-e', "$lists "
		. '$0 = shift; do $0; die $@ if $@', "$package/t/traced.pl",
		'json,threads,built', 'staged'))) {
		my ($from, $name) = /^> (\S+)(?: ([^\/]\S*))?$/ or next;
		$name //= $from =~ s{.*/(?=auto/)}{}r;
		copy($from, "$to/lib/$name");
	}
	return;
}

1;
