#!/usr/bin/perl
# usdt-watch.t - does `usdt watch` print what programs pass, and leave nothing
# behind?
#
# SPDX-License-Identifier: BSD-2-Clause
use strict;
use warnings;

use POSIX ();
use Test::More;
use Time::HiRes qw(sleep time);
use Usdt::Elf;
use Usdt::Process;
use Usdt::Tracer qw(need tracer_case scratch_dir build_c);
use Usdt::Watch qw(run_usdt leftovers usdt_command build_notes run_notes);

need('root', 'cc');
alarm 3600;

my $dir = scratch_dir();
my $number = 0;

# A provider that no other test, and no earlier run of this one, has.
sub fresh
{
	return "w${$}x" . chr(ord('a') + $number++ % 26) . 'w';
}

# A traced process; its probes are "FUNC NAME TYPE..." each.
sub process
{
	my ($provider, @probes) = @_;
	my @args = ('-p', $provider);

	push @args, (@args > 2 ? '--' : ()), @$_ for @probes;
	my $process = Usdt::Process->new(args => \@args,
		env => { USDT_IMAGE_DIR => "$dir/images" });
	$process->ready or die $process->greeting;
	return $process;
}

# Values as test_usdt reads them.
sub escaped
{
	return join(' ', map { s/([^\w.+-])/sprintf '%%%02x', ord $1/ger } @_);
}

# --- values -----------------------------------------------------------------

