#!/usr/bin/perl
# How do bcc's tools, and programs with its library, see our probes?
#
# SPDX-License-Identifier: BSD-2-Clause
use strict;
use warnings;

use Test::More;
use Usdt::Process;
use Usdt::Tracer qw(need scratch_dir tracer_case bcc_headers);

need('root', 'bcc', 'kernel headers');
alarm 3600;

my $dir = scratch_dir();
my $provider = "bcc$$" . 'x';
my $python = '/usr/bin/python3';	# Debian's, for its module

$ENV{BCC_KERNEL_SOURCE} = bcc_headers($dir);
$ENV{PYTHONUNBUFFERED} = 1;

sub process
{
	my @arguments = map { ('--', @$_) } @_;

	shift @arguments;
	my $process = Usdt::Process->new(args => ['-p', $provider, @arguments],
		env => { USDT_IMAGE_DIR => "$dir/images" });
	$process->ready or die $process->report;
	return $process;
}

sub enabled
{
	my ($process, $index, $value) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is($process->ask("wait $index $value 100"), "enabled $value",
		"is-enabled is $value");
}

# It raises the semaphore before it attaches.
sub attached
{
	my ($process, $run, $line) = @_;

	$run->wait_for($line) or die "does not attach\n";
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	enabled($process, 0, 1);
}

# printed(RUN, COUNT, PATTERN): the lines of fires, after it was stopped.
sub printed
{
	my ($run, $count, $pattern) = @_;

	$run->wait_until(sub { $run->lines($pattern) >= $count });
	$run->stop('INT');
	return $run->lines($pattern);
}

sub ended
{
	my ($run) = @_;

	$run->wait_until(sub { !$run->{out} }) or die "does not end\n";
	return @{ $run->{lines} };
}

tracer_case('tplist' => sub {
	my $process = process(['f', 'a-b', ('short') x 12, ('int') x 20],
		['f', 'none'], ['f', 'same', 'char *'],
		['g', 'same', 'char *']);
	my $pid = $process->pid;
	my ($image) = $process->images;
	my %number = (a__b => 0, none => 1, same => 2);

	for my $how (['-p', $pid], ['-l', $image->{path}]) {
		my @lines = ended(Usdt::Tracer::Run->start('tplist-bpfcc',
			@$how, '-vv', "$provider:*"));
		my @first = map { /^\S+ \[sema (\w+)\]$/ ? hex($1) : () }
			@lines;
		is_deeply([grep { /^\S/ } @lines], [map {
			sprintf("$provider:%s [sema 0x%x]", $_,
			$first[0] + 4 * $number{$_}) } sort keys %number],
			"$how->[0]: each name once") or diag(@lines);
		is(scalar(grep { /location #/ } @lines), 4,
			'all places, of one name too');
		is(scalar(grep { /argument #\d+ 2 signed +bytes/ } @lines), 12,
			'twelve arguments');
		is(scalar(grep { /argument #1 8 unsigned bytes/ } @lines), 2,
			'pointers');
	}
});

# With names the image has more sections and symbols, which bcc must not take
# for probes.
for my $types (['int', 'char *', 'uint8_t'],
    ['int id', 'char *text', 'uint8_t small']) {
	tracer_case("trace, of @$types" => sub {
		my $process = process(['f', 'a-b', @$types], ['f', 'other']);
		my ($image) = $process->images;
		my $run = Usdt::Tracer::Run->start('trace-bpfcc', '-p', $process->pid,
			"u:$image->{path}:a__b \"%d %s %u\", arg1, arg2, "
			. 'arg3');

		attached($process, $run, qr/^PID/);
		is($process->ask('enabled 1'), 'enabled 0', 'of no other');
		is($process->ask('checked 0 -1 one 1'), 'fired 1', 'a fire');
		is($process->ask('checked 0 -2 two 255'), 'fired 1', 'another');
		is_deeply([printed($run, 2, qr/^\d+ +\d+ +test_usdt +a__b +(.*)/)],
			['-1 one 1', '-2 two 255'], 'output of trace');
		enabled($process, 0, 0);
	});
}

# A program in Python: a type, a value, bcc's type for both.
my @columns = (
	['int', '-2147483648', 'int'],
	['unsigned int', 4294967295, 'u32'],
	['char *', 'some%20text', 'text'],
	['int64_t', '-9223372036854775808', 's64'],
	['uint64_t', '18446744073709551615', 'u64'],
	['short', -300, 's16'],
	['uint8_t', 255, 'u8'],
	['long', -1, 's64'],
	['char *', 'last', 'text'],
	['uint16_t', 65535, 'u16'],
	['int8_t', -128, 's8'],
	['bool', 1, 'u8'],
);

sub program
{
	my $c = "struct event {\n";
	my ($reads, @fields) = ('');

	for my $i (0 .. $#columns) {
		my ($type, $n) = ($columns[$i][2], $i + 1);
		push @fields, "event.v$i";
		# One byte would be a character in Python.
		$c .= $type eq 'text' ? "char v$i\[16];\n"
		    : $type =~ /^(.)8$/ ? "${1}16 v$i;\n" : "$type v$i;\n";
		$reads .= $type eq 'text' ? "bpf_usdt_readarg_p($n, ctx, "
		    . "&event.v$i, sizeof event.v$i);\n"
		    : "{ $type v = 0; bpf_usdt_readarg($n, ctx, &v); "
		    . "event.v$i = v; }\n";
	}
	return <<"EOF";
from bcc import BPF, USDT
import signal
import sys

# An exception in a callback would be lost.
ended = []
signal.signal(signal.SIGINT, lambda *_: ended.append(1))

usdt = USDT(pid=int(sys.argv[1]))
usdt.enable_probe(probe='$provider:a__b', fn_name='fired')
bpf = BPF(usdt_contexts=[usdt], text='''
#include <uapi/linux/ptrace.h>
$c};
BPF_PERF_OUTPUT(events);
int fired(struct pt_regs *ctx)
{
	struct event event = {};
$reads	events.perf_submit(ctx, &event, sizeof event);
	return 0;
}
''')

def show(cpu, data, size):
    event = bpf['events'].event(data)
    print('fire:', *[v.decode() if isinstance(v, bytes) else int(v)
        for v in [@{[ join(', ', @fields) ]}]])

bpf['events'].open_perf_buffer(show)
print('attached')
while not ended:
    bpf.perf_buffer_poll(100)
EOF
}

tracer_case('twelve arguments' => sub {
	my $process = process(['f', 'a-b', map { $_->[0] } @columns]);

	open(my $out, '>', "$dir/program") or die "$dir/program: $!\n";
	print $out program();
	close($out);
	my $run = Usdt::Tracer::Run->start($python, "$dir/program",
		$process->pid);
	attached($process, $run, qr/^attached$/);
	is($process->ask(join(' ', 'checked 0', map { $_->[1] } @columns)),
		'fired 1', 'a fire');
	is_deeply([printed($run, 1, qr/^fire: (.*)/)], [join(' ',
		map { $_->[1] =~ s/%20/ /r } @columns)], 'output of trace');
	enabled($process, 0, 0);
});

done_testing();
