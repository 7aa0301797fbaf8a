#!/usr/bin/perl
# bindings.t - do programs written for libusdt 1.x, and those of the
# documentation, compile unchanged against usdt.h and libusdt.a, and work?
#
# test/bindings/*.c and *.cc make the calls of the known bindings in their
# order; their output is compared with the expected one.
#
# SPDX-License-Identifier: BSD-2-Clause
use strict;
use warnings;

use File::Temp qw(tempdir);
use IO::Select;
use Test::More;
use Time::HiRes qw(sleep time);

my $build = $ENV{USDT_BUILD} // '.';
my $library = "$build/libusdt.a";
my $dir = tempdir('usdt-bindings-XXXXXX', TMPDIR => 1, CLEANUP => 1);

delete @ENV{qw(USDT_DISABLE USDT_DEBUG USDT_BACKENDS USDT_NOP)};
# A tracer simulated by writing to a gate is seen in a child only if the child
# keeps its parent's gates: with the one nop that all systems have.
$ENV{USDT_NOP} = 1;
$ENV{USDT_HELPER} = '/nonexistent/helper';
$ENV{USDT_IMAGE_DIR} = "$dir/images";

# skip_or_fail(WHY): a test that can't run here.
sub skip_or_fail
{
	my $why = shift;

	return fail("may not be skipped: $why") if $ENV{USDT_NO_SKIP};
	SKIP: { skip($why, 1) }
}

sub have { return system("command -v $_[0] >/dev/null 2>&1") == 0 }

sub slurp
{
	open my $file, '<', $_[0] or die "$_[0]: $!\n";
	local $/;
	return scalar <$file>;
}

# run(COMMAND...): its output, errors included, and its status.
sub run
{
	my $output = `@_ 2>&1`;

	return ($output, $?);
}

# compiles(NAME, COMMAND): the compiler prints nothing and makes a program.
sub compiles
{
	my ($what, @command) = @_;
	my ($output, $status) = run(@command);

	return ok($status == 0 && $output eq '', "$what compiles in silence")
	    || diag("@command\n$output");
}

# prints(NAME, PROGRAM, EXPECTED)
sub prints
{
	my ($what, $program, $expected) = @_;
	my ($output, $status) = run($program);

	is($status, 0, "$what ends well");
	return is($output, $expected, "$what does what it has to");
}

# --- the header, in every language ------------------------------------------

my $all_warnings = '-pedantic-errors -Wall -Wextra -Werror -Wshadow -Wundef '
    . '-Wcast-qual -Wwrite-strings -Wpointer-arith';

# Plain flags and library, as in usdt.h and README.
sub header_in
{
	my ($compiler, $source, $standard, $flags) = @_;
	my $program = "$dir/header";
	my $what = "$source, $compiler -std=$standard";

	return unless compiles($what, "$compiler -std=$standard $all_warnings "
	    . "$flags -I. -o $program test/bindings/$source $library");
	prints($what, $program, "fine\n");
}

for my $compiler ('gcc', 'clang') {
	if (!have($compiler)) {
		skip_or_fail("there is no $compiler");
		next;
	}
	header_in($compiler, 'header.c', $_,
	    '-Wstrict-prototypes -Wmissing-prototypes')
	    for qw(c89 gnu89 c99 c11 c17 gnu17);
}
for my $compiler ('g++', 'clang++') {
	if (!have($compiler)) {
		skip_or_fail("there is no $compiler");
		next;
	}
	header_in($compiler, 'header.cc', $_, '')
	    for qw(c++98 c++11 c++14 c++17 c++20);
}
# The warnings of C compilers for code that is to become C++.
compiles('header.c, with -Wc++-compat', "gcc -Wc++-compat -Werror -I. "
    . "-o $dir/header test/bindings/header.c $library");
# Without <pthread.h> in reach, without libc.so, without optimisation.
if (compiles('header.c, static', "gcc -static -O0 -I. -o $dir/static "
	. "test/bindings/header.c $library")) {
	prints('header.c, static', "$dir/static", "fine\n");
}

# --- the bindings -----------------------------------------------------------

my %printed;

$printed{node} = <<'END';
throw no probes defined
a a 4: int char * char * char *
before enabling: undefined, callback called 0 times
enabled
not traced: undefined, callback called 0 times
traced: true, callback called 1 times
enabled
enabled again: true, callback called 1 times
added later: undefined, callback called 0 times
disabled
disabled
disabled: undefined, callback called 0 times
enabled
still traced: true, callback called 1 times
the later one, traced: true, callback called 1 times
added twice: undefined, callback called 0 times
the first of that name: true, callback called 1 times
removed a
removed: undefined, callback called 0 times
throw failed to remove probe nodeapp:mod1:a:a
removed late
throw no probes defined
disabled
enabled
added again: true, callback called 1 times
throw usdt_create_provider failed
throw usdt_create_provider failed
32 of 40 types
enabled
32 arguments: true, callback called 1 times
enabled
the same in another provider: undefined, callback called 0 times
traced there: true, callback called 1 times
collected
END

$printed{lua} = <<'END';
func name 3
wide 2
enabled 0
enabled 0 0 0
enabled 1 0 0
enabled 0
enabled 1
END

