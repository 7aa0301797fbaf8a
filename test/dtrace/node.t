# Does DTrace see what programs of Node.js fire, as dtrace-provider promises?
#
# The cases of that package's own tests, under their names; their programs are
# in bindings/node/test/lib/traced.js, where bpftrace reads them too.  One
# script and one process check almost all, since both start slowly here. dtrace
# finds probes some time after they appear: programs wait for it.
#
# SPDX-License-Identifier: BSD-2-Clause
use strict;
use warnings;

use Test::More;

use Usdt::Dtrace qw(dtrace_case same_events eventually build_path as_user);

my $node = build_path('node');

# A program of Node.js, as an ordinary user's: its standard output, as lines.
sub node
{
	my ($environment, $script, @arguments) = @_;

	return Usdt::Tracer::Run->start(as_user('env', "LD_LIBRARY_PATH=$node",
		'USDT_TEST_AWAIT=500', @$environment, "$node/node",
		'--expose-gc', "$node/package/test/lib/$script", @arguments));
}

sub ends_well
{
	my ($run, $name) = @_;

	$run->wait_until(sub { !$run->{out} });
	my $status = $run->reap;
	return is($status && $status->[0], 0, "$name ends well")
	    || diag($run->report);
}

my $INT = ['%d', '(int)arg0'];
my @INT_STRING = ($INT, ['%s', 'copyinstr(arg1)']);

# DTrace reads ten arguments of 32.
sub numbers { return join(' ', @_) }
my @ints = map { ['%d', "(int)arg$_"] } 0 .. 9;
my @strings = map { ['%s', "copyinstr(arg$_)"] } 0 .. 9;

# NAME, of the program; the case in dtrace-provider's tests; for each probe what
# is printed, [FORMAT, EXPRESSION] ...; and the expected output.
my @cases = (
	[basic => 'basic', { p1 => \@INT_STRING },
		'p1 1 two', 'p1 -3 four'],
	[ints32 => '32probe', { p1 => \@ints },
		map { my $n = $_; numbers('p1',
			map { $_ <= $n ? $_ : 0 } 1 .. 10) } 1 .. 32],
	[strings32 => '32probe-char', { p1 => \@strings },
		numbers('p1', map { "text$_" } 0 .. 9)],
	[addProbes => 'add-probes', { map { ("p$_" => [$INT]) } 0 .. 9 },
		'p0 0', map { my $i = $_; map { "p$_ $i" } 1 .. $i } 1 .. 9],
	[extraOfProbe => 'args-after-cb-1', { p1 => \@INT_STRING },
		'p1 7 seven', 'p1 0 none'],
	[extraOfProvider => 'args-after-cb-2', { p1 => \@INT_STRING },
		'p1 8 eight', 'p1 0 none'],
	[badProbe => 'bad-probe', { p1 => [$INT] }, 'p1 2'],
	[createDestroy => 'create-destroy',
		{ p1 => [['%s', 'probemod'], $INT] },
		map { 'p1 mod-' . ($_ + 1) . " $_" } 0 .. 9],
	[disambiguation => 'disambiguation',
		{ p1 => [['%s', 'probemod'], $INT] },
		'p1 mod-1 0', 'p1 mod-2 1', 'p1 mymod 2', 'p1 othermod 3'],
	[enabledDisabled => 'enabled-disabled', { p1 => [$INT] },
		map { "p1 $_" } 1 .. 11],
	[enabledAgain => 'enabledagain', { p1 => [$INT, ['id%d', 'id']] },
		'p1 1 idN', 'p1 2 idN'],
	[fewer => 'fewer-args', { p1 => [@INT_STRING, ['%d', '(int)arg2'],
			['%s', 'copyinstr(arg3)']] },
		'p1 1 a 0 undefined', 'p1 0 undefined 0 undefined',
		'p1 0 null 0 undefined'],
	[fewerJson => 'fewer-args-json', { p1 => [['%s', 'copyinstr(arg0)'],
			['%s', 'copyinstr(arg1)']] },
		'p1 {"a":[1,"x"]} undefined', 'p1 undefined null'],
	[more => 'more-args', { p1 => \@INT_STRING, none => [] },
		'p1 1 a', 'none'],
	[json => 'json-args', { p1 => [['%s', 'copyinstr(arg0)'],
			['%s', 'copyinstr(arg1)']] },
		"p1 obj {\"n\":42,\"s\":\"text\",\"u\":\"h\xc3\xa9\"}"],
	[jsonMany => 'multiple-json-args', { p1 => [['%s', 'copyinstr(arg0)'],
			['%s', 'copyinstr(arg1)']] },
		'p1 {"a":1} [{"b":2},"c"]'],
	[gc => 'gc', { p1 => [$INT] }, 'p1 0', 'p1 2'],
	[gcProvider => 'gc-provider', { p1 => [$INT] }, 'p1 1', 'p1 2'],
	[notEnabled => 'notenabled', { p1 => [$INT] }, 'p1 2'],
	[addLive => 'a probe that comes to a live provider',
		{ first => [$INT], second => [$INT] },
		'first 1', 'second 2', 'first 3'],
);

# The fires of two packages that know nothing of libusdt.
my %bunyan = map { ("log-$_" => [['%s', 'copyinstr(arg0)']]) }
    qw(trace info error);
