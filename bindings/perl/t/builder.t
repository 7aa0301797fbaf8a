# builder.t - does Devel::DTrace::Provider::Builder make the subs that it did?
#
# SPDX-License-Identifier: BSD-2-Clause
use strict;
use warnings;

use B ();
use Test::More;

use lib 't/lib';
use Needs;

package Declares;

BEGIN { $INC{'Declares.pm'} = 1 }

use Devel::DTrace::Provider::Builder;

BEGIN {
	provider 'pl-front' => as {
		probe 'render-start', 'string';
		probe 'render_done', 'integer', 'json';
	};
	provider 'plback' => as {
		probe 'start', 'int id';
	};
}

package main;

use Declares;

my @subs = qw(render_start pl_front_render_start render_done
	pl_front_render_done start plback_start);
for (map { ($_, "${_}_enabled") } @subs) {
	ok(main->can($_), "imported: $_");
	ok(Declares->can($_), "where it was declared: $_");
}

my $ran = 0;
render_start { $ran++; shift->fire('x') };
render_start { $ran++; shift->fire('x') } if render_start_enabled;
pl_front_render_start { $ran++ };
&start(sub { $ran++ });
is($ran, 0, 'no block runs');
is(start_enabled, 0, 'it is not enabled');
is((start { 1 }), 0, 'a block gives 0');
is(scalar(my @list = start { 1 }), 1, 'one value in a list');
sub last_statement { start { 1 } }
is(last_statement(), 0, 'as the last statement');
is(!!(eval 'start { 1 }; 1'), 1, 'in an eval of a text') for 1 .. 3;
ok(!eval 'start(1); 1', 'what is no block is refused');
like($@, qr/Type of arg 1 to .*start must be block or sub \{\}/, 'by Perl');

# A block that is not called is not made.
SKIP: {
	skip('call checkers need Perl 5.22', 1) if $] < 5.022;
	my $gates = 0;
	my @todo = (B::svref_2object(\&last_statement)->ROOT);
	while (my $op = shift @todo) {
		$gates++ if $op->name eq 'usdt_gate';
		next if !($op->flags & B::OPf_KIDS);
		for (my $kid = $op->first; $$kid; $kid = $kid->sibling) {
			push @todo, $kid;
		}
	}
	is($gates, 1, 'the test is in the caller');
}

my ($front, $back) = Devel::DTrace::Provider::Builder::providers('Declares');
is_deeply([sort keys %{ $front->probes }], ['render-start', 'render_done'],
	'the first provider has its probes');
is($back->status->{enabled}, 1, 'the second is enabled');
ok(!eval { Declares::probe('x'); 1 }, 'a probe outside of a provider');
like($@, qr/^probe 'x' is outside of a provider at \S+builder\.t /, 'croaks');

done_testing();
