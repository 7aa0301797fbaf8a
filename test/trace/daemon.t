#!/usr/bin/perl
# What does a daemon lose that closes all descriptors and changes its root,
# user, directory and umask after it has enabled its probes?
#
# Nothing that it had.  What it enables later can't use files, and tracers that
# look below the process's own root do not find those probes.
#
# SPDX-License-Identifier: BSD-2-Clause
use strict;
use warnings;

use Test::More;
use Time::HiRes qw(sleep time);
use Usdt::Process;
use Usdt::Tracer qw(need tracer_case scratch_dir source_dir);
use Usdt::Watch qw(run_usdt);

need('root', 'cc', 'bpftrace');
alarm 3600;

my $dir = scratch_dir();
my $source = source_dir();
my $provider = "d${$}daemon";
my ($pid, $path, $number);

chmod(0711, $dir);
mkdir("$dir/root") && mkdir("$dir/images", 0700) or die "$dir: $!\n";
system($ENV{CC} // 'cc', qw(-std=gnu99 -Wall -Wextra), "-I$source", '-o',
    "$dir/daemon", "$source/test/places/daemon.c", Usdt::Tracer::library(),
    '-pthread') == 0 or die "daemon.c does not compile\n";

# The file of orders and answers: 128 bytes from us, 384 to us.
sub answer
{
	open(my $in, '<:raw', "$dir/orders") or die "orders: $!\n";
	seek($in, 128, 0);
	read($in, my $text, 384);
	return unpack('Z*', $text);
}

sub wait_answer
{
	my ($n) = @_;

	for (my $end = time + $Usdt::Tracer::PATIENCE; time < $end;
	    sleep(0.01)) {
		return $1 if answer() =~ /^done $n (.*)/s;
	}
	die "no answer to order $n\n";
}

sub order
{
	my ($text) = @_;

	$number++;
	open(my $out, '+<:raw', "$dir/orders") or die "orders: $!\n";
	print $out pack('Z128', "$number $text");
	close($out);
	return wait_answer($number);
}

sub start
{
	open(my $out, '>:raw', "$dir/orders") or die "orders: $!\n";
	print $out "\0" x 512;
	close($out);
	local $ENV{USDT_IMAGE_DIR} = "$dir/images";
	system("$dir/daemon", $provider, "$dir/root", "$dir/orders") == 0
	    or die "the daemon did not start\n";
	$number = 0;
	$pid = wait_answer(0);
}

END { kill('KILL', $pid) if $pid }

# How each tracer is started, and what it prints for a fire.
sub bpftrace
{
	my (@arguments) = @_;
	my $bt = Usdt::Tracer::Run->start(Usdt::Tracer::Bpftrace::command(
		'host', @arguments));

	$bt->wait_for(qr/^ready$/);
	return $bt;
}

my $clause = "BEGIN { printf(\"ready\\n\"); } usdt:%s:$provider:%s "
    . '{ printf("> %%d %%d\n", pid, arg0); }';

start();
($path) = map { $_->{path} }
    Usdt::Process->new(program => 'true', args => [])->images($pid);

tracer_case('a provider enabled before' => sub {
	ok(-f $path, "the image is still at $path");
	my $bt = bpftrace('-e', sprintf($clause, $path, 'go'));
	is(order('fire 1'), 'well', 'fire');
	is(order('fork 2'), 'well', 'a child fires');
	is(order('again'), 'well', 'disable and enable');
	is(order('fire 3'), 'well', 'fire');
	ok($bt->wait_until(sub { $bt->lines(qr/^> (.*)/) >= 3 }), 'is seen');
	is_deeply([map { s/^$pid/it/r =~ s/^\d+/its child/r }
		$bt->lines(qr/^> (.*)/)], ['it 1', 'its child 2', 'it 3'],
	    'by path, with its values') or diag($bt->report);
	$bt->stop('INT');

	my $watch = Usdt::Watch->attach(1, '-p', $pid, "$provider:go");
	is(order('fire 4'), 'well', 'fire');
	like(join("\n", $watch->take(1)), qr/^$pid .*go 4$/,
	    'usdt watch sees it by pid');
	$watch->stop('INT');
	my ($status, $out) = run_usdt('list', '-p', $pid);
	like($out, qr/\Q$provider\E.*\bgo\b/s, 'usdt list lists it');
});

# Its image directory is not below its new root, and belongs to another user.
tracer_case('a provider enabled afterwards' => sub {
	is(order('add late'), 'well', 'a probe is added and enabled');
	my $watch = Usdt::Watch->attach(2, '-p', $pid, $provider);
	is(order('add later'), 'well', 'another one');
	is(order('fire 5'), 'well', 'fire');
	like(join("\n", $watch->take(1)), qr/^$pid .*go 5$/,
	    'the first is traced on');
	$watch->stop('INT');
	$watch = Usdt::Watch->attach(3, '-p', $pid, $provider);
	is(order('fire 6'), 'well', 'fire');
	like(join("\n", $watch->take(1)), qr/^$pid .*go 6$/, 'beside them');
	$watch->stop('INT');
	my @images = grep { $_ =~ /memfd/ } map { $_->{path} }
	    Usdt::Process->new(program => 'true', args => [])->images($pid);
	is(scalar @images, 2, 'their images are memfds');
});

tracer_case('it ends' => sub {
	$number++;
	open(my $out, '+<:raw', "$dir/orders") or die;
	print $out pack('Z128', "$number quit");
	close($out);
	for (my $end = time + $Usdt::Tracer::PATIENCE; time < $end;
	    sleep(0.02)) {
		last if !kill(0, $pid);
	}
	ok(!kill(0, $pid), 'well');
	undef $pid;
});

done_testing();
