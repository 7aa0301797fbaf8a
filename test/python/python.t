#!/usr/bin/perl
# python.t - does the package for Python do what it promises, and do real
# tracers see its probes?
#
# bindings/python/tests/interface.py needs no tracer, tests/traced.py has the
# programs that are traced, and tests/typed.py what mypy accepts and refuses.
#
# SPDX-License-Identifier: BSD-2-Clause
use strict;
use warnings;

use Test::More;
use Usdt::BindingCases qw(run_all);
use Usdt::Package qw(test_package runs pass_on example_serves);
use Usdt::Tracer qw(need source_dir);

need('root', 'bpftrace', 'cc', 'python');
my ($package, $dir) = test_package('python', qr/^PYTHON/);
my $python = Usdt::Tracer::python();

$ENV{PYTHONPATH} = $package;
$ENV{PYTHONDONTWRITEBYTECODE} = 1;

# What only Python has.
my $own = {
	spans => {
		print => {
			sync__start => ['start %d %s', '(int32)arg0',
				'str(arg1)'],
			sync__done => ['done %d %s', 'arg0 > 0', 'str(arg1)'],
			async__start => ['async start %s', 'str(arg0)'],
			async__done => ['async done %d %s', 'arg0 > 0',
				'str(arg1)'],
		},
		events => ['start 1 one', 'done 1 ', 'start 2 two',
			'done 1 LookupError', 'async start YOU',
			'async done 1 ', 'async start nobody',
			'async done 1 CancelledError'],
		said => ['gives 1', 'raises LookupError two', 'gives you',
			'cancelled', 'handle Documented. True'],
	},
	logged => {
		print => { log => ['%d %s %s %d', 'arg0', 'str(arg1)',
			'str(arg2)', 'arg4 > 0'] },
		events => ['30 traced.part some text 1'],
		said => [], traced => ['formatted'],
	},
	old => {
		print => { p1 => ['%s %d %ld', 'str(arg0)', '(int32)arg1',
			'arg2'] },
		events => ["gr\xc3\xbc\xc3\x9fe -1 1099511627776"],
		said => [('gives False') x 3],
		traced => ['gives False', 'gives True', 'gives False'],
	},
	memory => {
		print => { p1 => ['%s %s', 'str(arg0)', 'str(arg1)'] },
		events => ['ctypes array', 'abc ', ' '],
	},
	processes => {
		print => { p1 => ['%d %d %d', 'pid == arg0', 'arg0', 'arg1'] },
		events => sub { map { "1 $_" } @_ },
	},
	prefork => {
		print => { p1 => ['%d %d %s', 'pid == arg0', 'arg0',
			'str(arg1)'] },
		events => sub { map { "1 $_" } @_ },
	},
};

# What mypy accepts and refuses.
sub types_are_right
{
	runs('mypy agrees with the types', 'sh', '-c', 'cd "$1" && shift && '
		. 'exec "$@"', 'sh', $package, $python, qw(-m mypy
		--cache-dir=/dev/null --strict usdt stapsdt tests/typed.py));
}

my $says = 'import usdt, usdt._native as n; usdt.Provider("a").probe("b"); '
    . 'print("loads from", n.__file__)';

# The package as it is shipped, made in a path with blanks and brackets, of
# what is staged; the wheel is made of the sdist.
sub is_shipped
{
	my $odd = "$dir/a b [c]";

	runs('a copy', 'sh', '-c', 'mkdir "$2" && cd "$1" && tar -cf - '
		. '--exclude build --exclude dist --exclude "_native*.so" . | '
		. 'tar -xf - -C "$2"', 'sh', $package, $odd);
	runs('sdist and wheel are built', 'sh', '-c', 'cd "$1" && shift && '
		. 'CFLAGS=-O0 exec "$@"', 'sh', $odd, $python,
		qw(-m build --no-isolation)) or return;
	my ($sdist, @sdists) = glob("\Q$odd\E/dist/*.tar.gz");
	my ($wheel, @wheels) = glob("\Q$odd\E/dist/*.whl");
	is(@sdists + @wheels, 0, 'one of each');
	like($wheel, qr{/usdt-([\d.]+)-cp310-abi3-linux_\w+\.whl$},
		'the wheel is for each Python from 3.10 on');
	my ($version) = $wheel =~ m{/usdt-([\d.]+)-};
	runs('the version is the library\'s', 'grep', '-q',
		"USDT_VERSION.*\"$version\"", source_dir() . '/usdt.h');
	local $ENV{PYTHONPATH} = "$odd/installed";
	runs('the wheel is unpacked', $python, qw(-m zipfile -e), $wheel,
		"$odd/installed") or return;
	my $run = runs('what it has', 'sh', '-c', 'cd / && exec "$@"', 'sh',
		$python, '-c', $says) or return;
	like($run->{lines}[0], qr{^loads from \Q$odd\E/installed/usdt/},
		'loads');
	without_compiler($odd, $sdist);
}

# Installing is no failure then.
sub without_compiler
{
	my ($odd, $sdist) = @_;

	runs('the sdist is installed without a compiler', 'sh', '-c',
		'mkdir "$1/source" && tar -xf "$2" -C "$1/source" '
		. '--strip-components 1 && cd "$1/source" && CC=/nonexistent/cc '
		. 'exec "$3" setup.py -q build --build-lib "$1/stub"', 'sh',
		$odd, $sdist, $python) or return;
	local $ENV{PYTHONPATH} = "$odd/stub";
	my $run = runs('what it has', 'sh', '-c', 'cd / && exec "$@"', 'sh',
		$python, '-c', 'import usdt; p = usdt.Provider("a"); '
		. 'q = p.probe("b"); p.enable(); print(q.fire(), '
		. 'usdt.load_error())') or return;
	like($run->{lines}[0], qr/^False .*_native/, 'is a stub that says why');
}

my $built = runs('the library is staged', 'make', '-s', '-C', $package, 'stage')
    && runs('the extension is built', 'sh', '-c', 'cd "$1" && shift && '
	. 'CFLAGS="-Wall -Wextra -Werror" exec "$@"', 'sh', $package, $python,
	qw(setup.py -q build_ext --inplace));
if ($built) {
	my @traced = ($python, "$package/tests/traced.py");
	my $prefix = "py$$";

	pass_on('the interface', $python, "$package/tests/interface.py");
	run_all(\@traced, $prefix, $own, 'names');
	example_serves($python, "$package/examples/web.py");
	types_are_right();
	is_shipped();
}
done_testing();
