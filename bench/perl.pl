# perl.pl - what does a probe of the package for Perl cost?
#
#	perl perl.pl EMPTY ROUNDS TIMES
#
# EMPTY is perl_empty.c, compiled; @INC has the package.  Prints "WHAT NUMBER..."
# for each statement: of each round its nanoseconds of processor time, without
# the loop's.  All statements take turns in each round.
#
# SPDX-License-Identifier: BSD-2-Clause
use strict;
use warnings;

use DynaLoader ();
use Time::HiRes qw(clock_gettime CLOCK_PROCESS_CPUTIME_ID);

use Devel::DTrace::Provider::Builder;
use Devel::USDT;

BEGIN {
	provider 'plbench' => as { probe 'block', 'int', 'char *' };
}

my ($file, $rounds, $times) = @ARGV;
my $library = DynaLoader::dl_load_file($file) or die DynaLoader::dl_error();
DynaLoader::dl_install_xsub('boot_perl_empty',
	DynaLoader::dl_find_symbol($library, 'boot_perl_empty'))->();

my $provider = Devel::USDT->new('plmethods');
our $probe = $provider->probe('p1', 'int', 'char *');
our $empty = bless {}, 'Empty';
our $perl = bless {}, 'Perl';
our $function = sub { return (1, 'text') };
$provider->enable;

sub Perl::method { return }

my %statements = (
	empty => '$empty->call',
	empty2 => '$empty->call(1, $text)',
	'empty-function' => 'Empty::call()',
	if => 'if ($probe->enabled) { $probe->fire(1, $text) }',
	fire => '$probe->fire(1, $text)',
	lazy => '$probe->lazy($function)',
	closure => '$probe->lazy(sub { return (1, $text) })',
	block => 'block { $_[0]->fire(1, $text) }',
	'called-block' => '&block(sub { $_[0]->fire(1, $text) })',
	method => '$perl->method',
	loop => '',
);

# A function that has the statement in a loop, with all names local.
sub loop
{
	my ($statement) = @_;

	return eval 'my ($probe, $empty, $perl, $function) = ($main::probe, '
	    . '$main::empty, $main::perl, $main::function); my $text = "text"; '
	    . "sub { my \$i = \$_[0]; while (\$i-- > 0) { $statement } }"
	    || die $@;
}

# Does a loop take values from Perl's store?
sub takes
{
	my ($run) = @_;

	$run->(1000);
	Empty::hide();
	$run->(1000);
	return Empty::taken() ? 1 : 0;
}

my %loops = map { $_ => loop($statements{$_}) } keys %statements;
my %taken;

$_->($times) for values %loops;
for (1 .. $rounds) {
	for my $what (sort keys %loops) {
		my $begin = clock_gettime(CLOCK_PROCESS_CPUTIME_ID);
		$loops{$what}->($times);
		push @{ $taken{$what} }, 1e9 / $times
		    * (clock_gettime(CLOCK_PROCESS_CPUTIME_ID) - $begin);
	}
}
my $bare = delete $taken{loop};
for my $what (sort keys %taken) {
	print join(' ', $what, map { sprintf('%.3f', $taken{$what}[$_]
		- $bare->[$_]) } 0 .. $rounds - 1), "\n";
}
print "$_-takes ", takes($loops{$_}), "\n" for qw(if fire block called-block);
