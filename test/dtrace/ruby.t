# Does DTrace see what programs of Ruby fire?
#
# The programs are those of bindings/ruby/test/traced.rb, which bpftrace reads
# too.
use strict;
use warnings;

use Test::More;

use Usdt::Dtrace qw(dtrace_case sees_programs build_path);

my $ruby = build_path('ruby');
my $int_text = ['%d %s', '(int)arg0, copyinstr(arg1)'];

my %cases = (
	basic => ['request-start', @$int_text, '1 two', '-3 four'],
	ints => ['p1', join(' ', ('%d') x 10),
		join(', ', map { "(int)arg$_" } 0 .. 9),
		map { my $n = $_; join(' ', map { $_ <= $n ? $_ : 0 } 1 .. 10)
		} 1 .. 32],
	json => ['p1', '%s %s', 'copyinstr(arg0), copyinstr(arg1)',
		"{\"a\":1,\"b\":[true,null,\"\xc3\xbc\"]} \"text\""],
	integers => ['p1', '%d', '(int64_t)arg0', -1, '-9223372036854775808',
		-1, 7, '-9223372036854775808', 1, 2, 0],
	threads => ['p1', '%d', '(int)arg0',
		map { my $n = 100 * $_; map { $n + $_ } 0 .. 24 } 0 .. 3],
	old => ['p1', '%s %s %d',
		'copyinstr(arg0), copyinstr(arg1), (int64_t)arg2',
		'foo bar 1099511627776'],
	'old/p2' => ['p2', '%d', '(int)arg0', -5],
	camel_case => ['by_method', '%s %d', 'copyinstr(arg0), (int)arg1',
		'x 1'],
	'camel_case/option' => ['by_option', '%d', '(int)arg0', -2],
	ractors => ['p1', '%d', '(int)arg0', 0 .. 19],
);

plan(skip_all => 'there is no gem for Ruby in this machine')
    if !-x "$ruby/ruby";

dtrace_case('providers of Ruby' => sub {
	sees_programs('rb', \%cases, '-u', 'RUBYOPT', '-u', 'RUBYLIB',
		"LD_LIBRARY_PATH=$ruby", "$ruby/ruby", '--disable-gems',
		"-I$ruby/lib", "$ruby/traced.rb");
});

done_testing();
