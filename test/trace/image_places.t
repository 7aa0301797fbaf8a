#!/usr/bin/perl
# image_places.t - in which place does an image land, and do tracers find it?
#
# It runs itself in a mount namespace of its own, where it can mount over the
# user's places: $USDT_IMAGE_DIR, /dev/shm/usdt-0 and /tmp/usdt-0.
#
# SPDX-License-Identifier: BSD-2-Clause
use strict;
use warnings;

use File::Path qw(remove_tree);
use Test::More;

use Usdt::Places qw(case cannot scratch place in_environment steps passed_over
	tree images_in new_fds inode slurp spew build);
use Usdt::Process;
use Usdt::Tracer qw(need tracer_case);
use Usdt::Watch qw(run_usdt);

need('root');
if ("@ARGV" ne 'inside') {
	my @unshare = qw(unshare --mount --propagation private);
	if (system(@unshare, 'true') == 0) {
		exec(@unshare, $^X, (map { "-I$_" } @INC), $0, 'inside')
		    or die "unshare: $!\n";
	}
	my $reason = 'unshare can make no mount namespace here';
	plan(skip_all => $reason) if !$ENV{USDT_NO_SKIP};
	plan(tests => 1);
	fail("$reason, and USDT_NO_SKIP is set");
	exit 1;
}
need('cc', 'bpftrace');

my $scratch = scratch();
chmod(0711, $scratch) or die "$scratch: $!\n";

# The three places, in the library's order.
my %room = (own => "$scratch/own", shm => "/dev/shm/usdt-0",
	tmp => "/tmp/usdt-0");
my @rooms = qw(own shm tmp);
my $good = 'mode=0700';

# No new files stay behind.
my @made = grep { mkdir($_, 0700) } @room{@rooms};
my (%mounted, @further, @removed);

sub run { system(@_) == 0 or die "failed: @_\n" }

sub leave
{
	for (@_) {
		run('umount', '-l', $room{$_}) if delete $mounted{$_};
	}
}

my $owner = $$;
END {
	if (defined $owner && $$ == $owner) {
		my $status = $?;
		eval { leave(@rooms) };
		system('umount', '-l', $_) for @further;
		remove_tree(@removed);
		rmdir($_) for @made;
		$? = $status;
	}
}

# furnish(ROOM => MOUNT OPTIONS...): an empty file system in each place.
sub furnish
{
	my (%options) = @_;

	leave(@rooms);
	for my $room (@rooms) {
		run(qw(mount -t tmpfs -o), $options{$room} // $good, 'test',
			$room{$room});
		$mounted{$room} = 1;
	}
}

sub ready
{
	my ($process) = @_;

	$process->ready or die $process->report;
	return $process;
}

# --- the order of places ----------------------------------------------------

# Faults of a file system, and the reason that is reported.
my %faults = (
	'noexec' => ['mode=0700,noexec', qr{^ROOM: mounted noexec$}],
	'read-only' => ['mode=0700,ro', qr{^ROOM\S*: Read-only file system$}],
	'full' => ['mode=0700,size=4096',
		qr{^ROOM\S*: cannot write: No space left on device$}],
	'no inode for the file' => ['mode=0700,nr_inodes=3',
		qr{^ROOM\S*: No space left on device$}],
	'no inode for the directories' => ['mode=0700,nr_inodes=1',
		qr{^ROOM\S*: No space left on device$}],
	"somebody else's" => ['mode=0700,uid=65534',
		qr{^ROOM: belongs to user 65534$}],
	'open to all' => ['mode=1777',
		qr{^ROOM: open to others, mode 777 instead of 700$}],
);

sub reason
{
	my ($fault, $room) = @_;
	my $pattern = $faults{$fault}[1] =~ s/ROOM/\Q$room{$room}\E/r;

	return qr/$pattern/;
}

case('all is well: the first place' => sub {
	furnish();
	my $process = ready(place($room{own}));

	like(passed_over($process), qr{^\Q$room{own}\E/}, 'the first');
	$process = ready(place(undef));
	like(passed_over($process), qr{^\Q$room{shm}\E/},
		'without USDT_IMAGE_DIR the second');
	is_deeply(tree($room{tmp}), {}, 'the third is left empty');
});

