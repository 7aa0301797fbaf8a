#!/usr/bin/perl
# typed.t - does a wrong call of typed firing not compile, and a right one
# without a warning?
#
# Each case has a right and a wrong form; the compiler has to refuse the wrong
# one with a message that says why.  C++ has an observer in a tracer's stead;
# for C unit/typed.c has it.
#
# SPDX-License-Identifier: BSD-2-Clause
use strict;
use warnings;

use File::Temp qw(tempdir);
use Test::More;

my $build = $ENV{USDT_BUILD} // '.';
my $dir = tempdir('usdt-typed-XXXXXX', TMPDIR => 1, CLEANUP => 1);

delete @ENV{qw(USDT_DISABLE USDT_DEBUG USDT_BACKENDS USDT_NOP)};
$ENV{USDT_HELPER} = '/nonexistent/helper';
$ENV{USDT_IMAGE_DIR} = "$dir/images";
$ENV{LC_ALL} = 'C';

my $warnings = '-pedantic-errors -Wall -Wextra -Werror -Wshadow -Wundef '
    . '-Wcast-qual -Wwrite-strings -Wpointer-arith';
# In gcc 14 and clang 16 these are errors without a flag.
my $strict = '-Wall -Wextra -Werror=int-conversion '
    . '-Werror=incompatible-pointer-types '
    . '-Werror=implicit-function-declaration';

sub version_of
{
	my $said = `$_[0] --version 2>/dev/null`;
	return $? == 0 ? (split /\n/, $said)[0] =~ s/^\S+ //r : undef;
}

# The installed compilers of these kinds, each version once.
sub compilers
{
	my @found;
	for my $kind (@_) {
		my %seen;
		for my $name ($kind, map { "$kind-$_" } 11 .. 30) {
			my $version = version_of($name) // next;
			push @found, $name if !$seen{$version}++;
		}
		%seen or $ENV{USDT_NO_SKIP} and fail("there is no $kind");
	}
	return @found;
}

sub spew
{
	my ($name, $text) = @_;
	open(my $out, '>', "$dir/$name") or die;
	print $out $text;
	close $out or die;
	return "$dir/$name";
}

# accepts(WHAT, COMMAND): the compiler prints nothing.
sub accepts
{
	my ($what, $command) = @_;
	my $output = `$command 2>&1`;

	return ok($? == 0 && $output eq '', "$what compiles in silence")
	    || diag("$command\n$output");
}

# refuses(WHAT, COMMAND, MESSAGE): it ends with an error that says why.
sub refuses
{
	my ($what, $command, $message) = @_;
	my $output = `$command 2>&1`;

	return ok($? >> 8 == 1 && $output =~ /error: [^\n]*$message/s,
	    "$what does not") || diag("$command\n", substr($output, 0, 3000));
}

# So many arguments.
sub many { return join(', ', 1 .. $_[0]) }
sub pairs { return join(', ', map { "(int, a$_)" } 1 .. $_[0]) }

# --- C ------------------------------------------------------------------------

my $c = <<'END';
#include <stdint.h>
#include "usdt.h"
struct big { long a, b, c; };
extern struct big value;
extern usdt_probedef_t *probe;
extern double half;
%s
USDT_PROBE(request_start, "handle", "request-start", (int, id),
    (const char *, url), (const struct big *, big), (double, took));
USDT_PROVIDER(myapp, "myapp", "mymodule", &request_start);
void function(int number);
void
function(int number)
{
	(void)number;
	(void)usdt_static_enable(&myapp);
	%s;
}
END
my $above = qr/a_probe_has_at_most_32_arguments/;
my $unlike = qr/incompatible|integer|conver/;

