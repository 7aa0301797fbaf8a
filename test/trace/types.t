#!/usr/bin/perl
# What do tracers print of named arguments, structs and doubles?
#
# The program is examples/request.c; usdt(7) quotes what is printed here.
#
# SPDX-License-Identifier: BSD-2-Clause
use strict;
use warnings;

use Test::More;
use Usdt::Tracer qw(need tracer_case scratch_dir kernel_headers);
use Usdt::TypesCases qw(request run_types);
use Usdt::Watch qw(run_usdt);

need('root', 'cc', 'bpftrace', 'bpftrace-sid', 'perf', 'gdb', 'stap',
    'kernel headers');
alarm 3600;

my $dir = scratch_dir();

run_types('host', '->');
run_types('sid', '.');

# --- usdt -------------------------------------------------------------------

my $struct = 'req={id=%d, flags=3, url="/index", took=2.5, bytes=12345678901, '
    . 'peer={host="localhost", port=443}, next=0x[0-9a-f]+}';

tracer_case('usdt list' => sub {
	my $request = request($dir);
	my (undef, $out) = run_usdt('list', '-p', $request->{pid});

	like($out, qr/^\ +\Q$request->{provider}\E:server:handle:request-start
		\(int\ id,\ char\ \*url,\ struct\ myapp_request\ \*req,
		\ double\ took,\ char\ \*body,\ int\ body_len,\ long\ size,
		\ char\ \*agent\)\ \[uprobe,\ since\ an\ argument\ points\ to\ a\ struct/mx,
	    'a prototype, and why it does not go direct');
	(undef, $out) = run_usdt('list', '-l', $request->{provider});
	like($out, qr/\tint, char \*, struct myapp_request \*, double, /,
	    'a column of types has no names');
});

tracer_case('usdt watch' => sub {
	my $request = request($dir);
	my $watch = Usdt::Watch->attach(1, $request->{provider});

	$request->fire($_) for 1, -2147483648;
	my @lines = $watch->take(2);
	my $rest = 'took=3\.25 body="\{\\\\"a\\\\":1\}" body_len=7 size=-7 '
	    . 'agent="curl"';
	for my $id (1, -2147483648) {
		my $right = sprintf "id=$id url=\"/index\" $struct", $id;

		$right =~ s/([{}])/\\$1/g;
		like(shift @lines, qr/:request-start $right $rest$/, "names and members of $id");
	}
	is($watch->code_of('INT'), 0, 'interrupted, it exits 0');
});

tracer_case('pointers that lead nowhere' => sub {
	my $process = Usdt::Process->new(args => ['-p', "nowhere${$}x", 'f',
		'n', 'struct x *p', 'char *t', 'int t_len', 'double d',
		'float e'], env => { USDT_IMAGE_DIR => "$dir/images" });

	$process->ready or die $process->greeting;
	my $watch = Usdt::Watch->attach(1, "nowhere${$}x");
	$process->ask('fire 0 0 text 2 0x7ff0000000000000 0x40490fdb');
	$process->ask('fire 0 16 text -1 0x3fb999999999999a 0');
	$process->ask('fire 0 0 text 0 0x8000000000000000 0x7fc00000');
	my @lines = map { s/.*:n //r } $watch->take(3);
	is_deeply(\@lines, [
		'p=0x0 t="te" t_len=2 d=inf e=3.1415927',
		'p=0x10 t="text" t_len=-1 d=0.1 e=0',
		'p=0x0 t="" t_len=0 d=-0 e=nan',
	], 'a struct that is not declared is a pointer; lengths; numbers');
	$watch->code_of('INT');
});

# --- perf -------------------------------------------------------------------

tracer_case('perf' => sub {
	my $perf = Usdt::Tracer::Perf->new;
	my $request = request($dir, Usdt::Tracer::Perf->provider);
	my $at = $request->{path};
	my $group = 'sdt_' . Usdt::Tracer::Perf->provider;

	like($perf->call('probe', '-x', $at, '-V', 'request__start'),
	    qr/char\*\s+url\n (?s:.*) int\s+id\n (?s:.*)
		struct\ myapp_request\*\s+req/x, 'it knows the variables');
	$perf->call('probe', '-q', '-x', $at, "%${group}:request__start");
	$perf->call('probe', '-q', '-x', $at, "$group:named=request__start id "
		. 'url:string rid=req->id port=req->peer.port:u16 took:x64 '
		. 'agent:string');
	$perf->record('-a', '-e', "$group:named", '-e',
		"$group:request__start");
	$request->fire(200);
	my @events = $perf->script;
	my ($named) = grep { $_->{event} eq "$group:named" } @events;
	is($named->{text}, 'id=200 url_string="/index" rid=200 port=443 '
		. 'took_x64=0x400a000000000000 agent_string="curl"',
	    'names, members, and what is on the stack');
	is(scalar(grep { $_->{event} eq "$group:request__start" } @events), 1,
	    'the note\'s own event counts once');
});

# --- gdb --------------------------------------------------------------------

tracer_case('gdb' => sub {
	my $request = request($dir);
	my (undef, $out) = run_usdt('list', '-v', '-p', $request->{pid},
		$request->{provider});
	my ($line) = $out =~ /^\s+(gdb .*)$/m;
	my $script = "$dir/gdb";

	open(my $file, '>', $script) or die;
	print $file "set pagination off\ncommands\nprint *req\ninfo locals\n"
	    . "bt\nquit\nend\nprintf \"runs\\n\"\ncontinue\n";
	close $file;
	$line =~ s/^gdb/exec gdb -q -nx -batch/ or die $out;
	my $gdb = Usdt::Tracer::Run->start('sh', '-c', "$line -x '$script'");
	$gdb->wait_for(qr/^runs$/) or die $gdb->report;
	# gdb's breakpoint opens no gate: it raises it itself.
	$request->fire(188);
	$gdb->wait_until(sub { !$gdb->{out} });
	$out = $gdb->output;
	like($out, qr/in\ request__start\ \(id=188,\ url=0x[0-9a-f]+\ "\/index",
		\ req=0x[0-9a-f]+,\ took=4614500768194494464,\ body=0x[0-9a-f]+
		\ "\{\\"a\\":1\}\ and\ more",\ body_len=7\)/x, 'the frame');
	like($out, qr/\{id = 188, flags = 3, url = 0x[0-9a-f]+ "\/index", took = 2\.5, bytes = 12345678901, peer = \{host = "localhost[^}]*port = 443\}, next = 0x/, 'print *req');
	like($out, qr/^size = -7\nagent = 0x[0-9a-f]+ "curl"$/m,
	    'arguments on the stack');
	like($out, qr/^#0 .* request__start .*\n#1 .* handle /m,
	    'the caller');
});

# --- SystemTap --------------------------------------------------------------

tracer_case('SystemTap' => sub {
	my $request = request($dir);
	my $headers = kernel_headers();
	local $ENV{SYSTEMTAP_DIR} = "$dir/cache";
	my $run = Usdt::Tracer::Run->start('stap', '-r', $headers, '-L',
		"process(\"$request->{path}\").function(\"request__start\")");

	$run->wait_until(sub { !$run->{out} });
	like($run->output, qr/\$id:int \$url:char\* \$req:struct myapp_request\* \$took:long unsigned int/,
	    'its list has names and types') or diag $run->report;
});

done_testing();
