#!/usr/bin/perl
# places.t - where are probe images placed, and what can go wrong there?
#
# These tests control $USDT_IMAGE_DIR; the places after it are the user's own.
# trace/image_places.t controls those too.
#
# SPDX-License-Identifier: BSD-2-Clause
use strict;
use warnings;

use Fcntl qw(F_SETLEASE F_UNLCK F_WRLCK);
use File::Path qw(make_path remove_tree);
use IO::Socket::UNIX;
use POSIX qw(EMFILE mkfifo);
use Test::More;
use Time::HiRes qw(time);

use Usdt::Places qw(case cannot scratch place in_environment steps passed_over
	tree images_in new_fds inode slurp spew build provider);
use Usdt::Process;

my $scratch = scratch();
my $number = 0;

# A new place for images, which the library creates.
sub fresh { return "$scratch/place" . ++$number }

# taken(PROCESS): it is ready; returns the path of its image.
sub taken
{
	my ($process) = @_;

	$process->ready or die $process->report;
	my $status = $process->status;
	$status->{'sdt.taken'} or die "no image: $status->{'sdt.reason'}\n";
	return $status->{'sdt.path'};
}

# is_whole(PROCESS, BYTES, NAME): its mapping is one image with these bytes, and
# works.
sub is_whole
{
	my ($process, $bytes, $name) = @_;
	my @images = $process->images;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is(scalar @images, 1, "$name: one image is mapped");
	my ($text) = grep { $_->{perms} =~ /x/ } @{ $images[0]{segments} };
	my $size = $text->{end} - $text->{start};
	ok($process->mem($text->{start}, $size) eq
		substr($bytes, $text->{offset}, $size),
		"$name: its code is ours");
	ok($process->image_bytes($images[0]) eq $bytes,
		"$name: and so is the file");
	is($process->ask(''), 'fired 1', "$name: its probe fires");
}

# --- what is made -----------------------------------------------------------

case('the files of an image' => sub {
	my $dir = fresh();
	my $process = place($dir);
	my $path = taken($process);

	like($path, qr{^\Q$dir\E/testusdt/1-[0-9a-f]{16}/testmod$}, 'the path');
	is_deeply([steps($process)], [$path], 'the first place was used');
	is_deeply(tree($dir), {
		'testusdt' => 'dir 0700',
		$path =~ m{^\Q$dir\E/(testusdt/[^/]+)} => 'dir 0700',
		substr($path, 1 + length $dir) => 'file 0400',
	}, 'directories and a file, closed to others, and nothing else');
	is((lstat $dir)[2] & 07777, 0700, 'the place itself too');

	my ($image) = $process->images;
	is($image->{path}, $path, 'this file is mapped');
	is((stat $path)[1], $image->{ino}, 'the very one');
	is_deeply([map { $_->{perms} } @{ $image->{segments} }],
		[qw(r--p r-xp rw-p)], 'three mappings');
	is_deeply([new_fds($process->pid)], [],
		'no descriptor stays open');
	is($process->close, 0, 'ended');
	ok(-f $path, 'the file stays when its process has ended');
});

for my $umask (qw(0777 0377 0077 0000)) {
	case("umask $umask" => sub {
		my $dir = fresh();
		my $process = place($dir, under => ['sh', '-c',
			"umask $umask; exec \"\$0\" \"\$@\""]);
		my $path = taken($process);

		is_deeply([steps($process)], [$path], 'used at once');
		is_deeply([sort values %{ tree($dir) }],
			['dir 0700', 'dir 0700', 'file 0400'], 'the modes');
		is((stat $dir)[2] & 07777, 0700, 'of the place too');
		my $second = place($dir);
		is(taken($second), $path, 'others use it');
	});
}

case('enabling and disabling for ever' => sub {
	my $process = place(fresh());
	my $path = taken($process);
	my $inode = inode($path);
	my $lines = () = $process->maps;

	for (1 .. 50) {
		$process->ask('disable') eq 'ok' or die $process->report;
		$process->ask('enable') eq 'ok' or die $process->report;
	}
	is(taken($process), $path, 'the same path');
	is(inode($path), $inode, 'the same file');
	is(scalar(() = $process->maps), $lines, 'no further mapping');
	is_deeply([new_fds($process->pid)], [],
		'no descriptor');
});

# --- the path ---------------------------------------------------------------

case('one definition, one path' => sub {
	my $dir = fresh();
	my @two = map { place($dir) } 1 .. 2;
	my @paths = map { taken($_) } @two;
	my $inode = inode($paths[0]);

	is($paths[0], $paths[1], 'two processes have one path');
	is(($two[0]->images)[0]{ino}, ($two[1]->images)[0]{ino},
		'and map one file');
	$_->close for @two;
	my $later = place($dir);
	is(taken($later), $paths[0], 'a later one has the same');
	is(inode($paths[0]), $inode, 'file too');
	is(scalar images_in($dir), 1, 'there is no other');
	is(taken(place(fresh())) =~ s{.*/place\d+/}{}r,
		$paths[0] =~ s{.*/place\d+/}{}r,
		'elsewhere it is called alike');
});

