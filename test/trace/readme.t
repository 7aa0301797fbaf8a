#!/usr/bin/perl
# readme.t - does each line of README.md that is there to be pasted show events?
#
# The lines for DTrace run in test/dtrace/readme.t, gdb's command in gdb.t.
#
# SPDX-License-Identifier: BSD-2-Clause
use strict;
use warnings;

use Cwd qw(abs_path);
use Test::More;
use Usdt::Tracer qw(need scratch_dir source_dir tracer_case bcc_headers);

need('root', 'bpftrace', 'perf', 'bcc', 'kernel headers', 'babeltrace2');
alarm 3600;

my $build = abs_path($ENV{USDT_BUILD} // source_dir());
my $dir = scratch_dir();

delete @ENV{qw(USDT_DISABLE USDT_DEBUG USDT_BACKENDS USDT_STRICT)};
$ENV{USDT_IMAGE_DIR} = "$dir/images";
$ENV{HOME} = $dir;	# perf keeps what it knows of a file there
$ENV{PATH} = "$build:$ENV{PATH}";
$ENV{PYTHONUNBUFFERED} = 1;
$ENV{BCC_KERNEL_SOURCE} = bcc_headers($dir);

open(my $in, '<', source_dir() . '/README.md') or die "README.md: $!\n";
my ($section) = join('', <$in>) =~ /^## Tracers$(.*?)^## /ms;
my ($start, $lines) = $section =~ /^```sh\n(.*?)^```$/msg;

# run(LINE): as if it was pasted.
sub run
{
	return Usdt::Tracer::Run->start('sh', '-c', "cd $dir && exec $_[0]");
}

# until_shown(LINE, PATTERN): a line that runs until it is interrupted.
sub until_shown
{
	my ($line, $pattern) = @_;
	my $run = run($line);

	ok($run->wait_for($pattern), 'shows events');
	$run->stop('INT');
}

# shown_at_end(LINE, PATTERN): what says more only when it is interrupted.
sub shown_at_end
{
	my ($line, $pattern) = @_;
	my $run = run($line);

	for (1 .. 10 * $Usdt::Tracer::PATIENCE) {
		last if $run->errors =~ /watching/;
		$run->read_some(0.1);
	}
	# Both read the same gate: what this one sees, that one has seen.
	events(2);
	is($run->stop('INT'), 0, 'ends');
	like($run->output, $pattern, 'and shows events') if $pattern;
}

# events(COUNT): wait for so many.
sub events
{
	is(system("usdt watch -n $_[0] -p $ENV{PID} 'myapp:*' >$dir/watched 2>&1"), 0,
	    'there are events');
}

# at_once(LINE, PATTERN): a line that ends by itself.
sub at_once
{
	my ($line, $pattern) = @_;
	my $run = Usdt::Tracer::Run->start('sh', '-c', "cd $dir && $line");

	$run->wait_until(sub { !$run->{out} });
	is(($run->reap // [-1])->[0], 0, 'exit 0');
	like($run->output, $pattern, 'its output') if $pattern;
}

# What a line begins with, and how it is run.
my $text = qr/2\d\d.*\/index/;
my @kinds = (
	['usdt list -p', sub { at_once($_[0], qr/usdt watch -p \d+ myapp:request-start/) }],
	['usdt list -v', sub { at_once($_[0], qr/gdb -p \d+ -ex/) }],
	['usdt watch --json', sub { until_shown($_[0], qr/^\{.*"args":\{"arg0":2\d\d,"arg1":"\/index"\}/) }],
	['usdt watch', sub { until_shown($_[0], qr/myapp:request-start $text/) }],
	['usdt top', sub { until_shown($_[0], qr/ hello myapp:request-start$/) }],
	['usdt hist', sub { shown_at_end($_[0], qr/^myapp:request-start\t-\t128\t256\t[1-9]/m) }],
	['usdt latency', sub { shown_at_end($_[0], qr/^myapp:request-start.*\t[1-9]\d*$/m) }],
	['usdt record', sub { shown_at_end($_[0]);
		at_once('babeltrace2 trace', qr/myapp:request-start: .*url|index/) }],
	['bpftrace', sub { until_shown($_[0], qr/^$text$/) }],
	['perf probe', sub { at_once($_[0]) }],
	# Until there was an event, not for some time.  Into a pipe it would write
	# its data.
	['perf record', sub { at_once($_[0] =~ s/record/record -o perf.data/r =~
		s/\bsleep 10\b/usdt watch -n 2 -p \$PID 'myapp:*'/r, qr/sdt_myapp:request__start: .* arg1=2/) }],
	['trace-bpfcc', sub { until_shown($_[0], qr/request__start +$text/) }],
	['dtrace', sub { pass('runs in test/dtrace/readme.t') }],
);

my ($program, $image) = $start =~ /^(\S+) & PID=\$!\nIMAGE=\$\((.*)\)$/m;
is($program, 'examples/hello', 'a program is started');

# hello(): a new one, since it ends after a minute.
sub hello
{
	my $run = Usdt::Tracer::Run->start("$build/$program");

	$ENV{PID} = $run->pid;
	for (1 .. 10 * $Usdt::Tracer::PATIENCE) {
		$ENV{IMAGE} = `($image) 2>/dev/null` =~ s/\n\z//r;
		return $run if $ENV{IMAGE} ne '';
		select undef, undef, undef, 0.1;
	}
	die "no image\n" . $run->report;
}

my %seen;
for my $line (grep { !/^(?:#|$)/ } split /\n/, $lines) {
	my ($kind) = grep { $line =~ /^\Q$_->[0]\E / } @kinds;

	$seen{$kind->[0]} = 1 if $kind;
	tracer_case($line => sub {
		return fail('the test does not know such a line') if !$kind;
		my $hello = hello();

		ok(-e $ENV{IMAGE}, 'the image is a file');
		$kind->[1]->($line);
		$hello->stop('KILL');
	});
}
is(join(', ', grep { !$seen{$_} } map { $_->[0] } @kinds), '', 'all are there');
done_testing();
