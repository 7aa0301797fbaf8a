#!/usr/bin/perl
# filter.t - do filters behind a pattern choose the events of real programs?
#
# SPDX-License-Identifier: BSD-2-Clause
use strict;
use warnings;

use Test::More;
use Usdt::Process;
use Usdt::Tracer qw(need tracer_case scratch_dir);
use Usdt::TypesCases qw(request);
use Usdt::Watch qw(run_usdt usdt_command traced);

need('root', 'cc');
alarm 3600;

my $dir = scratch_dir();

sub process { return traced($dir, @_) }

# until_end(WATCH): the lines up to an event of "end", without the process and
# the provider.
sub until_end
{
	my ($watch) = @_;
	my @lines;

	until (@lines && $lines[-1] =~ /:end$/) {
		my @more = $watch->take(1) or last;
		push @lines, @more;
	}
	return [ map { s/^\d+ \S+ [^:]+://r } grep { !/:end$/ } @lines ];
}

my @probes = (['f', 'done', 'int status', 'char *url', 'uint64_t bytes',
	'double took'], ['f', 'other', 'int status'], ['f', 'end']);
# passed, and how it is printed
my @done = (
	['200 /index 1 0x3ff0000000000000',
	    'done status=200 url="/index" bytes=1 took=1'],
	['500 /api/a 18446744073709551615 0x3fe0000000000000',
	    'done status=500 url="/api/a" bytes=18446744073709551615 took=0.5'],
	['503 /index 9007199254740993 0x4008000000000000',
	    'done status=503 url="/index" bytes=9007199254740993 took=3'],
	['-1 /api/b 0 0x8000000000000000',
	    'done status=-1 url="/api/b" bytes=0 took=-0'],
);
my @other = map { ["$_", "other status=$_"] } 200, 500;

for my $way ([], ['--uprobe']) {
	tracer_case("numbers and texts @$way" => sub {
		my $provider = "f${$}" . (@$way ? 'b' : 'a');
		my $process = process($provider, @probes);
		my @case = (
			# filter of "done", numbers of lines in @done
			['status>=500', 1, 2],
			['status >= 500 && url ~ "/api"', 1],
			['status < 0', 3], ['status < 1000', 0 .. 3],
			['status == 4294967295'],
			['bytes == 18446744073709551615', 1],
			['bytes > 9007199254740992 && bytes < 9007199254740994', 2],
			['url == "/index" || status == -1', 0, 2, 3],
			['!(url ~ "/api")', 0, 2], ['took >= 1', 0, 2],
			['took == 0', 3], ['arg1 != "/index"', 1, 3],
			['pid == ' . $process->pid, 0 .. 3],
			['comm == "nobody"'],
		);

		for (@case) {
			my ($filter, @lines) = @$_;
			my $watch = Usdt::Watch->attach(2, @$way,
			    "$provider:done{$filter}", "$provider:end");

			$process->ask("fire 0 $_->[0]") for @done;
			$process->ask('fire 2');
			is_deeply(until_end($watch), [ map { $done[$_][1] }
			    @lines ], $filter) || diag($watch->report);
			is($watch->code_of('INT'), 0, '... exit 0');
		}
	});
}

tracer_case('several patterns and probes' => sub {
	my $provider = "f${$}c";
	my $process = process($provider, @probes);
	my @case = (
		# patterns, numbers of lines in @done, in @other
		[["$provider:*{status==500}"], [1], [1]],
		[["$provider:done{status==500}", "$provider:o*{status==200}"],
		    [1], [0]],
		[["$provider:done{status==500}", "$provider:done{status==200}"],
		    [0, 1], []],
		[["$provider:done{status==500}", "$provider:done"],
		    [0 .. 3], []],
		[["$provider:*{url~\"api\"}"], [1, 3], []],
	);

	for (@case) {
		my ($patterns, $done, $other) = @$_;
		my $watch = Usdt::Watch->start(usdt_command(), 'watch',
		    @$patterns, "$provider:end");

		$watch->told(qr/(watching \d+ probes)\n/);
		$process->ask("fire 0 $_->[0]") for @done;
		$process->ask("fire 1 $_->[0]") for @other;
		$process->ask('fire 2');
		is_deeply(until_end($watch), [
			(map { $done[$_][1] } @$done),
			(map { $other[$_][1] } @$other)
		], "@$patterns") || diag($watch->report);
		is(scalar(() = $watch->errors =~ /can't be watched: /g),
		    $patterns->[0] =~ /url/ ? 1 : 0, '... and what is said');
		like($watch->errors, qr/^usdt: $provider:other in \S+ can't be watched: it has no argument "url"$/m,
		    '... of which probe') if $patterns->[0] =~ /url/;
		is($watch->code_of('INT'), 0, '... exit 0');
	}
});

tracer_case('members of a struct' => sub {
	my $request = request($dir);
	my $provider = $request->{provider};

	for (['req.peer.port == 443 && req->took > 2', 1],
	    ['req.peer.host != "localhost"', 0], ['req.next.id > 0', -1],
	    ['req.url == "/index" && body ~ "1}"', 1]) {
		my ($filter, $passes) = @$_;

		if ($passes < 0) {
			my ($status, $out, $err) = run_usdt('watch',
			    "$provider\{$filter}");
			is($status, 1, "$filter: exit 1");
			like($err, qr/can't be watched: it has no member "req\.next\.id"/,
			    '... says why');
			next;
		}
		my $watch = Usdt::Watch->attach(1, "$provider\{$filter}",
		    "$provider\{id == 99}");
		$request->fire(7);
		$request->fire(99);
		my @lines;
		until (@lines && $lines[-1] =~ /id=99/) {
			push @lines, $watch->take(1);
		}
		is(scalar(grep { / id=7 / } @lines), $passes, $filter)
		    || diag(@lines);
		is($watch->code_of('INT'), 0, '... exit 0');
	}
});

# Direct events are filtered here, those of uprobes in the kernel as far as it can.
tracer_case('the same in the kernel and here' => sub {
	my $provider = "f${$}e";
	my @types = ('signed char c', 'unsigned char u', 'short s',
		'int status', 'unsigned int flags', 'long long l',
		'uint64_t bytes', 'char *url', 'double took');
	my @filters = (
		'c < 0', 'c >= -128 && c != 127', 'u > 127', 'u == -1',
		's == -32768 || s == 32767', 'status', '!status',
		'status == -1', 'status > -2 && status <= 1',
		'status == 4294967295', 'flags == 4294967295',
		'flags >= 0x80000000', 'l < -9223372036854775807', 'l > 0',
		'l == 18446744073709551615', 'bytes > 9223372036854775807',
		'bytes != 18446744073709551615', 'url == NULL', 'url',
		'!(url ~ "a" || status > 5)', 'url == "/a" || c == 127',
		'took > 1 && u == 1', '!(took > 1) || !(u == 1)',
		'comm == "test_usdt"', 'comm != "test_usdt" || s == 1',
		'(c == 1 || c == 127) && !(l == 1 && bytes == 1)',
	);
	my @fires = map { "$_->[0] $_->[0] $_->[0] $_->[0] $_->[0] $_->[0] "
	    . "$_->[0] $_->[1] $_->[2]" } [0, '/a', '0x3ff0000000000000'],
	    [1, '/b', '0x4000000000000000'], [-1, '/a', '0x7ff8000000000000'],
	    [127, '', '0'], [128, 'x', '0'], [-128, '/a', '0'],
	    [32767, '/a', '0'], [-32768, '/c', '0'], [2147483647, '/a', '0'],
	    [-2147483648, '/a', '0'], [4294967295, '/a', '0'],
	    [9223372036854775807, '/a', '0'],
	    [-9223372036854775808, '/b', '0x4000000000000000'];
	my $process = process($provider, (map { ['f', "p$_", @types] }
		0 .. $#filters), ['f', 'end']);
	my %lines;

	for my $way ('direct', 'uprobe') {
		my $watch = Usdt::Watch->attach(@filters + 1,
			$way eq 'direct' ? () : '--uprobe',
			(map { "$provider:p$_\{$filters[$_]}" } 0 .. $#filters),
			"$provider:end");

		for my $fire (@fires) {
			$process->ask("fire $_ $fire") for 0 .. $#filters;
		}
		$process->ask('fire ' . @filters);
		for (@{ until_end($watch) }) {
			my ($probe) = /^p(\d+) /;
			push @{ $lines{$way}[$probe] }, $_;
		}
		is($watch->code_of('INT'), 0, "$way: exit 0");
		is($watch->errors =~ /probes direct$/m ? 'direct' : 'uprobe',
		    $way, '... that way');
	}
	for (0 .. $#filters) {
		is_deeply($lines{uprobe}[$_], $lines{direct}[$_], $filters[$_]);
	}
	is(scalar(grep { !defined } @{ $lines{direct} }[0 .. $#filters]), 4,
	    'four of them let nothing pass');
});

# While the command stands still nothing is read: the rings would overflow.
tracer_case('what the kernel drops takes no room in its rings' => sub {
	my $provider = "f${$}g";
	my $process = process($provider, ['f', 'p', 'int status']);
	my $watch = Usdt::Watch->attach(1, '--uprobe',
		"$provider:p{status < -5 || status == 77}");

	kill('STOP', $watch->pid) or die;
	$process->ask('loop 0 300000 1');
	$process->ask('fire 0 77');
	$process->ask('loop 0 300000 2');
	$process->ask('fire 0 -6');
	kill('CONT', $watch->pid) or die;
	is_deeply([ map { /(status=.*)/ } $watch->take(2) ],
	    [ 'status=77', 'status=-6' ], 'both that pass');
	is($watch->code_of('INT'), 0, 'exit 0');
	unlike($watch->errors, qr/lost/, 'and none is lost');
});

tracer_case('in top, record, and with -n' => sub {
	my $provider = "f${$}d";
	my $process = process($provider, @probes);
	my $pattern = "$provider:done{status == 500}";
	my $watch = Usdt::Watch->attach(1, '-n', 2, $pattern);
	my $top = Usdt::Watch->start(usdt_command(), 'top', '-i', '0.2',
	    $pattern);
	my $record = Usdt::Watch->start(usdt_command(), 'record', '-o',
	    "$dir/trace", $pattern);

	$_->told(qr/(watching 1 probe)\n/) for $top, $record;
	for my $round (1 .. 2) {
		$process->ask("fire 0 $_->[0]") for @done;
	}
	my $ended = $watch->reap;
	1 while $watch->read_some(0.1);
	is($ended->[0], 0, 'watch -n 2 ends');
	is(scalar @{ $watch->{lines} }, 2, '... after two lines that pass');
	is($_->code_of('INT'), 0, 'exit 0') for $top, $record;
	1 while $top->read_some(0.1);
	is((split ' ', $top->{lines}[-1])[2], 2, 'top counts what passes')
	    || diag($top->report);
	like($record->errors, qr/^usdt: 2 events recorded$/m,
	    'what passes is recorded');
});

tracer_case('what is wrong' => sub {
	for (['a:b{x >> 1}', 'a number or a "text" is expected at "> 1}"'],
	    ['a:b{x > 1', '&& || or } is expected at its end'],
	    ['a:b{x = 1}', 'write == for "equals" at "= 1}"'],
	    ['a:b{u ~ /x.*/}', 'in a filter only "texts" have / and : at "{u ~ /x.*/}"'],
	    ['a:b{u==c:d}', 'in a filter only "texts" have / and : at "{u==c:d}"'],
	    ['a:b{u ~ "x}', 'this text does not end at ""x}"']) {
		my ($pattern, $wants) = @$_;
		for my $command ('watch', 'top') {
			my ($status, $out, $err) = run_usdt($command, 'x:y{z}',
			    $pattern);
			is($status, 2, "$command $pattern: exit 2");
			is($err, "usdt: \"$pattern\": $wants\n",
			    '... one line that names the place');
		}
	}
	for ('nobody-has:this{x}', 'nobody-has:this {x}') {
		my ($status, $out, $err) = run_usdt('watch', $_);

		is($status, 1, 'no such probe: exit 1');
		like($err, qr/^usdt: there is no probe nobody-has:this in /,
		    '... says so, without the filter, and a blank before it');
	}
	for ('/no/such{dir/file}:a:b', 'a:b}') {
		unlike((run_usdt('watch', $_))[2], qr/in a filter/,
		    "no filter: $_");
	}
});

done_testing();
