#!/usr/bin/perl
# clean.t - does `usdt clean` remove unused images, and nothing else?
#
# SPDX-License-Identifier: BSD-2-Clause
use strict;
use warnings;

use Cwd qw(abs_path);
use POSIX ();
use Test::More;
use Time::HiRes qw(time);

use Usdt::Places qw(case scratch place tree images_in spew);
use Usdt::Process;
use Usdt::Variant ();
use Usdt::Watch qw(run_usdt usdt_command);

my $scratch = scratch();
my $number = 0;

sub fresh { return "$scratch/place" . ++$number }

# An image of that provider in DIR, whose process has ended; returns its path.
sub image
{
	my ($dir, $provider) = @_;
	my $process = place($dir, args => ['-p', $provider, qw(f n int)]);

	$process->ready or die $process->report;
	my $path = $process->status->{'sdt.path'};
	$process->close;
	return $path;
}

case('unused files' => sub {
	my $dir = fresh();
	my @paths = map { image($dir, $_) } qw(a b c);
	my $before = tree($dir);
	my ($status, $out, $err) = run_usdt('clean', '-n', $dir);

	is($status, 0, '-n: exit 0');
	is($out, join('', map { "would remove $_\n" } @paths), '... it says');
	like($err, qr/^usdt: would remove 3 files, 0 held$/, '... how many');
	is_deeply(tree($dir), $before, '... and does nothing');
	($status, $out, $err) = run_usdt('clean', '-n', $dir, "$dir/.");
	like($err, qr/^usdt: would remove 3 files, 0 held$/,
		'a place that is named twice is cleaned once');
	($status, $out, $err) = run_usdt('clean', $dir);
	is($status, 0, 'exit 0');
	is($out, join('', map { "removed $_\n" } @paths), 'it says what');
	like($err, qr/^usdt: removed 3 files, 0 held$/, 'and how many');
	is_deeply(tree($dir), {}, 'all is gone, directories too');
	ok(-d $dir, 'but the place itself');
	is(image($dir, 'a'), $paths[0], 'which serves again');
});

case('held images' => sub {
	my $dir = fresh();
	my $process = place($dir, args => ['-p', 'mapped', qw(f n int)]);
	$process->ready or die $process->report;
	my $mapped = $process->status->{'sdt.path'};
	my $open = image($dir, 'open');
	my $free = image($dir, 'free');
	open(my $descriptor, '<', $open) or die;
	my ($status, $out) = run_usdt('clean', $dir);

	is($status, 0, 'exit 0');
	is_deeply([sort split /\n/, $out], [sort "held $mapped",
		"held $open", "removed $free"], 'are reported');
	is_deeply([map { -e $_ ? 1 : 0 } $mapped, $open, $free], [1, 1, 0],
		'and stays');
	is($process->ask(''), 'fired 1', 'the process goes on');
	close($descriptor);
	$process->close;
	run_usdt('clean', $dir);
	is_deeply(tree($dir), {}, 'later it goes');
});

# New files below it get its group, and directories that bit too.
case('below a set-gid directory' => sub {
	my $dir = fresh();
	mkdir($dir, 0700);
	chmod(02700, $dir) or die "$dir: $!\n";
	my $path = image($dir, 'a');
	my $process = place($dir, args => ['-p', 'b', qw(f n int)]);
	$process->ready or die $process->report;
	my $held = $process->status->{'sdt.path'};

	like($_, qr{^\Q$dir\E/}, 'an image') for $path, $held;
	is(tree($dir)->{a}, 'dir 2700', 'directories are so too');
	my ($status, $out) = run_usdt('clean', $dir);
	is_deeply([sort split /\n/, $out], ["held $held", "removed $path"],
		'unused files go');
	is_deeply([grep { m{^a} } keys %{ tree($dir) }], [],
		'with its directories');
});