tracer_case('integers of all sizes' => sub {
	my @case = (
		# type, passed, printed
		['int', 0, 0], ['int', -1, -1],
		['int', 2147483647, 2147483647],
		['int', -2147483648, -2147483648],
		['int', 4294967295, -1],
		['unsigned', 4294967295, 4294967295],
		['unsigned int', -1, 4294967295],
		['short', -32768, -32768], ['short', 65535, -1],
		['unsigned short', 65535, 65535], ['uint16_t', -1, 65535],
		['char', 65, 65], ['char', -1, -1], ['char', 128, -128],
		['unsigned char', 255, 255], ['uint8_t', 256, 0],
		['int8_t', 127, 127], ['bool', 1, 1],
		['long', '-9223372036854775808', '-9223372036854775808'],
		['long', '9223372036854775807', '9223372036854775807'],
		['unsigned long', '18446744073709551615',
		    '18446744073709551615'],
		['uint64_t', '0x8000000000000000', '9223372036854775808'],
		['size_t', -1, '18446744073709551615'],
		['long long', -1, -1], ['enum colour', -3, -3],
		['void *', '0xdeadbeef0', '0xdeadbeef0'],
		['struct point *', 0, '0x0'], ['int **', 16, '0x10'],
	);
	my $provider = fresh();
	my $process = process($provider,
		map { ['f', "n$_", $case[$_][0]] } 0 .. $#case);
	my $pid = $process->pid;
	my $watch = Usdt::Watch->attach(scalar @case, "$provider:*");

	$process->ask("fire $_ $case[$_][1]") for 0 .. $#case;
	my @lines = $watch->take(scalar @case);
	is($lines[$_], "$pid test_usdt $provider:n$_ $case[$_][2]",
	    "$case[$_][0] $case[$_][1]") for 0 .. $#case;
	is(scalar @lines, scalar @case, 'as many lines as fires');
});

tracer_case('text' => sub {
	my @all = map { chr } 1 .. 255;
	my %special = ('"' => '\\"', '\\' => '\\\\', "\n" => '\\n',
		"\t" => '\\t', "\r" => '\\r');
	my $shown = join('', map {
		$special{$_} // (/[ -~]/ ? $_ : sprintf('\\x%02x', ord))
	} @all);
	my @case = (
		[join('', @all), "\"$shown\""],
		['', '""'],
		['plain text', '"plain text"'],
		["\e[31mred", '"\\x1b[31mred"'],
	);
	# The process copies fewer bytes than the kernel.
	for my $way (['--uprobe', 512], [undef, 512]) {
	my ($option, $most) = @$way;
	my @case = (@case, map { ['x' x $_, '"' . 'x' x ($_ < $most ? $_ :
	    $most) . '"' . ($_ > $most - !!$option ? '...' : '')] }
	    $most - 1, $most, $most + 1, 9000);
	my $provider = fresh();
	my $process = process($provider, ['f', 'n', 'char *'],
	    ['f', 'm', 'char *const', 'int', 'char * restrict']);
	my $watch = Usdt::Watch->attach(2, ['env', 'LC_ALL=C'],
	    $option // (), "$provider:*");

	for (@case) {
		my $passed = escaped($_->[0]);
		$process->ask('fire 0 ' . ($passed eq '' ? '%00' : $passed));
	}
	$process->ask('fire 1 one 2 three');
	my @lines = $watch->take(@case + 1);
	for (@case) {
		my ($line) = (shift @lines // '') =~ / $provider:n (.*)$/;
		is($line, $_->[1], 'text of ' . length($_->[0]) . ' bytes');
	}
	like($lines[0], qr/ $provider:m "one" 2 "three"$/, 'two texts');
	is($watch->code_of('INT'), 0, 'interrupted, it exits 0');

	$watch = Usdt::Watch->attach(1, ['env', 'LC_ALL=C.UTF-8'],
	    $option // (), "$provider:n");
	$process->ask('fire 0 ' . escaped("gr\xc3\xbc\xc3\x9fe \xff\xc2\x85"));
	like(($watch->take(1))[0], qr/"gr\xc3\xbc\xc3\x9fe \\xff\\xc2\\x85"$/,
	    'in a UTF-8 locale its printable characters are printed');
	}
});

tracer_case('0 to 32 arguments' => sub {
	my @types = ('int', 'char *', 'unsigned long', 'short', 'void *');
	my $provider = fresh();
	my $process = process($provider,
		map { my $n = $_; ['f', "n$n", map { $types[$_ % 5] } 0 .. $n - 1] }
		0 .. 32);
	my $watch = Usdt::Watch->attach(33, $provider);

	for my $n (0 .. 32) {
		$process->ask(join(' ', "fire $n", map {
			$_ % 5 == 1 ? "text$_" : $_ % 5 == 2 ? 1e15 + $_
			    : $_ % 5 == 4 ? 4096 + $_ : -$_
		} 0 .. $n - 1));
	}
	my @lines = $watch->take(33);
	for my $n (0 .. 32) {
		is($lines[$n], join(' ', $process->pid, 'test_usdt',
		    "$provider:n$n", map {
			$_ % 5 == 1 ? "\"text$_\"" : $_ % 5 == 2 ? 1e15 + $_
			    : $_ % 5 == 4 ? sprintf('0x%x', 4096 + $_) : -$_
		    } 0 .. $n - 1), "$n arguments");
	}
});

tracer_case('32 texts' => sub {
	my $provider = fresh();
	my $process = process($provider, ['f', 'n', ('char *') x 32]);
	for my $way (['--uprobe', 80], [undef, 512]) {
	my $watch = Usdt::Watch->attach(1, $way->[0] // (), $provider);

	$process->ask(join(' ', 'fire 0', map { "text$_" } 1 .. 32));
	$process->ask(join(' ', 'fire 0', map { chr(64 + $_) x 1000 } 1 .. 26));
	my @lines = $watch->take(2);
	like($lines[0], qr/:n @{[ join ' ', map { "\"text$_\"" } 1 .. 32 ]}$/,
	    'all are printed');
	like($lines[1], qr/:n "(A+)"... "B+"... .* "(Z+)"... NULL/,
	    'long ones are cut, those left out are NULL');
	$lines[1] =~ /:n "(A+)"/;
	is(length $1, $way->[1], 'to what a record holds');
	}
});

# --- places that can't be read ----------------------------------------------

my $edge = <<'EOF';
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "usdt.h"
int
main(int argc, char **argv)
{
	const char *types[] = { "char *", "char *", "char *", "char *" };
	usdt_provider_t *p = usdt_create_provider(argv[argc - 1], "edge");
	usdt_probedef_t *d = usdt_create_probe("f", "n", 4, types);
	char *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	void *args[4] = { NULL, (void *)16, page + 4096, page + 4085 };
	char line[9];

	mprotect(page + 4096, 4096, PROT_NONE);
	memset(page, 'x', 4096);
	strcpy(page + 4085, "1234567890");
	if (usdt_provider_add_probe(p, d) < 0 || usdt_provider_enable(p) < 0)
		return 1;
	printf("ready %d\n", (int)getpid());
	fflush(stdout);
	while (fgets(line, sizeof line, stdin) != NULL) {
		usdt_probe_fire(d, 4, args);
		args[3] = page + 4093;
		page[4095] = 'z';
		puts("fired");
		fflush(stdout);
	}
	return 0;
}
EOF

sub write_file
{
	my ($name, $text) = @_;
	open(my $out, '>', $name) or die "$name: $!\n";
	print $out $text;
	close($out) or die "$name: $!\n";
	return $name;
}

tracer_case('texts that can not be read' => sub {
	my $provider = fresh();
	build_c("$dir/edge", write_file("$dir/edge.c", $edge),
	    Usdt::Tracer::library(), '-pthread');
	my $process = Usdt::Process->new(program => "$dir/edge",
	    args => [$provider], env => { USDT_IMAGE_DIR => "$dir/images" });
	$process->ready or die;
	my $head = $process->pid . " edge $provider:n NULL (unreadable)"
	    . ' (unreadable)';
	my $watch = Usdt::Watch->attach(1, '--uprobe', $provider);

	$process->ask('x');
	$process->ask('x');
	is_deeply([ $watch->take(2) ],
	    [ qq($head "1234567890"), qq($head "90z") ],
	    'NULL, unmapped, and texts up to the end of what is mapped');
	$watch->code_of('INT');
	# A text without an end is none to the process.
	$watch = Usdt::Watch->attach(1, $provider);
	$process->ask('x');
	is_deeply([ $watch->take(1) ], [ "$head (unreadable)" ], 'direct');
});

# Memory may be backed by a process that never answers: here, once the probe has
# fired, by the program itself, with userfaultfd.
my $trap = <<'EOF';
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "usdt.h"
int
main(int argc, char **argv)
{
	const char *types[] = { "char *" };
	usdt_provider_t *p = usdt_create_provider(argv[argc - 1], "trap");
	usdt_probedef_t *d = usdt_create_probe("f", "n", 1, types);
	char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register all = {
		.range = { (unsigned long)page, 4096 },
		.mode = UFFDIO_REGISTER_MODE_MISSING
	};
	int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC);
	void *args[1] = { page };

	page[0] = 0;
	if (usdt_provider_add_probe(p, d) < 0 || usdt_provider_enable(p) < 0)
		return 1;
	printf("ready %d\n", (int)getpid());
	fflush(stdout);
	getchar();
	usdt_probe_fire(d, 1, args);
	puts(ioctl(fd, UFFDIO_API, &api) == 0 &&
	    ioctl(fd, UFFDIO_REGISTER, &all) == 0 &&
	    madvise(page, 4096, MADV_DONTNEED) == 0 ? "fired" : "no trap");
	fflush(stdout);
	while (getchar() != EOF)
		;
	return 0;
}
EOF

tracer_case('memory that must not be touched' => sub {
	my $provider = fresh();
	build_c("$dir/trap", write_file("$dir/trap.c", $trap),
	    Usdt::Tracer::library(), '-pthread');
	my $process = Usdt::Process->new(program => "$dir/trap",
	    args => [$provider], env => { USDT_IMAGE_DIR => "$dir/images" });
	$process->ready or die;
	my $watch = Usdt::Watch->attach(1, $provider);

	kill('STOP', $watch->pid);
	is($process->ask('x'), 'fired', 'the trap is set before it is printed');
	kill('CONT', $watch->pid);
	is(($watch->take(1))[0], $process->pid . qq( trap $provider:n ""),
	    'an empty text is printed');
	is($watch->code_of('INT'), 0, 'the watch ends');
});

# --- compiled-in probes -----------------------------------------------------

my $sdt = <<'EOF';
#ifdef SEMAPHORES
#define _SDT_HAS_SEMAPHORES 1
#endif
#include <sys/sdt.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>
#define S(n) unsigned short PROVIDER_##n##_semaphore \
	__attribute__((section(".probes")))
#ifdef SEMAPHORES
unsigned short sdt_zero_semaphore __attribute__((section(".probes")));
unsigned short sdt_many_semaphore __attribute__((section(".probes")));
unsigned short sdt_odd_semaphore __attribute__((section(".probes")));
unsigned short sdt_thread_semaphore __attribute__((section(".probes")));
#define ENABLED sdt_many_semaphore
#else
#define ENABLED 0
#endif
int counter = 77;
short table[4] = { 1, -2, 3, 4 };
static pthread_t thread;
static sem_t go;
static void *
run(void *name)
{
	prctl(PR_SET_NAME, name);
	printf("thread %d\n", (int)syscall(SYS_gettid));
	fflush(stdout);
	while (sem_wait(&go) != 0)
		;
	STAP_PROBE1(sdt, thread, 5);
	return NULL;
}
int
main(void)
{
	char line[80];
	volatile int index = 1;

	sem_init(&go, 0, 0);
	printf("ready %d\n", (int)getpid());
	fflush(stdout);
	while (fgets(line, sizeof line, stdin) != NULL) {
		long l = -5000000000 - (line[0] - 'a');
		unsigned u = 4000000000u + (unsigned)index;
		signed char c = -3;
		unsigned short s = 65000;

		if (strcmp(line, "thread\n") == 0) {
			pthread_create(&thread, NULL, run, "wor ker");
			continue;
		}
		if (strcmp(line, "join\n") == 0) {
			sem_post(&go);
			pthread_join(thread, NULL);
		}
		STAP_PROBE(sdt, zero);
		STAP_PROBE6(sdt, many, l, u, c, s, counter, 42);
		STAP_PROBE2(sdt, odd, table[index], -7);
		printf("fired %d\n", ENABLED);
		fflush(stdout);
	}
	return 0;
}
EOF

SKIP: for my $with (0, 1) {
	my $name = $with ? 'with semaphores' : 'without semaphores';
	if (!-e '/usr/include/x86_64-linux-gnu/sys/sdt.h'
	    && !-e '/usr/include/sys/sdt.h') {
		fail('no sys/sdt.h, and USDT_NO_SKIP is set')
		    if $ENV{USDT_NO_SKIP};
		skip("no sys/sdt.h: compiled-in probes $name not tested", 1);
	}
	tracer_case("compiled-in probes $name" => sub {
		my $program = build_c("$dir/sdt$with",
		    write_file("$dir/sdt.c", $sdt), '-pthread',
		    $with ? '-DSEMAPHORES' : ());
		my $process = Usdt::Process->new(program => $program);
		$process->ready or die;
		my $pid = $process->pid;
		my $watch = Usdt::Watch->attach(4, "$program:sdt:*");

		is($process->ask('a'), "fired $with", 'the semaphore counts')
		    or return;
		$process->ask('b');
		my @lines = $watch->take(6);
		s/^$pid sdt$with sdt:// for @lines;
		is_deeply([ @lines[0, 1, 3, 4] ], [
		    'zero', 'many -5000000000 4000000001 -3 65000 77 42',
		    'zero', 'many -5000000001 4000000001 -3 65000 77 42',
		], 'registers, memory, globals, constants');
		like($lines[2], qr/^odd (?:-2|\?) -7$/,
		    'an operand that the kernel has no word for is "?"');

		$process->ask('thread') =~ /^thread (\d+)$/ or die;
		my $tid = $1;
		$process->ask('join');
		is(($watch->take(4))[0], "$pid/$tid wor\\x20ker sdt:thread 5",
		    'a thread, which had been there, with its own name');
		is($watch->code_of('TERM'), 0, 'ended, it exits 0');
		is($process->ask('c'), 'fired 0', 'the semaphore is 0 again');

		$process->ask('thread') =~ /^thread (\d+)$/ or die;
		$tid = $1;
		$watch = Usdt::Watch->attach(1, '-p', $pid, 'sdt:thread');
		$process->ask('join');
		is(($watch->take(1))[0], "$pid/$tid wor\\x20ker sdt:thread 5",
		    '-p: a thread that was there before');
		$process->ask('thread') =~ /^thread (\d+)$/ or die;
		$tid = $1;
		$process->ask('join');
		is(($watch->take(1))[0], "$pid/$tid wor\\x20ker sdt:thread 5",
		    '-p: a thread that was started since');
	});
}

# --- notes that no header would write -------------------------------------

tracer_case('odd operands' => sub {
	my $provider = fresh();
	my @case = (		# operands, printed
		['-4@one(%rip) -4@twice(%rip)', '1 ?',
		    'a name that two variables have'],
		['-8@both+8(%rip) -8@8+both(%rip) -8@-8+both+16(%rip)', '8 8 8',
		    'offsets before and behind'],
		['8@$18446744073709551615 8@$9223372036854775808 -8@$-5 '
		    . '8@$18446744073709551616',
		    '18446744073709551615 9223372036854775808 -5 ?',
		    'large constants'],
		['4@$1 3@$2 -7@$3 16@$4 0@$5 4@$6', '1 ? ? ? ? 6',
		    'sizes of no integer'],
	);
	my $twice = 'static volatile int twice = %d; '
	    . 'int %s(void) { return twice; }';
	my $other = write_file("$dir/other.c", sprintf($twice, 3, 'other'));
	my $process = run_notes("$dir/odd", 'int one = 1; long both[2] = { -7, 8 };',
	    sprintf($twice, 2, 'mine'), $other, map { { provider => $provider, name => "n$_",
	        args => $case[$_][0] } } 0 .. $#case);
	my $watch = Usdt::Watch->attach(scalar @case, $provider);

	$process->ask('');
	my @lines = $watch->take(scalar @case);
	like($lines[$_] // '', qr/:n$_ \Q$case[$_][1]\E$/, $case[$_][2])
	    for 0 .. $#case;
	is($watch->errors, "usdt: watching 4 probes\n", 'and nothing else');
});

tracer_case('a note that is there twice' => sub {
	my $provider = fresh();
	my $process = run_notes("$dir/equal",
	    { provider => $provider, name => 'a', args => '4@$5' },
	    map { { provider => $provider, name => $_, args => '4@$5',
	        at => 'site0' } } 'a', 'b');
	my $watch = Usdt::Watch->attach(2, $provider);

	$process->ask('');
	$process->ask('');
	is_deeply([ sort map { s/.*://r } $watch->take(4) ],
	    ['a 5', 'a 5', 'b 5', 'b 5'], 'fires once, another name too');
});

tracer_case('the name of a note in the other spelling' => sub {
	my $provider = fresh();
	my $process = run_notes("$dir/spelt",
	    { provider => $provider, name => 'gc__start', args => '4@$5' });

	for my $name ('gc-start', 'gc__start') {
		my $watch = Usdt::Watch->attach(1, "$provider:$name");

		$process->ask('');
		like(($watch->take(1))[0], qr/:gc__start 5$/, $name);
		$watch->stop('INT');
	}
});

tracer_case('notes with too many arguments' => sub {
	my $provider = fresh();
	my $process = run_notes("$dir/crowd", map { { provider => $provider,
	    name => "n$_", args => '4@$7 ' x $_ } } 62, 64, 65);
	my $watch = Usdt::Watch->attach(2, $provider);

	$process->ask('');
	is_deeply([ map { s/.*://r } $watch->take(2) ],
	    ['n62 ' . join(' ', (7) x 62), 'n64 ' . join(' ', (7) x 62, '?', '?')],
	    'as many as the kernel fetches');
	like($watch->errors, qr/:n65 in .*: more arguments than any probe has\n/,
	    'one has too many');
});

tracer_case('probes of many kinds' => sub {
	my $provider = fresh();
	my $process = run_notes("$dir/kinds", map { my $n = $_; { provider => $provider,
	    name => "n$n", args => join(' ', map {
	        (1, 2, 4, 8)[$n / 4 ** $_ % 4] . '@$1' } 0 .. 3) } } 0 .. 69);
	my $watch = Usdt::Watch->attach(64, $provider);

	$process->ask('');
	is_deeply([ sort map { s/.*:n(\d+) 1 1 1 1$/$1/r } $watch->take(64) ],
	    [ sort 0 .. 63 ], '64 of them are watched');
	like($watch->errors, qr/:n64 in .* too many different kinds .*:n69 in /s,
	    'the others are reported');
	is($watch->code_of('INT'), 0, 'it ends');
});

tracer_case('broken notes of others' => sub {
	my $provider = fresh();
	my @broken = map { { provider => $provider, name => "bad$_",
	    at => '0x7fffffff0000' } } 1 .. 25;
	my $good = process($provider, ['f', 'n', 'int']);
	my $watch = Usdt::Watch->attach(1, '-w', $provider);
	my $bad = run_notes("$dir/broken", @broken);

	$watch->told(qr/(further errors)/);
	$good->ask('fire 0 3');
	is(scalar(() = $watch->errors =~ /can't be watched/g), 20,
	    'some are reported');
	like(($watch->take(1))[0] // 'nothing', qr/:n 3$/, 'the watch goes on');
	is($watch->code_of('INT'), 0, 'exit 0');
	$good->close;
	my ($status, $out, $err) = run_usdt('watch', $provider);
	is($status, 1, 'where nothing else is there it fails');
	$bad->close;

	# Text that the kernel refuses: no instruction of this processor.
	$bad = run_notes("$dir/refused", '__asm__ (".globl none\\n"
	    "none: .rept 100\\n.byte 6\\n.endr");',
	    { provider => $provider, name => 'fine' },
	    map { { provider => $provider, name => "bad$_",
	        at => "none + $_" } } 1 .. 40);
	$watch = Usdt::Watch->attach(1, $provider);
	$bad->ask('');
	is_deeply([ map { s/.*://r } $watch->take(1) ], ['fine'],
	    'one among those that the kernel refuses');
	is(scalar(() = $watch->errors =~ /watched: there is an instruction /g),
	    20, '... of which some are tried');
});

# --- names and patterns -----------------------------------------------------

tracer_case('patterns' => sub {
	my $provider = fresh();
	my @probes = (['f', 'request-start', 'int'], ['g', 'request-done'],
	    ['h', 'other', 'int'], ['odd(x)', 'na.me$y', 'int']);
	my $process = process($provider, @probes);
	my ($image) = map { $_->{path} } $process->images;

	for (
		["$provider:request-start", 0], ["$provider:request__start", 0],
		["$provider:*-start", 0], ["$provider:request*", 0, 1],
		["$provider", 0 .. 3], ["$provider:", 0 .. 3],
		["$provider:?ther", 2], [substr($provider, 0, -1) . '?:o*', 2],
		["$image:$provider:other", 2], ["$image:$provider", 0 .. 3],
		["$provider:na.me\$y", 3],
		["$provider:testmod:g:request-done", 1],
		["$provider:testmod:f:request__start", 0],
		["${provider}:::", 0 .. 3], ["$provider:test*:?:request*", 0, 1],
		["${provider}:::other", 2], ["${provider}::odd(x):", 3],
		["$image:$provider:testmod:h:other", 2],
		["$image:${provider}:::", 0 .. 3], ["${image}:::h:", 2],
	) {
		my ($pattern, @match) = @$_;
		my $watch = Usdt::Watch->attach(scalar @match, $pattern);
		$process->ask('');
		my @lines = map { s/^\d+ test_usdt //r }
		    $watch->take(scalar @match);
		is_deeply(\@lines, [ map {
			"$provider:$probes[$_][1]"
			    . (@{ $probes[$_] } > 2 ? ' 1' : '')
		} @match ], $pattern);
		$watch->stop('INT');
	}
	my $watch = Usdt::Watch->attach(2, "$provider:other", "$provider:o*",
	    "$image:$provider:*er", "$image:$provider:request-done");
	$process->ask('');
	is(scalar $watch->take(2), 2,
	    'a probe that several patterns match is watched once');
});

# DTrace attaches at a note's raw location, and the two can't share a place.
tracer_case('places' => sub {
	my $provider = fresh();
	my $process = process($provider, ['f', 'n', 'int'], ['g', 'm', 'int']);
	my ($image) = map { $_->{path} } $process->images;
	my $watch = Usdt::Watch->attach(2, '--uprobe', $provider);
	my @places = sort map { m{ \S+:0x(\w+)\(0x(\w+)\)} ?
	    sprintf('%x %x', hex $1, hex $2) : $_ } leftovers($watch->pid);
	my $elf = Usdt::Elf->read($image);

	is_deeply(\@places, [ sort map {
		isnt($_->{adjusted}, $_->{location}, 'the base moves the note');
		sprintf('%x %x', map { $elf->file_offset($_) }
		    @$_{qw(adjusted semaphore)})
	} $elf->notes ], 'attached where the note and its base say');
	is($watch->code_of('INT'), 0, 'exit 0');
});

tracer_case('wrong usage' => sub {
	for (['watch'], ['watch', 'a:b:c'], ['watch', '/a/b/'], ['watch', ':x'],
	    ['watch', 'a:b:c:d:e'], ['watch', '/a/b:::'],
	    ['watch', '-n', '0', 'x'], ['watch', '-p', 'x', 'x'],
	    ['watch', '--what', 'x'], ['what'], []) {
		my ($status, $out, $err) = run_usdt(@$_);
		is($status, 2, "usdt @$_: exit 2");
		is($out, '', '... nothing on standard output');
		like($err, qr/^(?:usdt|usage): ?\S|unrecognized/,
		    '... a reason');
	}
	my ($status, $out, $err) = run_usdt('watch', '--help');
	is($status, 0, '--help: exit 0');
	for my $command ('list', 'watch') {
		for my $types ('(int, char *)', '()', '(void (*)(struct a *))') {
			is_deeply([run_usdt($command, "p:m:f:n$types")],
			    [2, '', qq(usdt: "p:m:f:n$types" has types at its )
			    . "end: leave them out, with their brackets\n"],
			    "$command with the types $types: exit 2, and why");
		}
	}
	like($out, qr/^usage: usdt watch /, '... usage');
	is((run_usdt('watch', 'nobody-has-this:x'))[0], 1, 'no match: exit 1');
	($status, $out, $err) = run_usdt('watch', '/nowhere/x:a:b');
	is("$status $err", "1 usdt: /nowhere/x: No such file or directory\n",
	    'no such file: exit 1');
	($status, $out, $err) = run_usdt('watch', '-p', 4194304, 'a:b');
	is("$status $err", "1 usdt: there is no process 4194304\n",
	    'no such process: exit 1');
});

tracer_case('no such probe' => sub {
	my $provider = fresh();
	my $process = process($provider, ['f', 'n', 'int']);
	my ($pid, $image) = ($process->pid, ($process->images)[0]{path});
	my $sleep = Usdt::Tracer::Run->start('sleep', '600');
	my $there = qr/"usdt list" shows those that there are, -w waits for one/;
	my $other = "${provider}y";

	$sleep->wait_at_rest('sleep') or die;
	for (
		[["$other:n"], qr/ $other:n in any live process; $there\n/],
		[["$provider:x", "$other:n"],
		    qr/ $provider:x in any .*\n.* mean $provider:n\?\n.* $other:n in any live /],
		[['-p', $pid, "$provider:x"], qr/ $provider:x in process $pid; "usdt list -p $pid" shows those that it has, -w waits/],
		[['-p', $sleep->pid, 'x:y'], qr/ x:y in process @{[$sleep->pid]}; /],
		[["$image:$provider:x"], qr/ \Q$image\E:$provider:x; \Q$image\E has other probes: usdt list '\Q$image\E:\*'\n/],
		[['/etc/passwd:x:y'], qr/ \S+; \/etc\/passwd is not an ELF file\n/],
		[['/bin/true:x:y'], qr/ \S+; \/bin\/true has no probes\n/],
	) {
		my ($arguments, $pattern) = @$_;
		my ($status, $out, $err) = run_usdt('watch', @$arguments);

		is("$status $out", '1 ', "@$arguments: exit 1");
		like($err, qr/^usdt: there is no probe$pattern/, '... and why');
	}
	for ([], ['-p', $pid]) {
		my (undef, undef, $err) = run_usdt('watch', @$_, "${provider}q:n");

		like($err, qr/^usdt: did you mean $provider:n\?$/m,
		    "a name that is nearly the probe's @$_");
		(undef, undef, $err) = run_usdt('watch', @$_, "$provider:other");
		unlike($err, qr/did you mean/, '... and one that is not');
	}
	$process->close;
	like((run_usdt('watch', "$provider:n"))[2], qr/ in any live process;/,
	    'a file without a process is not one');
	$sleep->stop('KILL');
});

# --- processes --------------------------------------------------------------

tracer_case('several processes' => sub {
	my $provider = fresh();
	my @probe = ['f', 'n', 'int'];
	my $one = process($provider, @probe);
	my $two = process($provider, @probe);
	my $watch = Usdt::Watch->attach(1, "$provider:n");

	is($_->ask('wait 0 1 100'), 'enabled 1', 'enabled') for $one, $two;
	$one->ask('fire 0 1');
	$two->ask('fire 0 2');
	my $late = process($provider, @probe);
	is($late->ask('enabled 0'), 'enabled 1', 'one that starts later too');
	$late->ask('fire 0 3');
	is_deeply([ $watch->take(3) ], [
		$one->pid . " test_usdt $provider:n 1",
		$two->pid . " test_usdt $provider:n 2",
		$late->pid . " test_usdt $provider:n 3",
	], 'each fire with its process');
	is($watch->code_of('INT'), 0, 'exit 0');
	is($_->ask('enabled 0'), 'enabled 0', 'disabled') for $one, $two, $late;
});

tracer_case('-p' => sub {
	my $provider = fresh();
	my $one = process($provider, ['f', 'n', 'int']);
	my $two = process($provider, ['f', 'n', 'int']);
	my $watch = Usdt::Watch->attach(1, '-p', $one->pid, "$provider:n");

	is($one->ask('enabled 0'), 'enabled 1', 'that process is enabled');
	is($two->ask('enabled 0'), 'enabled 0', 'the other one is not');
	$two->ask('fire 0 1');
	$one->ask('fire 0 2');
	my ($child) = $one->ask('fork') =~ /^forked (\d+)$/;
	is($one->ask('child enabled 0'), 'child enabled 0',
	    'a child forked since reads not enabled');
	is($one->ask('child fire 0 3'), 'child fired 1', '... nor seen');
	$one->ask('fire 0 4');
	$one->ask('child quit');
	$one->ask('loop 0 500 5');
	my $pid = $one->pid;
	$one->close;
	is_deeply([ $watch->take(502) ], [
		map { "$pid test_usdt $provider:n $_" } 2, 4, (5) x 500
	], 'only its own events, the last ones too');
	ok($watch->wait_until(sub { !$watch->{out} }), 'when it ends');
	is($watch->code_of('CONT'), 0, '... the watch ends, exit 0');

	$watch = Usdt::Watch->attach(1, $provider);
	$two->ask('fire 0 2');
	($child) = $two->ask('fork') =~ /^forked (\d+)$/;
	is($two->ask('child fire 0 3'), 'child fired 1',
	    'a child whose parent fired before');
	$two->ask('fire 0 4');
	my $parent = $two->pid;
	is_deeply([ map { s/ test_usdt.* / /r } $watch->take(3) ],
	    [ "$parent 2", "$child 3", "$parent 4" ],
	    'without -p a forked child is seen as itself');
});

tracer_case('-n' => sub {
	my $provider = fresh();
	my $process = process($provider, ['f', 'n', 'int'], ['g', 'm']);
	my $watch = Usdt::Watch->attach(2, '-n', 5, $provider);
	my ($before, $lines) = (time, undef);

	$process->ask("loop 0 200 7");
	ok($watch->wait_until(sub { !$watch->{out} }), 'ends by itself');
	is(scalar @{ $watch->{lines} }, 5, 'after exactly so many lines');
	is($watch->code_of('CONT'), 0, 'exit 0');
	my ($s, $m, $h) = localtime $before;
	my ($hh, $mm, $ss) = $watch->{lines}[0] =~ /^(\d+):(\d+):(\d+\.\d+) /;
	my $off = ($hh * 3600 + $mm * 60 + $ss)
	    - ($h * 3600 + $m * 60 + $s + $before - int $before);
	$off += 86400 if $off < -43200;
	ok($off >= -0.01 && $off < 60, "the time is the day's ($off s later)");
});

tracer_case('a watch that was there first' => sub {
	my $provider = fresh();
	my @probe = ['f', 'n', 'int'];
	my $first = process($provider, @probe);
	my ($image) = map { $_->{path} } $first->images;
	$first->close;

	my $watch = Usdt::Watch->attach(1, "$image:$provider:*");
	my $process = process($provider, @probe);
	is($process->ask('checked 0 8'), 'fired 1', 'by path: enabled at once');
	is_deeply([ $watch->take(1) ],
	    [ $process->pid . " test_usdt $provider:n 8" ], '... and seen');

	my $later = fresh();
	$watch = Usdt::Watch->start(usdt_command(), 'watch', '-w', "$later:n");
	$watch->told(qr/waiting/);
	$process = process($later, @probe);
	is($process->ask('wait 0 1 100'), 'enabled 1', '--wait: found later');
	$process->ask('fire 0 9');
	is_deeply([ $watch->take(1) ],
	    [ $process->pid . " test_usdt $later:n 9" ], '... and seen');
	$process->ask('add g more int');
	is(($process->ask_all('enable'))[-1], 'ok', 'a probe is added');
	$watch->stop('INT');

	$watch = Usdt::Watch->attach(2, '-p', $process->pid, $later);
	$process->ask('add h most int');
	is(($process->ask_all('enable'))[-1], 'ok', 'and one more');
	is($process->ask('wait 2 1 100'), 'enabled 1', 'found while watching');
	$process->ask('fire 2 5');
	is_deeply([ $watch->take(1) ],
	    [ $process->pid . " test_usdt $later:most 5" ], '... and seen');
});

tracer_case('--wait: the neighbour of a removed probe' => sub {
	my $provider = fresh();
	my $process = process($provider, ['f', 'goes', 'int'],
	    ['f', 'stays', 'int']);
	my $watch = Usdt::Watch->attach(2, '-w', $provider);
	my $stays = $process->pid . " test_usdt $provider:stays";

	is($process->ask('remove 0'), 'ok', 'removed');
	for my $round (1 .. 3) {
		is($process->ask($_), 'ok', $_) for 'disable', 'enable';
		is($process->ask("checked 1 $round"), 'fired 1',
		    'enabled at once');
	}
	is_deeply([ $watch->take(3) ], [ map { "$stays $_" } 1 .. 3 ],
	    'nothing is lost');
	is($watch->code_of('INT'), 0, 'exit 0');
	is($process->ask('wait 1 0 20'), 'enabled 0', 'no tracer is attached');
	is($process->ask('enable'), 'ok', 'enable');
	$watch = Usdt::Watch->attach(1, $provider);
	is($process->ask('checked 1 4'), 'fired 1', 'the new image');
	is_deeply([ $watch->take(1) ], [ "$stays 4" ], '... and it is seen');
	is($watch->code_of('INT'), 0, 'exit 0');
});

# Wait until a watch has gone through all processes twice: it lists them again
# each time, and sleeps in between.
sub looks_twice
{
	my ($watch) = @_;
	my $passes = sub {
		my ($rests) = map { /^voluntary_ctxt_switches:\s+(\d+)/ }
		    Usdt::Tracer::Run::status($watch->pid);
		return $rests;
	};
	my $end = $passes->() + 50;

	$watch->read_some(0.05) until $passes->() >= $end;
}

# A removed image becomes a tombstone while a tracer is attached to it.
tracer_case('--wait: probes that come and go' => sub {
	my $provider = fresh();
	my $process = process($provider, ['f', 'stays', 'int']);
	my $other = process($provider, ['f', 'stays', 'int']);
	my $watch = Usdt::Watch->attach(1, '-w', "$provider:*");
	my $maps = () = $process->maps;
	my (@expected, @seen);

	for my $i (1 .. 60) {
		my $traced = $i % 10 == 0;

		$process->ask("add f passing-$i int");
		$process->ask_all('enable');
		push @seen, $process->ask("wait $i 1 30") if $traced;
		$process->ask("fire $_ $i") for 0, $i;
		push @expected, "stays $i", $traced ? "passing-$i $i" : ();
		$process->ask("remove $i");
	}
	is_deeply(\@seen, [ ('enabled 1') x 6 ], 'some were traced');
	$other->ask('fire 0 -1');
	push @expected, 'stays -1';
	my @got = map { s/.*://r } $watch->take(scalar @expected);
	my %seen = map { $_ => 1 } @got;
	is_deeply([ grep { !$seen{$_} } @expected ], [], 'each fire is seen');
	is(scalar(grep { /^stays/ } @got), 61, 'none twice');
	my $more = (() = $process->maps) - $maps;
	cmp_ok($more, '<=', 60, "$more mappings more");
	is($watch->code_of('INT'), 0, 'exit 0');
	is($_->ask('wait 0 0 20'), 'enabled 0', 'no tracer is counted any more')
	    for $process, $other;
	is($process->ask('free'), 'ok', 'free');
});

tracer_case('--wait: a file that was another one' => sub {
	my $provider = fresh();
	my $program = "$dir/was";
	my $later = build_notes("$dir/later",
	    { provider => $provider, name => 'n' });
	system('cp', '/bin/sleep', $program) == 0 or die;
	my $inode = (stat $program)[1];
	my $sleep = Usdt::Tracer::Run->start($program, 600);
	my $watch;

	$sleep->wait_at_rest('was') or die;
	$watch = Usdt::Watch->start(usdt_command(), 'watch', '-w',
	    "$provider:n");
	$watch->told(qr/(waiting)/);
	looks_twice($watch);
	$sleep->stop('KILL');
	system('cp', $later, $program) == 0 or die;
	is((stat $program)[1], $inode, 'another program has the inode');
	my $process = Usdt::Process->new(program => $program);
	$process->ready or die;
	$watch->told(qr/(watching 1 probe)/);
	$process->ask('');
	is_deeply([ $watch->take(1) ], [ $process->pid . " was $provider:n" ],
	    'it is found');
	is($watch->code_of('INT'), 0, 'exit 0');
});

tracer_case('images without a name' => sub {
	my $provider = fresh();
	my $process = process($provider, ['f', 'n', 'int']);
	my ($image) = $process->images;
	unlink $image->{path} or die "$image->{path}: $!";
	my $watch = Usdt::Watch->attach(1, $provider);
	is($process->ask('checked 0 3'), 'fired 1', 'a deleted one: enabled');
	is_deeply([ $watch->take(1) ],
	    [ $process->pid . " test_usdt $provider:n 3" ], '... and seen');
	$watch->stop('INT');

	$provider = fresh();
	my @noexec = ('unshare', '--mount', 'sh', '-c',
	    'mkdir -p -m 700 /tmp/usdt-0; for d in /dev/shm /tmp/usdt-0; do mount -t'
	    . ' tmpfs -o noexec none $d || exit 1; done; exec "$0" "$@"',
	    Usdt::Process::program());
	$process = Usdt::Process->new(program => \@noexec,
	    args => ['-p', $provider, 'f', 'n', 'int'],
	    env => { USDT_IMAGE_DIR => undef });
	$process->ready or die $process->greeting;
	is(($process->images)[0]{memfd}, 1, 'a memfd');
	$watch = Usdt::Watch->attach(1, '-p', $process->pid, $provider);
	is($process->ask('checked 0 4'), 'fired 1', '... is enabled');
	is_deeply([ $watch->take(1) ],
	    [ $process->pid . " test_usdt $provider:n 4" ], '... and seen');
});

# --- leftovers --------------------------------------------------------------

tracer_case('signals' => sub {
	my $provider = fresh();
	my $process = process($provider, ['f', 'n', 'int']);

	for my $signal (qw(INT TERM HUP QUIT USR1 ALRM)) {
		my $watch = Usdt::Watch->attach(1, $provider);
		my $pid = $watch->pid;
		is(scalar leftovers($pid), 2, "SIG$signal: two events before, "
		    . "one for new rings");
		is($watch->code_of($signal), 0, '... exit 0');
		is(scalar leftovers($pid), 0, '... no event after');
		is($process->ask('enabled 0'), 'enabled 0', '... not enabled');
	}
	my $watch = Usdt::Watch->attach(1, $provider);
	my $pid = $watch->pid;
	close(delete $watch->{out});
	$process->ask('fire 0 1');
	ok($watch->reap, 'ends when its output has no reader');
	is(scalar leftovers($pid), 0, '... no event after');
});

tracer_case('a reader that stands still' => sub {
	my $provider = fresh();
	my $process = process($provider, ['f', 'n', ('int') x 32]);
	my $watch = Usdt::Watch->attach(1, $provider);
	my $pid = $watch->pid;

	$process->ask('loop 0 3000');
	# FIONREAD: wait until the pipe is full.
	for (my ($before, $now) = (-1, 0); $now < 50_000 || $now != $before;) {
		sleep(0.1);
		($before, $now) = ($now, pack('i', 0));
		ioctl($watch->{out}, 0x541b, $now) or die "FIONREAD: $!\n";
		$now = unpack('i', $now);
	}
	kill('TERM', $pid);
	my $ended = $watch->reap;
	is_deeply($ended, [0], 'SIGTERM ends it all the same');
	is(scalar leftovers($pid), 0, '... no event left');

	my $firing = fire_on($process);
	my ($status, $out, $err) = run_usdt(['sh', '-c',
	    'exec "$@" >/dev/full', 'sh'], 'watch', '-n', 1, $provider);
	is($status, 1, 'output that can not be written: exit 1');
	like($err, qr/^usdt: writing: No space left on device$/m, '... says so');
});

# Fire now and then, from a separate process, as long as the returned object
# lives.
sub fire_on
{
	my ($process) = @_;

	defined(my $pid = fork) or die;
	return bless({ pid => $pid }, 'Firing') if $pid;
	sleep(0.25) while syswrite($process->{to}, "\n");
	POSIX::_exit(0);
}

sub Firing::DESTROY
{
	my ($self) = @_;
	local ($?, $!, $@);

	kill('KILL', $self->{pid});
	waitpid($self->{pid}, 0);
}

tracer_case('SIGKILL' => sub {
	my $provider = fresh();
	my $process = process($provider, ['f', 'n', 'int']);
	my $watch = Usdt::Watch->attach(1, $provider);
	my $other = Usdt::Watch->attach(1, $provider);
	my ($pid, $living) = ($watch->pid, $other->pid);

	$watch->stop('KILL');
	is(scalar leftovers($pid), 2, 'it leaves its events: a gate\'s, and ' .
		'the announcer\'s');
	is($process->ask('enabled 0'), 'enabled 1', 'another watch goes on');
	my $next = Usdt::Watch->attach(1, $provider);
	is(scalar leftovers($pid), 0, 'the next run removes it');
	is(scalar leftovers($living), 2, '... and not those of the living');
	$next->stop('INT');
	$process->ask('fire 0 6');
	is(scalar $other->take(1), 1, '... which still works');
	$other->stop('KILL');
	is($process->ask('wait 0 0 100'), 'enabled 0',
	    'a killed watch traces no more');
	run_usdt('watch', 'nobody-has-this');
	is(scalar leftovers($living), 0, 'any run cleans up');
});

# --- trouble ----------------------------------------------------------------

tracer_case('lost events are counted' => sub {
	my $provider = fresh();
	my $process = process($provider, ['f', 'n', 'int', ('long') x 31]);
	my $watch = Usdt::Watch->attach(1, '--uprobe', $provider);
	my $fires = 100_000;

	kill('STOP', $watch->pid);
	is($process->ask("loop 0 $fires @{[ 1 .. 32 ]}"), "fired $fires",
	    'fired');
	kill('CONT', $watch->pid);
	$watch->told(qr/(\d+) events lost/);
	is($watch->code_of('INT'), 0, 'exit 0');
	my ($lost, $errors) = (0, $watch->errors);
	$lost += $1 while $errors =~ /(\d+) events lost/g;
	cmp_ok($lost, '>', 0, 'some were lost');
	is(@{ $watch->{lines} } + $lost, $fires, 'printed and lost are all');
	my %printed = map { s/^\S+ //r => 1 } @{ $watch->{lines} };
	is_deeply([ keys %printed ], [ $process->pid
	    . " test_usdt $provider:n @{[ 1 .. 32 ]}" ], '... and are right');
});

tracer_case('a tracer that ignores the semaphore' => sub {
	my $provider = fresh();
	my $process = process($provider, ['f', 'n', 'int'], ['g', 'm', 'int']);
	my ($image) = map { $_->{path} } $process->images;
	my ($site) = map { / \S+:0x([0-9a-f]+)\(0x/ ? hex $1 : () } do {
		my $watch = Usdt::Watch->attach(1, '--uprobe', "$provider:n");
		my @lines = leftovers($watch->pid);
		$watch->stop('INT');
		@lines;
	};
	$site or die 'no site';
	my $events = '/sys/kernel/tracing';
	my $set = sub {
		my ($file, $text) = @_;
		open(my $out, '>>', "$events/$file") or die "$file: $!\n";
		syswrite($out, $text) or die "$file: $text: $!\n";
	};

	$set->('uprobe_events', sprintf("p:ut$$/e %s:0x%x\n", $image, $site));
	eval {
		$set->("events/ut$$/e/enable", "1\n");
		beside_another($process, $provider, $image);
	};
	my $died = $@;
	$set->("events/ut$$/e/enable", "0\n");
	$set->('uprobe_events', "-:ut$$/e\n");
	die $died if $died;
});

sub beside_another
{
	my ($process, $provider, $image) = @_;
	my ($status, $out, $err) = run_usdt('watch', '--uprobe', "$provider:n");

	is($status, 1, 'a watch of that probe alone: exit 1');
	like($err, qr/$provider:n in \Q$image\E .*another tracer/, '... why');
	my $watch = Usdt::Watch->attach(1, '--uprobe', $provider);
	$process->ask('fire 1 5');
	like(($watch->take(1))[0], qr/ $provider:m 5$/,
	    'another probe of the same kind is watched without it');
	$watch->stop('INT');
}

tracer_case('standard descriptors that are closed' => sub {
	my $provider = fresh();
	my $process = process($provider, ['f', 'n', 'int']);
	my $firing = fire_on($process);
	my ($status, $out, $err) = run_usdt(['sh', '-c', 'exec "$@" >&-', 'sh'],
	    'watch', '-n', 1, $provider);

	is($status, 1, 'standard output: exit 1');
	like($err, qr/watching 1 probe\nusdt: writing: Bad file descriptor\n/,
	    '... and why');
	for ('2>&-', '<&-', '<&- 2>&-') {
		($status, $out) = run_usdt(['sh', '-c', "exec \"\$@\" $_", 'sh'],
		    'watch', '-n', 1, $provider);
		is($status, 0, "$_: exit 0");
		like($out, qr/^\S+ \d+ test_usdt $provider:n \S+\n\z/,
		    '... and a line');
	}
});

my @nobody = ('setpriv', '--reuid=65534', '--regid=65534', '--clear-groups');

# Sanitizers put such a mapping there, so their builds must not fall back.
tracer_case('direct, whatever lies below the program' => sub {
	my $provider = fresh();
	my $process = process($provider, ['f', 'one', 'int']);
	my $low = "$dir/low.so";

	open(my $c, '>', "$dir/low.c") or die;
	print $c <<'EOF_C';
#include <sys/mman.h>

static void __attribute__((constructor))
map_low(void)
{
	mmap((void *)0x100000, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS |
	    MAP_FIXED_NOREPLACE, -1, 0);
}
EOF_C
	close $c;
	build_c($low, '-D_GNU_SOURCE', '-shared', '-fPIC', "$dir/low.c");
	my $watch = Usdt::Watch->attach(1, ['env', "LD_PRELOAD=$low"],
	    "$provider:*");
	like($watch->errors, qr/: 1 probe direct$/m, 'direct');
	$process->ask('fire 0 7');
	like(($watch->take(1))[0], qr/ \Q$provider\E:one 7$/, '... the event');
	is($watch->stop('INT'), 0, '... the end');
});

tracer_case('privilege' => sub {
	my ($status, $out, $err) = run_usdt(\@nobody, 'watch', 'x:y');
	is($status, 1, 'an ordinary user: exit 1');
	like($err, qr{^usdt: /\S+/uprobe_events may not be written: only root},
	    '... says what is missing');
	is($out, '', '... nothing on standard output');

	my @bare = ('unshare', '--mount', 'sh', '-c',
	    'umount -a -t tracefs; umount -l /sys/kernel/debug 2>/dev/null;'
	    . ' exec "$@"', 'sh');
	($status, $out, $err) = run_usdt([@bare, @nobody], 'watch', 'x:y');
	is($status, 1, 'an ordinary user without tracefs: exit 1');
	is($err, "usdt: tracefs is not mounted at /sys/kernel/tracing, and "
	    . "only root (CAP_SYS_ADMIN) may mount it\n", '... says so');

	my $provider = fresh();
	my $process = process($provider, ['f', 'n', 'int']);
	my $watch = Usdt::Watch->attach(1, \@bare, "$provider:n");
	$process->ask('fire 0 2');
	is_deeply([ $watch->take(1) ],
	    [ $process->pid . " test_usdt $provider:n 2" ],
	    'root without tracefs: it is mounted');

	($status, $out, $err) = run_usdt(['setpriv',
	    '--bounding-set=-perfmon,-sys_admin'], 'watch', "$provider:n");
	is($status, 1, 'root without CAP_PERFMON: exit 1');
	like($err, qr/CAP_PERFMON/, '... says so');
});

tracer_case('10,000 probes' => sub {
	my $provider = fresh();
	my @types = ('int', 'char *', 'long');
	my $process = process($provider, map {
		my $n = $_; [ "f$n", "n$n", @types[0 .. $n % 4 - 1] ]
	} 0 .. 9999);
	my $watch = Usdt::Watch->attach(10_000, "$provider:*");

	$process->ask("fire $_ 4 text 6") for 0, 4999, 9999;
	is_deeply([ map { s/^\d+ //r } $watch->take(3) ], [
		"test_usdt $provider:n0",
		qq(test_usdt $provider:n4999 4 "text" 6),
		qq(test_usdt $provider:n9999 4 "text" 6),
	], 'the right ones are printed');
	my $pid = $watch->pid;
	is($watch->code_of('TERM'), 0, 'exit 0');
	is(scalar leftovers($pid), 0, 'no event left');
	is($process->ask('enabled 9999'), 'enabled 0', 'not enabled any more');
});

done_testing();
