#!/usr/bin/perl
# Can another user bring code or probes into a process, read what it has, or
# stop it?
#
# A victim and an attacker, two unprivileged users.  The attacker comes first
# and puts whatever it likes where the victim's images would be; in any case the
# victim has its probes, in files of its own, or in none.
#
# SPDX-License-Identifier: BSD-2-Clause
use strict;
use warnings;

use File::Path qw(remove_tree);
use POSIX ();
use Test::More;
use Time::HiRes qw(sleep time);
use Usdt::Process;
use Usdt::Tracer qw(need tracer_case scratch_dir);

need('root');
alarm 3600;

my ($victim, $attacker) = (61234, 61235);
my @places = ("/dev/shm/usdt-$victim", "/tmp/usdt-$victim");
my $dir = scratch_dir();
my @program = ('setpriv', "--reuid=$victim", "--regid=$victim",
	'--clear-groups', "$dir/test_usdt");
my @definition = ('-p', 'victims', 'f', 'n', 'int', 'char *');

chmod(0755, $dir);
system('cp', Usdt::Process::program(), "$dir/test_usdt") == 0 or die;

# as(USER, CODE): runs CODE in a child with that user's rights; returns its
# result, 0 to 255.
sub as
{
	my ($user, $code) = @_;
	my $pid = fork() // die "fork: $!\n";

	if ($pid == 0) {
		$( = $) = "$user $user";
		POSIX::setgid($user);
		POSIX::setuid($user);
		umask(0);
		my $result = eval { $code->() };
		POSIX::_exit($@ ? 255 : $result // 0);
	}
	waitpid($pid, 0);
	return $? >> 8;
}

sub clear
{
	for (@places) {
		-l $_ || -p $_ ? unlink($_) : remove_tree($_);
	}
}

END { clear() if defined $victim }

sub start
{
	my $process = Usdt::Process->new(program => [@program],
		args => [@definition], env => { @_ });

	$process->ready or die $process->greeting;
	return $process;
}

# Faults of a process's mappings, as text; '' if there are none.
sub wrong
{
	my ($process) = @_;
	my @wrong;

	for my $map ($process->maps) {
		push @wrong, "$map->{path} is writable and executable"
		    if $map->{perms} =~ /wx/;
	}
	for my $image ($process->images) {
		next if $image->{memfd};
		my @st = stat($image->{path});
		push @wrong, "$image->{path} is gone" if !@st;
		push @wrong, "$image->{path} is $st[4]'s" if @st
		    && $st[4] != $victim;
		push @wrong, sprintf('%s: mode %o', $image->{path},
			$st[2] & 07777) if @st && ($st[2] & 07777) != 0400;
	}
	push @wrong, 'no image' if !$process->images;
	return join("\n", @wrong);
}

# The path and the bytes of the image that the victim makes when it is alone.
clear();
my $honest = start();
my ($path) = map { $_->{path} } $honest->images;
my $bytes = $honest->image_bytes(($honest->images)[0]);
$honest->close;
clear();
my ($below) = $path =~ m{^\Q$places[0]\E/(.+)$}
    or BAIL_OUT("an image at $path");

# lay(PLACE, MODE, CHANGE): puts the attacker's copy of it there, with other
# code.
sub lay
{
	my ($place, $mode, $evil) = @_;
	my $copy = $bytes;

	substr($copy, 0x1000, 4096) = "\xcc" x 4096 if $evil;
	return as($attacker, sub {
		my $at = $place;

		mkdir($at) or die;
		for (split('/', $below =~ s{/[^/]+$}{}r)) {
			$at .= "/$_";
			mkdir($at) or die;
		}
		open(my $out, '>', "$place/$below") or die;
		print $out $copy;
		close($out);
		chmod($evil ? 0755 : 0444, "$place/$below");
		chmod($mode, $place);
		return 0;
	});
}

sub unharmed
{
	my ($what, $expected) = @_;
	my $process = start();
	my ($image) = $process->images;

	is(wrong($process), '', "$what: the victim has its own");
	like($image->{path}, $expected, "$what: $image->{path}")
	    if defined $expected;
	is($process->ask(''), 'fired 1', "$what: it fires");
	is($process->close, 0, "$what: it ends well");
}

for my $mode (0700, 0755, 0777) {
	for my $evil (0, 1) {
		tracer_case(sprintf('images that were there first, mode %o, '
			. '%s', $mode, $evil ? 'other code' : 'the same bytes')
		    => sub {
			is(lay($_, $mode, $evil), 0, "$_ is laid") for @places;
			unharmed('both places taken', qr/^\/memfd:/);
			remove_tree($places[1]);
			unharmed('one place taken', qr/^\Q$places[1]\E/);
			clear();
		});
	}
}

tracer_case('links' => sub {
	my %aim = (
		"the attacker's directory" => "$dir/attackers",
		"a directory of the victim's" => "$dir/victims",
		'nothing' => "$dir/nothing",
		'itself' => $places[0],
	);
	mkdir("$dir/attackers") or die;
	chown($attacker, $attacker, "$dir/attackers");
	mkdir("$dir/victims", 0700) or die;
	chown($victim, $victim, "$dir/victims");
	for my $what (sort keys %aim) {
		is(as($attacker, sub {
			symlink($aim{$what}, $_) || die for @places;
		}), 0, "links to $what are laid");
		unharmed("a link to $what", qr/^\/memfd:/);
		clear();
	}
	is_deeply([glob("$dir/victims/*"), glob("$dir/attackers/*")], [],
	    'nothing was made where they led');
});

tracer_case('a pipe, and a file' => sub {
	is(as($attacker, sub {
		POSIX::mkfifo($places[0], 0666) or die;
		open(my $out, '>', $places[1]) or die;
		return 0;
	}), 0, 'are laid');
	unharmed('a pipe and a file', qr/^\/memfd:/);
	clear();
});

tracer_case('a directory that all may write to' => sub {
	mkdir("$dir/open") or die;
	chmod(01777, "$dir/open");
	for my $mode (01777, 0770, 0702) {
		chown($victim, $attacker, "$dir/open");
		chmod($mode, "$dir/open");
		my $process = start(USDT_IMAGE_DIR => "$dir/open");
		is(wrong($process), '', 'the victim has its own');
		unlike(($process->images)[0]->{path}, qr/^\Q$dir\E/,
		    sprintf('not in one of mode %o', $mode));
		$process->close;
	}
	clear();
});

tracer_case('what others can read' => sub {
	my $process = start();
	my $image = ($process->images)[0];

	is(as($attacker, sub { opendir(my $d, $places[0]) ? 1 : 0 }), 0,
	    "another user can't list the images");
	is(as($attacker, sub { open(my $in, '<', $image->{path}) ? 1 : 0 }), 0,
	    'nor read one');
	is(as($attacker, sub { unlink($image->{path}) }), 0, 'nor remove it');
	is(as($attacker, sub { rename($places[0], "$places[0].x") }), 0,
	    'nor move them away');
	is(as($victim, sub { open(my $out, '+<', $image->{path}) ? 1 : 0 }), 0,
	    'not even the user opens one for writing by mistake');
	is($process->close, 0, 'it ends well');
	clear();
});

# The attacker swaps directories, links and files as fast as it can, while the
# victim enables again and again: each time the victim's image is its own.
tracer_case('a race' => sub {
	my $racer = fork() // die "fork: $!\n";

	if ($racer == 0) {
		as($attacker, sub {
			my $end = time + 20;
			while (time < $end) {
				for (@places) {
					symlink("$dir/attackers", $_);
					unlink($_);
					mkdir($_, 0777);
					mkdir("$_/victims", 0777);
					rename("$_/victims", "$_/other");
					rmdir("$_/other");
					rmdir($_);
				}
			}
		});
		POSIX::_exit(0);
	}
	my ($rounds, @wrong, %where) = (0);
	for (my $end = time + 6; time < $end; $rounds++) {
		my $process = start();
		my $is = wrong($process);
		push @wrong, $is if $is ne '';
		$where{($process->images)[0]->{path} =~ m{^/memfd:} ? 'memfd'
		    : 'file'}++;
		push @wrong, 'it did not fire' if $process->ask('')
		    ne 'fired 1';
		push @wrong, 'it did not end well' if $process->close != 0;
		as($victim, sub { system("rm -rf @places 2>/dev/null") });
	}
	kill('KILL', $racer);
	waitpid($racer, 0);
	system('pkill', '-KILL', '-u', $attacker);
	is_deeply(\@wrong, [], "$rounds times the victim has its own: "
	    . join(', ', map { "$where{$_} in a $_" } sort keys %where));
	is_deeply([glob("$dir/attackers/*")], [], 'nothing was made where '
	    . 'links led');
	clear();
});

done_testing();