case('unfinished files' => sub {
	my $dir = fresh();
	my $path = image($dir, 'a');
	my ($inside) = $path =~ m{(.*)/};

	spew("$inside/~new-1-2-3", 'half');
	chmod(0600, "$inside/~new-1-2-3");
	mkdir("$dir/empty", 0700);
	mkdir("$dir/half", 0700);
	mkdir("$dir/half/1-0123456789abcdef", 0700);
	run_usdt('clean', '-n', $dir);
	is(scalar(keys %{ tree($dir) }), 7, '-n leaves it');
	run_usdt('clean', $dir);
	is_deeply([sort keys %{ tree($dir) }], [qw(empty half)],
		'in a directory that is named, it may be somebody else who '
		. 'wants an empty one');
	run_usdt(['env', "USDT_IMAGE_DIR=$dir"], 'clean', '-n');
	is(scalar(keys %{ tree($dir) }), 2, '-n leaves them');
	SKIP: {
		my @apart = ('unshare', '-Ur', '--mount');
		my ($refused, $status) = Usdt::Variant::quiet(@apart, 'true');

		skip("the places for images can't be covered: $refused", 1)
		    if $status != 0 && !$ENV{USDT_NO_SKIP};
		run_usdt([@apart, 'sh', '-c', 'for d in /dev/shm /tmp/usdt-0; '
			. 'do test ! -d $d || mount -t tmpfs none $d || exit 1; '
			. 'done; USDT_IMAGE_DIR=$1 exec "$2" clean', 'sh', $dir,
			usdt_command()]);
		skip('the rest needs root', 1) if $> != 0
		    && !$ENV{USDT_NO_SKIP};
		is_deeply(tree($dir), {}, 'not in the place for images');
	}
});

case('images of user namespaces' => sub {
	my ($status, $out, $err) = run_usdt(['unshare', '-Ur', '--mount', 'sh',
		'-c', 'mount -t tmpfs none /dev/shm && echo end | '
		. 'unshare -Ur "$1" f n >/dev/null; ls /dev/shm; '
		. 'USDT_IMAGE_DIR= "$2" clean; ls /dev/shm; true', 'sh',
		Usdt::Process::program(), usdt_command()]);
	return pass("no namespace can be had: $err") if $status != 0
	    && !$ENV{USDT_NO_SKIP};
	my ($dir) = $out =~ /^(usdt-0-\d+)$/m;

	ok(defined $dir, 'a directory is named for its namespace');
	like($out, qr{^removed /dev/shm/\Q$dir\E/testusdt/}m,
		'its image is removed');
	is(scalar(() = $out =~ /^usdt-/mg), 1, 'and then itself');
});

