#!/usr/bin/perl
# Which tracers can be attached to one probe at the same time?
#
# Every pair, in either order: both count each fire once, and the second
# continues when the first has left; or the second says why it can't, and the
# first continues. test/dtrace/beside_dtrace.t has real DTrace; here tracefs
# makes what DTrace makes, a uprobe without a semaphore at the DOF site.  Notes
# print the table.
#
# SPDX-License-Identifier: BSD-2-Clause
use strict;
use warnings;

use Test::More;
use Usdt::Elf;
use Usdt::Process;
use Usdt::Tracer qw(need scratch_dir tracer_case);
use Usdt::Watch;

need('root', 'bpftrace', 'bpftrace-sid', 'perf');
alarm 3600;

my $provider = Usdt::Tracer::Perf->provider;
my $dir = scratch_dir();

# A uprobe as DTrace makes it.  A trace of our own gets its events, and no
# others.
package Plain {
	use Time::HiRes qw(sleep time);

	my $tracing = '/sys/kernel/tracing';
	my $group = "usdtbeside$$";
	my ($number, %alive) = (0);

	sub write_to
	{
		my ($path, $text, $mode) = @_;

		open(my $file, $mode // '>', $path) or return 0;
		return defined syswrite($file, $text) && close($file);
	}

	sub run
	{
		my ($class, $process) = @_;
		my ($image) = $process->images;
		my $elf = Usdt::Elf->new($process->image_bytes($image));
		my ($note) = $elf->notes;
		my $self = bless { name => 'e' . ++$number, owner => $$,
			trace => "$tracing/instances/$group" . "_$number",
		}, $class;

		$alive{$number} = $self;
		mkdir($self->{trace}) or die "$self->{trace}: $!\n";
		write_to("$tracing/uprobe_events", sprintf(
			"p:%s/%s %s:0x%x arg1=%%di:s32\n", $group,
			$self->{name}, $image->{path},
			$elf->file_offset($note->{location})), '>>')
		    or die "uprobe_events: $!\n";
		$self->{enable} =
		    "$self->{trace}/events/$group/$self->{name}/enable";
		write_to($self->{enable}, 1)
		    or die "a uprobe at the DOF site: $!\n";
		return $self;
	}

	sub seen
	{
		my ($self) = @_;

		open(my $in, '<', "$self->{trace}/trace") or return;
		return map { /\barg1=(-?\d+)/ ? $1 : () } <$in>;
	}

	sub finish
	{
		my ($self, $n) = @_;
		my $end = time + $Usdt::Tracer::PATIENCE;

		sleep(0.02) while $self->seen < $n && time < $end;
		my @values = $self->seen;
		$self->end;
		return @values;
	}

	sub end
	{
		my ($self) = @_;

		return if !$self->{trace} || $self->{owner} != $$;
		write_to($self->{enable}, 0) if $self->{enable};
		write_to("$tracing/uprobe_events", "-:$group/$self->{name}\n",
			'>>') if $self->{enable};
		rmdir($self->{trace}) or warn "$self->{trace}: $!\n";
		delete $self->{trace};
	}

	sub DESTROY { $_[0]->end }
	END { my $status = $?; $_->end for values %alive; $? = $status }
}

package Old {
	our @ISA = ('Usdt::Tracer::Bpftrace');
	our $driver = 'host';

	sub run
	{
		my ($class, $process) = @_;
		my $driver = $class eq 'Old' ? 'host' : 'sid';

		return bless Usdt::Tracer::Bpftrace->run($driver, [[
			"usdt:*:$provider:go", '%ld', 'arg0']],
			$process->pid), $class;
	}

	# The count shows whether all was printed.
	sub finish
	{
		my ($self, $n) = @_;
		my ($fires, @values) = $self->SUPER::finish($n);

		return $fires == @values ? @values : "$fires fires, @values";
	}
}

package Sid { our @ISA = ('Old') }

package Watch {
	our @ISA = ('Usdt::Watch');

	sub run
	{
		my ($class, $process) = @_;

		return $class->attach(1, '-p', $process->pid, "$provider:go");
	}

	sub finish
	{
		my ($self, $n) = @_;
		my @lines = $self->take($n);

		$self->stop('INT');
		return map { / \w+:go (-?\d+)$/ ? $1 : $_ } @lines,
		    $self->take(0);
	}
}

# Two recorders share an event: perf defines no second one of a name.
package Perf {
	our @ISA = ('Usdt::Tracer::Perf');
	my $shared;

	sub run
	{
		my ($class, $process) = @_;
		my $self = $class->new;

		if (!$shared) {
			my ($image) = $process->images;
			$self->call('buildid-cache', '--add', $image->{path});
			$self->call('probe', "sdt_$provider:go");
			$shared = $self;
		}
		$self->record('-e', "sdt_$provider:go", '-p', $process->pid);
		return $self;
	}

	sub finish
	{
		my ($self) = @_;
		return map { $_->{arg1} } $self->script;
	}

	sub forget { $shared = undef }
}

package main;

my @tracers = (
	['bpftrace 0.17', 'Old'],
	['bpftrace of sid', 'Sid'],
	['perf', 'Perf'],
	['usdt watch', 'Watch'],
	['a uprobe at the DOF site', 'Plain'],
);

# The second tracer fails with this if both are of these.
my %fails = (
	'Plain Old' => qr/cannot attach uprobe, Invalid argument/,
	'Old Plain' => qr/a uprobe at the DOF site: Invalid argument/,
);

sub fire
{
	my ($process, $value) = @_;

	is($process->ask("fire 0 $value"), 'fired 1', "fire $value");
}

# is-enabled sees only those with a semaphore.
sub enabled
{
	my ($process, $class, $when) = @_;
	my $value = $class eq 'Plain' ? 0 : 1;

	is($process->ask("wait 0 $value 100"), "enabled $value",
	    "is-enabled is $value $when");
}

sub pair
{
	my ($first, $second) = @_;
	my $process = Usdt::Process->new(args => ['-p', $provider, 'func',
		'go', 'int'], env => { USDT_IMAGE_DIR => "$dir/images" });
	my $fails = $fails{"$first $second"};

	$process->ready or die $process->report;
	my $one = $first->run($process);
	enabled($process, $first, 'with the first');
	fire($process, 1);
	my $two = eval { $second->run($process) };
	if (!$two) {
		my $error = $@;
		like($error, $fails // qr/a known error/, 'the second fails');
		fire($process, 2);
		is_deeply([$one->finish(2)], [1, 2], 'and the first goes on');
		return 'no: ' . ($error =~ /($fails)/ ? $1 : $error);
	}
	ok(!$fails, 'the second starts');
	enabled($process, $first eq 'Plain' ? $second : $first, 'with both');
	fire($process, 2);
	is_deeply([$one->finish(2)], [1, 2], 'the first saw each fire once');
	enabled($process, $second, 'with the second');
	fire($process, 3);
	is_deeply([$two->finish(2)], [2, 3],
	    'the second too, also after the first has left');
	is($process->ask('wait 0 0 100'), 'enabled 0', 'no tracer is left');
	return 'yes';
}

my @table;
for my $first (@tracers) {
	for my $second (@tracers) {
		my $title = "$first->[0], then $second->[0]";
		my $result = 'untold';

		tracer_case($title => sub {
			$result = pair($first->[1], $second->[1]);
		});
		Perf::forget();
		push @table, "$title: $result";
	}
}
note($_) for @table;
done_testing();