# What, the right form, the wrong one, the message; then the same for what
# stands outside of functions.
my @in_c = (
	['a struct by value', 'USDT_FIRE(probe, &value)',
	    'USDT_FIRE(probe, value)', $unlike],
	['a long double', 'USDT_FIRE(probe, 1.0)', 'USDT_FIRE(probe, 1.0L)',
	    qr/incomplete/],
	['an __int128', 'USDT_FIRE(probe, (int64_t)number)',
	    'USDT_FIRE(probe, (__int128)number)',
	    qr/incomplete/],
	['a complex number', 'USDT_FIRE(probe, half)',
	    'USDT_FIRE(probe, __extension__ 1.0i)', $unlike],
	['no definition', 'USDT_FIRE(probe)', 'USDT_FIRE(value)', $unlike],
	['two definitions', 'USDT_FIRE(probe, number++, "text")',
	    'USDT_FIRE("text", 1)', $unlike],
	(map { [$_ + 1 . ' arguments', 'USDT_FIRE(probe, ' . many(32) . ')',
	    'USDT_FIRE(probe, ' . many($_ + 1) . ')', $above] } 32 .. 62),
	(map { ["$_ arguments", 'USDT_FIRE(probe, ' . many(31) . ')',
	    'USDT_FIRE(probe, ' . many($_) . ')', qr/USDT_WORD_|macro/] }
	    64, 70, 97, 120),
	['text for a number', 'request_start_fire(1, "/", &value, 1)',
	    'request_start_fire("1", "/", &value, 1)', $unlike],
	['a number for text', 'request_start_fire(1, "1", NULL, half)',
	    'request_start_fire(1, 1, NULL, half)', $unlike],
	['a pointer for a double', 'request_start_fire(1, NULL, NULL, number)',
	    'request_start_fire(1, NULL, NULL, &half)', $unlike],
	['too few', 'request_start_fire(1, "/", NULL, 0.5)',
	    'request_start_fire(1, "/", NULL)', qr/too few/],
	['too many', 'USDT_FIRE_STATIC(request_start, 1, "/", NULL, 0.5)',
	    'USDT_FIRE_STATIC(request_start, 1, "/", NULL, 0.5, 1)',
	    qr/too many/],
	['another pointer', 'USDT_FIRE_STATIC(request_start, 1, "/", &value, 1)',
	    'USDT_FIRE_STATIC(request_start, 1, "/", &half, 1)', $unlike],
	['no such probe', 'USDT_FIRE_STATIC(request_start, 1, "/", NULL, 1)',
	    'USDT_FIRE_STATIC(nothing, 1)',
	    qr/nothing_(?:enabled|fire)|implicit/],
);
my @declared = (
	['a declared struct', '(struct big *, a)', '(struct big, a)', $unlike],
	['a declared long double', '(float, a), (enum { A, B } *, b)',
	    '(long double, a)', qr/incomplete/],
	['33 declared', pairs(32), pairs(33), $above],
	['63 declared', pairs(31), pairs(63), $above],
	['a type without a name', '(int, a)', '(int)',
	    qr/requires 2 arguments|too few arguments/],
	['a name without parentheses', '(int, a)', 'int a', qr/./],
);
# Without -pedantic, which wants a type before the enum.
@declared = map { [$_->[0], $_->[1] =~ s/enum \{.*?\} \*/void */r,
	@$_[2, 3]] } @declared;

