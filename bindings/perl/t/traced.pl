# Programs for tests to trace: they act and judge nothing.
#
#	traced.pl NAME[,NAME...] PREFIX
#
# Each has a provider named PREFIX_NAME.  They print "site PATH PROVIDER PROBE"
# for what a tracer can attach to, and "say NAME TEXT" for what else a test may
# want to know.  test/lib/Usdt/BindingCases.pm has the expected results.
#
# SPDX-License-Identifier: BSD-2-Clause
use strict;
use utf8;
use warnings;

use Config;
use threads;

use Devel::DTrace::Provider;
use Devel::USDT;
use IO::Socket::INET;
use Math::BigInt;

my (@lines, $case, $prefix, %cases);

sub say_that
{
	push @lines, join(' ', 'say', $case, @_);
	return;
}

# Where are the probes of the newest image?  DTrace finds them some time after
# they appear: $USDT_TEST_AWAIT is how many seconds to wait for it.
sub site
{
	my ($provider, @probes) = @_;
	my $path = $provider->status->{sdt}{path};
	my $end = time + ($ENV{USDT_TEST_AWAIT} // 0);

	for my $probe (@probes) {
		while (!$probe->enabled && time < $end) {
			select(undef, undef, undef, 0.02);
		}
		push @lines, join(' ', 'site', $path, $provider->name,
			$probe->name =~ s/-/__/gr);
	}
	return;
}

sub named { return "${prefix}_$case" }

# A provider with a probe p1, enabled.
sub live
{
	my (@types) = @_;
	my $provider = Devel::USDT->new(named());
	my $probe = $provider->probe('p1', @types);

	$provider->enable;
	site($provider, $probe);
	return ($provider, $probe);
}

sub attempt
{
	my ($act) = @_;
	my $given;

	if (eval { $given = $act->(); 1 }) {
		say_that('gives', $given ? 'True' : 'False');
	} else {
		say_that('raises Error', $@ =~ s/\n//r);
	}
	return;
}

# A forked child that does nothing but act; its pid.
sub child
{
	my ($act) = @_;
	my $pid = fork // die "fork: $!\n";

	if ($pid == 0) {
		eval { $act->() };
		require POSIX;
		POSIX::_exit(0);
	}
	waitpid($pid, 0);
	return $pid;
}

package Raises;

use overload '""' => sub { die "no text\n" }, '0+' => sub { die "no number\n" };

sub new { return bless {}, $_[0] }

package View;

use overload '""' => sub { return 'view' };

sub TIESCALAR { return bless {}, $_[0] }

sub FETCH { return 'array' }

package Acts;

use overload '""' => sub { $_[0]{act}->(); return 'acted' };

sub new { return bless { act => $_[1] }, $_[0] }

package main;

%cases = (
	basic => sub {
		my $provider = Devel::USDT->new(named());
		my $probe = $provider->probe('request-start', 'int', 'char *');

		$provider->enable;
		site($provider, $probe);
		$probe->fire(1, 'two');
		$probe->fire(-3, 'four');
	},
	ints => sub {
		my ($provider, $probe) = live(('int') x 32);

		$probe->fire(1 .. $_) for 1 .. 32;
	},
	texts => sub {
		my ($provider, $probe) = live(('char *') x 32);

		$probe->fire(map { "text$_" } 0 .. 31);
	},
	# 1 + (1 + 2 + ... + 9) = 46 fires.
	grow => sub {
		my $provider = Devel::DTrace::Provider->new(named(), 'perl');
		my @probes = $provider->add_probe('p0', 'f', ['integer']);

		$provider->enable;
		site($provider, @probes);
		$probes[0]->fire(0);
		for my $i (1 .. 9) {
			$provider->disable;
			push @probes, $provider->probe("p$i", 'f', 'integer');
			$provider->enable;
			site($provider, $probes[$i]);
			$_->fire($i) for @probes[1 .. $i];
		}
	},
	# A probe that comes to an enabled provider is visible at once.
	added => sub {
		my ($provider, $first) = live('int');
		my $second = $provider->probe('p2', 'int');

		site($provider, $second);
		$first->fire(1);
		$second->fire(2);
	},
	ten => sub {
		my @providers;

		for my $i (0 .. 9) {
			my ($provider, $probe) = live('int');

			push @providers, $provider;
			$probe->fire($i);
		}
	},
	modules => sub {
		for my $module ('one', 'two') {
			my $provider = Devel::USDT->new(named(), $module);
			my $probe = $provider->probe('p1', 'char *');

			$provider->enable;
			site($provider, $probe);
			$probe->fire($module);
		}
	},
	cycles => sub {
		my ($provider, $probe) = live('int');

		for my $i (0 .. 10) {
			$provider->enable;
			$probe->fire($i);
			$provider->disable;
			$probe->fire(100);
		}
	},
	twice => sub {
		my ($provider, $probe) = live('int');

		$probe->fire(1);
		$provider->enable;
		$probe->fire(2);
	},
	fewer => sub {
		my ($provider, $probe) = live('int', 'int', 'char *', 'json');

		$probe->fire(5);
	},
	more => sub {
		my ($provider, $probe) = live('int');

		$probe->fire(5, 6, 'seven', Raises->new);
	},
	json => sub {
		my ($provider, $probe) = live('json', 'json');

		$probe->fire({ a => 1, b => [JSON::PP::true, undef, 'ü'] },
			'text');
	},
	circular => sub {
		my ($provider, $probe) = live('json');
		my $value = {};

		$value->{self} = $value;
		$probe->fire($value);
		$probe->fire(sub { 1 });
		delete $value->{self};
	},
	# The program keeps only the provider, then only the probe.
	collected => sub {
		my ($provider, $probe) = live('int');

		undef $probe;
		say_that('probes', $provider->status->{probes});
		(my $other, $probe) = live('int');
		undef $other;
		$probe->fire(7);
	},
	# The program keeps neither: both are freed.
	gone => sub {
		my ($provider, $probe) = live('int');

		undef $provider;
		undef $probe;
		open(my $maps, '<', '/proc/self/maps') or die "maps: $!\n";
		say_that('mapped', scalar grep { index($_, named()) >= 0 }
			<$maps>);
	},
	disabled => sub {
		my $provider = Devel::USDT->new(named());
		my $probe = $provider->probe('p1', 'int');

		attempt(sub { $probe->fire(Raises->new) });
		attempt(sub { $probe->lazy(sub { say_that('called') }) });
	},
	removed => sub {
		my $provider = Devel::USDT->new(named());
		my ($probe, $other) = map { $provider->probe($_, 'int') }
		    'p1', 'p2';

		$provider->enable;
		site($provider, $probe, $other);
		$probe->fire(1);
		$provider->remove($probe);
		$probe->fire(2);
		$other->fire(3);
		attempt(sub { $provider->remove($probe) });
	},
	lazy => sub {
		my ($provider, $probe) = live('int', 'char *');

		attempt(sub { $probe->lazy(sub { return (1, 'tuple') }) });
		attempt(sub { $probe->lazy(sub { return @_ }, 2, 'list') });
		attempt(sub { $probe->lazy(sub { return 3 }) });
	},
	throwing => sub {
		my ($provider, $probe) = live('int');

		attempt(sub { $probe->lazy(sub { die "mine\n" }) });
		attempt(sub { $probe->fire(4) });
	},
	integers => sub {
		my ($provider, $probe) = live('int64_t', 'uint64_t');

		$probe->fire($_, $_) for -1, 9223372036854775808,
			18446744073709551615, Math::BigInt->new(2)->bpow(70)
			->badd(7), '-9223372036854775808', !!1, 2.9, 1e300;
	},
	structs => sub {
		my $provider = Devel::USDT->new(named());
		my $probe = $provider->struct('request', 16, 'int id' => 0,
			'char path[12]' => 4)->probe('p1',
			'struct request *request', 'int n');
		my $bytes = pack('l a12', -8, '/address');

		$provider->enable;
		site($provider, $probe);
		$probe->fire(pack('l a12', -7, '/bytes'), 1);
		$probe->fire(unpack('J', pack('p', $bytes)), 2);
	},
	narrow => sub {
		my ($provider, $probe) = live('int8_t', 'uint8_t', 'int16_t',
			'uint16_t', 'int32_t', 'uint32_t');

		$probe->fire((-1) x 6);
		$probe->fire((2**31 + 1) x 6);
	},
	wrong => sub {
		my ($provider, $probe) = live('int', 'int', 'int', 'int',
			'char *', 'char *');

		$probe->fire('one', undef, Raises->new, 'nan', Raises->new,
			undef);
	},
	utf8 => sub {
		my ($provider, $probe) = live('char *');
		tie my $tied, 'View';

		no warnings 'surrogate';
		$probe->fire($_) for 'grüße €', "\xff\xfe", $tied, "raw \xff",
			"lone \x{d800}", "cut\0here", 404, 1.5,
			bless({}, 'View');
	},
	floats => sub {
		my ($provider, $probe) = live('double', 'float');

		$probe->fire(0.5, 3);
	},
	# Values are converted by the types without the names.
	names => sub {
		my ($provider, $probe) = live('int id', 'const char *url',
			'json body', 'double took', 'uint8_t verb');

		$probe->fire(-1, '/', { a => 1 }, 0.5, 257);
	},
	threads => sub {
		my ($provider, $probe) = live('int');
		my @threads = map { my $number = $_; threads->create(sub {
			$probe->fire(100 * $number + $_) for 0 .. 24;
		}) } 0 .. 3;

		$_->join for @threads;
	},
	# A child, its parent, and a child that enables again.
	forked => sub {
		my ($provider, $probe) = live('char *');

		say_that(child(sub { $probe->fire('child') }));
		$probe->fire('parent');
		say_that(child(sub {
			$provider->disable;
			$provider->enable;
			$probe->fire('again');
		}));
		say_that($$);
	},

	# --- what only Perl has ------------------------------------------------------

	# The historic interface: refusals when traced, and only then.
	historic => sub {
		my $provider = Devel::DTrace::Provider->new(named(), 'perl');
		my $probe = $provider->probe('p1', 'f', 'integer', 'string',
			'json');
		my $circle = [];

		push @$circle, $circle;
		$provider->enable;
		site($provider, $probe);
		attempt(sub { $probe->fire(-1099511627776, 'text', { a => 1 }) });
		attempt(sub { $probe->fire('x', 'text', {}) });
		attempt(sub { $probe->fire(1, 2, {}) });
		attempt(sub { $probe->fire(1, 'text', $circle) });
		attempt(sub { $probe->fire(1, 'text') });
		attempt(sub { $probe->is_enabled });
		pop @$circle;
	},
	# A value's code changes the other values, or gives up the probe.
	changing => sub {
		my ($provider, $probe) = live('char *', 'char *', 'int');
		my $other = 'old' x 20;
		my @values = ('gone', undef, 8);

		$probe->fire($other, Acts->new(sub { $other = 'changed' }), 7);
		$values[1] = Acts->new(sub {
			@values = ();
			undef $probe;
			undef $provider;
		});
		$probe->fire(@values);
	},
	# Blocks, as they are compiled, and by reference, and one that dies.
	built => sub {
		eval <<'END' or die $@;
			package Built;
			use Devel::DTrace::Provider::Builder;
			BEGIN {
				provider main::named() => as {
					probe 'p-1', 'integer';
				};
			}
			my ($of) = Devel::DTrace::Provider::Builder::providers(
				'Built');
			main::site($of, $of->probes->{'p-1'});
			my $ran = 0;
			p_1 { $ran++; shift->fire(1) } if p_1_enabled;
			p_1 { $ran++; shift->fire(2) };
			&p_1(sub { $ran++; $_[0]->fire(3) });
			main::attempt(sub { p_1 { die "mine\n" } });
			main::attempt(sub { p_1_enabled });
			main::say_that('ran', $ran);
			1;
END
	},
	# A server that forks its workers, one after another of its own clients.
	prefork => sub {
		my ($provider, $probe) = live('int', 'char *');
		my $server = IO::Socket::INET->new(Listen => 5,
			LocalAddr => '127.0.0.1') or die "listen: $!\n";

		for my $path ('/one', '/two', '/three') {
			my $pid = fork // die "fork: $!\n";
			if ($pid == 0) {
				my $client = $server->accept;
				chomp(my $request = <$client>);
				$probe->fire($$, $request);
				print $client "done\n";
				close $client;
				require POSIX;
				POSIX::_exit(0);
			}
			my $client = IO::Socket::INET->new(PeerAddr =>
				'127.0.0.1', PeerPort => $server->sockport)
			    or die "connect: $!\n";
			print $client "$path\n";
			<$client>;
			waitpid($pid, 0);
			say_that($pid, $path);
		}
	},
);

(my $names, $prefix) = @ARGV;
for (split(/,/, $names)) {
	$case = $_;
	$cases{$case}->();
}
binmode(STDOUT, ':raw');
print "$_\n" for @lines;
