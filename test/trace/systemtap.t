#!/usr/bin/perl
# How does SystemTap read our probes?
#
# Only reading is tested: for tracing it loads a module into the running kernel,
# and its other way, BPF, has no arguments of such probes.
#
# SPDX-License-Identifier: BSD-2-Clause
use strict;
use warnings;

use Test::More;
use Usdt::Elf;
use Usdt::Process;
use Usdt::Tracer qw(need scratch_dir tracer_case kernel_headers);

need('stap', 'kernel headers');
alarm 3600;

my $dir = scratch_dir();
my $provider = "stap$$" . 'x';
my $headers = kernel_headers();

my $process = Usdt::Process->new(args => ['-p', $provider, 'f', 'a-b', 'int',
	'char *', '--', 'f', 'many', ('int') x 14, '--', 'g', 'none'],
	env => { USDT_IMAGE_DIR => "$dir/images" });
$process->ready or BAIL_OUT($process->report);
my ($image) = $process->images;
my $elf = Usdt::Elf->new($process->image_bytes($image));

# stap(ARGUMENT...): its output as lines.
sub stap
{
	local $ENV{SYSTEMTAP_DIR} = "$dir/cache";
	my $run = Usdt::Tracer::Run->start('stap', '-r', $headers, @_);

	$run->wait_until(sub { !$run->{out} }) or die "does not end\n";
	return @{ $run->{lines} };
}

tracer_case('it lists probes' => sub {
	my $mark = "process(\"$image->{path}\")";
	my @all = ("$mark.provider(\"$provider\").mark(\"a__b\") \$arg1:long "
		. '$arg2:long', "$mark.provider(\"$provider\").mark(\"many\") "
		. join(' ', map { "\$arg$_:long" } 1 .. 12),
		"$mark.provider(\"$provider\").mark(\"none\")");

	is_deeply([stap('-L', "$mark.provider(\"$provider\").mark(\"*\")")],
		\@all, 'by provider');
	is_deeply([stap('-L', "$mark.mark(\"*\")")],
		[map { s/\.provider\(.*?\)//r } @all], 'of a file');
	is_deeply([stap('-l', "$mark.mark(\"a*\")")],
		["$mark.mark(\"a__b\")"], 'some');
});

# The code of the module that it would load.  It moves the semaphore, whose
# address is right, by as much as the probe: usdt(7) says so.
tracer_case('where it would attach' => sub {
	my ($note) = grep { $_->{name} eq 'a__b' } $elf->notes;
	my ($code) = grep { /\Q$image->{path}\E.*sdt_sem_offset/ } stap('-p3',
		'-e', "probe process(\"$image->{path}\").mark(\"a__b\") {"
		. ' printf("%d %s\n", $arg1, user_string($arg2)) }');
	my ($site) = ($code // '') =~ /\.offset=\(loff_t\)(0x[0-9a-f]+)/;
	my ($semaphore) = ($code // '') =~
	    /\.sdt_sem_offset=\(loff_t\)(0x[0-9a-f]+)/;

	is(hex($site // 0), $note->{adjusted}, 'at the SDT site');
	is(hex($semaphore // 0) - $note->{semaphore},
		$note->{adjusted} - $note->{location},
		'with its semaphore off by the distance of the sites');
});

is($process->close, 0, 'the process goes on');
done_testing();