my %restify = (
	'route-start' => [map({ ['%s', "copyinstr(arg$_)"] } 0, 1),
		['%d', '(int)arg2'], map { ['%s', "copyinstr(arg$_)"] } 3 .. 5],
	'route-done' => [map({ ['%s', "copyinstr(arg$_)"] } 0, 1),
		['%d', '(int)arg2'], ['%d', '(int)arg3'],
		['%s', 'copyinstr(arg4)']],
	map { ("handler-$_" => [map({ ['%s', "copyinstr(arg$_)"] } 0 .. 2),
		['%d', '(int)arg3']]) } qw(start done),
);

# clauses(NAME, PROVIDER, PROBES): print NAME, the probe, and its values.
sub clauses
{
	my ($name, $provider, $probes) = @_;

	return join('', map {
		my @values = @{ $probes->{$_} };
		"${provider}:::$_ { printf(\"" . join(' ', "> $name $_",
			map { $_->[0] } @values) . '\n"'
		    . join('', map { ", $_->[1]" } @values) . "); }\n"
	} sort keys %$probes);
}

plan(skip_all => 'there is no Node.js in this machine')
    if !-x "$node/node";

dtrace_case('the cases of dtrace-provider' => sub {
	my ($script, $events) = ('', 0);

	for (@cases) {
		my ($name, undef, $probes, @expected) = @$_;

		$script .= clauses($name, "case${name}_x*", $probes);
		$events += @expected;
	}
	my $d = Usdt::Dtrace->run($script, '-Z');
	my $run = node([], 'traced.js', join(',', map { $_->[0] } @cases),
		'case');

	ends_well($run, 'the program');
	my %seen;
	for ($d->finish($events)) {
		my ($name, $event) = /^(\w+) (.*?) ?$/;
		push @{ $seen{$name} }, $event;
	}
	# DTrace chooses the number; it has to be the same.
	my ($id) = map { /( id\d+)$/ } @{ $seen{enabledAgain} };
	s/\Q$id\E$/ idN/ for defined $id ? @{ $seen{enabledAgain} } : ();
	for (@cases) {
		my ($name, $title, undef, @expected) = @$_;

		same_events([sort @{ $seen{$name} // [] }], \@expected, $title);
	}
});

# dtrace has to know the types of arguments when it starts: it gets the process,
# which waits until it is traced. dtrace ends with that process.
dtrace_case('32probe-char, by args[]' => sub {
	my $run = node([], 'traced.js', 'strings32', 'typed_x');
	my $maps = '/proc/' . $run->pid . '/maps';

	eventually(sub {
		open(my $in, '<', $maps) or return 0;
		grep { m{/typed_x/} } <$in>;
	}) or die "the program does not start\n" . $run->report;
	my $d = Usdt::Dtrace->run(clauses('typed', 'typed_x$target',
		{ p1 => [map { ['%s', "copyinstr((uintptr_t)args[$_])"] }
			0 .. 9] }), '-p', $run->pid);
	ends_well($run, 'the program');
	same_events([$d->finish(1)], [numbers('typed p1',
		map { "text$_" } 0 .. 9)], 'typed');
});

# Children of Node.js run its program again, so dtprobed mistakes them for what
# they were when they were forked.
dtrace_case('child_process.fork and cluster' => sub {
	my $d = Usdt::Dtrace->run('family_x*:::p1 '
		. '{ printf("> %d %d\n", pid, (int)arg0); }', '-Z');
	my $run = node([], 'traced.js', 'family', 'family_x');

	ends_well($run, 'the program');
	my @said = $run->lines(qr/^say taken (\d+ \w+)$/);
	my @pids = map { /^(\d+) true$/ ? $1 : () } @said;
	is(scalar @pids, 4, 'a parent, a child and two workers are registered')
	    or diag(join("\n", @said));
	same_events([$d->finish(4)], [map { "$_ $_" } @pids],
	    'each is seen, under its pid');
});

dtrace_case('bunyan and restify' => sub {
	for my $lacks (grep { -e } map { "$node/$_/lacks" } qw(bunyan restify)) {
		open(my $in, '<', $lacks) or die;
		SKIP: { skip(scalar <$in>, 1) }
		return;
	}
	my $d = Usdt::Dtrace->run(clauses('bunyan', 'bunyan*', \%bunyan)
		. clauses('restify', 'restify*', \%restify), '-Z');
	my @runs = map { node(["PROJECT=$node/$_", 'NODE_NO_WARNINGS=1'],
		"$_.js") } qw(bunyan restify);

	ends_well($runs[0], 'bunyan');
	ends_well($runs[1], 'restify');
	my @seen = $d->finish(7);
	my $about = sub {
		my $start = "bunyan $_[0] {\"name\":\"app\",\"hostname\":\"h\",";
		qr/^\Q$start\E"pid":\d+,"level":$_[1],/;
	};
	my @patterns = ($about->('log-error', 50), $about->('log-info', 30),
		$about->('log-trace', 10),
		qr/^restify handler-done shop undefined greet 1$/,
		qr/^restify handler-start shop undefined greet 1$/,
		qr/^restify route-done shop hello 1 201 undefined$/,
		qr/^restify route-start shop hello 1 GET \/hello\/world \{"x-te/);
	is(scalar @seen, @patterns, 'so many events');
	like($seen[$_], $patterns[$_], "event $_") for 0 .. $#patterns;
	like($seen[1], qr/,"n":42,"o":\{"s":"text"\},"msg":"hello world",/,
		"bunyan's JSON is whole");
});

done_testing();