# Each fault in each place, with the places before it unusable.
for my $i (0 .. $#rooms) {
	my $next = $rooms[$i + 1];
	for my $fault (sort keys %faults) {
		case("$fault: $room{$rooms[$i]}" => sub {
			my @before = @rooms[0 .. $i - 1];
			furnish((map { $_ => $faults{noexec}[0] } @before),
				$rooms[$i] => $faults{$fault}[0]);
			my $process = ready(place($room{own}));
			my $path = passed_over($process,
				(map { reason('noexec', $_) } @before),
				reason($fault, $rooms[$i]));

			like($path, $next ? qr{^\Q$room{$next}\E/} :
				qr{^/proc/@{[$process->pid]}/fd/\d+$},
				'the next place');
			is_deeply(tree($room{$rooms[$i]}), {},
				'nothing is left in this one');
			is(scalar(() = new_fds($process->pid)),
				$next ? 0 : 1, 'no descriptor stays open');
			is($process->ask(''), 'fired 1', 'the probe fires');
		});
	}
}

case('an image that is there, read-only' => sub {
	furnish();
	my $process = ready(place($room{own}));
	my $path = passed_over($process);

	run('mount', '-o', 'remount,ro', $room{own});
	my $second = ready(place($room{own}));
	is(passed_over($second), $path, 'is used');
	$process->ask('add func further int');
	is($process->ask('enable'), 'ok', 'a further image');
	like($process->status->{'sdt.path'}, qr{^\Q$room{shm}\E/},
		'has the next place');
	is($process->ask(''), 'fired 2', 'both fire');
});

# Each pid namespace has its own memfd_noexec, whose default is 0.
sub under_noexec
{
	my ($value) = @_;

	return ['unshare', '--pid', '--fork', '--mount-proc', 'sh', '-c',
		"echo $value > /proc/sys/vm/memfd_noexec || exit 9;"
		. ' exec "$0" "$@"'];
}

my $has_noexec = -e '/proc/sys/vm/memfd_noexec'
    && system(@{ under_noexec(2) }, 'true') == 0;

sub no_rooms { furnish(map { $_ => $faults{noexec}[0] } @rooms) }

case('memfds that must be asked for to be executable' => sub {
	return cannot('vm.memfd_noexec can not be set') if !$has_noexec;
	no_rooms();
	my $process = ready(place($room{own}, under => under_noexec(1)));
	my $path = passed_over($process, map { reason('noexec', $_) } @rooms);

	like($path, qr{^/proc/\d+/fd/\d+$}, 'are asked for');
	is($process->ask(''), 'fired 1', 'the probe fires');
});

case('no place at all' => sub {
	return cannot('vm.memfd_noexec can not be set') if !$has_noexec;
	furnish(own => $faults{full}[0], shm => $faults{'read-only'}[0],
		tmp => $faults{noexec}[0]);
	my $process = place($room{own}, under => under_noexec(2));
	my $greeting = $process->greeting;

	like($greeting, qr/^error failed to place the probe image: /,
		'an error');
	for my $part (qr/\Q$room{own}\E\S*: cannot write: No space left on/,
	    qr/\Q$room{shm}\E\S*: Read-only file system/,
	    qr/\Q$room{tmp}\E: mounted noexec/, qr/memfd: Permission denied/) {
		like($greeting, $part, "that names $part");
	}
	is(scalar(() = steps($process)), 4, 'four places were tried');
	is($process->end('CONT'), 1, 'the exit status is that of an error');
});

case('no place for a further image' => sub {
	return cannot('vm.memfd_noexec can not be set') if !$has_noexec;
	furnish();
	my $process = ready(place($room{own}, under => under_noexec(2)));
	my $path = passed_over($process);

	run('mount', '-o', 'remount,ro', $room{$_}) for @rooms;
	$process->ask('add func further int');
	like($process->ask('enable'), qr/^error .*Read-only.*memfd/, 'fails');
	is($process->status->{probes}, 1, 'the first probe is there');
	is($process->status->{'sdt.path'}, $path, 'where it was');
	run('mount', '-o', 'remount,rw', $room{$_}) for @rooms;
	is($process->ask('enable'), 'ok', 'with a place it works');
	is_deeply([@{ $process->status }{qw(probes waiting images sdt.taken)}],
		[2, 0, 2, 1], 'all is well');
});

# --- memfds -----------------------------------------------------------------

