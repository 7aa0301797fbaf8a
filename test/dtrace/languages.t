# Does DTrace see what programs of Lua, Perl, Python and Ruby fire?
#
# The programs are those of the packages' tests, which bpftrace reads too (see
# Usdt::BindingCases).  Usdt::Languages brings them here.
#
# SPDX-License-Identifier: BSD-2-Clause
use strict;
use warnings;

use Test::More;

use Usdt::Dtrace qw(dtrace_case same_events build_path as_user);

# For each case a probe, a format and its values, and the expected lines.
my @int = ('%d', '(int)arg0');
my @int_text = ('%d %s', '(int)arg0, copyinstr(arg1)');
my %all = (
	basic => ['request-start', @int_text, '1 two', '-3 four'],
	ints => ['p1', join(' ', ('%d') x 10),
		join(', ', map { "(int)arg$_" } 0 .. 9),
		map { my $n = $_; join(' ', map { $_ <= $n ? $_ : 0 } 1 .. 10)
		} 1 .. 32],
	json => ['p1', '%s %s', 'copyinstr(arg0), copyinstr(arg1)',
		"{\"a\":1,\"b\":[true,null,\"\xc3\xbc\"]} \"text\""],
	integers => ['p1', '%d', '(int64_t)arg0', -1, '-9223372036854775808',
		-1, 7, '-9223372036854775808', 1, 2, 0],
	structs => ['p1', '%d %s', '*(int *)copyin(arg0, 4), '
		. 'copyinstr(arg0 + 4)', '-7 /bytes', '-8 /address'],
	threads => ['p1', @int,
		map { my $n = 100 * $_; map { $n + $_ } 0 .. 24 } 0 .. 3],
);

# For each language what runs the program in DIR, and its own cases.
my %languages = (
	Lua => {
		command => sub { ("LUA_PATH=$_[0]/lib/?.lua",
			"LUA_CPATH=$_[0]/lib/?.so", "$_[0]/lua") },
		cases => {
			historic => ['name', '%d %s %d',
				'(int)arg0, copyinstr(arg1), (int)arg2',
				'42 text 0', '43 enabled -1'],
			coroutines => ['p1', @int_text, map { my $n = $_;
				map { ("$n start $_", "$n done $_") } 1 .. 3
				} 1 .. 4],
		},
	},
	Perl => {
		command => sub { ("$_[0]/perl", "-I$_[0]/lib") },
		cases => {
			historic => ['p1', '%d %s %s', '(int64_t)arg0, '
				. 'copyinstr(arg1), copyinstr(arg2)',
				'-1099511627776 text {"a":1}'],
			built => ['p-1', @int, 1, 2, 3],
		},
	},
	Python => {
		command => sub { ("PYTHONPATH=$_[0]/lib",
			"PYTHONHOME=$_[0]", "$_[0]/python", '-S') },
		cases => {
			old => ['p1', '%s %d %d', 'copyinstr(arg0), (int)arg1, '
				. '(int64_t)arg2',
				"gr\xc3\xbc\xc3\x9fe -1 1099511627776"],
		},
	},
	Ruby => {
		command => sub { ("$_[0]/ruby", '--disable-gems',
			"-I$_[0]/lib") },
		cases => {
			old => ['p1', '%s %s %d', 'copyinstr(arg0), '
				. 'copyinstr(arg1), (int64_t)arg2',
				'foo bar 1099511627776'],
			'old/p2' => ['p2', @int, -5],
			camel_case => ['by_method', '%s %d',
				'copyinstr(arg0), (int)arg1', 'x 1'],
			'camel_case/option' => ['by_option', @int, -2],
			ractors => ['p1', @int, 0 .. 19],
		},
	},
);

# sees(PREFIX, CASES, COMMAND...): DTrace starts first, since that takes longest;
# the programs wait until it has found their probes.
sub sees
{
	my ($prefix, $cases, @command) = @_;
	my ($script, $events, %programs) = ('', 0);

	for my $case (sort keys %$cases) {
		my ($probe, $format, $values, @expected) = @{ $cases->{$case} };
		my $program = $case =~ s{/.*}{}r;

		$programs{$program} = 1;
		$script .= "${prefix}_${program}*:::$probe { printf(\"> $case "
		    . "$format\\n\", $values); }\n";
		$events += @expected;
	}
	local $ENV{USDT_TEST_AWAIT} = 500;
	my $d = Usdt::Dtrace->run($script, '-Z');
	my $run = Usdt::Tracer::Run->start(as_user('env', @command,
		join(',', sort keys %programs), $prefix));

	$run->wait_until(sub { !$run->{out} });
	my $status = $run->reap;
	is($status && $status->[0], 0, 'the program ends well')
	    or diag($run->report);
	my %seen;
	for ($d->finish($events)) {
		my ($case, $event) = /^(\S+) (.*)$/;
		push @{ $seen{$case} }, $event;
	}
	for my $case (sort keys %$cases) {
		my (undef, undef, undef, @expected) = @{ $cases->{$case} };

		same_events([sort @{ $seen{$case} // [] }], \@expected, $case);
	}
	return;
}

for my $name (sort keys %languages) {
	my ($row, $dir) = ($languages{$name}, build_path(lc $name));

	SKIP: {
		skip("there is no package for $name in this machine", 1)
		    if !-e "$dir/traced";
		dtrace_case("providers of $name" => sub {
			sees(lc $name, { %all, %{ $row->{cases} } },
				"LD_LIBRARY_PATH=$dir",
				$row->{command}->($dir), "$dir/traced");
		});
	}
}
done_testing();