# There a lease is granted on a mapped file.
case('an overlay' => sub {
	my $dir = fresh();
	mkdir($dir) or die "$dir: $!\n";
	my @script = ('mount -t tmpfs none "$1" && cd "$1" && '
		. 'mkdir low up work top && mount -t overlay -o '
		. 'lowerdir=low,upperdir=up,workdir=work none top && '
		. 'mkdir -m 700 top/images && mkfifo fifo || exit 3',
		'export USDT_IMAGE_DIR="$1/top/images"',
		'"$2" -p mapped f n <fifo >said & exec 9>fifo',
		'until grep -q ready said; do kill -0 $! && sleep 0.05 || exit 1; done',
		'echo end | "$2" -p free f n >/dev/null',
		'"$3" clean -n $USDT_IMAGE_DIR; "$3" clean $USDT_IMAGE_DIR',
		'exec 9>&-; wait; "$3" clean $USDT_IMAGE_DIR');
	my ($status, $out, $err) = run_usdt(['unshare',
		($> == 0 ? () : '-Ur'), '--mount', 'sh', '-c',
		join("\n", @script), 'sh', $dir, abs_path(Usdt::Process::program()),
		usdt_command()]);

	return pass("no overlay can be had: $err") if $status != 0
	    && !($ENV{USDT_NO_SKIP} && $> == 0);
	my @lines = map { s{ \Q$dir\E/top/images/(\w+)/.*}{ $1}r }
	    split(/\n/, $out);
	is_deeply([sort @lines[0, 1]], ['held mapped', 'would remove free'],
		'-n: what no process maps would go');
	is_deeply([sort @lines[2, 3]], ['held mapped', 'removed free'],
		'it goes');
	is_deeply([@lines[4 .. $#lines]], ['removed mapped'], 'later all');
});

case('foreign files' => sub {
	my $dir = fresh();
	my ($inside) = image($dir, 'a') =~ m{(.*)/};
	my $outside = fresh();
	my $victim = image($outside, 'v');
	my ($victims) = $victim =~ m{(.*)/v/};

	spew("$dir/mine", 'x');
	mkdir("$dir/a/other", 0700);
	spew("$dir/a/other/file", 'x');
	chmod(0400, "$dir/a/other/file");
	mkdir("$dir/a/1-0123456789abcde", 0700);
	spew("$dir/a/1-0123456789abcde/file", 'x');
	chmod(0400, "$dir/a/1-0123456789abcde/file");
	mkdir("$dir/a/1-0123456789abcdef", 0700);
	spew("$dir/a/1-0123456789abcdef/open", 'x');
	chmod(0644, "$dir/a/1-0123456789abcdef/open");
	symlink($victim, "$dir/a/1-0123456789abcdef/file-link");
	symlink("$outside/v", "$dir/provider-link");
	symlink((glob "$outside/v/1-*")[0], "$dir/a/1-fedcba9876543210");
	mkdir("$dir/wide", 0755);
	mkdir("$dir/wide/1-0123456789abcdef", 0700);
	spew("$dir/wide/1-0123456789abcdef/file", 'x');
	chmod(0400, "$dir/wide/1-0123456789abcdef/file");
	chmod(0755, "$dir/wide");
	my $before = tree($dir);
	my ($image) = grep { m{^a/1-[^/]+/testmod$} } keys %$before;
	my ($status, $out) = run_usdt('clean', $dir);
	delete @$before{$image, $image =~ m{(.*)/}};

	is($out, "removed $dir/$image\n", 'the image goes');
	is_deeply(tree($dir), $before, 'all else stays');
	ok(-e $victim, 'where links lead too');

	my $link = "$outside-link";
	symlink($outside, $link);
	my @refused = (
		[$link, qr/^usdt: \Q$link\E: (?:is a link|Not a directory)$/m],
		["$dir/none", qr/^usdt: .*: No such file or directory$/m],
		["$dir/mine", qr/^usdt: .*: Not a directory$/m],
		["$dir/wide", qr/^usdt: .*: is open to others/m]);
	push @refused, ['/usr', qr/^usdt: \/usr: belongs to another user$/m]
	    if $> != 0;
	for (@refused) {
		my ($status, undef, $err) = run_usdt('clean', $_->[0]);
		is($status, 1, "$_->[0]: exit 1");
		like($err, $_->[1], 'with the reason');
	}
	ok(-e $victim, 'a link to a place is not followed');
	is((run_usdt('clean', '-x'))[0], 2, 'wrong usage: exit 2');
});

case("another user's place" => sub {
	return pass('needs another user') if $> != 0 && !$ENV{USDT_NO_SKIP};
	my $dir = fresh();
	image($dir, 'a');
	my $before = tree($dir);
	chown(65534, 65534, $dir);
	my ($status, undef, $err) = run_usdt('clean', $dir);

	is($status, 1, 'exit 1');
	like($err, qr/: belongs to another user$/m, 'with the reason');
	is_deeply(tree($dir), $before, 'nothing is touched');
	chown(0, 0, $dir);
});

# Two processes that enable and disable, and two that clean, as fast as they
# can.
case('while others enable' => sub {
	my $dir = fresh();
	my @processes = map { place($dir,
		args => ['-p', 'same', qw(f n int)]) } 1 .. 2;
	$_->ready or die $_->report for @processes;
	my $end = time + 4;
	my @cleaners = map {
		my $pid = fork() // die;
		if ($pid == 0) {
			open(STDOUT, '>', '/dev/null');
			open(STDERR, '>', '/dev/null');
			until (-e "$dir.end") {
				system({ usdt_command() } 'usdt', 'clean',
				    $dir) == 0 or POSIX::_exit(1);
			}
			POSIX::_exit(0);
		}
		$pid;
	} 1 .. 2;
	my %last = map { $_ => 0 } @processes;
	my ($rounds, $elsewhere, %bad) = (0, 0);
	while (time < $end || $rounds <= 50) {
		for my $process (@processes) {
			my $said = $process->ask('enable');
			$bad{"enable: $said"}++ if $said ne 'ok';
			my $status = $process->status;
			$elsewhere++ if $status->{'sdt.path'} !~ /^\Q$dir/;
			$bad{"taken: $status->{'sdt.reason'}"}++
			    if !$status->{'sdt.taken'};
			$bad{'fire'}++ if $process->ask('') !~ /^fired \d+$/;
			$process->ask('disable');
			$process->ask("remove $last{$process}");
			my $added = $process->ask('add f n' . ($rounds++ % 7)
				. ' int');
			$added =~ /^ok (\d+)$/ or die "add: $added\n";
			$last{$process} = $1;
		}
	}
	spew("$dir.end", '');
	for (@cleaners) {
		waitpid($_, 0);
		is($?, 0, 'a cleaner never failed');
	}
	# A process that loses too often against the cleaners uses the next
	# place, and keeps the image that it has there.
	note("$elsewhere times the image was in another place");
	is_deeply(\%bad, {}, 'each enabling had an image')
	    or diag(explain(\%bad));
	cmp_ok($rounds, '>', 50, "$rounds rounds");
	$_->close for @processes;
});

done_testing();
