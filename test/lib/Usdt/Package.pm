# Usdt::Package - what do the tests of the languages' packages run alike?
#
# SPDX-License-Identifier: BSD-2-Clause
package Usdt::Package;

use strict;
use warnings;

use Exporter qw(import);
use File::Temp qw(tempdir);
use IO::Socket::INET;
use Test::More;
use Usdt::Tracer ();
use Usdt::Watch ();

our @EXPORT_OK = qw(test_package runs pass_on example_serves);

# test_package(NAME, PATTERN): the folder of that package, and one for images and
# other files, without variables that PATTERN matches, which steer the language.
sub test_package
{
	my ($name, $pattern) = @_;
	my $dir = tempdir("usdt-$name-XXXXXX", TMPDIR => 1, CLEANUP => 1);

	alarm 1800;
	delete @ENV{qw(USDT_DISABLE USDT_DEBUG USDT_BACKENDS USDT_NOP)};
	delete @ENV{grep { /$pattern/ || /^MAKE|^MFLAGS$/ } keys %ENV};
	$ENV{USDT_HELPER} = '/nonexistent/helper';
	$ENV{USDT_IMAGE_DIR} = "$dir/images";
	return (Usdt::Tracer::source_dir() . "/bindings/$name", $dir);
}

# runs(NAME, COMMAND...): a test; what it printed, or undef if it failed.
sub runs
{
	my ($name, @command) = @_;
	my $run = Usdt::Tracer::Run->start(@command);

	$run->wait_until(sub { !$run->{out} }, 600);
	my $status = $run->reap;
	ok($status && $status->[0] == 0, $name) or diag($run->report), return;
	return $run;
}

# pass_on(NAME, COMMAND...): the command prints TAP; its cases are ours, too.
sub pass_on
{
	my ($name, @command) = @_;
	my $run = runs($name, @command);

	for ($run ? @{ $run->{lines} } : ()) {
		fail("$name is skipped: $1") if /^1\.\.0 # SKIP (.*)/;
		my ($not, $case) = /^(not )?ok \d+ - (.*)$/ or next;
		ok(!$not, $case);
	}
	return;
}

# example_serves(COMMAND...): the example of a web server answers and fires.
sub example_serves
{
	my $server = Usdt::Tracer::Run->start(@_, 0);
	my $port;

	$server->wait_until(sub { ($port) = map { m{^http://.*:(\d+)/$} }
		@{ $server->{lines} } });
	ok($port, 'the example serves') or diag($server->report), return;
	my $watch = Usdt::Watch->attach(2, '-p', $server->{pid}, 'web:*');
	my @answers = map {
		my $client = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
			PeerPort => $port) or die "connect: $!\n";
		print $client "GET $_ HTTP/1.0\r\nUser-Agent: test\r\n\r\n";
		my $answer = join('', <$client>);
		$answer =~ m{^HTTP/1\.\d (\d+)} ? $1 : $answer;
	} '/', '/nothing';
	is("@answers", '200 404', 'it answers');
	my @lines = map { s/^\S+ \S+ //r } $watch->take(4);
	for (['/', 200], ['/nothing', 404]) {
		my ($path, $status) = @$_;
		is(shift @lines, qq(web:request-start "GET" "$path"),
			"$path: its start is traced");
		my $end = qr/\d+ "\{.*\\"agent\\":\\"test\\".*"/;
		like(shift @lines, qr/^web:request-done "$path" $status $end$/,
			'and its end')
		    or diag($watch->report);
	}
	$watch->stop('INT');
	$server->stop('TERM');
	return;
}

1;