case('a memfd' => sub {
	furnish();
	my $named = ready(place($room{own}));
	my $bytes = slurp($named->status->{'sdt.path'});

	no_rooms();
	my $process = ready(place($room{own}));
	my $pid = $process->pid;
	my $path = $process->status->{'sdt.path'};
	my ($fd) = $path =~ m{^/proc/$pid/fd/(\d+)$} or die "path '$path'\n";
	is_deeply([new_fds($pid)], [$fd], 'one descriptor is kept');
	my ($flags) = slurp("/proc/$pid/fdinfo/$fd") =~ /^flags:\s+(\d+)$/m;
	ok(oct($flags) & 02000000, 'closed in programs that are started');
	my $inode = inode($path);
	ok(slurp($path) eq $bytes, 'the bytes are those of a named image');
	my ($image) = $process->images;
	is(scalar(() = $process->images), 1, 'mapped once');
	ok($image->{memfd}, 'under the name of a memfd');
	like($image->{path}, qr{^/memfd:usdt-testusdt-testmod-[\w.+-]+$},
		'which has no blanks');

	for (1 .. 20) {
		$process->ask('disable');
		$process->ask('enable');
	}
	is(inode($path), $inode, 'enabled again: the same one');
	is_deeply([new_fds($pid)], [$fd], 'and no descriptor more');
	$process->ask('add func further int');
	is($process->ask('enable'), 'ok', 'a further image');
	is(scalar(() = new_fds($pid)), 2, 'has another descriptor');
	my ($child) = $process->ask('fork') =~ /^forked (\d+)$/ or die;
	is($process->ask('child '), 'child fired 2', 'a child fires both');
	is($process->ask('child free'), 'child ok', 'and frees them');
	is(inode($path), $inode, 'which is nothing to the parent');
	is($process->ask(''), 'fired 2', 'it fires both');
});

build("$scratch/plugin.so", 'plugin.c', '-shared', '-fPIC');
run('cp', "$scratch/plugin.so", "$scratch/plugin2.so");
build("$scratch/$_", "$_.c") for qw(plugin_host closed_descriptors);

case('memfds of plugins' => sub {
	no_rooms();
	my $host = Usdt::Process->new(program => "$scratch/plugin_host",
		args => ["$scratch/plugin.so", "$scratch/plugin2.so"],
		env => in_environment(USDT_IMAGE_DIR => $room{own}));
	ready($host);
	is($host->ask($_), 'ok', $_)
	    for 'load 0', 'load 1', 'make 0 0', 'make 0 1', 'make 1 0';
	my %inodes = map { $_->{ino} => 1 } $host->images;
	is(scalar keys %inodes, 3, 'three files');
	is(scalar(() = new_fds($host->pid)), 3, 'three descriptors');
	is($host->ask($_), 'ok', $_) for 'free 0 0', 'free 0 1', 'unload 0';
	is(scalar(() = $host->images), 1, 'one is mapped');
	is(scalar(() = new_fds($host->pid)), 1, 'one descriptor is open');
	is($host->ask('fire 1 0 7'), 'fired 1', 'it fires');
	is($host->ask('free 1 0'), 'ok', 'freed');
	is_deeply([new_fds($host->pid), $host->images], [],
		'nothing stays');
	is($host->close, 0, 'ended well');
});

# --- an overlay -------------------------------------------------------------

# Mapped files there are those of the layer below, so that the kernel can't say
# who holds one.  So the library removes none, and `usdt clean` looks at what
# processes map.
case('an overlay' => sub {
	my $top = "$scratch/overlay";
	my $dir = "$top/all/images";

	mkdir($top) or die "$top: $!\n";
	run(qw(mount -t tmpfs test), $top);
	push @further, $top;
	mkdir("$top/$_") or die "$top/$_: $!\n" for qw(low up work all);
	system("mount -t overlay -o lowerdir=$top/low,upperdir=$top/up,"
	    . "workdir=$top/work test $top/all") == 0
	    or return cannot('no overlay can be mounted here');
	unshift @further, "$top/all";
	my $process = ready(place($dir));
	my $path = passed_over($process);
	like($path, qr{^\Q$dir\E/}, 'takes an image');
	my ($status, $out, $err) = run_usdt('clean', $dir);
	is($out, "held $path\n", 'usdt clean says that it is held');
	like($err, qr/^usdt: removed 0 files, 1 held$/m, 'and so not removed');
	is($process->status->{'sdt.taken'}, 1, 'it is there');

	# More images than are kept.
	my $other = ready(place($dir));
	for my $i (1 .. 100) {
		is($_, 'ok', "round $i")
		    for grep { !/^ok/ } $other->ask("add func more$i int"),
		    $other->ask('disable'), $other->ask('enable');
	}
	is($process->status->{'sdt.taken'}, 1, 'the oldest of 101 stays');
	is(scalar(grep { $_->{deleted} } $other->images), 0,
		'and so do the others');
	is(scalar images_in($dir), 101, 'they are');
	$_->close for $process, $other;
	($status, $out, $err) = run_usdt('clean', $dir);
	like($err, qr/^usdt: removed 101 files, 0 held$/m,
		'usdt clean removes them when their processes have ended');
	is(scalar images_in($dir), 0, 'all of them');
});