case('the path depends on the definition' => sub {
	my $dir = fresh();
	my @two = (qw(f n int), 'char *', qw(-- g o long));
	my %definition = (
		'the first of all' => [@two],
		'another provider' => ['-p', 'other', @two],
		'another module' => ['-m', 'other', @two],
		'another first type' => [qw(f n uint8_t), 'char *',
			qw(-- g o long)],
		'another second type' => [qw(f n int), 'void *',
			qw(-- g o long)],
		'another third type' => [qw(f n int), 'char *',
			qw(-- g o int)],
		'one type less' => [qw(f n int -- g o long)],
		'one type more' => [@two, 'int'],
		'another type of the same size' => [qw(f n int), 'char *',
			qw(-- g o int64_t)],
		'another function' => [qw(h n int), 'char *',
			qw(-- g o long)],
		'another name' => [qw(f m int), 'char *', qw(-- g o long)],
		'another name of the last' => [qw(f n int), 'char *',
			qw(-- g p long)],
		'another order' => [qw(g o long -- f n int), 'char *'],
		'a type moved' => [qw(f n int -- g o), 'char *', 'long'],
		'one probe less' => [qw(f n int), 'char *'],
		'one probe more' => [@two, qw(-- g q)],
	);
	my %seen;

	for my $name (sort keys %definition) {
		my $path = taken(place($dir, args => $definition{$name}));
		ok(!$seen{$path}, $name) or diag("as with $seen{$path}: $path");
		$seen{$path} = $name;
	}
	my ($native, @others) = map {
		taken(place($dir, args => \@two, env => { USDT_NOP => $_ }))
	} undef, 1, 5, 10;
	my %paths = map { $_ => 1 } @others;
	if (unpack('v', substr(slurp($native), 18, 2)) == 62) {
		is(scalar keys %paths, 3, 'each nop has a path');
		ok($paths{$native}, 'and the one that is chosen is of them');
	} else {
		is_deeply(\%paths, { $native => 1 }, 'there is one nop here');
	}
});

# --- places that are passed over --------------------------------------------

# Root is not bound by file modes, unless it drops that capability.
my @plain = $> == 0 ? ('setpriv', '--bounding-set',
	'-dac_override,-dac_read_search') : ();

