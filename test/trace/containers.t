#!/usr/bin/perl
# Are processes traced under unusual conditions: a read-only root, no /dev/shm,
# no /tmp, no /proc, and in a container?
#
# Each process lives in namespaces made here, and is traced from outside: it
# sees the tracer, and the values arrive. image_places.t tests what single
# mounts and memfds do to the place of an image, doctor.t what `usdt doctor`
# says about it.
#
# SPDX-License-Identifier: BSD-2-Clause
use strict;
use warnings;

use Test::More;
use Usdt::Process;
use Usdt::Tracer qw(need tracer_case scratch_dir);
use Usdt::Watch qw(run_usdt);

need('root', 'bpftrace');
alarm 3600;

my $dir = scratch_dir();
my $number = 0;

# in(SCRIPT): a command that runs SCRIPT in a mount namespace of its own, then
# the rest of its arguments.
sub in
{
	my ($script, @more) = @_;
	return ('unshare', '--mount', @more, 'sh', '-c',
		"{ $script; } || exit 3; exec \"\$@\"", 'sh');
}

# The parts of covered directories that are kept: the program can be found.
sub keep
{
	return "mkdir -p '$dir/kept' && cp '"
	    . Usdt::Process::program() . "' '$dir/kept/test_usdt'";
}

# outside(PROCESS): its pid out here.
sub outside
{
	my ($process) = @_;
	my $pid = $process->{child};

	for (;;) {
		open(my $in, '<', "/proc/$pid/task/$pid/children")
		    or die "$pid: $!\n";
		my ($child) = split(' ', <$in> // '');
		last if !$child;
		$pid = $child;
	}
	return $pid;
}

# traced(NAME, PATH, COMMAND...): a process in there, whose image is where the
# pattern says; `usdt list`, `usdt watch` and bpftrace see it.
sub traced
{
	my ($name, $path, @command) = @_;
	my $provider = "s${$}x" . chr(ord('a') + $number++) . 'd';

	tracer_case($name => sub {
		my $process = Usdt::Process->new(
			program => \@command, env => { USDT_IMAGE_DIR => undef },
			args => ['-p', $provider, qw(f n int), 'char *']);

		ok($process->ready, 'it lives') or die $process->report;
		my $pid = outside($process);
		like($process->status->{'sdt.path'}, $path, 'its image');
		my ($status, $out) = run_usdt('list', '-p', $pid);
		like($out, qr/\Q$provider\E.*\bn\b/s, 'usdt list lists it');
		is($process->ask('enabled 0'), 'enabled 0', 'not traced');

		my $watch = Usdt::Watch->attach(1, '-p', $pid, "$provider:n");
		is($process->ask('enabled 0'), 'enabled 1', 'usdt watch does');
		is($process->ask('fire 0 -7 text'), 'fired 1', 'fire');
		like(join("\n", $watch->take(1)), qr/^$pid \S+ \S+:n -7 "text"$/,
		    'and prints the values, and the pid out here');
		$watch->stop('INT');
		like($watch->errors, qr/: 1 probe direct$/m, 'direct');
		is($process->ask('enabled 0'), 'enabled 0', 'no more');

		# By the path that `usdt list` prints for another root.
		my ($image) = map { $_->{path} } $process->images($pid);
		my $file = $process->status->{'sdt.path'};
		$file = $file =~ m{^/proc/\d+/(fd/\d+)$} ? "/proc/$pid/$1"
		    : "/proc/$pid/root$file";
		my $bt = Usdt::Tracer::Run->start(
			Usdt::Tracer::Bpftrace::command('host', '-e',
			'BEGIN { printf("ready\n"); } '
			. "usdt:$file:$provider:n "
			. '{ printf("> %d %s\n", arg0, str(arg1)); }'));
		$bt->wait_for(qr/^ready$/) or die $bt->report;
		is($process->ask('enabled 0'), 'enabled 1', 'bpftrace traces');
		is($process->ask('fire 0 8 more'), 'fired 1', 'fire');
		ok($bt->wait_until(sub { $bt->lines(qr/^> (.*)/) >= 1 }),
		    'bpftrace sees it');
		is_deeply([$bt->lines(qr/^> (.*)/)], ['8 more'], 'the values')
		    or diag($bt->report);
		is($bt->stop('INT'), 0, 'bpftrace ends');
		is($process->close, 0, 'it ends well');
	});
}

system(keep()) == 0 or die "$dir/kept: not made\n";
my @program = ("$dir/kept/test_usdt");
my $readonly = 'mount --make-rprivate / && mount -o remount,bind,ro / && for d '
    . 'in /dev/shm /tmp; do mount --bind $d $d && mount -o remount,bind,ro $d; '
    . 'done';

traced('everything is read-only', qr{^/proc/\d+/fd/\d+$}, in($readonly),
    @program);
traced('a read-only root with a /tmp', qr{^/tmp/usdt-0/},
    in('mount --make-rprivate / && mount --bind /tmp /tmp && '
	. 'mount -o remount,bind,ro / && mount --bind /dev/shm /dev/shm && '
	. 'mount -o remount,bind,ro /dev/shm'),
    @program);
traced('no /dev/shm', qr{^/tmp/usdt-0/},
    in('mount -t tmpfs none /dev && rmdir /dev/shm 2>/dev/null; '
	. 'test ! -e /dev/shm'), @program);
# Its program, which lies below /tmp, has to be found.
traced('neither /dev/shm nor /tmp', qr{^/proc/\d+/fd/\d+$},
    in("mkdir -p /run/usdt-$$ && mount --bind '$dir/kept' /run/usdt-$$ && "
	. 'mount -t tmpfs -o mode=0555,ro none /tmp && '
	. 'mount -t tmpfs -o mode=0555,ro none /dev && '
	. 'test ! -e /dev/shm'), "/run/usdt-$$/test_usdt");
traced('no /proc', qr{^/dev/shm/usdt-0/},
    in('mount -t tmpfs -o ro none /proc'), @program);
traced('no /proc, and no place for a file', qr{^/proc/(?:self|\d+)/fd/\d+$},
    in("$readonly && mount -t tmpfs -o ro none /proc"), @program);

# A container: its own mounts, root, pids, hosts and network, and an ordinary
# user outside who is root inside.
my $root = "$dir/root";
my $container = "mount --make-rprivate / && mount -t tmpfs none '$root' && "
    . "cd '$root' && mkdir -p usr etc proc tmp dev/shm old && "
    . 'mount --rbind /usr usr && for l in bin lib lib64 sbin lib32; do '
    . 'test ! -e /$l || ln -s usr/$l $l; done && cp /etc/ld.so.cache etc/ && '
    . 'mount -t proc none proc && %s && '
    . "cp '$dir/kept/test_usdt' . && pivot_root . old && cd / && "
    . 'umount -l old && rmdir old';
mkdir($root) or die "$root: $!\n";
my @apart = qw(--pid --fork --ipc --uts --net --cgroup);
traced('a container', qr{^/dev/shm/usdt-0/},
    in(sprintf($container, 'mount -t tmpfs none dev/shm'), @apart),
    '/test_usdt');
traced('a container with a root of its own users', qr{^/dev/shm/usdt-0-\d+/},
    in(sprintf($container, 'mount -t tmpfs none dev/shm'), @apart,
	qw(--user --map-root-user)), '/test_usdt');
traced('a container that is read-only', qr{^/proc/\d+/fd/\d+$},
    in(sprintf($container, 'true') . ' && mount -o remount,bind,ro /', @apart),
    '/test_usdt');
rmdir("/run/usdt-$$");
done_testing();
