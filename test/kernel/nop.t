# Does the library use the nop that this kernel traces fastest, and do processes
# and their children survive what the kernel makes of it?
#
# It runs on the host, and in the machines of test/vm with other kernels.  The
# code at a traced site shows what the kernel did: a breakpoint, or a call.
#
# SPDX-License-Identifier: BSD-2-Clause
use strict;
use warnings;

use POSIX ();
use Test::More;
use Usdt::Elf;
use Usdt::Process;
use Usdt::Tracer qw(need tracer_case scratch_dir);
use Usdt::Watch;

need('root');
plan(skip_all => 'only x86-64 has more than one nop')
    if (POSIX::uname())[4] ne 'x86_64';
alarm 3600;

my $dir = scratch_dir();
my ($release) = (POSIX::uname())[2] =~ /^(\d+\.\d+)/;
my $kernel = sprintf('%d%03d', split(/\./, $release));

# The SDT site of a stub (ORDER STUB), and the code that may be there.
my $SITE = 10;
my %nop = (1 => '90', 5 => '0f1f440000', 10 => '662e0f1f840000000000');
my %traced = (
	1 => qr/^cc/,			# a breakpoint
	5 => qr/^e8/,			# a call
	10 => qr/^488d642480e8/,	# a step over the red zone, and a call
);

# The kernels on which these were tried are between the numbers.
my $best = $kernel >= 7002 ? 10 : $kernel >= 6018 && $kernel < 7000 ? 5 : 1;

# process(PROVIDER, NOP, TYPE): NOP and the type of its argument may be absent.
sub process
{
	my ($provider, $nop, $type) = @_;

	$type //= 'int';
	my %env = (USDT_IMAGE_DIR => "$dir/images");

	$env{USDT_NOP} = $nop if defined $nop;
	my $process = Usdt::Process->new(env => \%env, args => ['-p',
		$provider, 'f', 'n', $type, '--', 'f', 'other', 'int']);
	$process->ready or die $process->greeting;
	return $process;
}

