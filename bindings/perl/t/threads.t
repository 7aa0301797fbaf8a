# threads.t - do objects live as long as the last thread that has them?
#
# SPDX-License-Identifier: BSD-2-Clause
use strict;
use warnings;

use Config;
use Test::More;

use lib 't/lib';
use Needs;

BEGIN { $Config{useithreads} or plan(skip_all => 'this Perl has no threads') }
use threads;
use threads::shared;

use Devel::USDT;
use Devel::DTrace::Provider;

sub mapped
{
	open(my $maps, '<', '/proc/self/maps') or die "maps: $!\n";
	return scalar grep { /plthread/ } <$maps>;
}

sub live
{
	my $provider = Devel::USDT->new('plthread');
	my $probe = $provider->probe('p1', 'int', 'json');

	$provider->enable;
	return ($provider, $probe);
}

subtest 'a thread has its creator\'s objects' => sub {
	my ($provider, $probe) = live();
	my @seen = threads->create({ context => 'list' }, sub {
		$probe->fire(1, {});
		return ($probe->name, $probe->types,
			$provider->status->{enabled});
	})->join;

	is_deeply(\@seen, ['p1', 'int', 'json', 1], 'they work');
	undef $provider;
	ok(mapped(), 'the end of the thread left them');
	undef $probe;
	ok(!mapped(), 'they are gone');
};

subtest 'a thread keeps what its creator gave up' => sub {
	my ($provider, $probe) = live();
	my $go :shared;
	my $thread = threads->create(sub {
		lock($go);
		cond_wait($go) until $go;
		$probe->fire(1);
		return mapped();
	});

	undef $provider;
	undef $probe;
	ok(mapped(), 'still there');
	{
		lock($go);
		$go = 1;
		cond_signal($go);
	}
	ok($thread->join, 'in the thread, too');
	ok(!mapped(), 'the thread was the last');
};

subtest 'threads take turns with one provider' => sub {
	my ($provider) = live();
	my @threads = map { my $number = $_; threads->create(sub {
		my $good = 0;

		for my $i (1 .. 30) {
			my $probe = $provider->probe("q$number-$i");
			$probe->fire;
			eval { $provider->probe("q$number-$i") };
			$good++ if $@ =~ /:q$number-$i already exists/;
		}
		return $good;
	}) } 1 .. 3;

	is(join(' ', map { $_->join } @threads), '30 30 30',
		'each reads its own error');
	is($provider->status->{probes}, 91, 'all probes are there');
};

subtest 'a child is not held up by a thread of its parent' => sub {
	my ($provider) = live();
	my $over :shared = 0;
	my $thread = threads->create(sub {
		while (!$over) {
			$provider->disable;
			$provider->enable;
		}
	});
	my $good = 0;

	for (1 .. 30) {
		my $pid = fork // die "fork: $!\n";
		if ($pid == 0) {
			alarm 300;	# what hangs
			$provider->disable;
			$provider->enable;
			require POSIX;
			POSIX::_exit($provider->status->{enabled} ? 0 : 1);
		}
		waitpid($pid, 0);
		$good++ if $? == 0;
	}
	$over = 1;
	$thread->join;
	is($good, 30, 'each child has its calls');
};

done_testing();
