#!/usr/bin/perl
# as.t - are arguments taken as --as says, wherever their values are used?
#
# SPDX-License-Identifier: BSD-2-Clause
use strict;
use warnings;

use JSON::PP ();
use Test::More;
use Usdt::Tracer qw(need tracer_case scratch_dir);
use Usdt::Watch qw(run_usdt run_notes traced);

need('root', 'cc', 'ruby alone', 'babeltrace2');
alarm 3600;

my $dir = scratch_dir();

# The line that the program read is a text at %rbx; the site has it in memory, too.
my $line = <<'EOF_C';
static char text[] = "in memory";
__attribute__((used)) char *pointer = text;
EOF_C

tracer_case('compiled in' => sub {
	my $provider = "as${$}a";
	my $process = run_notes("$dir/notes", $line, { provider => $provider,
		name => 'p', args => '8@pointer(%rip) -4@$-3 8@$16 4@%eax'
	});
	my @all = ('--as', 'arg0=str,arg1=hex');
	my $watch = Usdt::Watch->attach(1, @all, "$provider:p");

	$process->ask('');
	like(($watch->take(1))[0],
	    qr/ notes $provider:p "in memory" 0xfffffffd 16 \d+$/, 'watch');
	is($watch->code_of('INT'), 0, '... exit 0');
	$watch = Usdt::Watch->attach(1, '-j', @all, "$provider:p");
	$process->ask('');
	$watch->wait_until(sub { @{ $watch->{lines} } });
	my $args = JSON::PP->new->decode($watch->{lines}[0])->{args};
	is_deeply([ @$args{'arg0', 'arg1'} ], [ 'in memory', 0xfffffffd ],
	    'watch --json');
	is($watch->code_of('INT'), 0, '... exit 0');
	for (['==', 'in memory', 1], ['==', 'in', 0], ['~', 'mem', 1]) {
		my ($relation, $text, $count) = @$_;
		my $run = Usdt::Watch->attach(1, @all,
			"$provider:p{arg0 $relation \"$text\"}");

		$process->ask('') for 1 .. 2;
		is($run->code_of('INT'), 0, 'a filter');
		is(scalar @{ $run->{lines} }, 2 * $count, "... $relation $text");
	}
	my $run = Usdt::Watch->start(Usdt::Watch::usdt_command(), 'hist', @all,
		"$provider:p", 'arg0');
	$run->told(qr/(watching 1 probe)\n/);
	$process->ask('') for 1 .. 3;
	is($run->code_of('INT'), 0, 'hist');
	is_deeply($run->{lines}, ["$provider:p\t-\t\"in memory\"\t3"],
	    '... texts');
	$run = Usdt::Watch->start(Usdt::Watch::usdt_command(), 'record', @all,
		'-o', "$dir/trace", "$provider:p");
	$run->told(qr/(watching 1 probe)\n/);
	$process->ask('');
	is($run->code_of('INT'), 0, 'record');
	like(`babeltrace2 $dir/trace`,
	    qr/arg0 = "in memory", arg1 = 0xFFFFFFFD, arg2 = 16/, '... fields');
	$run = Usdt::Watch->start(Usdt::Watch::usdt_command(), 'latency', @all,
		'--by', 'arg0', "$provider:p", "$provider:p");
	$run->told(qr/(watching 1 probe)\n/);
	$process->ask('') for 1 .. 3;
	is($run->code_of('INT'), 0, 'latency');
	like(join('', @{ $run->{lines} }), qr/^$provider:p\t-\t\d/, '... by it');
});