# --- set-uid ----------------------------------------------------------------

# The part of an image's path after the layout's number.
sub identity { return $_[0] =~ s{.*/\d+-}{}r }

case('a set-uid program ignores our variables' => sub {
	my $uid = 1000000 + $$;
	my $dir = "$scratch/suid";
	my @places = ("/dev/shm/usdt-$uid", "/tmp/usdt-$uid");

	die "@places: what is that?\n" if grep { -e } @places;
	push @removed, @places;
	mkdir($dir, 0755);
	run(qw(mount -t tmpfs -o mode=0755 test), $dir);
	push @further, $dir;
	for (qw(plain suid)) {
		run('cp', Usdt::Process::program(), "$dir/$_");
		chown($uid, -1, "$dir/$_") or die "chown: $!\n";
		chmod($_ eq 'suid' ? 04755 : 0755, "$dir/$_");
	}
	mkdir("$dir/images", 0700);
	chown($uid, -1, "$dir/images") or die "chown: $!\n";

	my @run_as = ('setpriv', '--clear-groups', '--regid', 65534,
		'--reuid');
	my $plain = ready(place("$dir/images", program => "$dir/plain",
		under => [@run_as, $uid]));
	my $path = passed_over($plain);
	like($path, qr{^\Q$dir/images\E/}, "its owner's variables count");

	for my $nop (1, 5, 10) {
		my $suid = ready(place("$dir/images", program => "$dir/suid",
			env => { USDT_NOP => $nop, USDT_BACKENDS => 'dof',
				USDT_HELPER => '/dev/null' },
			under => [@run_as, 65534]));
		my $status = $suid->status;
		like($status->{'sdt.path'}, qr{^(?:$places[0]|$places[1])/},
			'set-uid: not USDT_IMAGE_DIR');
		is($suid->stderr, '', 'nor USDT_DEBUG');
		is($status->{'sdt.taken'}, 1, 'nor USDT_BACKENDS');
		isnt($status->{'dof.path'}, '/dev/null', 'nor USDT_HELPER');
		is(identity($status->{'sdt.path'}), identity($path),
			"nor USDT_NOP=$nop");
		is((stat $status->{'sdt.path'})[4], $uid,
			'its files are its own');
	}
	my $idle = ready(place("$dir/images", program => "$dir/suid",
		env => { USDT_DISABLE => 1 }, under => [@run_as, 65534]));
	is($idle->status->{'sdt.taken'}, 1, 'nor USDT_DISABLE');
});

# --- tracers ----------------------------------------------------------------

