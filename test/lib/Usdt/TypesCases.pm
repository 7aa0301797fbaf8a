# Usdt::TypesCases - what does bpftrace print of names and structs?
#
# The cases for bpftrace, in whatever version: the host's, and sid's in its
# tree.  examples/request.c is the program that they trace.
#
# SPDX-License-Identifier: BSD-2-Clause
package Usdt::TypesCases;

use strict;
use warnings;

use Exporter qw(import);
use IPC::Open2;
use Test::More;
use Usdt::Tracer qw(tracer_case build_c scratch_dir source_dir);
use Usdt::Watch qw(run_usdt);

our @EXPORT_OK = qw(request run_types);

my $number = 0;
my $program;

# request(DIR): a running examples/request with a provider of its own: a hash
# of pid, path (its image), provider, and fire(ID), which returns when it has
# fired.
sub request
{
	my ($dir, $provider) = @_;

	$provider //= "typed${$}x" . chr(ord('a') + $number++ % 26) . 'p';
	# A machine of another processor gets it built.
	my $built = ($ENV{USDT_BUILD} // '.') . '/request';

	$program //= -x $built ? $built : build_c("$dir/request", '-fno-omit-frame-pointer',
		source_dir() . '/examples/request.c', Usdt::Tracer::library(),
		'-pthread');
	local $ENV{USDT_IMAGE_DIR} = "$dir/images";
	my $pid = open2(my $out, my $in, $program, $provider);
	my ($shown, $path) = (scalar(<$out>) // '') =~ /^(\d+) (.*)$/;
	die "request does not start\n" if ($shown // 0) != $pid;
	return bless {
		pid => $pid, path => $path, provider => $provider,
		in => $in, out => $out,
	}, 'Usdt::TypesCases::Request';
}

# run_types(DRIVER, ARROW): ARROW is how this version spells args's members.
sub run_types
{
	my ($driver, $arrow) = @_;
	my $dir = scratch_dir();
	my $args = "args$arrow";

	tracer_case('it lists names' => sub {
		my $request = request($dir);
		my $run = Usdt::Tracer::Run->start(
			Usdt::Tracer::Bpftrace::command($driver, '-lv',
			"uprobe:$request->{path}:*"));
		$run->wait_until(sub { !$run->{out} });
		my $shown = $run->output;

		like($shown, qr/:request__start\n
			\s+int\ id\n \s+char\s*\*\s*url\n
			\s+struct\ myapp_request\s*\*\s*req\n
			\s+(?:unsigned\ long|long\ unsigned\ int)\ took\n
			\s+char\s*\*\s*body\n \s+int\ body_len\n/x,
		    'the probe, with the arguments in registers')
		    or diag $shown;
		$run = Usdt::Tracer::Run->start(
			Usdt::Tracer::Bpftrace::command($driver, '-l',
			"usdt:$request->{path}:*"));
		$run->wait_until(sub { !$run->{out} });
		is(scalar(() = $run->output =~ /request__start/g), 1,
		    'and once as what it is');
	});

	# A pair of clauses: the first makes the program fire.
	my $pair = sub {
		my ($request, $format, @values) = @_;
		return Usdt::Tracer::Bpftrace->run($driver, [
			["usdt:$request->{path}:$request->{provider}:"
			. 'request__start', 'plain %d', 'arg0'],
			["uprobe:$request->{path}:request__start",
			"typed $format", @values]]);
	};

	tracer_case('names, and members of structs' => sub {
		my $request = request($dir);
		my $run = $pair->($request,
			'%d %s %d %s %d %s %s %d %lx',
			"${args}id", "str(${args}url)", "${args}req->id",
			"str(${args}req->url)", "${args}req->peer.port",
			"${args}req->peer.host", "str(${args}req->next->url)",
			"${args}req->next->peer.port", "${args}took");

		$request->fire($_) for 7, -1;
		my ($fires, @lines) = $run->finish(4);
		is_deeply([sort @lines], [sort map { ("plain $_", 'typed '
			. "$_ /index $_ /index 443 localhost /q 8080 "
			. '400a000000000000') } 7, -1], 'right values');
		is($fires, 4, 'each clause once a fire');
	});

	tracer_case('maps, keys and casts' => sub {
		my $request = request($dir);
		my $run = Usdt::Tracer::Bpftrace->run($driver, [
			["usdt:$request->{path}:$request->{provider}:"
			. 'request__start', 'plain %d', 'arg0'],
			["uprobe:$request->{path}:request__start",
			'typed %d', '((struct myapp_request *)arg2)->flags'],
			["uprobe:$request->{path}:request__start { "
			. "\@by[${args}req->peer.port] = sum(${args}req->bytes);"
			. ' } ' . "uprobe:$request->{path}:request__start",
			'again %d', "${args}body_len"]]);

		$request->fire($_) for 1, 2;
		my (undef, @lines) = $run->finish(6);
		is(scalar(grep { $_ eq 'typed 3' } @lines), 2, 'a cast');
		is(scalar(grep { $_ eq 'again 7' } @lines), 2,
		    'two clauses at one place');
		is_deeply([$run->lines(qr/^\@by\[443\]: (\d+)$/)],
		    [2 * 12345678901], 'a member as a key, and a sum');
	});

	for my $json (0, 1) {
		tracer_case('a whole struct' . ($json ? ', as JSON' : '') => sub {
			my $request = request($dir);
			my $at = "$request->{path}:";
			my $run = Usdt::Tracer::Run->start(
				Usdt::Tracer::Bpftrace::command($driver,
				$json ? ('-f', 'json') : (), '-e',
				"BEGIN { printf(\"ready\\n\"); } "
				. "usdt:$at$request->{provider}:request__start "
				. "{ } uprobe:${at}request__start "
				. "{ print(${args}req->peer); exit(); }"));

			$run->wait_for(qr/ready/) or die $run->report;
			$request->fire(1);
			my $right = $json ?
			    qr/"data": \{ ?"host": "localhost", "port": 443 ?\}/ :
			    qr/^\{ \.host = localhost, \.port = 443 \}/;
			ok($run->wait_for($right), 'by its members')
			    or diag $run->report;
			$run->stop('TERM');
		});
	}

	# bpftrace 0.17 prints "{  }", or dies of the double: usdt(7) says so.
	tracer_case('a struct that an argument leads to' => sub {
		my $request = request($dir);
		my $at = "$request->{path}:";
		my $run = Usdt::Tracer::Run->start(
			Usdt::Tracer::Bpftrace::command($driver, '-e',
			"BEGIN { printf(\"ready\\n\"); } "
			. "usdt:$at$request->{provider}:request__start "
			. "{ } uprobe:${at}request__start "
			. "{ print(*${args}req); exit(); }"));

		$run->wait_for(qr/^ready$/) or die $run->report;
		$request->fire(7);
		ok($run->wait_for(qr/^\{ \.id = 7, \.flags = 3, \.url = \w+, \.took = [^,]*, \.bytes = 12345678901, \.peer = \{ \.host = localhost, \.port = 443 \}, \.next = \w+ \}$/),
			'all its members') or diag $run->report;
		$run->stop('TERM');
	}) if $driver ne 'host';

	tracer_case('by process, as usdt list prints it' => sub {
		my $request = request($dir);
		my (undef, $out) = run_usdt('list', '-v', '-p',
			$request->{pid}, $request->{provider});
		my ($script) = $out =~ /^\s+bpftrace -p \d+ -e '(.*)'$/m;
		my $other = request($dir, $request->{provider});
		my $run = Usdt::Tracer::Run->start(
			Usdt::Tracer::Bpftrace::command($driver, '-p',
			$request->{pid}, '-e',
			"BEGIN { printf(\"ready\\n\"); } $script"));

		$run->wait_for(qr/^ready$/) or die $run->report;
		$other->fire(99);
		$request->fire(5);
		ok($run->wait_for(qr{^$request->{pid}\ request\ id=5\ url=/index
			\ req->id=5\ took=4614500768194494464\ body=\{}x),
		    'the line is right') or diag $run->report;
		$run->stop('TERM');
		is(scalar(() = $run->output =~ / id=\d+/g), 1,
		    'and no other process is traced');
	});

	tracer_case('the header for usdt clauses' => sub {
		my $request = request($dir);
		my (undef, $out) = run_usdt('header', '-p', $request->{pid});
		my $file = "$dir/myapp.h";

		open(my $h, '>', $file) or die;
		print $h $out;
		close $h;
		my $run = Usdt::Tracer::Run->start(
			Usdt::Tracer::Bpftrace::command($driver, '--include',
			$file, '-e', 'BEGIN { printf("ready\n"); } '
			. "usdt:$request->{path}:$request->{provider}:"
			. 'request__start { $r = (struct myapp_request *)arg2; printf("%d %s %s:%d %s %d.%03d %r\n", '
			. 'request_start_id, request_start_url, '
			. '$r->peer.host, '
			. '$r->peer.port, '
			. 'str($r->next->url), '
			. 'request_start_took_milli / 1000, '
			. 'request_start_took_milli % 1000, '
			. 'request_start_body_bytes); exit(); }'));

		$run->wait_for(qr/^ready$/) or die $run->report;
		$request->fire(1229);
		ok($run->wait_for(qr{^1229 /index localhost:443 /q 3\.250 \{"a":1\}$}), 'names, members and three decimals')
		    or diag $run->report;
		$run->stop('TERM');
	});
}

package Usdt::TypesCases::Request;

sub fire
{
	my ($self, $id) = @_;

	print { $self->{in} } "$id\n";
	$self->{in}->flush;
	my $out = $self->{out};
	(<$out> // '') eq "fired\n" or die "request does not fire\n";
}

sub DESTROY
{
	my ($self) = @_;
	local ($?, $!, $@);

	kill('KILL', $self->{pid});
	waitpid($self->{pid}, 0);
}

1;
