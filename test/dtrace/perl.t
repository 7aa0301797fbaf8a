# Does DTrace see what programs of Perl fire?
#
# The programs are those of bindings/perl/t/traced.pl, which bpftrace reads too.
use strict;
use warnings;

use Test::More;

use Usdt::Dtrace qw(dtrace_case sees_programs build_path);

my $perl = build_path('perl');
my @int_text = ('%d %s', '(int)arg0, copyinstr(arg1)');

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
	sees_programs('pl', \%cases, '-u', 'PERL5LIB',
		"LD_LIBRARY_PATH=$perl", "$perl/perl", "-I$perl/lib",
		"$perl/traced.pl");
});

done_testing();
