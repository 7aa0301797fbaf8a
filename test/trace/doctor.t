#!/usr/bin/perl
# doctor.t - does `usdt doctor` find what keeps tracers from probes?  Each
# problem is caused here, except those of other kernels, which are in
# test/unit/doctor_facts.c.
#
# SPDX-License-Identifier: BSD-2-Clause
use strict;
use warnings;

use Test::More;
use Time::HiRes qw(sleep);
use Usdt::Process;
use Usdt::Tracer qw(need tracer_case scratch_dir build_c);
use Usdt::Variant;
use Usdt::Watch qw(run_usdt usdt_command);

need('root', 'cc');
alarm 3600;

my $dir = scratch_dir();
chmod(0755, $dir);
my @nobody = ('setpriv', '--reuid=65534', '--regid=65534', '--clear-groups');
my @bare = qw(setpriv --bounding-set -all);	# a root without capabilities
my $number = 0;

sub fresh { return "d${$}x" . chr(ord('a') + $number++ % 26) . 'd' }

# process(ENV, ARGUMENT...): a test_usdt.  A first argument of [WORD...] goes
# before the command.
sub process
{
	my ($env, @args) = @_;
	my @before = ref $args[0] ? @{ shift @args } : ();
	my $process = Usdt::Process->new(args => \@args,
		program => [@before, Usdt::Process::program()],
		env => { USDT_IMAGE_DIR => "$dir/images", %$env });

	$process->ready or die $process->report;
	return $process;
}

sub image { return ($_[0]->images)[0]{path} }

# doctor([WORD...], ARGUMENT...): its lines; checks that the exit status says
# whether there are problems.
sub doctor
{
	my ($status, $out, $err) = run_usdt(ref $_[0] ? shift : ['env'],
		'doctor', @_);
	my @lines = split /\n/, $out;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is($err, '', 'nothing on standard error');
	is_deeply([grep { !/^(?:ok     |note   |PROBLEM) / } @lines], [],
		'each line has its word');
	is_deeply([grep { /^PROBLEM/ && !/ -- / && !/no such process/ } @lines],
		[], 'each problem has a remedy');
	is($status, scalar(grep { /^PROBLEM/ } @lines) ? 1 : 0,
		'the exit status');
	return @lines;
}

# In a mount namespace of its own, after SCRIPT.
sub apart
{
	my ($script) = @_;
	return ['unshare', '--mount', 'sh', '-c',
		"{ $script; } || exit 3; exec \"\$0\" \"\$@\""];
}

# A script that makes PROGRAM executable in a mount that is also noexec.
sub runs
{
	my ($program) = @_;
	return "mount --bind '$program' '$program' && "
	    . "mount -o remount,bind,exec '$program'";
}

# finds(PATTERN, NAME, LINES...): exactly one line matches.
sub finds
{
	my ($pattern, $name, @lines) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is(scalar(grep { /$pattern/ } @lines), 1, $name)
	    or diag(join("\n", "wanted: $pattern", @lines));
}

# --- the system -------------------------------------------------------------

tracer_case('privilege' => sub {
	my @lines = doctor();
	finds(qr/^ok      privilege: .*CAP_SYS_ADMIN/, 'root', @lines);
	finds(qr/^ok      perf: kernel.perf_event_paranoid/, 'perf', @lines);
	finds(qr/^ok      uprobes: /, 'uprobes', @lines);
	finds(qr/^(?:ok     |note   ) lockdown: /, 'lockdown', @lines);
	finds(qr/^ok      BPF: /, 'BPF', @lines);
	@lines = doctor(\@nobody);
	finds(qr/^PROBLEM privilege: .* lacks CAP_SYS_ADMIN, CAP_PERFMON, CAP_BPF -- .*sudo/,
		'an ordinary user', @lines);
	my ($paranoid) = `cat /proc/sys/kernel/perf_event_paranoid` =~ /(-?\d+)/;
	finds($paranoid < 0 ? qr/^ok      perf: / :
		qr/^PROBLEM perf: .* is $paranoid: .* -- .*sysctl/,
		'may not use perf', @lines);
	finds(qr/^PROBLEM tracefs: .*may not be written: .*-- .*as root/,
		'nor make events', @lines);
	finds(qr/^note    this user may not look into \d+ other processes -- sudo/,
		'nor see all processes', @lines);
	@lines = doctor(\@bare);
	finds(qr/^PROBLEM privilege: this root .*-- run the tracer outside/,
		'a root without capabilities', @lines);
	unlike("@lines", qr/sudo|as root/, '... does not become root by sudo');
	finds(qr/^PROBLEM privilege: .*user namespace/, 'a user namespace',
		doctor([qw(unshare --user --map-root-user)]));
	finds(qr/^note    privilege: CAP_BPF and CAP_PERFMON/,
		'these two capabilities', doctor([qw(setpriv --bounding-set
		-sys_admin)]));
});

