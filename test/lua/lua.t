#!/usr/bin/perl
# lua.t - does the package for Lua do what it promises, and do real tracers see
# its probes?
#
# bindings/lua/tests/interface.lua needs no tracer, tests/traced.lua has the
# programs that are traced.  Both run on each Lua that is here: tests/host.c is
# what they need of processes and threads.
#
# SPDX-License-Identifier: BSD-2-Clause
use strict;
use warnings;

use Test::More;
use Usdt::BindingCases qw(run_cases run_watched);
use Usdt::Package qw(test_package runs pass_on);
use Usdt::Tracer qw(need);

need('root', 'bpftrace', 'cc', 'lua');
my ($package, $dir) = test_package('lua', qr/^LUA/);

# What only Lua has.
my $own = {
	historic => {
		print => { name => ['%d %s %d', '(int32)arg0', 'str(arg1)',
			'(int32)arg2'] },
		events => ['42 text 0', '43 enabled -1'],
	},
	hot => {
		print => { p1 => ['%d', '(int32)arg0'] },
		events => [1 .. 200, 301 .. 400],
		said => ['seen 0'], traced => ['seen 300'],
	},
	coroutines => {
		print => { p1 => ['%d %s', 'arg0', 'str(arg1)'] },
		events => [map { my $n = $_; map { ("$n start $_",
			"$n done $_") } 1 .. 3 } 1 .. 4],
	},
	closed => {
		print => { p1 => ['%d', '(int32)arg0'] },
		events => [1], said => ['false'],
	},
	declared => {
		print => { p1 => ['%d %s %s %s %d', '(int32)arg0', 'str(arg1)',
			'str(arg2)', 'str(arg3)', 'arg4'] },
		events => ['7 /index [1,{"x":"y"}] 0.25 0'],
	},
	tables => {
		print => { p1 => ['%s', 'str(arg0)'] },
		# bpftrace reads 31 bytes.
		events => [map { substr($_, 0, 31) } '[1,2,3]', '{}', '{"1":1,"3":3}',
			'{"0.5":1,"10":2,"two":3}', '[[{}]]',
			"\"\\u0001\\\"\\\\\\n?\xc3\xa9\"", '1e+300', '0.1',
			'9007199254740992', '{"error":"a key that is neither '
			. 'text nor a finite number has no JSON"}',
			'{"error":"a number that is not finite has no JSON"}',
			'{}', 'false'],
	},
	finalizers => {
		print => { p1 => ['%s', 'str(arg0)'] },
		events => [(qr/^\{"a1":1,"a2":2,"a3":3/) x 300],
	},
};
my $jit = {
	memory => {
		print => { p1 => ['%d %s', '*(int32 *)uptr(arg0)',
			'str(arg0 + 4)'] },
		events => ['-7 /struct', '-8 /struct', '-9 /struct'],
	},
	cdata => {
		print => { p1 => ['%ld %lu %s %s', '(int64)arg0', 'arg1',
			'str(arg2)', 'str(arg3)'] },
		events => ['-1 18446744073709551615 [-2,3] 4LL', '0 0 5 '],
	},
};

# build(LUA): the package and what tests need, for that Lua.
sub build
{
	my ($lua) = @_;

	chomp(my $headers = `make -s -C '$package' has-headers LUA=$lua`);
	mkdir("$dir/$lua") or die "$dir/$lua: $!\n";
	return runs("$lua: it is built", 'make', '-s', '-C', $package,
		"LUA=$lua", 'CFLAGS=-O2 -g -Werror', "build/$lua/usdt.so")
	    && runs("$lua: what tests need", $ENV{CC} // 'cc', '-O2', '-fPIC',
		'-shared', "-I$headers", '-o', "$dir/$lua/host.so",
		"$package/tests/host.c", '-pthread');
}

# loads(NAME, LUA, TREE, WANTED): the package that is installed there, from
# another directory.
sub loads
{
	my ($name, $lua, $tree, $wanted) = @_;
	my $version = $lua eq 'luajit' ? '5.1' : $lua =~ s/lua//r;
	local $ENV{LUA_PATH} = "$tree/share/lua/$version/?.lua";
	local $ENV{LUA_CPATH} = "$tree/lib/lua/$version/?.so";
	my $run = runs("$name: it is used", 'sh', '-c', 'cd / && exec "$@"',
		'sh', $lua, '-e', 'local usdt = require "usdt"; '
		. 'local p = usdt.provider("a"); '
		. 'local q = p:probe("f", "b"); p:enable(); '
		. 'print(q:fire(), usdt._VERSION, usdt.load_error())')
	    or return;

	like($run->{lines}[0], $wanted, "$name: and says");
}

# The rock, installed in a path with blanks and brackets, and what is in it,
# built there.
sub is_shipped
{
	my $odd = "$dir/a b [c]";
	my $rock = "$package/usdt-2.0.0-1.src.rock";
	local $ENV{HOME} = $dir;

	mkdir($odd) or die "$odd: $!\n";
	runs('the rock is made', 'make', '-s', '-C', $package, 'rock')
	    && runs('it goes elsewhere', 'mv', $rock, $odd) or return;
	$rock = "$odd/usdt-2.0.0-1.src.rock";
	runs('it is installed', qw(luarocks --lua-version=5.4 install --tree),
		"$odd/tree", $rock, 'CFLAGS=-O0 -fPIC');
	loads('the rock', 'lua5.4', "$odd/tree", qr/^false\t2[.]0[.]0\tnil$/);
	runs('it is installed without a compiler', qw(luarocks
		--lua-version=5.4 install --tree), "$odd/stub", $rock,
		'CC=/nonexistent/cc');
	loads('the stub', 'lua5.4', "$odd/stub",
		qr/^false\t2[.]0[.]0\tusdt is not compiled for this Lua: no file /);
	runs('it is unpacked', 'sh', '-c', 'cd "$1" && unzip -q *.rock && '
		. 'tar -xf *.gz --strip-components 1', 'sh', $odd) or return;
	runs('and built by make alone', 'sh', '-c', 'cd "$1" && make -s '
		. 'LUA=luajit CFLAGS=-O0 && make -s LUA=luajit PREFIX="$1/by make" '
		. 'install', 'sh', $odd);
	loads('what make installed', 'luajit', "$odd/by make",
		qr/^false\t2[.]0[.]0\tnil$/);
	my $run = Usdt::Tracer::Run->start('make', '-s', '-C', $odd,
		'LUA=lua0.0');
	$run->wait_until(sub { !$run->{out} });
	isnt($run->reap->[0], 0, 'an unknown Lua is an error');
	like($run->report, qr/there is no lua[.]h for lua0[.]0/,
		'which says what is missing');
}

runs('the library is staged', 'make', '-s', '-C', $package, 'stage')
    or BAIL_OUT('nothing can be built');
for my $lua (Usdt::Tracer::luas()) {
	my @traced = ($lua, "$package/tests/traced.lua");
	my $prefix = $lua =~ tr/.//dr . "_$$";

	build($lua) or next;
	local $ENV{LUA_PATH} = "$package/?.lua";
	local $ENV{LUA_CPATH} = "$package/build/$lua/?.so;$dir/$lua/?.so";
	note($lua);
	pass_on("$lua: the interface", $lua,
		"$package/tests/interface.lua");
	if ($lua !~ /5[.]4|jit/) {
		run_cases(\@traced, $prefix, qw(basic added json circular gone
			lazy integers wrong utf8 structs threads forked),
			$own);
		next;
	}
	run_cases(\@traced, $prefix, qw(basic grow added cycles twice fewer
		more json circular collected gone disabled removed), $own);
	run_cases(\@traced, $prefix, qw(ten modules lazy throwing integers
		narrow wrong utf8 floats structs threads forked),
		$lua eq 'luajit' ? $jit : ());
	run_watched(\@traced, $prefix);
}
is_shipped();
done_testing();
