#!/usr/bin/perl
# stack.t - does `usdt watch -s` print from where a probe was fired?
#
# SPDX-License-Identifier: BSD-2-Clause
use strict;
use warnings;

use Cwd qw(abs_path);
use JSON::PP ();
use Test::More;
use Usdt::Process;
use Usdt::Tracer qw(need tracer_case scratch_dir);
use Usdt::Watch qw(run_usdt usdt_command leftovers build_notes run_notes);

need('root', 'cc');
alarm 3600;

my $dir = scratch_dir();
my $root = abs_path($ENV{USDT_BUILD} // '.');

$ENV{USDT_IMAGE_DIR} = "$dir/images";

# source(NAME, LINE...): write a file of C.
sub source
{
	my ($name, @lines) = @_;

	open(my $out, '>', "$dir/$name.c") or die "$dir/$name.c: $!\n";
	print $out map { "$_\n" } @lines;
	close($out) or die "$dir/$name.c: $!\n";
	return "$dir/$name.c";
}

sub program
{
	my ($name, $provider, @flags) = @_;

	return Usdt::Tracer::build_c("$dir/$name", '-O1', @flags, "-I$root",
		source($name, <<"EOF_C"), "$root/libusdt.a", '-lpthread');
#include <unistd.h>
#include "usdt.h"
static usdt_probedef_t *probe;
#define CALLED __attribute__((noinline, noclone))
CALLED void
inner(int value)
{
	intptr_t values[] = { value };

	usdt_probe_fire(probe, 1, (void *)values);
	__asm__ volatile ("");
}
CALLED void
outer(int value)
{
	inner(value + 1);
	__asm__ volatile ("");
}
int
main(void)
{
	const char *types[] = { "int" };
	usdt_provider_t *provider = usdt_create_provider("$provider", "mod");

	probe = usdt_create_probe("function", "fired", 1, types);
	usdt_provider_add_probe(provider, probe);
	usdt_provider_enable(provider);
	outer(1);
	return 0;
}
EOF_C
}

tracer_case('libusdt, of a program that ends at once' => sub {
	my $provider = "st${$}a";
	my $program = program('short', $provider, '-fno-omit-frame-pointer');
	my ($status, $out, $err) = run_usdt('watch', '-s', '-c', $program,
		"$provider:*");

	is($status, 0, 'exit 0') || diag($err);
	like($out, qr/^\S+ \d+ short $provider:fired 2\n\tfunction\+\d+ \(mod\)\n\tinner\+\d+ \(short\)\n\touter\+\d+ \(short\)\n\tmain\+\d+ \(short\)\n(?:\t.*\n)*\z/,
	    'each function, outwards');
	like($err, qr{^usdt: \Q$dir\E/images/$provider/.*/mod: by uprobe, since direct events have no stack$}m,
	    'it says why it is not direct');
	unlike($err, qr/direct$/m, '... and it is not');
	($status, $out, $err) = run_usdt('watch', '-js', '-c', $program,
		"$provider:*");
	my $object = JSON::PP->new->utf8->decode($out);
	is_deeply([ map { "$_->{function} $_->{module}" }
		@{ $object->{stack} }[0 .. 3] ], [ 'function mod',
		'inner short', 'outer short', 'main short' ], 'JSON')
	    || diag($out);
	is(scalar(grep { $_->{address} !~ /^\d+$/ ||
		(defined $_->{module}) != (defined $_->{offset}) }
		@{ $object->{stack} }), 0, '... each frame');
	($status, $out) = run_usdt('watch', '-c', $program, "$provider:*");
	unlike($out, qr/\n\t/, 'without -s there is none');
});

tracer_case('compiled in, in a library, while it runs' => sub {
	my $provider = "st${$}b";
	my $process = run_notes("$dir/long", { provider => $provider,
		name => 'p', args => '4@$7' }, { provider => $provider,
		name => 'q' });
	my $watch = Usdt::Watch->attach(2, '-s', '-p', $process->pid,
		"$provider:*");
	my $pid = $watch->pid;

	$process->ask('') for 1 .. 3;
	is($watch->code_of('INT'), 0, 'exit 0');
	my @lines = @{ $watch->{lines} };
	is(scalar(grep { / $provider:p 7$/ } @lines), 3, 'all events');
	is(scalar(grep { /^\tsites\+\d+ \(long\)$/ } @lines), 6,
	    'where they fired') || diag("@lines");
	is(scalar leftovers($pid), 0, 'no event is left');
});

tracer_case('a file without symbols; functions with odd names' => sub {
	my $provider = "st${$}c";
	my $program = program('odd', $provider,
		'-fno-omit-frame-pointer');

	system('objcopy', '--redefine-sym', "outer=a b\e[31m", $program) == 0
	    or die "objcopy\n";
	my ($status, $out) = run_usdt('watch', '-s', '-c', $program,
		"$provider:*");
	like($out, qr/^\ta\\x20b\\x1b\[31m\+\d+ \(odd\)$/m, 'a name is quoted')
	    || diag($out);
	system('strip', $program) == 0 or die "strip\n";
	($status, $out) = run_usdt('watch', '-s', '-c', $program,
		"$provider:*");
	is(scalar(() = $out =~ /^\t0x[0-9a-f]+ \(odd\+0x[0-9a-f]+\)$/mg), 3,
	    'stripped: addresses in memory and file') || diag($out);
});

tracer_case('who else has no stack' => sub {
	for my $command ('top', 'hist', 'latency', 'record') {
		is((run_usdt($command, '-s', 'a:b'))[0], 2, "$command: exit 2");
	}
});

done_testing();