tracer_case('mounts' => sub {
	finds(qr/^PROBLEM tracefs: is not mounted .*-- mount -t tracefs/,
		'no tracefs', doctor(apart('for i in 1 2 3; do umount -l -a -t '
		. 'tracefs; done; ! grep -q " tracefs " /proc/self/mounts')));
	finds(qr/^PROBLEM tracefs: .*may not be written: Read-only/,
		'one to be read', doctor(apart('mount -o remount,bind,ro '
		. '/sys/kernel/tracing')));
	my @lines = doctor(apart('mount -t tmpfs none /sys'));
	finds(qr/^PROBLEM uprobes: .*-- mount -t sysfs sysfs/, 'no /sys',
		@lines);
	finds(qr/^PROBLEM uprobes: .* nothing can attach/, 'no uprobes',
		doctor(apart('mount -t tmpfs none '
		. '/sys/bus/event_source/devices')));
	finds(qr/^PROBLEM uprobes: .*counts no semaphores/, 'no counters',
		doctor(apart('mount -t tmpfs none '
		. '/sys/bus/event_source/devices/uprobe/format')));
	@lines = doctor(apart('mount -t tmpfs none /proc'));
	finds(qr/^PROBLEM \/proc is not mounted/, 'no /proc', @lines);
	finds(qr/^PROBLEM perf: .*no perf events/, '... and no perf', @lines);
	finds(qr/^note    images: .*so they are in \/tmp/, 'no code in '
		. '/dev/shm', doctor(apart('mount -t tmpfs -o noexec none '
		. '/dev/shm')));
	my $shm = 'mount -t tmpfs none /dev/shm && mkdir /dev/shm/usdt-0';
	finds(qr/^PROBLEM images: \/dev\/shm\/usdt-0 belongs to user 65534/,
		"another user's directory", doctor(apart("$shm && "
		. 'chown 65534 /dev/shm/usdt-0')));
	finds(qr/^PROBLEM images: \/dev\/shm\/usdt-0 is open to others/,
		'an open directory', doctor(apart("$shm && "
		. 'chmod 755 /dev/shm/usdt-0')));
	finds(qr/^ok      images: \/dev\/shm\/usdt-0 is the user's own/,
		'a good one', doctor(apart("$shm && chmod 700 /dev/shm/usdt-0")));
	finds(qr/^PROBLEM images: .*-- set USDT_IMAGE_DIR/, '... nor in /tmp',
		doctor(apart('mount -t tmpfs -o noexec none /dev/shm && mount '
		. '--bind /tmp /tmp && mount -o remount,bind,noexec /tmp '
		. '&& ' . runs(usdt_command()))));
});

# A daemon that does nothing, and a device that never answers: the doctor asks
# only whether they exist.
tracer_case('the helper' => sub {
	my $device = 'mount -t tmpfs none /dev && mkdir /dev/dtrace /dev/shm '
	    . '&& mknod -m 666 /dev/null c 1 3 && cd /dev/dtrace && ';
	my $stash = 'mount -t tmpfs none /run && mkdir -p /run/dtrace && ';
	my $made = 'mknod -m 666 helper c 1 3';

	plan(skip_all => 'a dtprobed runs here')
	    if `cat /proc/[0-9]*/comm 2>/dev/null` =~ /^dtprobed$/m;
	finds(qr/^note    DTrace: is not installed/, 'no DTrace', doctor())
	    if !-e '/usr/sbin/dtprobed' && !-e '/run/dtrace';
	finds(qr/^PROBLEM DTrace: .*No such file.*-- systemctl start dtprobed/,
		'no device', doctor(apart($stash . $device . 'true')));
	finds(qr/^PROBLEM DTrace: .* is not a device/, 'a file in its place',
		doctor(apart($device . '> helper')));
	finds(qr/^PROBLEM DTrace: .*no dtprobed is running/, 'a device alone',
		doctor(apart($device . $made)));
	system('cp', '/bin/sleep', "$dir/dtprobed") == 0 or die;
	my $daemon = Usdt::Tracer::Run->start("$dir/dtprobed", '600');
	$daemon->wait_at_rest('dtprobed') or die;
	finds(qr/^ok      DTrace: .*dtprobed runs/, 'both',
		doctor(apart($device . $made)));
	finds(qr/^PROBLEM DTrace: .*mode 600.*-- chmod 666/, "root's",
		doctor(apart($device . "$made && chmod 600 helper")));
	$daemon->stop('KILL');
});