$printed{ruby} = <<'END';
USDT::Error no probes defined
USDT::Error probe named rubyprov:rubymod:function:first already exists
USDT::Error invalid argument: probe is NULL
no probe
function first :integer :string
function other
false
true
true
false
1 0 0
true
false
true
true
true
false
USDT::Error no probes defined
END

$printed{perl} = <<'END';
croak no probes defined
croak add probe: probe named provider0:test1module:func:test already exists
func:test2(char *, int)
fired, is_enabled 0
2 probes
fired, is_enabled 0
croak Probe takes 2 arguments, 1 provided
fired, is_enabled 1
child: fired, is_enabled 1
child ended with 0
removed test
croak failed to remove probe provider0:test1module:func:test
fired, is_enabled 0
removed test2
croak no probes defined
croak no probes defined
3 probes
croak Failed to allocate memory for provider
no provider
END

for my $binding (qw(lua ruby perl)) {
	for my $standard (qw(gnu89 c99 c11)) {
		my $program = "$dir/$binding";
		my $what = "$binding.c, C of -std=$standard";

		compiles($what, "gcc -std=$standard -D_DEFAULT_SOURCE -Wall "
		    . "-Werror -I. -o $program test/bindings/$binding.c "
		    . $library) or next;
		prints($what, $program, $printed{$binding});
	}
}
for my $standard (qw(c++98 c++11 c++17)) {
	my $program = "$dir/node";
	my $what = "node.cc, -std=$standard";

	compiles($what, "g++ -std=$standard -Wall -Wextra -Werror -I. "
	    . "-o $program test/bindings/node.cc $library") or next;
	prints($what, $program, $printed{node});
}

# This finds what is freed too early, too late or twice.
for my $source (qw(node.cc ruby.c perl.c lua.c)) {
	my $compiler = $source =~ /cc$/ ? 'g++' : 'gcc';
	(my $binding = $source) =~ s/\..*//;
	my $program = "$dir/$binding-checked";

	compiles("$source, with the address sanitizer",
	    "$compiler -g -fsanitize=address -I. -o $program "
	    . "test/bindings/$source $library") or next;
	# All but node leave some memory until the process ends.
	local $ENV{ASAN_OPTIONS} =
	    'detect_leaks=' . ($binding eq 'node' ? 1 : 0);
	prints("$source, with the address sanitizer", $program,
	    $printed{$binding});
}

# --- the documentation ------------------------------------------------------

# Code without comments, with single blanks.
sub normal
{
	my $code = shift;

	$code =~ s!/\*.*?\*/!!gs;
	$code =~ s/\s+/ /g;
	$code =~ s/^ | $//g;
	return $code;
}

my ($comment) = slurp('usdt.h') =~ m!^(/\*.*?\*/)!s;
my ($example) = $comment =~
    /^ \* Example \(examples\/hello\.c [^\n]*:\n \*\n(.*?)\n \*\n \* [A-Z]/ms;
ok(defined $example, 'usdt.h begins with an example') or $example = '';
$example =~ s/^ \*[ \t]?//gm;
$example = normal($example);
like($example, qr/^usdt_provider_t \*p = .*usdt_provider_free\(p\);$/,
    'from creating to freeing');

# hello.c adds a loop around it, until it ends.
my ($main) = slurp('examples/hello.c') =~ /^main\(void\)\n\{\n(.*)^\}/ms;
my $hello = normal($main // '');
for (['int i; ', ''],
	[qr/for \(i = 0; i < \d+; i\+\+\) \{ (.*?) sleep\(1\); \}/],
	['(200 + i)', '200'], [' return 0;', '']) {
	my ($more, $less) = @$_;

	if (ref $more) {
		ok($hello =~ s/$more/$1/, "hello.c has a loop");
	} else {
		ok($hello =~ s/\Q$more\E/$less/, "hello.c has \"$more\"");
	}
}
is($hello, $example, 'beside that hello.c is the example of usdt.h');

my ($in_readme) = slurp('README.md') =~ /```c\n(usdt_provider_t.*?)```/s;
my $short = normal($in_readme // 'nothing');
is(substr($example, 0, length $short), $short,
    'the example of README.md is its beginning');

my $flags = '-Wall -Wextra -Werror -I.';
compiles('hello.c', "cc $flags -o $dir/hello examples/hello.c $library");

# hello: run until it has placed its image, then interrupted.
my $pid = open(my $out, '-|') // die "fork: $!\n";
if ($pid == 0) {
	open STDERR, '>&', \*STDOUT;
	exec "$dir/hello" or die "exec: $!\n";
}
my $end = time + 300;
sleep 0.01 until time > $end || -d "$dir/images/myapp";
ok(-d "$dir/images/myapp", 'hello is visible while it runs');
ok(!IO::Select->new($out)->can_read(0.05), 'and has nothing to say');
is(kill('INT', $pid), 1, 'until it is interrupted');
close $out;

# Then run to its end, with short seconds.
my $fast = slurp('examples/hello.c');
ok($fast =~ s/sleep\(1\);/usleep(1);/, 'hello in a hurry');
open my $file, '>', "$dir/fast.c" or die "$dir/fast.c: $!\n";
print $file $fast;
close $file;
compiles('that', "cc $flags -o $dir/fast $dir/fast.c $library");
prints('that', "$dir/fast", '');

done_testing();
