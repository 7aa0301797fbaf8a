# Does DTrace see what programs of Perl fire?
#
# The programs are those of bindings/perl/t/traced.pl, which bpftrace reads too.
# dtrace finds probes some time after they appear: programs wait for it.
use strict;
use warnings;

use Test::More;

use Usdt::Dtrace qw(dtrace_case same_events build_path as_user);

my $perl = build_path('perl');
my @int_text = ('%d %s', '(int)arg0, copyinstr(arg1)');

# What is printed of each case's probe, and the expected output.
my %cases = (
	basic => ['request-start', @int_text, '1 two', '-3 four'],
	ints => ['p1', join(' ', ('%d') x 10),
		join(', ', map { "(int)arg$_" } 0 .. 9),
		map { my $n = $_; join(' ', map { $_ <= $n ? $_ : 0 } 1 .. 10)
		} 1 .. 32],
	json => ['p1', '%s %s', 'copyinstr(arg0), copyinstr(arg1)',
		"{\"a\":1,\"b\":[true,null,\"\xc3\xbc\"]} \"text\""],
	threads => ['p1', '%d', '(int)arg0',
		map { my $n = 100 * $_; map { $n + $_ } 0 .. 24 } 0 .. 3],
	historic => ['p1', '%d %s %s',
		'(int64_t)arg0, copyinstr(arg1), copyinstr(arg2)',
		'-1099511627776 text {"a":1}'],
	built => ['p-1', '%d', '(int)arg0', 1, 2, 3],
);

plan(skip_all => 'there is no package for Perl in this machine')
    if !-x "$perl/perl";

dtrace_case('providers of Perl' => sub {
	my ($script, $events) = ('', 0);

	for my $case (sort keys %cases) {
		my ($probe, $format, $values, @expected) = @{ $cases{$case} };

		$script .= "pl_${case}*:::$probe { printf(\"> $case $format\\n\","
		    . " $values); }\n";
		$events += @expected;
	}
	my $d = Usdt::Dtrace->run($script, '-Z');
	my $run = Usdt::Tracer::Run->start(as_user('env', '-u', 'PERL5LIB',
		"LD_LIBRARY_PATH=$perl", 'USDT_TEST_AWAIT=500', "$perl/perl",
		"-I$perl/lib", "$perl/traced.pl", join(',', sort keys %cases),
		'pl'));

	$run->wait_until(sub { !$run->{out} });
	my $status = $run->reap;
	is($status && $status->[0], 0, 'the program ends well')
	    or diag($run->report);
	my %seen;
	for ($d->finish($events)) {
		my ($case, $event) = /^(\w+) (.*)$/;
		push @{ $seen{$case} }, $event;
	}
	for my $case (sort keys %cases) {
		my (undef, undef, undef, @expected) = @{ $cases{$case} };

		same_events([sort @{ $seen{$case} // [] }],
			[sort @expected], $case);
	}
});

done_testing();