my $in_c = 0;
for my $cc (compilers(qw(gcc clang))) {
	for my $standard (qw(c11 c17 gnu11 gnu99)) {
		my $all = join(";\n\t", map { $_->[1] } @in_c[0 .. 6, 37 .. $#in_c]);
		my $n = 0;
		my $source = spew('right.c', sprintf($c, join("\n", map {
		    $n++; "USDT_PROBE(d$n, \"f\", \"n$n\", $_->[1]);" }
		    @declared) . "\nUSDT_PROBE(d, \"f\", \"n\");", $all));

		# gnu99 has no _Generic, but the compilers have.
		(my $flags = $warnings) =~ s/-pedantic-errors//
		    if $standard eq 'gnu99';
		$flags //= $warnings;
		accepts("all right forms, $cc -std=$standard,",
		    "$cc -std=$standard $flags -O2 -I. -c -o $dir/right.o "
		    . $source);
	}
	for (map({ [1, @$_] } @in_c), map { [0, @$_] } @declared) {
		my ($inside, $what, $right, $wrong, $message) = @$_;
		my $source = spew('wrong.c', $inside ?
		    sprintf($c, '', $wrong) : sprintf($c,
		    "USDT_PROBE(d, \"f\", \"n\", $wrong);", ''));

		refuses("$what, $cc,", "$cc -std=gnu11 $strict -I. "
		    . "-fsyntax-only $source", $message);
		$in_c++;
	}
}
cmp_ok($in_c, '>', 50, 'C: wrong calls were compiled');

# --- C++ ----------------------------------------------------------------------

my $cxx = <<'END';
#include <cstdint>
#include <tuple>
#include "usdt.hpp"
struct big { long a, b, c; };
enum class verb : std::uint8_t { get, put };
using start = usdt::probe<int, const char *, verb, double>;
void function(usdt::provider &p, start &fire, big value);
void
function(usdt::provider &p, start &fire, [[maybe_unused]] big value)
{
	static_cast<void>(p);
	static_cast<void>(fire);
	%s;
}
END
my $no_match = qr/no match|no matching|cannot convert/;
my $bad = qr/constraint|no match/;
my @in_cxx = (
	['text for a number', 'fire(1, "/", verb::put, 2.5)',
	    'fire("1", "/", verb::put, 2.5)', $no_match],
	['a number for an enum', 'fire(1, "/", verb{}, 2.5)',
	    'fire(1, "/", 1, 2.5)', $no_match],
	['too few', 'fire(1, nullptr, verb::get, 2)',
	    'fire(1, nullptr, verb::get)', $no_match],
	['too many', 'usdt::probe<> idle(p, "f", "n"); idle()',
	    'usdt::probe<> idle(p, "f", "n"); idle(1)', $no_match],
	['another tuple',
	    'fire.lazily([] { return std::tuple(1, "", verb::get, 1); })',
	    'fire.lazily([] { return std::tuple(1, "", 1, 1); })',
	    qr/no match|cannot convert|cannot initialize/],
	['a name too few', 'usdt::probe<int, int> q(p, "f", "n", "a", "b")',
	    'usdt::probe<int, int> r(p, "f", "n", "a")', $no_match],
	['a name that is none', 'usdt::probe<int> q(p, "f", "n")',
	    'usdt::probe<int> r(p, "f", "n", 1)', $no_match],
	['a struct by value', 'usdt::probe<big *> q(p, "f", "n")',
	    'usdt::probe<big> r(p, "f", "n")', $bad],
	['a reference', 'usdt::probe<const int> q(p, "f", "n")',
	    'usdt::probe<int &> r(p, "f", "n")', $bad],
	['a long double', 'usdt::probe<float, double> q(p, "f", "n")',
	    'usdt::probe<long double> r(p, "f", "n")', $bad],
	['an __int128', 'usdt::probe<std::uint64_t> q(p, "f", "n")',
	    'usdt::probe<__int128> r(p, "f", "n")', $bad],
	['33 arguments', 'usdt::probe<' . join(', ', ('int') x 32)
	    . '> q(p, "f", "n")', 'usdt::probe<'
	    . join(', ', ('int') x 33) . '> r(p, "f", "n")',
	    qr/at most USDT_ARG_MAX arguments/],
);

my $printed = <<'END';
myapp: made, "probe named myapp:mymodule:loop:idle already exists"
bad: not made, "invalid argument: provider name "a b" ..."
start: made, ""
again: not made, "probe named myapp:mymodule:loop:idle already exists"
nameless: not made, "invalid argument: probe name "a b" ..."
keyword: not made, "invalid argument: type 0 "int32_t a b" ..."
homeless: not made, "invalid argument: provider name "a b" ..."
disabled: 0, computed 0
bad: 0 0
untraced: 0, computed 0
handle:request-start int32_t status=-1 char * url="/index" uint8_t verb=1 float took=1056964608
handle:request-start int32_t status=7 char * url="/lazy" uint8_t verb=0 float took=1073741824
loop:idle
loop:idle
f:kinds bool=1 char=120 int8_t=-1 uint8_t=255 int16_t=-2 uint16_t=65535 uint32_t=4000000000 int64_t=-3 uint64_t=2147483648 struct myapp_request *=0 void *=0 double=0 char *=""
computed 1
1
END

my $in_cxx = 0;
for my $cxx_compiler (compilers(qw(g++ clang++))) {
	my $command = "$cxx_compiler -std=c++20 -I.";
	my $all = join("\n\t", map { "{ $_->[1]; }" } @in_cxx);
	my $program = "$dir/typed";

	accepts("all right forms, $cxx_compiler,", "$command $warnings -O2 -c "
	    . "-o $dir/right.o " . spew('right.cc', sprintf($cxx, $all)));
	accepts("the same without exceptions, $cxx_compiler,", "$command "
	    . "-fno-exceptions -fno-rtti -fsyntax-only $dir/right.cc");
	for (@in_cxx) {
		my ($what, undef, $wrong, $message) = @$_;

		refuses("$what, $cxx_compiler,", "$command -fsyntax-only "
		    . spew('wrong.cc', sprintf($cxx, $wrong)), $message);
		$in_cxx++;
	}
	refuses("C++17, $cxx_compiler,", "$cxx_compiler -std=c++17 -I. "
	    . "-fsyntax-only $dir/right.cc", qr/usdt\.hpp needs C\+\+20/);
	for my $sanitizer ('', '-g -fsanitize=address,undefined') {
		my $what = "typed.cc, $cxx_compiler $sanitizer";

		accepts($what, "$command $warnings $sanitizer -o $program "
		    . "test/bindings/typed.cc $build/libusdt.a") or next;
		my $said = `$program 2>&1` =~ s/("a b"|a b") [^\n]*"$/$1 ..."/mgr;
		is($?, 0, "$what ends well");
		is($said, $printed, "$what prints what it has to");
	}
}

# --- the documentation --------------------------------------------------------

sub slurp
{
	open(my $in, '<', $_[0]) or die "$_[0]: $!\n";
	local $/;
	return scalar <$in>;
}

my ($page) = slurp('man/usdt.7') =~ /^\.Ss Typed firing$(.*?)^\.S[sh] /ms;
my ($fire, $declare, $cpp) = map { s/\\e/\\/gr } $page =~ /^\.Bd [^\n]*\n(.*?)^\.Ed$/msg;
my ($above_main, $inside) = split /\n\n/, $declare // '';
my $example = spew('page.c', <<"END");
#include <stdio.h>
#include "usdt.h"
struct request;
extern struct request *request;
int status_of(struct request *what);
void work(usdt_probedef_t *req);
$above_main
void
work(usdt_probedef_t *req)
{
	$fire$inside
}
END
accepts('what usdt(7) shows of C', "gcc -std=c11 $warnings -I. -c -o "
    . "$dir/page.o $example");
$example = spew('page.cc', <<"END");
#include <iostream>
#include "usdt.hpp"
enum class verb { get, put };
struct request;
int status_of(request *what);
void work(request *request);
void
work(request *request)
{
	$cpp
}
END
accepts('what usdt(7) shows of C++', "g++ -std=c++20 $warnings -I. -c -o "
    . "$dir/page.o $example");
my ($line) = slurp('README.md') =~ /^\| C\+\+20: .* \| (.*) \|$/m;
my $lines = join "\n", ($line // '') =~ /`([^`]+)`/g;
$example = spew('readme.cc', <<"END");
#include "usdt.hpp"
void work();
void
work()
{
	usdt::provider p("myapp", "mymodule");
	$lines
}
END
accepts('what README shows of C++', "g++ -std=c++20 $warnings -I. -c -o "
    . "$dir/readme.o $example");
like($lines, qr/^usdt::probe.*\nrequest\(/, '... which declares a probe and fires it');
cmp_ok($in_cxx, '>', 10, 'C++: wrong calls were compiled');
done_testing();