# --- processes --------------------------------------------------------------

# The lines about a process, without its number.
sub of
{
	my ($process, @arguments) = @_;
	my $pid = ref $process ? $process->pid : $process;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return map { /^(\S+ +)$pid: (.*)/ ? "$1$2" : () }
	    doctor(@arguments, '-p', $pid);
}

tracer_case('all is well' => sub {
	my $provider = fresh();
	my $process = process({}, '-p', $provider, qw(f n int));
	my @lines = of($process);
	my $image = image($process);

	finds(qr/^ok      \Q$image\E: 1 probe of $provider .*: visible to usdt watch, bpftrace, bcc, perf, if the program has it enabled now, which can't be seen/,
		'it is seen', @lines);
	finds(qr/^note    \Q$image\E: gdb .* "usdt list -v -p \d+".*SystemTap/,
		'gdb and SystemTap', @lines);
	is(scalar(grep { /^PROBLEM/ } @lines), 0, 'no problem');
	finds(qr/^ok +@{[$process->pid]}: .*visible/, 'without -p too',
		doctor());
	is($process->ask('disable'), 'ok', 'the program disables it');
	is_deeply([of($process)], \@lines, 'nothing of that is seen');
});

tracer_case('several processes of one finding' => sub {
	my $provider = fresh();
	my @processes = map { process({}, '-p', $provider, qw(f a-b int)) }
		1 .. 9;
	my $other = process({ USDT_BACKENDS => 'sdt',
		USDT_IMAGE_DIR => "$dir/other" }, '-p', $provider,
		qw(f a-b int));
	my @pids = sort { $a <=> $b } map { $_->pid } @processes;
	my @all = sort { $a <=> $b } @pids, $other->pid;
	my $some = sub { join(', ', @_[0 .. 6]) . ' and ' . (@_ - 7) . ' more' };
	my $image = image($processes[0]);
	my @lines = grep { /\b$provider\b|^\S+ +@{[$other->pid]}: / } doctor();

	my $nine = 'in 9 processes: ' . $some->(@pids);
	my $ten = 'in 10 processes: ' . $some->(@all);
	finds(qr/^ok      \Q$nine: $image\E: .*visible/, 'one line', @lines);
	finds(qr/^note    \Q$nine: $image\E: gdb .* "usdt list -v -p PID" /,
		'a finding whose text has the pid is given once, with PID', @lines);
	finds(qr/^note    \Q$ten\E: $provider:a-b: .* write __ for/,
		'a finding of all processes', @lines);
	finds(qr/^note    @{[$other->pid]}: USDT_BACKENDS=sdt is in/,
		'a finding of one process names it', @lines);
	is(scalar(grep { /\Q$nine\E|\Q$ten\E/ } @lines),
		scalar(grep { !/^\S+ +@{[$other->pid]}: / } @lines),
		'all others are together');
	@lines = doctor('-v');
	finds(qr/^ok      in 9 processes: @{[join ', ', @pids]}: \Q$image\E: .*vis/,
		'-v: all of them', @lines);
	is_deeply([map { /"usdt list -v -p (\w+)"/ } of($processes[0])],
		[$processes[0]->pid], '-p: the number of that one');
});

