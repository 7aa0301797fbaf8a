# stub.t - what does the package do where its extension is missing?
#
# SPDX-License-Identifier: BSD-2-Clause
use strict;
use warnings;

use Test::More;

my $lib = 'lib';	# without blib's extension, nor an installed one
my $program = <<'END';
use strict;
use warnings;
BEGIN { @INC = grep { !-e "$_/auto/Devel/USDT" } @INC }
use Devel::USDT;
use Devel::DTrace::Provider::Builder;
my $p = Devel::USDT->new('a b');
my $q = $p->probe('p1', 'int', 'json');
$p->enable;
print 0 + $q->enabled, 0 + $q->fire(1), 0 + $q->lazy(sub { exit }), "\n";
print join(' ', $q->name, $q->function, $q->types), "\n";
$p->remove($q);
print $p->status->{enabled}, ' ', $p->status->{note}, "\n";
$p->disable;
print Devel::DTrace::Provider::DTRACE_AVAILABLE(), "\n";
my $old = Devel::DTrace::Provider->new('x', 'y');
my $r = $old->add_probe('p', 'f', ['integer']);
print join(' ', keys %{ $old->enable }, $r->fire, $r->is_enabled), "\n";
$old->remove_probe($r);
print scalar(keys %{ $old->probes }), "\n";
BEGIN { provider 'z' => as { probe 'p-1', 'integer' } }
print p_1 { die } if p_1_enabled;
print p_1 { die };
print p_1_enabled, "\n";
print Devel::USDT::load_error();
END

{
	local $ENV{PERL5LIB} = '';
	open(my $in, '-|', $^X, "-I$lib", '-e', $program) or die "perl: $!\n";
	my @lines = <$in>;
	ok(close($in), 'it runs');
	like(pop @lines, qr/^Can't locate loadable object for module Devel::USDT/,
		'load_error says why');
	is(join('', @lines), <<'END', 'what calls give');
000
p1 p1 int json
0 the extension is not loaded: see Devel::USDT::load_error
0
p 1 0
0
10
END
}

done_testing();