tracer_case('what can not be taken so is said, and watched' => sub {
	my $provider = "as${$}b";
	my $process = run_notes("$dir/wrong", $line, { provider => $provider,
		name => 'p', args => '8@$7 4@%eax 8@pointer(%rip) 8@%xmm1' });
	my $watch = Usdt::Watch->attach(1, '--as', 'arg0=str,arg1=str,'
	    . 'arg2=str,arg3=str,arg4=str,arg5=hex,name=hex,arg2.x=hex',
	    "$provider:p");

	$process->ask('');
	like(($watch->take(1))[0], qr/:p 7 \d+ "in memory" \?$/, 'as it is');
	is($watch->code_of('INT'), 0, '... exit 0');
	is_deeply([ $watch->errors =~ /^usdt: $provider:p: (.*)$/mg ],
	    [ 'its "arg0" is no text: it is a constant',
		'its "arg1" is no text: it has 4 bytes, and a pointer has 8',
		'its "arg3" is no text: the kernel can\'t fetch it',
		'it has no argument "arg4" to be taken as str',
		'it has no argument "arg5" to be taken as hex',
		'it has no argument "name" to be taken as hex',
		'it has no argument "arg2.x" to be taken as hex' ],
	    '... and why');
	for (['arg0', 'it has to be ARGUMENT=str or ARGUMENT=hex'],
	    ['', 'it has to be ARGUMENT=str'], ['=str', 'it has to be'],
	    ['a=str,', 'it has to be'], ['a=', 'an argument is taken as str'],
	    ['a=STR', 'an argument is taken as str or as hex'],
	    ["a\n=str,a\n=hex", 'it names an argument twice']) {
		my ($status, $out, $err) = run_usdt('watch', '--as', $_->[0],
			'a:b');

		is($status, 2, "$_->[0]: exit 2");
		like($err, qr/^usdt: --as [^\n]*: $_->[1]/, '... says why');
	}
});

tracer_case('libusdt: by name, direct and not' => sub {
	my $provider = "as${$}c";
	my $process = traced($dir, $provider, ['f', 'p', 'int status',
		'char *url', 'unsigned long at', 'double took']);
	my @fire = 'fire 0 -1 /a 18446744073709551615 0x3ff8000000000000';

	for (
		['status=hex,at=hex', '1 probe direct',
		    'status=0xffffffff url="/a" at=0xffffffffffffffff took=1.5'],
		['arg0=hex', '1 probe direct', 'status=0xffffffff url="/a"'
		    . ' at=18446744073709551615 took=1.5'],
		['took=hex', '1 probe direct', 'status=-1 url="/a" '
		    . 'at=18446744073709551615 took=0x3ff8000000000000'],
		# What the process does not write is taken by uprobe.
		['at=str', '', 'status=-1 url="/a" at=(unreadable) took=1.5'],
		['url=str', '1 probe direct', 'status=-1 url="/a"'
		    . ' at=18446744073709551615 took=1.5'],
	) {
		my ($as, $way, $line) = @$_;
		my $watch = Usdt::Watch->attach(1, '--as', $as, "$provider:p");

		$process->ask($_) for @fire;
		is(($watch->take(1))[0] =~ s/^\S+ \S+ \S+ //r, $line, $as);
		is($watch->code_of('INT'), 0, '... exit 0');
		is($watch->errors =~ /(1 probe direct)/ ? $1 : '', $way,
		    '... and its way');
	}
	my $watch = Usdt::Watch->attach(1, '--as', 'url=hex', "$provider:p");
	$process->ask($_) for @fire;
	like(($watch->take(1))[0], qr/ url=0x[0-9a-f]+ at/, 'a text as hex');
	is($watch->code_of('INT'), 0, '... exit 0');
	$watch = Usdt::Watch->attach(1, '--as', 'took=str', "$provider:p");
	like($watch->errors, qr/its "took" is no text: it is a floating-point/,
	    'a double is no text');
	is($watch->code_of('INT'), 0, '... exit 0');
});

tracer_case('ruby' => sub {
	my ($status, $out, $err) = run_usdt('watch', '--as', 'arg0=str,arg1=str',
		'-c', Usdt::Tracer::ruby() . " -e ':as${$}_xyz'",
		"ruby:symbol__create{arg0 == \"as${$}_xyz\"}");

	is($status, 0, 'exit 0') || diag($err);
	like($out, qr/^\S+ \d+ \S+ ruby:symbol__create "as${$}_xyz" "\S*" \d+$/,
	    'a symbol');
});

done_testing();
