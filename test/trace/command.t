#!/usr/bin/perl
# command.t - does the usdt command help, and find files and processes by name?
#
# SPDX-License-Identifier: BSD-2-Clause
use strict;
use warnings;

use JSON::PP ();
use Test::More;
use Usdt::Process;
use Usdt::Tracer qw(need tracer_case scratch_dir);
use Usdt::Watch qw(run_usdt run_notes traced);

need('root', 'cc');
alarm 3600;

my $dir = scratch_dir();

tracer_case('help and version' => sub {
	my ($status, $out, $err) = run_usdt('help');

	is($status, 0, 'help: exit 0');
	for my $command ($out =~ /^  ([a-z]+)  /mg) {
		is_deeply([ run_usdt('help', $command) ],
		    [ run_usdt($command, '--help') ], "help $command");
		like((run_usdt('help', $command))[1], qr/^usage: usdt $command /,
		    '... is that of the command');
	}
	is((run_usdt('help', 'nothing'))[0], 2, 'of no command: exit 2');
	is_deeply([ run_usdt('-V') ], [ run_usdt('--version') ], '-V');
	like((run_usdt('-V'))[1], qr/^usdt \d+\.\d+\.\d+\n$/, '... the version');
});

tracer_case('a path alone' => sub {
	my @notes = map { { provider => "c${$}a", name => $_ } } 'one', 'two';
	my $process = run_notes("$dir/prog (x)", @notes);
	my ($status, $out, $err) = run_usdt('list', "$dir/prog (x)");

	is($status, 0, 'list: exit 0') || diag($err);
	like($out, qr/^    c${$}a:prog\\?.*:one\(\)\n    c${$}a:.*:two\(\)$/m,
	    '... all of its probes');
	unlike($out, qr/^\S+\n.*^\S+\n/ms, '... and no other file')
	    if $out !~ /\n\n/;
	my $watch = Usdt::Watch->attach(2, "$dir/prog (x)");
	$process->ask('');
	is_deeply([ map { /:(\w+)$/ } $watch->take(2) ], ['one', 'two'],
	    'watch');
	is($watch->code_of('INT'), 0, '... exit 0');
	($status, $out, $err) = run_usdt('list', "$dir/nothing");
	is($status, 1, 'a file that is not there: exit 1');
	like($err, qr{^usdt: \Q$dir\E/nothing: No such file}m, '... says so');
	is((run_usdt('list', "$dir/"))[0], 2, 'no file at all: exit 2');
});

tracer_case('a process by name' => sub {
	my $name = "c${$}b";
	my @processes = run_notes("$dir/$name", { provider => $name,
		name => 'p' });
	my ($status, $out, $err) = run_usdt('list', '-l', '-p', $name, $name);

	is($status, 0, 'list -p NAME: exit 0') || diag($err);
	like($out, qr/^${\ $processes[0]->pid}\t$name\t/, '... that process');
	push @processes, Usdt::Process->new(program => "$dir/$name");
	$processes[1]->ready or die;
	my ($one, $two) = sort { $a <=> $b } map { $_->pid } @processes;
	for my $command ('list', 'watch', 'top') {
		($status, $out, $err) = run_usdt($command, '-p', $name, 'x');
		is($status, 2, "$command: two of that name: exit 2");
		is($err, "usdt: several processes have that name: $one, $two; say which one\n",
		    '... it names them');
	}
	($status, $out, $err) = run_usdt('list', '-p', "$name-not");
	is($status, 2, 'no such name: exit 2');
	is($err, 'usdt: --pid wants a number, or a program\'s name, and no '
	    . "process has the name \"$name-not\"\n", '... says so');
});

tracer_case('list --json' => sub {
	my $provider = "c${$}c";
	my $process = traced($dir, $provider, ['func', 'one-1', 'int id',
		'char *', 'unsigned long'], ['g', 'two']);
	my ($status, $out, $err) = run_usdt('list', '--json', $provider);
	my @objects = map { JSON::PP->new->utf8->decode($_) } split /\n/, $out;

	is($status, 0, 'exit 0');
	is(scalar @objects, 2, 'an object for each probe');
	like(delete $_->{path}, qr{^\Q$dir\E/images/$provider/}, 'the path')
	    for @objects;
	my %common = (pid => $process->pid, command => 'test_usdt',
		provider => $provider, module => 'testmod');
	is_deeply($objects[0], { %common, function => 'func', name => 'one-1',
		args => [{ name => 'id', type => 'int' }, { name => 'arg1',
		type => 'char *' }, { name => 'arg2',
		type => 'unsigned long' }] }, 'all of a probe')
	    || diag($out);
	is_deeply($objects[1]{args}, [], 'one without arguments');
	my ($lines) = (run_usdt('list', '-l', $provider))[1];
	is(scalar(() = $out =~ /\n/g), scalar(() = $lines =~ /\n/g),
	    'as many as with -l');

	run_notes("$dir/other", { provider => "c\"d\xe9", name => 'p',
		args => '4@%edi' })->end('KILL');
	rename("$dir/other", "$dir/a\"b\xff") or die;
	($status, $out, $err) = run_usdt('list', '-j', "$dir/a\"b\xff");
	my $object = JSON::PP->new->utf8->decode($out);
	is($object->{pid}, undef, 'without a process: null');
	is($object->{command}, undef, '... both');
	is_deeply($object->{args}, [{ type => 'uint32_t' }],
	    'an argument without a name');
	is($object->{path}{hex}, unpack('H*', "$dir/a\"b\xff"), 'a path');
	is($object->{provider}{hex}, unpack('H*', "c\"d\xe9"),
	    'a name that is not UTF-8');
	($status, $out, $err) = run_usdt('list', '-j', 'nobody-has:this-at-all');
	is("$status$out", 1, 'nothing: exit 1, no output');
});

tracer_case('the nearest name' => sub {
	my $provider = "close${$}d";
	my $process = traced($dir, $provider, ['f', 'request-start'],
		['f', 'request-done'], ['f', 'other']);

	for (["$provider:request-strat", 'request-start'],
	    ["$provider:reqest__done", 'request-done'],
	    ["${provider}x:other", 'other'],
	    ["clos${$}d:request-d*", 'request-done'],
	    ["$provider:mod:f:oter", 'other']) {
		my ($status, $out, $err) = run_usdt('list', $_->[0]);

		is($status, 1, "$_->[0]: exit 1");
		like($err, qr/^usdt: did you mean $provider:$_->[1]\?$/m,
		    '... nearly');
	}
	for ('zzzzzz:qqqqqqq', "$provider:nothing-like-these-names") {
		unlike((run_usdt('list', $_))[2], qr/did you mean/,
		    "$_: nothing is near");
	}
	unlike((run_usdt('list', "$provider:other"))[2], qr/did you mean/,
	    'a match needs no advice');
});

done_testing();
