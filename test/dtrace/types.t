# What does DTrace see of names, structs, doubles and translated types?
#
# Its scripts use the D library that `usdt header --d` prints; the program is
# examples/request.c.
#
# SPDX-License-Identifier: BSD-2-Clause
use strict;
use warnings;

use File::Temp qw(tempdir);
use IPC::Open2;
use Test::More;

use Usdt::Dtrace qw(dtrace_case process listing same_events build_path
	as_user);
use Usdt::Watch qw(run_usdt);

my $number = 0;

# A running examples/request: a hash of pid, provider, and fire(ID).
sub request
{
	my $provider = 'typed' . chr(ord('a') + $number++);
	my $pid = open2(my $out, my $in, as_user(build_path('request'),
		$provider));

	(<$out> // '') =~ /^(\d+) / && $1 == $pid or die "does not start\n";
	return bless { pid => $pid, provider => $provider, in => $in,
		out => $out }, 'Request';
}

package Request {
	sub fire
	{
		my ($self, $id) = @_;

		print { $self->{in} } "$id\n";
		$self->{in}->flush;
		my $out = $self->{out};
		(<$out> // '') eq "fired\n" or die "does not fire\n";
	}

	sub DESTROY
	{
		my ($self) = @_;
		local ($?, $!, $@);

		kill('KILL', $self->{pid});
		waitpid($self->{pid}, 0);
	}
}

# A directory with the D library of a process, and what is added to it.
sub library
{
	my ($request, $more) = @_;
	my $dir = tempdir('usdt-d-XXXXXX', DIR => '/tmp', CLEANUP => 1);
	my ($status, $text) = run_usdt('header', '--d', '-p', $request->{pid});

	is($status, 0, 'usdt header --d');
	open(my $out, '>', "$dir/types.d") or die;
	print $out $text, $more // '';
	close $out;
	return $dir;
}

dtrace_case('names and members of structs' => sub {
	my $request = request();
	my $dir = library($request);
	my $probe = "$request->{provider}\$target:::request-start";
	my $d = Usdt::Dtrace->run("$probe { printf(\"> names %d %s %s %d %s "
	    . '%d.%03d\n", request_start_id, request_start_url, '
	    . 'request_start_body, request_start_size, request_start_agent, '
	    . 'request_start_took_milli / 1000, '
	    . "request_start_took_milli % 1000); }\n"
	    . "$probe { printf(\"> members %d %d %s %s %d\\n\", args[2]->id, "
	    . 'args[2]->flags, copyinstr((uintptr_t)args[2]->url), '
	    . "stringof(args[2]->peer.host), args[2]->peer.port); }\n"
	    . "$probe { printf(\"> next %d %s %d\\n\", args[2]->next->id, "
	    . 'copyinstr((uintptr_t)args[2]->next->url), '
	    . "args[2]->next->peer.port); }\n"
	    . "$probe { \@[args[2]->peer.port] = sum(args[2]->bytes); }\n"
	    . 'END { printa("> sum %d %@d\n", @); }',
	    '-L', $dir, '-p', $request->{pid});

	$request->fire($_) for 7, 8;
	same_events([$d->finish(6)], [
		map({ ("names $_ /index {\"a\":1} -7 curl 3.250",
			"members $_ 3 /index localhost 443",
			'next ' . ($_ + 1) . ' /q 8080') } 7, 8),
		'sum 443 24691357802'], 'right values, each once');
});

dtrace_case('print, and a listing' => sub {
	my $request = request();
	my $dir = library($request);
	my $d = Usdt::Dtrace->run("$request->{provider}\$target:::request-start"
	    . ' { print(args[2]); }', '-L', $dir, '-p', $request->{pid});

	$request->fire(85);
	ok($d->wait_for(qr/\.port = \(uint16_t\)443/), 'a whole struct');
	like($d->output, qr/\.id = \(int32_t\)85,/, 'its first member');
	$d->stop('INT');
	my @probes = listing("$request->{provider}$request->{pid}:::", '-v',
	    '-L', $dir);
	is(scalar @probes, 1, 'the probe is listed once');
	is($probes[0]{function}, 'handle', 'as of its function');
	is_deeply([@{ $probes[0]{types} }[0 .. 3]], ['int', 'char *',
		'struct myapp_request *', 'double'], 'with its types');
});

dtrace_case('translated types' => sub {
	my $p = process('xlated', 'f', 'done', 'int id : int64_t',
	    'struct pair *p : pairinfo_t *');
	my $dir = tempdir('usdt-d-XXXXXX', DIR => '/tmp', CLEANUP => 1);

	open(my $out, '>', "$dir/pair.d") or die;
	print $out "struct pair { int a; };\n"
	    . "typedef struct pairinfo { uintptr_t at; } pairinfo_t;\n"
	    . "translator pairinfo_t < struct pair *P > {\n"
	    . "\tat = (uintptr_t)P + 1;\n};\n";
	close $out;
	my $d = Usdt::Dtrace->run('xlated$target:::done '
	    . '{ printf("> %d %d\n", args[0], args[1]->at); }', '-L', $dir,
	    '-p', $p->pid);

	is($p->ask('fire 0 -5 41'), 'fired 1', 'fired');
	same_events([$d->finish(1)], ['-5 42'], 'the translator is applied');
	my @probes = listing('xlated' . $p->pid . ':::', '-v', '-L', $dir);
	is_deeply($probes[0]{types}, ['int64_t', 'pairinfo_t *'],
	    'and listed');
});
done_testing();
