# historic.t - does Devel::DTrace::Provider do what version 1.11 did?
#
# SPDX-License-Identifier: BSD-2-Clause
use strict;
use warnings;

use Test::More;

use lib 't/lib';
use Needs;

use Devel::DTrace::Provider;

is(Devel::DTrace::Provider::DTRACE_AVAILABLE(), 1, 'DTRACE_AVAILABLE()');
is($Devel::DTrace::Provider::DTRACE_AVAILABLE, 1, '$DTRACE_AVAILABLE');

my $provider = Devel::DTrace::Provider->new('plold', 'plmodule');
isa_ok($provider, 'Devel::DTrace::Provider');
my $probe = $provider->add_probe('p1', 'f', ['string', 'integer', 'json']);
isa_ok($probe, 'Devel::DTrace::Probe');
my $probes = $provider->enable;
is_deeply([keys %$probes], ['p1'], 'enable gives the probes');
is($probes->{p1}, $probe, 'by name');
is($provider->probes, $probes, 'as probes does');
is($probe->fire('x', 1, {}), 1, 'a fire gives 1');
is($probe->is_enabled, 0, 'is_enabled gives a number');
is_deeply([$probe->name, $probe->function], ['p1', 'f'], 'name first');
$provider->disable;

is($provider->probe('p2', 'f', 'integer')->fire(1), 1, 'the types as a list');
is($provider->probe('p3', 'f')->fire, 1, 'no arguments');
is($provider->probe('p4', 'f', 'uint64_t id', 'char *')->fire(1, 'x'), 1,
	'types of C');
is(keys %{ $provider->enable }, 4, 'four probes');

$provider->remove_probe($probe);
is_deeply([sort keys %{ $provider->probes }], [qw(p2 p3 p4)], 'one removed');

for ([sub { $probes->{p2}->fire }, 'Probe takes 1 arguments, 0 provided'],
	[sub { $probes->{p2}->fire(1, 2) },
		'Probe takes 1 arguments, 2 provided'],
	[sub { $provider->add_probe('p3', 'f', []) }, 'add probe: '],
	[sub { $provider->add_probe('a:b', 'f', []) }, 'create probe failed'],
	[sub { $provider->add_probe('p9', 'f', ('integer')) },
		'array reference expected'],
	[sub { Devel::DTrace::Provider->new('a b', 'm') },
		'Failed to allocate memory for provider: '],
	[sub { $provider->remove_probe($probe) },
		'failed to remove probe plold:plmodule:f:p1'],
	[sub { Devel::DTrace::Provider->new('plnone', 'm')->enable },
		'no probes defined']) {
	my ($act, $text) = @$_;

	ok(!eval { $act->(); 1 }, "croaks: $text");
	like($@, qr/^\Q$text\E.* at \S+historic\.t line \d+\.$/, 'as it did');
}
is(keys %{ $provider->probes }, 3, 'what fails changes nothing');

done_testing();
