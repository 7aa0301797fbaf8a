#!/usr/bin/perl
# How does gdb see our probes, with the commands that `usdt list` prints?
#
# SPDX-License-Identifier: BSD-2-Clause
use strict;
use warnings;

use Test::More;
use Usdt::Process;
use Usdt::Tracer qw(need scratch_dir build_c tracer_case);
use Usdt::Watch qw(run_usdt usdt_command);

need('root', 'cc', 'gdb', 'bpftrace');
alarm 3600;

my $dir = scratch_dir();
my $images = "$dir/images";
my $provider = "gdb$$.x-y";
my $number = 0;

sub process
{
	my (@probes) = @_;
	my @arguments = map { ('--', @$_) } @probes;

	shift @arguments;
	my $process = Usdt::Process->new(args => ['-p', $provider, @arguments],
		env => { USDT_IMAGE_DIR => $images });
	$process->ready or die $process->report;
	return $process;
}

# listed(PID, NAME): the line that `usdt list` prints for that probe.
sub listed
{
	my ($pid, $name, $of) = @_;
	my (undef, $out) = run_usdt('list', '-v', '-p', $pid,
		($of // $provider) . ":$name");
	my @lines = $out =~ /^      (gdb .*)$/mg;

	@lines == 1 or die "not one line for gdb:\n$out";
	return $lines[0];
}

# gdb(LINE, SCRIPT): runs gdb in the background with the line's commands, then
# SCRIPT.
sub gdb
{
	my ($line, $script) = @_;
	my $file = "$dir/script" . $number++;

	open(my $out, '>', $file) or die "$file: $!\n";
	print $out "set pagination off\n$script\nprintf \"runs\\n\"\n",
		"continue\n";
	close($out);
	$line =~ s/^gdb/exec gdb -q -nx -batch/ or die $line;
	my $gdb = Usdt::Tracer::Run->start('sh', '-c', "$line -x '$file'");
	$gdb->wait_for(qr/^runs$/) or die "does not begin\n";
	return $gdb;
}

# The commands of the last breakpoint.
sub at_breakpoint
{
	return join("\n", 'commands', 'silent', @_, 'continue', 'end') . "\n";
}

sub enabled
{
	my ($process, $index, $value, $title) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is($process->ask("wait $index $value 100"), "enabled $value", $title);
}

# Ends the process, and so gdb; returns the fires that it printed.
sub fires
{
	my ($process, $gdb) = @_;

	$process->close;
	$gdb->wait_until(sub { !$gdb->{out} }) or die "gdb does not end\n";
	return $gdb->lines(qr/^fire: (.*)$/);
}

# Sizes and signs. gdb has only the types in notes.
tracer_case('values' => sub {
	my @columns = (['int', -5], ['unsigned int', 4294967295],
		['char *', 'a%20text', '"a text"'],
		['int64_t', '-9223372036854775808'],
		['uint64_t', '18446744073709551615'], ['short', -300],
		['uint8_t', 255], ['long', -1], ['char *', 'last', '"last"'],
		['uint16_t', 65535], ['int', '-2147483648'], ['bool', 1]);
	my @types = map { $_->[0] } @columns;
	my @formats = map { $_ eq 'char *' ? '\"%s\"' : /^int64|^long$/ ?
		'%ld' : /^u.*64/ ? '%lu' : /^u|^b/ ? '%u' : '%d' } @types;
	my @arguments = map { ($types[$_] eq 'char *' ? '(char *)' : '')
		. "\$_probe_arg$_" } 0 .. $#types;
	my $process = process(['f', 'a-b', @types],
		['valueOf(char[],int,int)java.lang.String', 'none'],
		['g', 'other', 'int']);
	my $gdb = gdb(listed($process->pid, 'a-b'), at_breakpoint(
		'printf "fire: %d", $_probe_argc',
		"printf \" @formats\\n\", " . join(', ', @arguments))
		. "break -probe $provider:none\n"
		. at_breakpoint('printf "fire: %d\n", $_probe_argc')
		. "info probes stap ^@{[$provider =~ s/\W/./gr]}\$\n");

	is_deeply([sort map { (split)[2] } $gdb->lines(qr/^stap .*/)],
		[qw(a__b none other)], 'it lists all of the image');
	is($process->ask('enabled 0'), 'enabled 1', 'is-enabled');
	is($process->ask('enabled 1'), 'enabled 1', 'of each that is broken');
	is($process->ask('enabled 2'), 'enabled 0', 'and of no other');
	is($process->ask(join(' ', 'checked 0', map { $_->[1] } @columns)),
		'fired 1', 'a fire');
	is($process->ask('checked 1'), 'fired 1', 'without arguments');
	is_deeply([fires($process, $gdb)], [join(' ', 12, map { $_->[2]
		// $_->[1] } @columns), '0'], 'output of gdb');
});

# The image has unwind tables for its stubs: gdb finds the caller.
tracer_case('stacks' => sub {
	for my $nop (1, 5, 10) {
		local $ENV{USDT_NOP} = $nop;
		my $process = process(['func', 'n', ('int') x 9]);
		my $gdb = gdb(listed($process->pid, 'n'), at_breakpoint(
			'backtrace', 'up-silently', 'python print("fire: "'
			. ' + gdb.selected_frame().name())'));

		is($process->ask('fire 0 1 2 3 4 5 6 7 8 9'), 'fired 1',
			'a fire');
		is_deeply([fires($process, $gdb)], ['fire'], 'its caller');
		my @stack = $gdb->lines(qr/^#\d+ +(?:0x\w+ in )?(\w+) \(.*$/);
		is("@stack[0, 1, -1]", 'func fire main',
			"a nop of $nop: from the probe's function to main");
	}
});

# It raises the semaphore while its breakpoint is set.
tracer_case('is-enabled' => sub {
	my $process = process(['f', 'first'], ['f', 'n', 'int'],
		['f', 'last'], ['f', 'tell', 'int']);
	my $gdb = gdb(listed($process->pid, 'n'), at_breakpoint(
		'printf "fire: %d\n", $_probe_arg0')
		. "break -probe-stap $provider:tell\n"
		. at_breakpoint('if $_probe_arg0 == 0', 'disable 1', 'else',
		'if $_probe_arg0 == 1', 'enable 1', 'else', 'delete 1', 'end',
		'end'));

	enabled($process, 1, 1, 'a breakpoint');
	is($process->ask('checked 1 -1'), 'fired 1', 'fires');
	is($process->ask("fire 3 0"), 'fired 1', 'its command disables');
	enabled($process, 1, 0, 'a disabled breakpoint');
	is($process->ask('checked 1 -2'), 'fired 0', 'does not fire');
	is($process->ask("fire 3 1"), 'fired 1', 'its command enables');
	enabled($process, 1, 1, 'an enabled breakpoint');
	is($process->ask('checked 1 -3'), 'fired 1', 'fires');
	is($process->ask("fire 3 2"), 'fired 1', 'its command deletes');
	enabled($process, 1, 0, 'no breakpoint');
	is($process->ask('checked 1 -4'), 'fired 0', 'does not fire');
	for my $other (0, 2) {
		is($process->ask("enabled $other"), 'enabled 0',
			'the neighbours are as they were');
	}
	is_deeply([fires($process, $gdb)], [-1, -3], 'output of gdb');
});

# After gdb has left, the process is as before; the distance by which gdb would
# move the semaphore is, on x86-64, the length of a nop.
tracer_case('gdb ends' => sub {
	for my $nop (1, 5, 10) {
		local $ENV{USDT_NOP} = $nop;
		my $process = process(['f', 'n.1+2', 'int']);
		my $gdb = gdb(listed($process->pid, 'n.1+2'),
			"commands\nsilent\n"
			. "printf \"fire: %d\\n\", \$_probe_arg0\nend\n");

		enabled($process, 0, 1, 'a breakpoint');
		is($process->ask('checked 0 7'), 'fired 1',
			'a fire ends its script');
		$gdb->wait_until(sub { !$gdb->{out} })
		    or die "gdb does not end\n";
		is_deeply([$gdb->lines(qr/^fire: (.*)$/)], [7],
			'output of gdb');
		enabled($process, 0, 0, 'it has gone');
		is($process->ask('fire 0 8'), 'fired 1', 'the process goes on');
		is($process->close, 0, 'to its end');
	}
});

# In its mount namespace all places are noexec.
tracer_case('a memfd' => sub {
	my $process = Usdt::Process->new(
		program => ['unshare', '-m', 'sh', '-c', 'mkdir -p -m 700 /tmp/usdt-0; '
			. 'for d in /dev/shm /tmp/usdt-0; do '
			. 'mount -t tmpfs -o noexec none $d; done; exec "$@"',
			'sh', Usdt::Process::program()],
		args => ['-p', $provider, 'f', 'n', 'int']);
	$process->ready or die $process->report;
	my ($image) = $process->images;

	ok($image->{memfd}, 'the image has no name');
	my $gdb = gdb(listed($process->pid, 'n'),
		at_breakpoint('printf "fire: %d\n", $_probe_arg0'));
	is($process->ask('checked 0 9'), 'fired 1', 'a fire');
	is_deeply([fires($process, $gdb)], [9], 'output of gdb');
});

# There are two sites, so both tracers see it, in either order.
tracer_case('beside usdt watch' => sub {
	for my $first (qw(gdb watch)) {
		my $process = process(['f', 'n', 'int']);
		my ($gdb, $watch);
		my %start = (
			gdb => sub {
				$gdb = gdb(listed($process->pid, 'n'),
					at_breakpoint('printf "fire: %d\n", '
					. '$_probe_arg0'));
			},
			watch => sub {
				$watch = Usdt::Watch->attach(1,
					"$provider:n");
			},
		);
		$start{$_}->() for $first, grep { $_ ne $first } keys %start;
		is($process->ask("checked 0 $_"), 'fired 1', "fire $_")
			for 1 .. 3;
		is_deeply([map { /n (\d+)$/ } $watch->take(3)], [1 .. 3],
			"$first came first: watch");
		is_deeply([fires($process, $gdb)], [1 .. 3], '... and gdb');
		$watch->stop('INT');
	}
});

# Debian 12's bpftrace attaches at gdb's site.
tracer_case('beside bpftrace 0.17' => sub {
	for my $first (qw(gdb bpftrace)) {
		my $process = process(['f', 'n', 'int']);
		my ($gdb, $bpftrace);
		my %start = (
			gdb => sub {
				$gdb = gdb(listed($process->pid, 'n'),
					at_breakpoint('printf "fire: %d\n", '
					. '$_probe_arg0'));
			},
			bpftrace => sub {
				$bpftrace = Usdt::Tracer::Bpftrace->run('host',
					[["usdt:*:$provider:n", '%d', 'arg0']],
					$process->pid);
			},
		);
		$start{$_}->() for $first, grep { $_ ne $first } keys %start;
		is($process->ask("checked 0 $_"), 'fired 1', "fire $_")
			for 1 .. 3;
		is_deeply([$bpftrace->finish(3)], [3, 1 .. 3],
			"$first came first: bpftrace sees all");
		is_deeply([fires($process, $gdb)], [], '... and gdb nothing');
	}
});

# A program that gdb starts has no probes until it declares them.
tracer_case('started by gdb' => sub {
	my $script = "$dir/start";
	my $command = usdt_command();

	open(my $out, '>', $script) or die "$script: $!\n";
	print $out <<"EOF";
set pagination off
set logging file $dir/log
set logging redirect on
set logging enabled on
break usdt_provider_enable
run
delete
finish
python
import re, subprocess
pid = gdb.selected_inferior().pid
out = subprocess.run(['$command', 'list', '-v', '-p', str(pid),
    '$provider:n'], stdout=subprocess.PIPE, text=True).stdout
for line in re.findall(r"-ex '(.*?)'", re.search('gdb -p.*', out)[0]):
    gdb.execute(line)
end
@{[ at_breakpoint('printf "fire: %d %s\n", $_probe_arg0, (char *)$_probe_arg1') ]}
continue
EOF
	close($out);
	my $process = Usdt::Process->new(
		program => [qw(gdb -q -nx -batch -x), $script, '--args',
			Usdt::Process::program()],
		args => ['-p', $provider, 'f', 'n', 'int', 'char *'],
		env => { USDT_IMAGE_DIR => $images });
	$process->ready or die $process->report;
	is($process->ask('checked 0 -3 text'), 'fired 1', 'a fire');
	is($process->close, 0, 'to its end');
	open(my $log, '<', "$dir/log") or die "$dir/log: $!\n";
	my @lines = <$log>;
	is_deeply([map { /^fire: (.*)$/ } @lines], ['-3 text'],
		'output of gdb') or diag(@lines);
});

# Compiled-in probes need no address: gdb knows the dynamic linker's.
tracer_case('compiled in' => sub {
	my $provider = "gdb$$";
	open(my $out, '>', "$dir/compiled.c") or die "$dir/compiled.c: $!\n";
	print $out <<"EOF";
#define _SDT_HAS_SEMAPHORES 1
#include <stdio.h>
#include <sys/sdt.h>
unsigned short ${provider}_n_semaphore __attribute__((section(".probes")));
int main(void)
{
	printf("ready\\n");
	fflush(stdout);
	while (getchar() != EOF) {
		DTRACE_PROBE1($provider, n, 5);
		printf("%d\\n", ${provider}_n_semaphore);
		fflush(stdout);
	}
	return 0;
}
EOF
	close($out);
	build_c("$dir/compiled", "$dir/compiled.c");
	my $process = Usdt::Process->new(program => "$dir/compiled");
	$process->greeting;
	my $line = listed($process->{child}, 'n', $provider);
	unlike($line, qr/add-symbol-file/, 'its address is not printed');
	my $gdb = gdb($line, at_breakpoint('printf "fire: %d\n", '
		. '$_probe_arg0'));
	is($process->ask(''), '1', 'it is counted in');
	is((fires($process, $gdb))[0], 5, 'output of gdb');
});

done_testing();