# site(PROCESS, PID): the bytes of the first probe's SDT site, as hex.
sub site
{
	my ($process, $pid) = @_;
	my ($text) = grep { $_->{perms} =~ /x/ }
	    map { @{ $_->{segments} } } $process->images($pid);

	return unpack('H*', $process->mem($text->{start} + $SITE, 10,
		$pid // $process->pid));
}

my ($process, $watch);

sub traced
{
	my ($provider, $nop) = @_;

	$process = process($provider, $nop);
	$watch = Usdt::Watch->attach(1, '--uprobe', "$provider:n");
	is($process->ask('wait 0 1 100'), 'enabled 1', 'is traced');
	is($process->ask('loop 0 5 7'), 'fired 5', 'fires');
}

# The new lines "pid value".
sub seen
{
	my ($n) = @_;

	return map { /^(\d+) .* ((?:id=)?-?\d+)$/ ? "$1 $2" : $_ }
	    $watch->take($n);
}

tracer_case("the nop of Linux $release" => sub {
	$process = process('plainly');
	like(site($process), qr/^$nop{$best}/, "has $best bytes");
	$process->close;
	traced('traced');
	like(site($process), $traced{$best},
	    'the kernel makes of it what it can');
	is_deeply([seen(5)], [(($process->pid) . ' 7') x 5], 'and counts');
	is($process->ask('fire 1 1'), 'fired 1', 'its neighbour fires');
	is($watch->stop('INT'), 0, 'the tracer leaves');
	is($process->ask('wait 0 0 100'), 'enabled 0', 'not traced now');
	is($process->ask('loop 0 5 8'), 'fired 5', 'fires on');
	$watch = Usdt::Watch->attach(1, '--uprobe', 'traced:n');
	is($process->ask('loop 0 5 9'), 'fired 5', 'traced again');
	is_deeply([seen(5)], [(($process->pid) . ' 9') x 5], 'counted again');
	like(site($process), $traced{$best}, 'in the same way');
	$watch->stop('INT');
	is($process->close, 0, 'the process ends well');
});

tracer_case('one byte, on any kernel' => sub {
	traced('single', 1);
	like(site($process), $traced{1}, 'a breakpoint');
	is_deeply([seen(5)], [(($process->pid) . ' 7') x 5], 'counts');
	$watch->stop('INT');
	is($process->close, 0, 'the process ends well');
});

tracer_case('children of a traced process' => sub {
	traced('forking');
	my $parent = $process->pid;
	my ($child) = $process->ask('fork') =~ /^forked (\d+)$/ or die;

	is($process->ask('child wait 0 1 100'), 'child enabled 1',
	    'a child is traced');
	is($process->ask('child loop 0 5 8'), 'child fired 5', 'and fires');
	like(site($process, $child), $traced{$best},
	    'the kernel does the same with its nop');
	my ($second) = $process->ask('child fork') =~ /^forked (\d+)$/ or die;
	is($process->ask('child child loop 0 2 9'), 'child fired 2',
	    'its child fires');
	is($process->ask('child child quit'), 'child ended', 'and ends');
	is($process->ask('loop 0 3 10'), 'fired 3', 'the parent goes on');
	is_deeply([sort(seen(15))], [sort(("$parent 7") x 5, ("$child 8") x 5,
		("$second 9") x 2, ("$parent 10") x 3)],
	    'each is counted as itself');
	is($watch->stop('INT'), 0, 'the tracer leaves');
	is($process->ask('wait 0 0 100'), 'enabled 0', 'the parent is not '
	    . 'traced now');
	is($process->ask('child wait 0 0 100'), 'child enabled 0',
	    'nor is the child');
	is($process->ask('child loop 0 3 11'), 'child fired 3', 'it fires on');
	is($process->ask('child quit'), 'child ended', 'and ends');
	is($process->close, 0, 'the process ends well');
});

tracer_case('a child that no handler of fork has seen' => sub {
	traced('cloning');
	my ($child) = $process->ask('clone') =~ /^forked (\d+)$/ or die;

	is($process->ask('child loop 0 5 8'), 'child fired 5', 'lives');
	is($process->ask('child enable'), 'child ok', 'makes a call');
	is($process->ask('child loop 0 5 9'), 'child fired 5', 'fires');
	is($process->ask('fire 0 10'), 'fired 1', 'the parent does');
	my @seen = grep { $_ ne "$child 8" } seen(11);
	push @seen, seen(11 - @seen) if @seen < 11;
	is_deeply([sort @seen], [sort((($process->pid) . ' 7') x 5,
		("$child 9") x 5, $process->pid . ' 10')], 'both are counted');
	$watch->stop('INT');
	is($process->ask('child quit'), 'child ended', 'the child ends');
	is($process->close, 0, 'the process ends well');
});

# A typed image has a third site, for a uprobe by symbol: both kinds of tracers
# are there at once, in a child too.
tracer_case('names, and a uprobe at their symbol' => sub {
	$process = process('typed', undef, 'int id');
	my ($image) = $process->images;
	my ($symbol) = grep { $_->{name} eq 'n' }
	    Usdt::Elf->new($process->image_bytes($image))->symbols;
	my $event = Usdt::Uprobe->new($image->{path}, $symbol->{value});

	is($symbol->{value} & 0xfff, $SITE, 'the symbol is there');
	$watch = Usdt::Watch->attach(1, '--uprobe', 'typed:n');
	is($process->ask('wait 0 1 100'), 'enabled 1', 'is traced');
	is($process->ask('loop 0 5 7'), 'fired 5', 'fires');
	like(site($process), $traced{$best},
	    'the kernel makes of the site what it can');
	my ($child) = $process->ask('fork') =~ /^forked (\d+)$/ or die;
	is($process->ask('child loop 0 3 8'), 'child fired 3', 'a child fires');
	like(site($process, $child), $traced{$best},
	    'the kernel does the same with its nop');
	is($process->ask('child quit'), 'child ended', 'and ends');
	is_deeply([sort(seen(8))], [sort((($process->pid) . ' id=7') x 5,
	    ("$child id=8") x 3)], 'the SDT site counts each fire once');
	is($event->hits, 8, 'and so does the symbol\'s');
	$watch->stop('INT');
	is($process->ask('loop 0 2 9'), 'fired 2', 'it fires on');
	is($event->hits, 10, 'and counts on');
	$event->remove;
	is($process->ask('loop 0 2 9'), 'fired 2', 'and after both have left');
	is($process->close, 0, 'the process ends well');
});

# A call overwrites what a function keeps below the stack pointer.
tracer_case('a red zone' => sub {
	traced('redzone');
	my ($fired, $damaged) = $process->ask('signals 0 500') =~
	    /^fired (\d+) damaged (-?\d+)$/ or die;

	is($damaged, 0, 'stays as it was');
	is(scalar(() = seen(5 + $fired)), 5 + $fired, "beside $fired events");
	like(site($process), $traced{$best}, 'of a probe that was called');
	$watch->stop('INT');
	is($process->close, 0, 'the process ends well');
});

# After each of many forks, in the parent and in the child.
tracer_case('forking again and again, while it fires' => sub {
	traced('often');
	my $good = 0;

	for (1 .. 20) {
		$process->ask('fork') =~ /^forked \d+$/ or last;
		last if $process->ask('child loop 0 3 1') ne 'child fired 3';
		last if $process->ask('loop 0 3 2') ne 'fired 3';
		last if $process->ask('child quit') ne 'child ended';
		$good++;
	}
	is($good, 20, 'all live');
	is(scalar(() = seen(125)), 125, 'each fire is counted once');
	$watch->stop('INT');
	is($process->ask('wait 0 0 100'), 'enabled 0', 'nothing stays counted');
});

done_testing();


# A uprobe of the kernel's own, at an offset of a file.
package Usdt::Uprobe;

my $tracing;
BEGIN { $tracing = '/sys/kernel/tracing' }

sub write_to
{
	my ($file, $text) = @_;

	open(my $out, '>>', "$tracing/$file") or die "$file: $!\n";
	syswrite($out, $text) or die "$file: $text: $!\n";
}

sub new
{
	my ($class, $path, $offset) = @_;
	my $self = bless { name => "usdt_nop_$$/at" }, $class;

	write_to('uprobe_events', sprintf("p:%s %s:0x%x\n", $self->{name},
	    $path, $offset));
	$self->{made} = 1;
	write_to("events/$self->{name}/enable", '1');
	return $self;
}

# How often was it hit?
sub hits
{
	my ($self) = @_;

	open(my $in, '<', "$tracing/uprobe_profile") or die "$!\n";
	my ($hits) = map { /^\s*\S+ +at +(\d+)$/ ? $1 : () } <$in>;
	return $hits;
}

sub remove
{
	my ($self) = @_;

	return if !delete $self->{made};
	write_to("events/$self->{name}/enable", '0');
	write_to('uprobe_events', "-:$self->{name}\n");
}

sub DESTROY
{
	my ($self) = @_;
	local ($@, $?, $!);

	eval { $self->remove };
}