tracer_case('no process, or none to look into' => sub {
	my $process = process({}, '-p', fresh(), qw(f n int));
	finds(qr/^PROBLEM this user may not look into it: .*-- sudo usdt/,
		'of another user', of($process, \@nobody));
	finds(qr/^PROBLEM the kernel does not let root look into it: .*-- run usdt where it/,
		'root without capabilities', of($process, \@bare));
	finds(qr/^note    the kernel does not let root look into 1 other process: /,
		'just one', doctor([qw(unshare --pid --fork --mount-proc sh -c),
		"sleep 600 & exec @bare \"\$0\" \"\$@\""]));
	$process->close;
	finds(qr/^PROBLEM there is no such process/, 'gone', of($process));
	is((run_usdt('doctor', '-p', 'x'))[0], 2, 'wrong usage: exit 2');
	my ($status, undef, $err) = run_usdt('doctor', '4242');
	is($status, 2, 'an argument: exit 2');
	like($err, qr/^usdt: name a process by -p\nusage: /, '... and why');
});

tracer_case('no probes' => sub {
	my $sleep = Usdt::Tracer::Run->start('sleep', '600');
	$sleep->wait_at_rest('sleep') or die;
	finds(qr/^PROBLEM has no probes .*-- link it with libusdt/, 'no libusdt',
		of($sleep));
	$sleep->stop('KILL');
	my $process = process({ USDT_DISABLE => 1 }, '-p', fresh(),
		qw(f n int));
	my @lines = of($process);
	finds(qr/^PROBLEM USDT_DISABLE=1 is in its environment.* -- .*env -u/,
		'USDT_DISABLE', @lines);
	finds(qr/^note    USDT_BACKENDS=sdt is in its environment: DTrace/,
		'USDT_BACKENDS', of(process({ USDT_BACKENDS => 'sdt' },
		'-p', fresh(), qw(f n int))));
});

tracer_case('images that lost their name' => sub {
	my $process = process({}, '-p', fresh(), qw(f n int));
	my $image = image($process);

	unlink($image) or die;
	finds(qr/^PROBLEM \Q$image\E: the file is gone/, 'removed',
		of($process));

	my $noexec = apart('mkdir -p -m 700 /tmp/usdt-0; for d in /dev/shm /tmp; do '
		. 'mount --bind $d $d && mount -o remount,bind,noexec $d || '
		. 'exit 3; done; ' . runs(Usdt::Process::program()));
	$process = process({ USDT_IMAGE_DIR => undef }, $noexec,
		'-p', fresh(), qw(f n int));
	my @lines = of($process);
	finds(qr{^PROBLEM /memfd:\S+: is a memfd, since /dev/shm and /tmp are mounted noexec.*path /proc/\d+/fd/\d+, .*-- set USDT_IMAGE_DIR},
		'a memfd', @lines);
	finds(qr{^note    is in another mount namespace: put /proc/\d+/root},
		'the namespace', @lines);

	$process = process({}, apart('true'), '-p', fresh(), qw(f n int));
	$image = image($process);
	system('nsenter', '-t', $process->pid, '-m', 'mount', '--bind',
		'/etc/passwd', $image) == 0 or die;
	unlike(join('', of($process)), qr/another file/,
		'covered in there: out here is the file');
	$process = process({ USDT_IMAGE_DIR => undef }, apart('mount -t tmpfs '
		. 'none /dev/shm'), '-p', fresh(), qw(f n int));
	$image = image($process);
	finds(qr/^ok      \Q$image\E: .*visible/, 'one that is only in there',
		of($process));
	system('nsenter', '-t', $process->pid, '-m', 'mount', '--bind',
		'/etc/passwd', $image) == 0 or die;
	finds(qr/^PROBLEM \Q$image\E: this name leads to another file/,
		'covered in there, and not out here', of($process));
});

tracer_case('another pid namespace' => sub {
	my $process = process({}, [qw(unshare --pid --fork)], '-p', fresh(),
		qw(f n int));
	is($process->pid, 1, 'it is number 1');
	my $children = "/proc/$process->{child}/task/$process->{child}/children";
	my ($pid) = `cat $children` =~ /(\d+)/ or die;
	finds(qr/^note    is in another pid namespace: .* $pid$/, 'is reported',
		of($pid));
});

tracer_case('files that a user may not read' => sub {
	mkdir("$dir/nobody", 0700);
	chown(65534, 65534, "$dir/nobody");
	my $process = process({ USDT_IMAGE_DIR => "$dir/nobody" }, \@nobody,
		'-p', fresh(), qw(f n int));
	my $image = image($process);
	finds(qr/^ok      \Q$image\E: .*visible/, 'the own image', of($process,
		\@nobody));
	chown(0, 0, $image);
	finds(qr/^PROBLEM this user may not read \d+ of the files/,
		"an image that became another user's", of($process, \@nobody));
});

