# web.pl - a web server with a probe at the start and at the end of each request.
#
#	perl web.pl [PORT]
#
# SPDX-License-Identifier: BSD-2-Clause
use strict;
use warnings;

use IO::Socket::INET;
use Time::HiRes qw(clock_gettime CLOCK_MONOTONIC);

use Devel::USDT;

my $provider = Devel::USDT->new('web');
my $request_start = $provider->probe('request-start', 'char *', 'char *');
my $request_done = $provider->probe('request-done', 'char *', 'int', 'uint64_t',
	'json');

# handle(CLIENT): one request, one answer.
sub handle
{
	my ($client) = @_;
	my $begin = clock_gettime(CLOCK_MONOTONIC);
	my ($method, $path) = (<$client> // '') =~ m{^(\S+) (\S+) HTTP/1}
	    or return;
	my %headers;

	$request_start->fire($method, $path);
	while (defined(my $line = <$client>)) {
		my ($name, $value) = $line =~ /^([^:]+):\s*(.*?)\r?\n/ or last;
		$headers{lc $name} = $value;
	}
	my ($status, $body) = $path eq '/' ? ('200 OK', "Hello\n") :
	    ('404 Not Found', "Not here\n");
	print $client "HTTP/1.0 $status\r\nContent-Length: ", length $body,
	    "\r\n\r\n$body";
	# Nothing in the function is computed unless somebody traces.
	$request_done->lazy(sub {
		return ($path, 0 + substr($status, 0, 3),
			1e9 * (clock_gettime(CLOCK_MONOTONIC) - $begin),
			{ client => $client->peerhost,
			    agent => $headers{'user-agent'} });
	});
	return;
}

my $server = IO::Socket::INET->new(Listen => 20, ReuseAddr => 1,
	LocalAddr => '127.0.0.1', LocalPort => $ARGV[0] // 8000)
    or die "no server: $@\n";
$provider->enable;
$| = 1;
print 'http://127.0.0.1:', $server->sockport, "/\n";
while (my $client = $server->accept) {
	handle($client);
	close $client;
}
