# Does each line for DTrace in README.md show events?
#
# examples/hello.c runs as long as the test, and fires once a second.
#
# SPDX-License-Identifier: BSD-2-Clause
use strict;
use warnings;

use Test::More;

use Usdt::Dtrace qw(dtrace_case listing eventually build_path as_user);
use Usdt::Tracer qw(source_dir);

open(my $in, '<', source_dir() . '/README.md') or die "README.md: $!\n";
my @lines = grep { /^dtrace / } <$in>;
chomp(@lines);
cmp_ok(scalar @lines, '>=', 2, 'there are lines');

# Two processes: a line with a pid shows the first alone.
my @hello = map { Usdt::Tracer::Run->start(as_user(build_path('hello'))) } 1, 2;

for (@hello) {
	my $pid = $_->pid;

	ok(eventually(sub { listing("myapp${pid}:::") == 1 }), 'DTrace knows it')
	    or diag($_->report);
}
$ENV{PID} = $hello[0]->pid;

# Its own libraries would take long under emulation.
my ($dtrace, @options) = Usdt::Dtrace::command();
for my $line (@lines) {
	dtrace_case($line => sub {
		my $options = join(' ', grep { $_ ne '-q' } @options);
		my $run = Usdt::Tracer::Run->start('sh', '-c',
		    $line =~ s/^dtrace/exec dtrace $options/r);
		my %seen;
		my $both = $line !~ /-p/;
		my $done = sub {
			%seen = ();
			$seen{$_}++ for $run->lines(qr/handle:request-start (2\d\d) \/index/);
			my $twice = grep { $_ > 1 } values %seen;
			return $both ? $twice > 0 : keys %seen > 1;
		};

		ok($run->wait_until($done), $both ? 'shows events of both' :
			'shows events');
		is($run->stop('INT'), 0, 'ends');
		is((grep { $_ > 1 } values %seen) > 0, $both,
		    'and of no other process') if !$both;
	});
}
$_->stop('KILL') for @hello;
done_testing();