tracer_case('names' => sub {
	my $provider = fresh();
	my $process = process({}, '-p', "${provider}9", qw(f a-b int -- f c));
	my @lines = of($process);
	# For DTrace alone, which need not be here.
	my $severe = grep({ /^note    DTrace: is not installed/ } doctor()) ?
	    'note   ' : 'PROBLEM';
	finds(qr/^$severe ${provider}9:a-b and 1 more: .*ends in a digit/,
		'a digit at the end', @lines);
	finds(qr/^note    ${provider}9:a-b: .* write __ for/, 'a hyphen',
		@lines);
	finds(qr/^PROBLEM $provider:n\\xff: bpftrace can't spell/,
		'an odd name', of(process({}, '-p', $provider, 'f', "n\xff")));
	@lines = of(process({}, '-p', $provider, qw(f good -- f a.b)));
	finds(qr/^note    $provider:a\.b: perf can't spell .* no probe of/,
		'one that perf does not take', @lines);
	finds(qr/^ok      \S+: 2 probes .*: visible to usdt watch, bpftrace, bcc, if/,
		'... nor any beside it', @lines);
});

tracer_case('arguments' => sub {
	for my $row ([6], [7, 6], [10, 6], [11, 6, 10], [12, 6, 10],
	    [13, 6, 10, 12]) {
		my ($count, @limits) = @$row;
		my @lines = of(process({}, '-p', fresh(), 'f', 'n',
			('int') x $count));
		is_deeply([map { /^note .*has more than (\d+) arg/ ? $1 : () }
			@lines], \@limits, "$count arguments");
	}
});

tracer_case('two files with one name' => sub {
	my $provider = fresh();
	my $process = process({}, '-p', $provider, qw(f n int));
	unlike(join('', of($process)), qr/of one name/, 'one');
	$process->ask('add g n int') =~ /^ok/ or die;
	$process->ask('enable') eq 'ok' or die;
	finds(qr/^PROBLEM \S+ and \S+ have a probe of one name: .*-- .*path/,
		'two', of($process));
});

tracer_case('semaphores' => sub {
	my $provider = fresh();
	my $process = process({}, '-p', $provider, qw(f n int));
	my $watch = Usdt::Watch->attach(1, "$provider:*");
	my @lines = of($process);
	finds(qr/^ok      \S+: 1 of 1 probes are being traced/, 'traced',
		@lines);
	unlike("@lines", qr/stuck/, '... and not stuck');
	$watch->stop('INT');
	unlike(join('', of($process)), qr/stuck|traced/, 'not traced');

	my ($image) = $process->images;
	my ($data) = grep { $_->{perms} =~ /w/ } @{ $image->{segments} };
	open(my $memory, '+<', "/proc/@{[$process->pid]}/mem") or die;
	binmode($memory);
	sysseek($memory, $data->{start}, 0);
	syswrite($memory, pack('S', 3)) == 2 or die;
	finds(qr/^PROBLEM $provider:n: the semaphore is stuck at 3.*-- restart/,
		'stuck', of($process));
});

tracer_case('whether dtprobed knows it' => sub {
	my $provider = fresh();
	my $process = process({}, '-p', $provider, qw(f n int));
	my $pid = $process->pid;
	my $stash = 'mount -t tmpfs none /run && mkdir -p /run/dtrace/probes';

	finds(qr/^PROBLEM $provider: dtprobed does not know it/, 'no',
		of($process, apart($stash)));
	finds(qr/^ok      $provider: dtprobed knows it/, 'yes', of($process,
		apart("$stash/$pid/$provider$pid")));
	mkdir("$dir/mine", 0700);
	chown(65534, 65534, "$dir/mine");
	$process = process({ USDT_IMAGE_DIR => "$dir/mine" }, \@nobody, '-p',
		$provider, qw(f n int));
	my $closed = apart("$stash && chmod 700 /run/dtrace");
	finds(qr/^note    this user can't see whether dtprobed knows/,
		'the user nobody may not look', of($process, [@$closed, @nobody]));
});

# --- compiled files ---------------------------------------------------------