# A fault of a place; code that causes it (it gets the path, and may return
# another); and the reason in the status, where PLACE is the path.
my @bad = (
	['a relative path', sub { 'relative' },
		qr/^relative: not an absolute path$/],
	['a path with dots', sub { './relative' }, qr/not an absolute path$/],
	(map { my ($what, $sign) = @$_; [
		"a path with $what", sub { mkdir("$_[0]${sign}x", 0700);
			"$_[0]${sign}x" },
		qr/: tracers cannot read paths with blanks, ':' or ','$/,
	] } ['a blank', ' '], ['a tab', "\t"], ['a colon', ':'],
		['a comma', ',']),
	['a path that is too long', sub { $_[0] . '/x' x 480 },
		qr/: the image's path would have more than 1023 bytes$/],
	['a missing parent', sub { "$_[0]/deeper" },
		qr/^PLACE: No such file or directory$/],
	['a parent without write permission',
		sub { mkdir($_[0], 0500); "$_[0]/deeper" },
		qr/^PLACE: Permission denied$/],
	['no write permission', sub { mkdir($_[0], 0500) },
		qr{^PLACE/[^/]+: Permission denied$}],
	['no permission at all', sub { mkdir($_[0], 0000) },
		qr/^PLACE: Permission denied$/],
	['a file', sub { spew($_[0], '') }, qr/^PLACE: Not a directory$/],
	['a file in its path', sub { spew($_[0], ''); "$_[0]/deeper" },
		qr/^PLACE: Not a directory$/],
	['a link to a directory', sub { mkdir("$_[0].real", 0700);
		symlink("$_[0].real", $_[0]) },
		qr/^PLACE: (?:Not a directory|Too many levels of .* links)$/],
	['a link to nothing', sub { symlink("$_[0].real", $_[0]) },
		qr/^PLACE: (?:Not a directory|Too many levels of .* links)$/],
	['mode 755', sub { mkdir($_[0], 0755); chmod(0755, $_[0]) },
		qr/^PLACE: open to others, mode 755 instead of 700$/],
	['mode 777', sub { mkdir($_[0], 0777); chmod(0777, $_[0]) },
		qr/^PLACE: open to others, mode 777 instead of 700$/],
	['mode 701', sub { mkdir($_[0], 0701); chmod(0701, $_[0]) },
		qr/^PLACE: open to others, mode 701 instead of 700$/],
	['mode 720', sub { mkdir($_[0], 0720); chmod(0720, $_[0]) },
		qr/^PLACE: open to others, mode 720 instead of 700$/],
	['another owner', sub { $> == 0 ? mkdir($_[0], 0755) &&
		chown(65534, -1, $_[0]) && $_[0] : '/usr' },
		qr/^PLACE: belongs to user \d+$/],
	(map { my ($what, $spoil, $reason) = @$_; [
		"$what in the provider's place", sub { mkdir($_[0], 0700);
			$spoil->("$_[0]/" . provider(), $_[0]); $_[0] },
		$reason,
	] } ['a file', sub { spew($_[0], '') },
			qr{^PLACE/[^/]+: Not a directory$}],
		['a link', sub { mkdir("$_[1].r", 0700);
			symlink("$_[1].r", $_[0]) },
			qr{^PLACE/[^/]+: (?:Not a directory|Too many levels)}],
		['mode 755', sub { mkdir($_[0]); chmod(0755, $_[0]);
			spew("$_[0]/file", '') },
			qr{^PLACE/[^/]+: open to others, mode 755 instead}]),
);

for my $row (@bad) {
	my ($what, $spoil, $reason) = @$row;
	case("$what: the next place is used" => sub {
		my $dir = fresh();
		my $changed = $spoil->($dir);
		$dir = $changed if $changed =~ m{/|relative};
		my $before = -o $dir ? tree($dir) : undef;
		my $process = place($dir, under => [@plain],
			args => ['-p', provider(), qw(func probe int)]);
		$process->ready or die $process->report;
		my $exact = $reason =~ s/PLACE/\Q$dir\E/r;

		my $path = passed_over($process, qr/$exact/);
		like($path, qr{^(?:/dev/shm|/tmp)/usdt-$>/|^/proc/},
			'one of the user');
		is_deeply(tree($dir), $before, 'earlier files stay')
		    if $before;
		is_deeply([grep { $path !~ m{/fd/$_$} }
			new_fds($process->pid)], [],
			'no descriptor stays open');
	});
}

# "root" in a user's namespace is that user, who must not use root's directory.
case('a user namespace has places of its own' => sub {
	my @apart = qw(unshare --user --map-root-user);
	my $why = `@apart true 2>&1`;
	return pass("no user namespace can be had: $why") if $? != 0;
	my $process = place('', under => [@apart],
		args => ['-p', provider(), qw(func probe int)]);
	my $path = taken($process);
	my ($number) = readlink('/proc/' . $process->pid . '/ns/user')
	    =~ /(\d+)/;

	my ($dir) = $path =~ m{^((?:/dev/shm|/tmp)/usdt-0-$number)/};
	ok(defined $dir, 'they are named for it') or diag($path);
	is($process->ask(''), 'fired 1', 'the probe fires');
	$process->close;
	remove_tree($dir) if defined $dir;
});

# A host that can open nothing has no place for images.
case('no place at all' => sub {
	my $dir = fresh();
	my $process = place($dir);
	my $path = taken($process);
	my @limit = ('prlimit', '--pid', $process->pid);

	is($process->ask('add func further int'), 'ok 1', 'a further probe');
	system(@limit, '--nofile=3:') == 0 or die "prlimit failed\n";
	my $error = $process->ask('enable');
	like($error, qr/^error failed to place the probe image: /, 'an error');
	like($error, qr/\Q$_\E: Too many open files/, "it names $_")
	    for $dir, "/dev/shm/usdt-$>", "/tmp/usdt-$>", 'memfd';
	my $status = $process->status;
	is($status->{enabled}, 1, 'the provider is as it was: enabled,');
	is($status->{probes}, 1, 'with its probe');
	is($status->{waiting}, 1, 'and one that waits');
	is($status->{'sdt.path'}, $path, 'at its path');
	is($status->{'sdt.taken'}, 1, 'where tracers see it');
	is($process->ask('disable'), 'ok', 'disabled');
	like($process->ask('enable'), qr/^error failed to place /,
		'now it can not be enabled');
	$status = $process->status;
	is($status->{enabled}, 0, 'so it is not');
	is($status->{'sdt.error'}, EMFILE, 'status has the error');
	like($status->{'sdt.reason'}, qr/\Q$dir\E: Too many open files/,
		'and the reason');

	system(@limit, '--nofile=64:') == 0 or die "prlimit failed\n";
	is($process->ask('enable'), 'ok', 'with descriptors it can');
	$status = $process->status;
	is_deeply([@$status{qw(probes waiting sdt.taken sdt.reason)}],
		[2, 0, 1, ''], 'all is well');
	is_deeply([new_fds($process->pid)], [],
		'no descriptor stays open');
});

case('a text of many long paths has every reason' => sub {
	my $dir = fresh();
	mkdir($dir, 0700);
	$dir .= '/' . 'x' x 200, mkdir($dir, 0700) for 1 .. 3;
	my $process = place("$dir/deeper");
	my $path = taken($process);

	is($path =~ s{/deeper/.*}{}r, $dir, 'a long path is fine');
	ok($process->ask('disable'), 'disabled');
	$process->ask('add func further int');
	system('prlimit', '--pid', $process->pid, '--nofile=3:') == 0 or die;
	my $error = $process->ask('enable');
	like($error, qr/\Q$_\E: Too many open files/, "the text has $_")
	    for "/dev/shm/usdt-$>", "/tmp/usdt-$>", 'memfd';
});

# From no descriptor to enough: an image in use stays, whatever happens to us.
case('few descriptors do no harm' => sub {
	my $dir = fresh();
	my $holder = place($dir);
	my $path = taken($holder);
	my $inode = inode($path);
	my %said;

	for my $limit (4 .. 16) {
		my $process = place($dir, under => ['prlimit',
			"--nofile=$limit"]);
		$said{$process->ready ? 'ready' : 'error'} = 1;
		is(inode($path), $inode, "$limit descriptors: it stays")
		    or return diag($process->report);
		$process->end;
	}
	ok($said{ready}, 'some had enough');
	is(taken($holder), $path, 'the holder has it still');
});

# Writing beyond the limit of a file's size is a deadly signal.  The provider
# has a new name: an existing image would need no writing.
case('a limit on the size of files kills no process' => sub {
	my $dir = fresh();
	my @args = ('-p', "small$$", qw(func probe int));

	for my $limit (0, 4096, 1 << 20) {
		my $process = place($dir, env => { USDT_DEBUG => undef },
			args => \@args, under => ['prlimit', "--fsize=$limit"]);
		like($process->greeting, $limit <= 4096 ?
			qr/^error failed to place .*: File too large/ :
			qr/^ready /, "a limit of $limit bytes");
		$process->end;
	}
	is(scalar(() = images_in($dir)), 1, 'nothing was left behind');
});

case('USDT_IMAGE_DIR in other spellings' => sub {
	my $dir = fresh();
	my ($last) = $dir =~ m{([^/]+)$};
	my @args = (args => ['-p', provider(), qw(func probe int)]);
	my $path = taken(place($dir, @args));

	symlink($scratch, "$dir.parent");
	for my $other ("$dir/", "$dir//", "/$dir", "$scratch/./$last",
	    "$dir/../$last", "$dir/.", "$dir.parent/$last") {
		my $process = place($other, @args);
		is(taken($process), $path, "$other: the same path");
		is(($process->images)[0]{path}, $path, 'as in maps');
	}
	symlink($dir, "$dir.link");
	like(taken(place($_, @args)), qr{^(?!\Q$dir\E)},
		"$_: a link is not used") for "$dir.link", "$dir.link/";
	like(taken(place('', @args)), qr{^(?!\Q$dir\E)/}, 'none');

	mkdir("$dir with blanks", 0700);
	symlink("$dir with blanks", "$dir.blanks");
	my $process = place("$dir.blanks/deeper", @args);
	$process->ready;
	like(passed_over($process, qr/: tracers cannot read paths with blanks/),
		qr{^(?!\Q$dir\E)}, 'a link hides no blanks');
});

# --- other files in the image's place ---------------------------------------

# image(DIR): the path and the bytes of the unused image there.
sub image
{
	my ($dir) = @_;
	my $process = place($dir);
	my $path = taken($process);

	$process->close;
	return ($path, slurp($path));
}

sub changed
{
	my ($bytes, $at) = @_;

	substr($bytes, $at, 1) ^= "\x01";
	return $bytes;
}

# The ways in which the image's file can be wrong: code that gets path and
# bytes.
my %wrong = (
	'the first byte changed' => sub { spew($_[0], changed($_[1], 0)) },
	'a byte of code changed' => sub { spew($_[0], changed($_[1], 4096)) },
	'the last byte changed' => sub { spew($_[0], changed($_[1], -1)) },
	'one byte less' => sub { spew($_[0], substr($_[1], 0, -1)) },
	'one byte more' => sub { spew($_[0], "$_[1]x") },
	'one zero more' => sub { spew($_[0], "$_[1]\0") },
	'many bytes more' => sub { spew($_[0], $_[1] . 'x' x 100000) },
	'cut to a page' => sub { spew($_[0], substr($_[1], 0, 4096)) },
	'an empty file' => sub { spew($_[0], '') },
	(map {
		my $mode = $_;
		("mode $mode" => sub { chmod(oct $mode, $_[0]) })
	} qw(0000 0600 0440 0500 0666 4400)),
);
my %wrong_kind = (
	'a link to a good copy' => sub { rename($_[0], "$scratch/good");
		symlink("$scratch/good", $_[0]) },
	'a link to nothing' => sub { unlink($_[0]);
		symlink("$scratch/nothing", $_[0]) },
	'a link to itself' => sub { unlink($_[0]); symlink($_[0], $_[0]) },
	'a FIFO' => sub { unlink($_[0]); mkfifo($_[0], 0400) },
	'a socket' => sub { unlink($_[0]); chdir($_[0] =~ s{[^/]+$}{}r);
		IO::Socket::UNIX->new(Local => 'testmod', Listen => 1);
		chdir('/') },
	'a directory' => sub { unlink($_[0]); mkdir($_[0], 0400) },
	'a directory with a file' => sub { unlink($_[0]); mkdir($_[0], 0700);
		spew("$_[0]/file", '') },
);

$wrong_kind{'another owner'} = sub { chown(65534, -1, $_[0]) } if $> == 0;

for my $what (sort keys %wrong) {
	case("$what in the image's file" => sub {
		my $dir = fresh();
		my ($path, $bytes) = image($dir);

		$wrong{$what}->($path, $bytes);
		my $process = place($dir, under => [@plain]);
		is(taken($process), $path, 'it is made again');
		is_whole($process, $bytes, 'the new one');
		is((stat $path)[2] & 07777, 0400, 'with the right mode');
		is_deeply([images_in($dir)], [substr($path, 1 + length $dir)],
			'nothing is left behind');
	});
}

for my $what (sort keys %wrong_kind) {
	case("$what in the image's place" => sub {
		my $dir = fresh();
		my ($path, $bytes) = image($dir);
		my $cwd = POSIX::getcwd();

		$wrong_kind{$what}->($path, $bytes);
		chdir($cwd);
		my $process = place($dir);
		my $sibling = $path =~ s{(/[^/]+)$}{.1$1}r;
		my $taken = taken($process);
		ok($taken eq $path || $taken eq $sibling,
			'it is made again, or a sibling') or diag($taken);
		is_whole($process, $bytes, 'the new one');
		is((lstat $taken)[2] & 07777, 0400, 'with the right mode');
		is((lstat $taken)[4], $>, 'and ours');
		ok(-f "$path/file", 'the file stays') if $what =~ /with a file/;
	});
}

case('something else in the place of the directory of the image' => sub {
	my %spoil = (
		'a file' => [sub { spew($_[0], '') }, qr/: Not a directory$/],
		'a link' => [sub { symlink('/tmp', $_[0]) },
			qr/: (?:Not a directory|Too many levels)/],
		'mode 777' => [sub { mkdir($_[0]); chmod(0777, $_[0]) },
			qr/: open to others, mode 777/],
	);
	for my $what (sort keys %spoil) {
		my $dir = fresh();
		my @args = (args => ['-p', provider(), qw(func probe int)]);
		my $process = place($dir, @args);
		my $hash = taken($process) =~ s{/[^/]+$}{}r;
		$process->close;
		remove_tree($hash);
		$spoil{$what}[0]->($hash);
		my $before = tree($dir);
		$process = place($dir, @args);
		$process->ready;
		passed_over($process, $spoil{$what}[1]);
		is_deeply(tree($dir), $before, "$what stays");
	}
});

# --- held by others ---------------------------------------------------------

for my $what ('one byte more', 'the last byte changed', 'mode 0600',
    'mode 0000') {
	case("$what in a file that is held" => sub {
		my $dir = fresh();
		my $holder = place($dir);
		my $path = taken($holder);
		my $bytes = slurp($path);
		my $inode = inode($path);

		# In place: with "+<" the file is not cut under the holder.
		if ($what =~ /^mode (.*)/) {
			chmod(oct $1, $path);
		} else {
			chmod(0600, $path);
			open(my $out, '+<:raw', $path) or die "$path: $!\n";
			print $out $what =~ /more/ ? "${bytes}x" :
			    changed($bytes, -1);
			close($out);
			chmod(0400, $path);
		}
		my $other = place($dir, under => [@plain]);
		my $sibling = $path =~ s{(/[^/]+)$}{.1$1}r;
		is(taken($other), $sibling, 'a sibling is used');
		is_whole($other, $bytes, 'the sibling');
		is(inode($path), $inode, 'the file of the holder is there');
		is(taken($holder), $path, 'it has it still');
		is($holder->ask(''), 'fired 1', 'and fires');
		is($holder->close, 0, 'and ends well');

		my $third = place($dir);
		is(taken($third), $path, 'now it is replaced');
		is_whole($third, $bytes, 'the new one');
		is($_->close, 0, 'ends well') for $other, $third;
	});
}

case('held by a descriptor only' => sub {
	my $dir = fresh();
	my ($path, $bytes) = image($dir);
	open(my $held, '<', $path) or die "$path: $!\n";
	chmod(0600, $path);
	my $process = place($dir);

	is(taken($process), $path =~ s{(/[^/]+)$}{.1$1}r, 'a sibling');
	is((stat $path)[2] & 07777, 0600, 'the file is left alone');
	close($held);
	is(taken(place($dir)), $path, 'not held: replaced');
	is((stat $path)[2] & 07777, 0400, 'with the right mode');
});

# Another process asks who holds the file, and does not finish, as if it was
# stopped.
case('a lease that is not given back' => sub {
	my $dir = fresh();
	my @args = (args => ['-p', provider(), qw(func probe int)]);
	my $first = place($dir, @args);
	my $path = taken($first);
	$first->close;
	local $SIG{IO} = 'IGNORE';
	open(my $held, '<', $path) or die "$path: $!\n";
	fcntl($held, F_SETLEASE, F_WRLCK) or
	    return cannot("no lease to be had: $!");
	my $process = place($dir, @args);
	ok($process->ready, 'enabled');
	# The kernel breaks a lease that is not returned in 45 s.
	like(slurp('/proc/locks'), qr/LEASE +BREAKING .*:@{[(stat $path)[1]]} /,
		'before the kernel took the lease away');
	isnt(taken($process), $path, 'with another image');
	fcntl($held, F_SETLEASE, F_UNLCK);
	close($held);
	ok(-f $path, 'the file is there');
	is(taken(place($dir, @args)), $path, 'and is used again');
});

# --- several in one process -------------------------------------------------

my $plugin = eval {
	build("$scratch/plugin.so", 'plugin.c', '-shared', '-fPIC');
	spew("$scratch/plugin2.so", slurp("$scratch/plugin.so"));
	build("$scratch/plugin_host", 'plugin_host.c');
};
ok($plugin, 'host and plugins') or diag($@);

# host(DIR, NAME => VALUE...): a plugin_host.c with images in DIR.
sub host
{
	my ($dir, %env) = @_;

	my $host = Usdt::Process->new(
		program => "$scratch/plugin_host",
		args => ["$scratch/plugin.so", "$scratch/plugin2.so"],
		env => in_environment(USDT_IMAGE_DIR => $dir, %env));
	$host->ready or die $host->report;
	return $host;
}

# orders(HOST, ORDER...): each is answered with "ok".
sub orders
{
	my ($host, @orders) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is($host->ask($_), 'ok', $_) for @orders;
}

# slot_path(HOST, PLUGIN, SLOT): its path below the provider's directory.
sub slot_path
{
	my ($host, $plugin, $slot) = @_;

	return $host->ask("path $plugin $slot") =~ s{^path .*/plugged/}{}r;
}

# mapped_once(HOST, COUNT): there are COUNT images, each file mapped once.
sub mapped_once
{
	my ($host, $count) = @_;
	my %inodes = map { $_->{ino} => 1 } $host->images;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is(scalar(() = $host->images), $count, "$count images");
	is(scalar keys %inodes, $count, 'each file is mapped once');
}

case('equal providers of one process' => sub {
	my $dir = fresh();
	my $host = host($dir);

	orders($host, 'load 0', map { "make 0 $_" } 0 .. 3);
	my @paths = map { slot_path($host, 0, $_) } 0 .. 3;
	my $name = $paths[0] =~ s{/.*}{}r;
	is_deeply(\@paths, ["$name/plugin",
		map { "$name.$_/plugin" } 1 .. 3], 'siblings');
	mapped_once($host, 4);
	my %bytes = map { slurp("$dir/plugged/$_") => 1 } @paths;
	is(scalar keys %bytes, 1, 'with the same bytes');

	orders($host, 'free 0 1', 'make 0 1');
	is(slot_path($host, 0, 1), $paths[1], 'the place that is free');
	orders($host, 'free 0 0', 'free 0 2');
	is(slot_path($host, 0, 3), $paths[3], 'the others stay');
	orders($host, 'make 0 2', 'make 0 0');
	is(slot_path($host, 0, 2), $paths[0], 'the first of all again');
	is(slot_path($host, 0, 0), $paths[2], 'then the next that is free');
	mapped_once($host, 4);
	is($host->ask("fire 0 $_ 1"), 'fired 1', "$_ fires") for 0 .. 3;

	my $other = host($dir);
	orders($other, 'load 0', 'make 0 0', 'make 0 1');
	is(slot_path($other, 0, 0), $paths[0], 'another process: the first');
	is(slot_path($other, 0, 1), $paths[1], 'and the second');
	is(scalar images_in($dir), 4, 'no more files than siblings');
	is($host->close, 0, 'ended well');
});

case('plugins with copies of the library' => sub {
	my $host = host(fresh());

	orders($host, 'load 0', 'load 1', 'make 0 0', 'make 1 0');
	my ($first, $second) = map { slot_path($host, $_, 0) } 0, 1;
	is($second, $first =~ s{/}{.1/}r, 'a sibling');
	mapped_once($host, 2);

	orders($host, 'free 0 0', 'unload 0');
	mapped_once($host, 1);
	is(slot_path($host, 1, 0), $second, 'the other stays');
	is($host->ask('fire 1 0 7'), 'fired 1', 'and fires');
	is($host->ask('fork'), 'forked 0', 'the host can fork');
	orders($host, 'load 0', 'make 0 0');
	is(slot_path($host, 0, 0), $first, 'loaded again: the first again');
	mapped_once($host, 2);
	is($host->ask('fire 0 0 8'), 'fired 1', 'and fires');
	orders($host, 'enable 1 0', 'free 0 0', 'free 1 0', 'unload 0',
		'unload 1');
	is_deeply([$host->images], [], 'all is unmapped');
	is($host->ask('fork'), 'forked 0', 'the host can fork');
	is($host->close, 0, 'ended well');
});

# Its images stay mapped: no copy of the library knows them any more. (A leak
# checker would be right to report one.)
case('a plugin that goes without freeing its provider' => sub {
	my $host = host(fresh(), ASAN_OPTIONS => 'detect_leaks=0');

	orders($host, 'load 0', 'load 1', 'make 0 0', 'make 1 0', 'unload 0');
	my ($name) = slot_path($host, 1, 0) =~ m{^([^/]+)\.1/};
	is($host->ask('fork'), 'forked 0', 'the host can fork');
	is($host->ask('fire 1 0 7'), 'fired 1', 'the other fires');
	orders($host, 'load 0', 'make 0 0');
	is(slot_path($host, 0, 0), "$name.2/plugin",
		'loaded again: what is left is not mapped twice');
	mapped_once($host, 3);
	is($host->ask('fork'), 'forked 0', 'the host can fork');
	orders($host, 'unload 0', 'free 1 0', 'unload 1');
	is($host->ask('fork'), 'forked 0', 'the host can fork');
	is($host->close, 0, 'ended well');
});

# --- removed images ---------------------------------------------------------

for my $how ('the file', 'its directory', 'all of the place',
    'the file, and another put there') {
	case("$how removed under a live provider" => sub {
		my $dir = fresh();
		my $process = place($dir);
		my $path = taken($process);
		my $bytes = slurp($path);
		my $inode = inode($path);

		if ($how =~ /^the file/) {
			unlink($path) or die "$path: $!\n";
		} else {
			remove_tree($how =~ /all/ ? $dir :
				$path =~ s{/[^/]+$}{}r);
		}
		spew($path, $bytes) if $how =~ /another/;
		my $status = $process->status;
		is($status->{'sdt.taken'}, 0, 'status says that it is gone');
		is($status->{'sdt.error'}, POSIX::ENOENT(), 'ENOENT');
		is($status->{'sdt.reason'}, 'the image file has been removed; '
			. 'enable makes it again (systemd removes /dev/shm of a user '
			. 'at the last logout, and what is old in /tmp: usdt doctor)',
			'and what to do');
		is($process->ask(''), 'fired 1', 'firing goes on');

		is($process->ask('enable'), 'ok', 'enabled again');
		is(taken($process), $path, 'it is there again, same path');
		ok(slurp($path) eq $bytes, 'same bytes');
		is(scalar(grep { !$_->{deleted} } $process->images), 1,
			'which is mapped once');
		is($process->ask(''), 'fired 1', 'and fires');
		is_deeply([images_in($dir)], [substr($path, 1 + length $dir)],
			'nothing else');
		is(taken(place($dir)), $path, 'others share it');
		is($process->close, 0, 'ended well');
	});
}

case('removed while disabled' => sub {
	my $process = place(fresh());
	my $path = taken($process);

	$process->ask('disable');
	unlink($path) or die "$path: $!\n";
	is($process->ask('enable'), 'ok', 'enabled');
	is(taken($process), $path, 'it is there again');
	is($process->ask(''), 'fired 1', 'and fires');
});

# --- children ---------------------------------------------------------------

case('a forked child enables a further probe' => sub {
	my $dir = fresh();
	my $process = place($dir);
	my $path = taken($process);
	my ($child) = $process->ask('fork') =~ /^forked (\d+)$/ or die;

	is($process->status('child ')->{'sdt.path'}, $path,
		'the child has its image');
	is($process->ask('child add func further int'), 'child ok 1', 'added');
	is($process->ask('child enable'), 'child ok', 'enabled');
	my $status = $process->status('child ');
	my $further = $status->{'sdt.path'};
	is_deeply([@$status{qw(probes waiting images sdt.taken)}],
		[2, 0, 2, 1], 'two probes in two images');
	isnt($further, $path, 'at two paths');
	is(scalar(() = $process->images($child)), 2, 'both are mapped');
	is($process->ask('child '), 'child fired 2', 'and fire');

	is(scalar(() = $process->images), 1, 'the parent has one');
	is($process->ask('add func further int'), 'ok 1', 'it adds the same');
	is($process->ask('enable'), 'ok', 'and enables');
	is(taken($process), $further, 'its image is that of the child');
	is($process->ask('child free'), 'child ok', 'the child frees');
	is($process->ask('child quit'), 'child ended', 'and ends');
	is(taken($process), $further, 'the parent goes on');
	is($process->ask(''), 'fired 2', 'and fires');
	is(scalar images_in($dir), 2, 'there are two files');
});

# --- pruning ----------------------------------------------------------------

# many(DIR, COUNT, AGE): images of modules m1 ... of ended processes, each older
# than the next.  Returns their paths.
sub many
{
	my ($dir, $count, $age) = @_;
	my @paths;

	for my $n (1 .. $count) {
		my $process = place($dir, args => ['-m', "m$n", 'f', 'n']);
		push @paths, taken($process);
		$process->close;
	}
	my $now = time;
	utime($now, $now - $age + $_, $paths[$_ - 1]) for 1 .. $count;
	return @paths;
}

case('the oldest of more than 64 are removed' => sub {
	my $dir = fresh();
	my @paths = many($dir, 64, 10000);
	my $foreign = "$dir/notes.txt";

	is(scalar(grep { -f } @paths), 64, '64 images stay');
	spew($foreign, 'not an image');
	make_path("$dir/testusdt/0-0123456789abcdef");
	my $layout = "$dir/testusdt/0-0123456789abcdef/m";
	spew($layout, 'of another layout');
	utime(1, 1, $foreign, $layout);
	my @temporary = map { $_ =~ s{/[^/]+$}{/~new-1-2-3}r } @paths[5, 60];
	spew($_, 'unfinished') for @temporary;

	# The two oldest are in use: by a mapping and by a descriptor.  That a
	# process enables one does not remove anything, but makes it the
	# youngest.
	my $holder = place($dir, args => ['-m', 'm1', 'f', 'n']);
	is(taken($holder), $paths[0], 'the oldest is used');
	utime(1, 1, $paths[0]);
	open(my $held, '<', $paths[1]) or die "$paths[1]: $!\n";
	place($dir, args => ['-m', 'm3', 'f', 'n'])->ready;
	ok(-f $temporary[0], 'an image that is there: nothing is removed');
	is(scalar(grep { -f } @paths), 64, 'of the others either');

	my $new = place($dir, args => ['-m', 'new1', 'f', 'n']);
	taken($new);
	ok(-f $paths[0], 'a 65th: the oldest is in use and stays');
	$new = place($dir, args => ['-m', "new$_", 'f', 'n']), taken($new)
	    for 2 .. 5;
	is_deeply([map { 0 + !-f $paths[$_] } 0 .. 7],
		[0, 0, 0, 1, 1, 1, 0, 0],
		'a 69th: the oldest unused ones are gone');
	ok(!-e $paths[3] =~ s{/[^/]+$}{}r, 'with their directories');
	is_deeply([grep { -e } @temporary], [], 'and what was unfinished');
	ok(-f $foreign && -f $layout, 'foreign files stay');
	is(taken($holder), $paths[0], 'the holder has its image');
	is($holder->ask(''), 'fired 1', 'and fires');
	like($new->stderr, qr/^libusdt\[\d+\]: image: removed /m,
		'it is reported');

	close($held);
	$holder->close;
	taken(place($dir, args => ['-m', 'new6', 'f', 'n']));
	is_deeply([map { 0 + !-f $paths[$_] } 0 .. 7],
		[1, 1, 0, 1, 1, 1, 1, 0], 'not held any more: gone, too');
	is(scalar(grep { m{/1-} } images_in($dir)), 64, '64 are left');
});

case('a provider goes with its last image' => sub {
	my $dir = fresh();
	my $first = place($dir, args => ['-p', 'first', 'f', 'n']);
	my $path = taken($first);
	$first->close;
	utime(1, 1, $path);
	many($dir, 64, 100);
	ok(!-e "$dir/first", 'its directory, too');
	is(taken(place($dir, args => ['-p', 'first', 'f', 'n'])), $path,
		'and comes back');
});

# --- interrupted and concurrent enabling ------------------------------------

# meddle(DIR, ARGUMENT...): the answers of interrupted_enable.c, up to "lived
# N".
sub meddle
{
	my ($dir, @arguments) = @_;
	my $meddle = Usdt::Process->new(args => [@arguments],
		program => "$scratch/interrupted_enable", env => in_environment(
			USDT_IMAGE_DIR => $dir, USDT_DEBUG => undef));
	my @lines;

	$meddle->ready or die $meddle->report;
	push @lines, $meddle->line
	    until @lines && $lines[-1] =~ /^(?:lived|no trace)/;
	return @lines;
}

ok(eval {
	build("$scratch/$_", "$_.c") for qw(interrupted_enable
		concurrent_enable concurrent_pruning);
	1;
}, 'the other programs') or diag($@);

case('killed at each system call' => sub {
	my $top = fresh();
	mkdir($top, 0700);
	my @lines = meddle($top, 'kill', $top);
	my $last = pop @lines;

	return cannot($last) if $last =~ /^no trace/;
	is($last, 'lived 1', 'until one lives');
	cmp_ok(scalar @lines, '>', 50, scalar(@lines) . ' times');
	my %places = map { s{/\d+/placed}{/N/placed}r => 1 } @lines;
	is_deeply([map { s/[0-9a-f]{16}/HASH/r } keys %places],
		["placed $top/N/placed/1-HASH/steps"],
		'the next one finds its place each time');
	my %left = map { (s{^\d+/}{}r) => 1 } images_in($top);
	is_deeply([grep { !m{^placed/1-[0-9a-f]{16}/(?:steps|~new-[^/]*)$} }
		keys %left], [], 'no more than an unfinished file is left');
});

# While it maps, enabling notices the removal; later, status reports it.
case('the image is removed at each system call' => sub {
	my $top = fresh();
	mkdir($top, 0700);
	my @lines = meddle($top, 'remove', $top);
	my $last = pop @lines;

	return cannot($last) if $last =~ /^no trace/;
	is($last, 'lived 1', 'until one was not stopped');
	my %seen;
	$seen{$_}++ for @lines;
	ok($seen{"taken $_"}, "with $_ segments mapped it is created again")
	    for 0 .. 2;
	is_deeply([grep { /^gone [012]/ } keys %seen], [], 'always')
	    or diag(explain(\%seen));
	ok($seen{'gone 3'}, 'later it is gone, and status says so');
});

# This takes a while: only CI runs all 2,000.
my $kills = $ENV{USDT_NO_SKIP} ? 2000 : 200;

case("killed at $kills random times" => sub {
	my $dir = fresh();
	my @lines = meddle($dir, 'times', $kills);
	my ($lived) = pop(@lines) =~ /^lived (\d+)$/ or die;

	note("$lived were faster than that");
	is(scalar @lines, $kills, 'so many were, and had a next one');
	is_deeply([grep { !m{^placed \Q$dir\E/placed/1-[0-9a-f]{16}/m\d+$} }
		@lines], [], 'which found its place');
	taken(place($dir, args => ['-p', 'other', 'f', 'n']));
	my @left = images_in($dir);
	is_deeply([grep { m{/~new-} } @left], [], 'nothing unfinished is left');
	cmp_ok(scalar @left, '<=', 64, 'nor too much');
	my %ours = map { $_ => 1 } map { m{^placed (.*)$} } @lines;
	my %size = map { (-s "$dir/$_") => 1 } grep { $ours{"$dir/$_"} } @left;
	is(scalar keys %size, 1, 'all are whole') or diag(explain(\%size));
});

case('50 processes at once' => sub {
	my $dir = fresh();
	my $crowd = Usdt::Process->new(program => "$scratch/concurrent_enable",
		args => [50], env => in_environment(USDT_IMAGE_DIR => $dir,
			USDT_DEBUG => undef));
	my @lines;

	$crowd->ready or die $crowd->report;
	push @lines, $crowd->line until @lines && $lines[-1] =~ /^all/;
	is(pop @lines, 'all 50', 'all are there');
	my %seen;
	$seen{$_}++ for @lines;
	is(scalar keys %seen, 1, 'with one file') or diag(explain(\%seen));
	my ($path) = $lines[0] =~
	    m{^placed \d+ (\Q$dir\E/placed/1-\w+/crowd)$} or die @lines;
	is((stat $path)[3], 1, 'which has one name');
	is(scalar images_in($dir), 1, 'and is the only one');
	is($crowd->close, 0, 'all end well');
});

case('taking and pruning side by side' => sub {
	my $dir = fresh();
	my $race = Usdt::Process->new(program => "$scratch/concurrent_pruning",
		args => [4, 100, 4], env => in_environment(
			USDT_IMAGE_DIR => $dir, USDT_DEBUG => undef));
	my @lines;

	$race->ready or die $race->report;
	push @lines, $race->line until @lines && $lines[-1] =~ /^signals/;
	is(pop @lines, 'signals 0', 'no process dies of a signal');
	my ($rounds, $bad) = (0, 0);
	for (@lines) {
		/^rounds \d+ lost \d+ elsewhere \d+ errors \d+$/
		    or die "what is '$_'?\n";
		my ($n, @bad) = /\d+/g;
		$rounds += $n;
		$bad += $_ for @bad;
	}
	is(scalar @lines, 4, 'all have reported');
	cmp_ok($rounds, '>', 100, "$rounds rounds");
	is($bad, 0, 'every image was in its place, and stayed while held')
	    or diag($race->report);
	my @left = images_in($dir);
	# Each of the four looks for old files after every 16 that it made.
	cmp_ok(scalar @left, '<=', 64 + 4 * 16, 'the limit is kept');
	is_deeply([grep { m{/~new-} } @left], [], 'nothing is left behind');
	is($race->close, 0, 'ended well');
});

done_testing();