# traced(PROCESS, WHERE, PROVIDER, ORDER, NAME, PID): bpftrace sees each fire
# once.  WHERE is a path, or undef: the mappings of the process (or of another
# that obeys its orders, PID).
sub traced
{
	my ($process, $where, $provider, $order, $name, $pid) = @_;
	my $pattern = join(':', 'usdt', $where // '*', $provider, 'probe');
	my $bt = Usdt::Tracer::Bpftrace->run('host',
		[[$pattern, '%d', 'arg0']],
		$where ? undef : $pid // $process->pid);
	my $wait = $order =~ s/fire/wait/r;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is($process->ask("$wait 1 20"), 'enabled 1', "$name: enabled");
	is($process->ask("$order $_"), 'fired 1', "$name: fired")
	    for 11, -22, 33;
	my ($fires, @events) = $bt->finish(3);
	is_deeply([sort @events], [sort 11, -22, 33], "$name: values");
	is($fires, 3, "$name: each counts once");
	is($process->ask("$wait 0 20"), 'enabled 0', "$name: disabled");
}

# The orders of test_usdt contain the number of the probe, those of
# closed_descriptors.c don't.
sub traced_test_usdt { traced($_[0], $_[1], 'testusdt', 'fire 0', $_[2]) }

tracer_case('an image in $USDT_IMAGE_DIR' => sub {
	furnish();
	my $process = ready(place($room{own}));
	my $path = $process->status->{'sdt.path'};

	traced_test_usdt($process, undef, 'by pid');
	traced_test_usdt($process, $path, 'by path');
});

for my $room (qw(shm tmp)) {
	tracer_case("an image in $room{$room}" => sub {
		furnish(map { $_ => $_ eq $room ? $good : $faults{noexec}[0] }
			@rooms);
		my $process = ready(place(undef));

		like($process->status->{'sdt.path'}, qr{^\Q$room{$room}\E/},
			'the image is there');
		traced_test_usdt($process, undef, 'by pid');
	});
}

tracer_case('a memfd' => sub {
	no_rooms();
	my $process = ready(place($room{own}));

	like($process->status->{'sdt.path'}, qr{^/proc/}, 'a memfd');
	traced_test_usdt($process, undef, 'by pid');
	$process->ask('disable');
	$process->ask('enable');
	traced_test_usdt($process, undef, 'enabled again');
});

tracer_case('removed and made again' => sub {
	furnish();
	my $process = ready(place($room{own}));
	my $path = $process->status->{'sdt.path'};

	unlink($path) or die "$path: $!\n";
	is($process->status->{'sdt.taken'}, 0, 'gone');
	is($process->ask('enable'), 'ok', 'enabled again');
	is($process->status->{'sdt.path'}, $path, 'made again');
	traced_test_usdt($process, $path, 'by path');
	traced_test_usdt($process, undef, 'by pid');
});

# One tracer on the old file, which is removed.
tracer_case('removed while it is traced' => sub {
	furnish();
	my $process = ready(place($room{own}));
	my $path = $process->status->{'sdt.path'};
	my $bt = Usdt::Tracer::Bpftrace->run('host',
		[["usdt:$path:testusdt:probe", '%d', 'arg0']]);

	is($process->ask('wait 0 1 100'), 'enabled 1', 'traced');
	unlink($path) or die "$path: $!\n";
	is($process->ask('fire 0 1'), 'fired 1', 'fired once more');
	my ($fires, @events) = $bt->finish(1);
	is_deeply([$fires, @events], [1, 1], 'which was seen');
	is($process->ask('wait 0 0 100'), 'enabled 0', 'not traced');
	is($process->ask('enable'), 'ok', 'enabled again');
	traced_test_usdt($process, $path, 'by path');
});

tracer_case('a file that was wrong, and is held' => sub {
	furnish();
	my $holder = ready(place($room{own}));
	my $path = $holder->status->{'sdt.path'};
	chmod(0600, $path);
	my $other = ready(place($room{own}));

	is($other->status->{'sdt.path'}, $path =~ s{(/[^/]+)$}{.1$1}r,
		'the other has a sibling');
	traced_test_usdt($holder, undef, 'the holder');
	traced_test_usdt($other, undef, 'the other');
});

# --- hosts that close others' descriptors -----------------------------------

sub careless
{
	no_rooms();
	return ready(Usdt::Process->new(program => "$scratch/closed_descriptors",
		env => in_environment(USDT_IMAGE_DIR => $room{own})));
}

tracer_case('a host that closes all descriptors' => sub {
	my $host = careless();
	spew("$scratch/its-own", 'the host');

	like($host->ask('path'), qr{^path /proc/\d+/fd/\d+$}, 'a memfd');
	traced($host, undef, 'placed', 'fire', 'before');
	is($host->ask("close $scratch/its-own"), 'own 29', 'all closed');
	like($host->ask('path'), qr/^path the image file has been removed/,
		'status says so');
	is($host->ask('fire 1'), 'fired 1', 'firing goes on');
	is($host->ask('enable'), 'ok', 'enabled again');
	like($host->ask('path'), qr{^path /proc/\d+/fd/\d+$}, 'a memfd');
	is($host->ask('kept'), 'kept 29', "the host's files are open");
	traced($host, undef, 'placed', 'fire', 'after');
	is($host->ask('free'), 'ok', 'freed');
	is($host->ask('kept'), 'kept 29', "the host's files are open");
	is_deeply([$host->images], [], 'nothing stays mapped');
	is(scalar(grep { $_ > 31 } new_fds($host->pid)), 0, 'or open');
	is($host->close, 0, 'ended well');
});

case('and then frees at once' => sub {
	my $host = careless();
	spew("$scratch/its-own", 'the host');

	is($host->ask("close $scratch/its-own"), 'own 29', 'all closed');
	is($host->ask('free'), 'ok', 'freed');
	is($host->ask('kept'), 'kept 29', "the host's files are open");
	is($host->close, 0, 'ended well');
});

# The child has the descriptor too, but not the path, which contains its
# parent's number.
tracer_case('a daemon, whose parent ends' => sub {
	my $host = careless();
	my ($pid) = $host->ask('daemon') =~ /^ready (\d+)$/ or die;

	isnt($pid, $host->pid, 'another process');
	my ($path) = $host->ask('path') =~ /^path (.*)$/;
	is($path, "/proc/$pid/fd/" . ($path =~ m{(\d+)$} ? $1 : 'N'),
		'it has its image, and a path that leads to it');
	my ($image) = $host->images($pid);
	is((stat $path)[1] // 'no file', $image->{ino},
		'the file is the one that is mapped');
	traced($host, undef, 'placed', 'fire', 'the daemon', $pid);
});

done_testing();