my $source = <<'EOF2';
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>
#include "usdt.h"
#define NOTE(location, semaphore, name) \
	__asm__ volatile (".pushsection .note.stapsdt,\"\",\"note\"\n" \
	    ".balign 4\n.4byte 8, 2f-1f, 3\n.asciz \"stapsdt\"\n" \
	    "1: .8byte " location ", 0, " semaphore "\n" \
	    ".asciz \"alone\"\n.asciz \"" name "\"\n.asciz \"\"\n" \
	    "2: .balign 4\n.popsection")
int
main(int argc, char **argv)
{
#ifdef CLOSES
	usdt_provider_t *p = usdt_create_provider(argv[1], "mod");
	usdt_provider_add_probe(p, usdt_create_probe("f", "n", 0, NULL));
	if (argc != 2 || usdt_provider_enable(p) < 0)
		return 1;
	for (int i = 3; i < 100; i++)
		close(i);
#else
	for (; argc > 1; argc--)
		if (mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE,
		    open(argv[argc - 1], O_RDONLY), 0) == MAP_FAILED)
			return 1;
#endif
#ifdef NOTES
	__asm__ volatile ("990: nop");
	NOTE("990b", "0", "good");
	NOTE("0x7fffffff00", "0", "bad");
#endif
	printf("ready %d\n", (int)getpid());
	fflush(stdout);
	return getchar() == 0;
}
EOF2

sub compiled
{
	my ($name, @flags) = @_;

	open(my $c, '>', "$dir/$name.c") or die;
	print $c $source;
	close($c);
	return build_c("$dir/$name", "$dir/$name.c", @flags,
		Usdt::Tracer::library(), '-pthread');
}

sub running
{
	my ($env, @command) = @_;
	my $process = Usdt::Process->new(program => \@command, env => $env);

	$process->ready or die $process->report;
	return $process;
}

SKIP: {
	skip('the notes are for 64 bits', 1)
	    if Usdt::Variant::native() !~ /^(?:x86_64|aarch64)$/
	    && !$ENV{USDT_NO_SKIP};
	tracer_case('notes of compilers' => sub {
		my $program = compiled('notes', '-no-pie', '-DNOTES',
			'-Wl,--build-id');
		my @lines = of(running({}, $program));
		finds(qr/^ok      \Q$program\E: 2 probes of alone: visible to usdt watch, bpftrace, bcc, perf$/,
			'seen', @lines);
		finds(qr/^PROBLEM alone:bad: the note leads to no code/,
			'a broken one', @lines);
		$program = compiled('nobuild', '-no-pie', '-DNOTES',
			'-Wl,--build-id=none');
		@lines = of(running({}, $program));
		finds(qr/^ok      \Q$program\E: .*visible to usdt watch, bpftrace, bcc$/,
			'no build-id: not by perf', @lines);
		finds(qr/^PROBLEM \Q$program\E: has no build-id.*-- .*--build-id/,
			'is reported', @lines);
	});
}

tracer_case('a memfd without a descriptor' => sub {
	my $program = compiled('closes', '-DCLOSES');
	my $process = running({ USDT_IMAGE_DIR => undef },
		@{ apart('mkdir -p -m 700 /tmp/usdt-0; for d in /dev/shm /tmp/usdt-0; '
		. 'do mount -t tmpfs -o noexec none $d || exit 3; done') },
		$program, fresh());

	finds(qr/^PROBLEM \S+: is a memfd, and its descriptor was closed/,
		'is reported', of($process));
});

tracer_case('for DTrace only' => sub {
	my $provider = fresh();
	my $image = image(process({}, '-p', $provider, qw(f n int)));
	open(my $in, '<:raw', $image) or die;
	my $bytes = do { local $/; <$in> };
	$bytes =~ s/\.note\.stapsdt/.note.xxxxsdt/ or die;
	open(my $out, '>:raw', "$dir/dof") or die;
	print $out $bytes;
	close($out);
	my $process = running({ USDT_BACKENDS => 'dof' }, compiled('maps'),
		"$dir/dof");
	my @lines = of($process);
	finds(qr/^note    $provider:n: is described for DTrace only/,
		'is reported', @lines);
	finds(qr/^PROBLEM USDT_BACKENDS=dof is in its environment: only DTrace/,
		'and why', @lines);
});

done_testing();
