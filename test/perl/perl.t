#!/usr/bin/perl
# perl.t - does the package for Perl do what it promises, and do real tracers
# see its probes?
#
# bindings/perl/t/*.t need no tracer; t/traced.pl has the programs that are
# traced.
#
# SPDX-License-Identifier: BSD-2-Clause
use strict;
use warnings;

use File::Basename qw(basename);
use Test::More;
use Usdt::BindingCases qw(run_all);
use Usdt::Package qw(test_package runs pass_on example_serves);
use Usdt::Tracer qw(need);

need('root', 'bpftrace', 'cc', 'perl headers');
my ($package, $dir) = test_package('perl', qr/^PERL/);

# in(DIRECTORY, COMMAND...): what runs the command there.
sub in
{
	my ($where, @command) = @_;

	return ('sh', '-c', 'cd "$1" && shift && exec "$@"', 'sh', $where,
		@command);
}

# What only Perl has.
my $own = {
	historic => {
		print => { p1 => ['%ld %s %s', '(int64)arg0', 'str(arg1)',
			'str(arg2)'] },
		events => ['-1099511627776 text {"a":1}'],
		said => qr/^(gives True\n){4}raises Error Probe takes 3 arguments, 2 provided at .*\ngives False$/,
		traced => qr/^gives True
raises Error Argument type mismatch: should be integer at .*
raises Error Argument type mismatch: should be string at .*
raises Error Error JSON serializing: .*
raises Error Probe takes 3 arguments, 2 provided at .*
gives True$/,
	},
	built => {
		print => { p__1 => ['%d', 'arg0'] },
		events => [1, 2, 3],
		said => ['gives False', 'gives False', 'ran 0'],
		traced => ['raises Error mine', 'gives True', 'ran 3'],
	},
	changing => {
		print => { p1 => ['%s %s %d', 'str(arg0)', 'str(arg1)',
			'arg2'] },
		events => ['changed acted 7', 'gone acted 8'],
	},
	prefork => {
		print => { p1 => ['%d %d %s', 'pid == arg0', 'arg0',
			'str(arg1)'] },
		events => sub { map { "1 $_" } @_ },
	},
};

my $says = 'my $p = Devel::USDT->new("a"); my $q = $p->probe("b"); '
    . 'eval { $p->enable }; print "fires ", $q->fire ? 1 : 0, " ", '
    . 'Devel::USDT::load_error() // $INC{"Devel/USDT.pm"}, "\n"';

# The package as it is shipped, made and built in a path with blanks and
# brackets.
sub is_shipped
{
	my $odd = "$dir/a b [c]";

	runs('the package is made', in($package, 'make', '-s', 'dist',
		"DISTVNAME=made-$$")) or return;
	rename("$package/made-$$.tar.gz", "$dir/made.tar.gz")
	    or die "made-$$.tar.gz: $!\n";
	mkdir($odd) or die "$odd: $!\n";
	runs('and unpacked', 'tar', '-xf', "$dir/made.tar.gz", '-C', $odd,
		'--strip-components', 1) or return;
	runs('it is complete', in($odd, $^X, '-MExtUtils::Manifest=manicheck',
		'-e', 'exit !!manicheck()'));
	runs('the version is the library\'s', 'sh', '-c', 'grep -q '
		. '"\"$(sed -n "s/^our .VERSION = .\(.*\).;/\1/p" '
		. '"$1/lib/Devel/USDT.pm")\"" "$1/libusdt/usdt.h"', 'sh', $odd);
	without_compiler($odd);
	runs('it is configured', in($odd, $^X, 'Makefile.PL',
		"INSTALL_BASE=$dir/to", 'OPTIMIZE=-O0')) or return;
	runs('its tests pass', in($odd, 'make', '-s', 'test'));
	runs('installed', in($odd, 'make', '-s', 'install')) or return;
	loads('installed it loads', "$dir/to/lib/perl5",
		qr{^fires 0 \Q$dir\E/to/lib/perl5/.*USDT\.pm$});
}

sub loads
{
	my ($name, $where, $wanted) = @_;
	local $ENV{PERL5LIB} = $where;
	my $run = runs($name, in('/', $^X, '-MDevel::USDT',
		'-MDevel::DTrace::Provider::Builder', '-e', $says)) or return;

	like($run->{lines}[0], $wanted, 'and says');
}

# Installing is no failure then.
sub without_compiler
{
	my ($odd) = @_;
	my $to = "$dir/stub";

	runs('it is configured without a compiler', in($odd, $^X,
		'Makefile.PL', "INSTALL_BASE=$to", 'CC=/nonexistent/cc'))
	    or return;
	runs('its tests pass', in($odd, 'make', '-s', 'test'));
	runs('installed', in($odd, 'make', '-s', 'install')) or return;
	loads('a stub is installed', "$to/lib/perl5",
		qr/^fires 0 .*loadable object/);
	runs('and removed', in($odd, 'make', '-s', 'realclean'));
}

my $built = runs('it is configured', in($package, $^X, 'Makefile.PL'))
    && runs('and built', in($package, 'make', '-s',
	'OPTIMIZE=-O2 -Wall -Wextra -Werror'));
if ($built) {
	my @traced = ($^X, "-Mblib=$package/blib", "$package/t/traced.pl");
	my $prefix = "pl$$";

	for (sort glob("$package/t/*.t")) {
		pass_on(basename($_), in($package, $^X, '-Mblib', $_));
	}
	run_all(\@traced, $prefix, $own, 'names');
	example_serves($^X, "-Mblib=$package/blib", "$package/examples/web.pl");
	is_shipped();
}
done_testing();
