# Which tracers can be attached to one probe beside dtrace, and does each count
# every fire once?
#
# The kernel accepts one kind of uprobe at an address: with a semaphore or
# without, so tracers of different kinds need sites of their own. limits.t has
# the pairs that fail for other reasons.
#
# SPDX-License-Identifier: BSD-2-Clause
use strict;
use warnings;

use Test::More;

use Usdt::Dtrace qw(dtrace_case process same_events build_path);

my $USDT = build_path('usdt');

plan(skip_all => "no $USDT") if !-x $USDT;

# A tracer that uses semaphores: `usdt watch`.
package Watch {
	our @ISA = ('Usdt::Tracer::Run');

	sub run
	{
		my ($class, @arguments) = @_;
		my $self = $class->start($USDT, 'watch', @arguments);

		Usdt::Dtrace::wait_errors($self, qr/watching \d+ probe/) or die
		    "usdt watch did not start:\n" . $self->report;
		return $self;
	}

	sub values
	{
		my ($self) = @_;
		my @values = $self->lines(qr/\bgo\b.*?(-?\d+)\s*$/);

		return sort { $a <=> $b } @values;
	}

	# The values of all events, after N and no more arrived.
	sub finish
	{
		my ($self, $n) = @_;

		$self->wait_until(sub { my @v = $self->values; @v >= $n });
		$self->read_some(0.5);
		$self->stop('INT');
		return $self->values;
	}

	# Do its events come direct?
	sub is_direct
	{
		my ($self) = @_;

		return $self->errors =~ /: 1 probe direct$/m ? 1 : 0;
	}
}

sub dtrace
{
	my ($where, @options) = @_;

	return Usdt::Dtrace->run("$where { printf(\"> %d\\n\", arg0); }",
		@options);
}

sub fire
{
	my ($p, @values) = @_;

	is($p->ask("fire 0 $_"), 'fired 1', "fire $_") for @values;
}

for my $way ('$target', '*') {
	for my $first ('dtrace', 'watch') {
		my $title = $way eq '*' ? 'a wildcard' : '-p';

		dtrace_case("usdt watch beside dtrace by $title, $first first"
		    => sub {
			my $p = process('both', 'f', 'go', 'int');
			my %start = (
				dtrace => sub { dtrace("both${way}:::go",
					$way eq '*' ? () : ('-p', $p->pid)) },
				watch => sub { Watch->run('-p', $p->pid,
					'both:go') },
			);
			my ($second) = grep { $_ ne $first } keys %start;
			my %tracer = ($first => $start{$first}->());

			fire($p, 1);
			$tracer{$second} = $start{$second}->();
			is($p->ask('wait 0 1 100'), 'enabled 1', 'enabled');
			fire($p, 2, 3);
			my @mine = $first eq 'dtrace' ? (1, 2, 3) : (2, 3);
			same_events([$tracer{dtrace}->finish(scalar @mine)],
			    \@mine, 'dtrace sees each fire once');
			is($p->ask('wait 0 1 100'), 'enabled 1',
			    'enabled still: the other one goes on');
			fire($p, 4);
			is($tracer{watch}->is_direct, 1, 'its events are direct');
			@mine = $first eq 'watch' ? (1 .. 4) : (2 .. 4);
			is_deeply([$tracer{watch}->finish(scalar @mine)],
			    \@mine, 'usdt watch sees each fire once');
			is($p->ask('wait 0 0 100'), 'enabled 0',
			    'not enabled when both are gone');
		});
	}
}

# Direct events are written by the process, which also enters the kernel for
# dtrace.
dtrace_case('usdt watch and dtrace see each of 1,000 events' => sub {
	my $p = process('many', 'f', 'go', 'int');
	my $dtrace = Usdt::Dtrace->run('many*:::go '
	    . '{ printf("> %d\n", arg0); }');
	my $watch = Watch->run('many:go');
	my @all = (1 .. 1000);

	is($p->ask('wait 0 1 100'), 'enabled 1', 'enabled');
	is($watch->is_direct, 1, 'direct');
	$p->send("fire 0 $_") for @all;
	is(join(' ', map { $p->line } @all), join(' ', ('fired 1') x @all),
	    'all are fired');
	same_events([$dtrace->finish(scalar @all)], \@all,
	    'dtrace sees each once');
	is_deeply([$watch->finish(scalar @all)], \@all,
	    'and so does usdt watch');
});

# Each pair of dtraces, in order of starting.
my %ways = (
	'-p' => sub { my ($pid) = @_; ('both$target:::go', '-p', $pid) },
	'a pid' => sub { my ($pid) = @_; "both${pid}:::go" },
	'a wildcard' => sub { 'both*:::go' },
);

for my $pair (['-p', 'a wildcard'], ['a wildcard', '-p'],
    ['a pid', 'a wildcard'], ['a wildcard', 'a wildcard']) {
	my ($one, $two) = @$pair;

	dtrace_case("dtrace by $one, then dtrace by $two" => sub {
		my $p = process('both', 'f', 'go', 'int');
		my $first = dtrace($ways{$one}->($p->pid));

		fire($p, 1);
		my $second = dtrace($ways{$two}->($p->pid));
		fire($p, 2);
		same_events([$first->finish(2)], [1, 2],
		    'the first sees each fire once');
		is($p->ask('wait 0 1 100'), 'enabled 1', 'enabled still');
		fire($p, 3);
		same_events([$second->finish(2)], [2, 3],
		    'and so does the second');
		is($p->ask('wait 0 0 100'), 'enabled 0', 'not enabled after');
	});
}

done_testing();
