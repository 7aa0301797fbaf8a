# Usdt::BpftraceCases - what must every bpftrace see of our probes?
#
# One list of cases. test/trace/bpftrace.t and shared_images.t run it with the
# bpftrace of this machine, bpftrace-sid.t with that of Debian sid; the cases
# that depend on the processor also run in machines with others.
#
# SPDX-License-Identifier: BSD-2-Clause
package Usdt::BpftraceCases;

use strict;
use warnings;

use Exporter qw(import);
use File::Temp ();
use Test::More;
use Usdt::Elf;
use Usdt::Process;
use Usdt::Tracer qw(build_c scratch_dir source_dir tracer_case);

our @EXPORT_OK = qw(run_values run_life run_sharing
	run_processor run_stacks build_programs);

# The driver ('host', 'sid' or 'guest'), the number of arguments that this
# bpftrace reads, and the directory of images and built programs.
my ($driver, $most, $scratch);

sub begin
{
	($driver) = @_;
	$most = $driver eq 'host' ? 6 : 12;
	$scratch //= scratch_dir();
}

# process(PROBES, OPTION...): a test_usdt with PROBES, each [FUNCTION, NAME,
# TYPE...], and options of test_usdt.
sub process
{
	my ($probes, @options) = @_;
	my @arguments = map { ('--', @$_) } @$probes;

	shift @arguments;
	return start(args => [@options, @arguments]);
}

# start(OPTION...): options of Usdt::Process.
sub start
{
	my $process = Usdt::Process->new(
		env => { USDT_IMAGE_DIR => "$scratch/images" }, @_);

	$process->ready or die $process->report;
	return $process;
}

# bpftrace(CLAUSES, PID): a bpftrace that has attached everything; PID is
# optional.
sub bpftrace
{
	my ($clauses, $pid) = @_;

	return Usdt::Tracer::Bpftrace->run($driver, $clauses, $pid);
}

# clause(WHERE, NAME, [FORMAT, EXPRESSION]...): prints NAME and the values.
# WHERE is the path and the provider.
sub clause
{
	my ($where, $name, @values) = @_;

	return ["usdt:$where:$name", join(' ', $name, map { $_->[0] } @values),
		map { $_->[1] } @values];
}

# saw(BPFTRACE, EVENTS, NAME): it saw exactly EVENTS, each once, in any order:
# buffers are per processor.
sub saw
{
	my ($bt, $expected, $name) = @_;
	my ($fires, @events) = $bt->finish(scalar @$expected);

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is_deeply([sort @events], [sort @$expected], "$name: values");
	is($fires, @$expected, "$name: each fire counts once");
}

# wait_enabled(PROCESS, VALUE, NAME, PROBE...): all of them become VALUE.
sub wait_enabled
{
	my ($process, $value, $name, @probes) = @_;
	my @states = map { $process->ask("wait $_ $value 100") } @probes;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is_deeply(\@states, [("enabled $value") x @probes],
		"$name: is-enabled is $value");
}

# fire(PROCESS, COMMAND, FIRED)
sub fire
{
	my ($process, $command, $fired) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is($process->ask($command), 'fired ' . ($fired // 1),
		"the process did '$command'");
}

# The path of a process's only image.
sub image_path
{
	my ($process) = @_;
	my @found = $process->images;

	die 'the process has ' . @found . " images, not one\n" if @found != 1;
	return $found[0]{path};
}

# --- values -----------------------------------------------------------------

# How values of the two kinds are declared, printed and made.
my %kinds = (
	int => {
		value => sub { return -1000 * $_[0] - $_[1] },
		default => sub { return $_[0] },
		format => '%ld', expression => 'arg%d',
	},
	'char *' => {
		value => sub { return "text-$_[0]-$_[1]" },
		default => sub { return "arg$_[0]" },
		format => '%s', expression => 'str(arg%d)',
	},
);

# Probes of 0 to $most arguments of one type.
sub counted
{
	my ($type, $provider, $by_path) = @_;
	my $kind = $kinds{$type};
	my $process = process([map {
		['func', "p$_", ($type) x $_]
	} 0 .. $most], '-p', $provider);
	my $where = ($by_path ? image_path($process) : '*') . ":$provider";
	my $bt = bpftrace([map {
		clause($where, "p$_", map {
			[$kind->{format}, sprintf($kind->{expression}, $_)]
		} 0 .. $_ - 1)
	} 0 .. $most], $by_path ? () : $process->pid);
	my @expected;

	wait_enabled($process, 1, 'attached', 0 .. $most);
	fire($process, '', $most + 1);
	for my $n (0 .. $most) {
		my @values = map { $kind->{value}->($n, $_) } 1 .. $n;
		fire($process, join(' ', "fire $n", @values));
		push @expected, join(' ', "p$n", @values),
		    join(' ', "p$n", map { $kind->{default}->($_) } 1 .. $n);
	}
	saw($bt, \@expected, "0 to $most of $type");
	wait_enabled($process, 0, 'ended', 0 .. $most);
}

# The users' default directory of images.
sub default_directory
{
	my $process = start(env => { USDT_IMAGE_DIR => undef },
		args => ['-p', 'defaultdir', 'func', 'probe', 'int', 'char *']);
	my $path = image_path($process);
	like($path, qr{^(/dev/shm|/tmp)/usdt-$>/defaultdir/}, $path);
	my @values = (['%ld', 'arg0'], ['%s', 'str(arg1)']);
	for my $how ([clause('*:defaultdir', 'probe', @values), $process->pid],
	    [clause("$path:defaultdir", 'probe', @values)]) {
		my ($clause, $pid) = @$how;
		my $bt = bpftrace([$clause], $pid);
		wait_enabled($process, 1, 'attached', 0);
		fire($process, 'fire 0 -7 hello');
		saw($bt, ['probe -7 hello'], $pid ? 'by pid' : 'by path');
	}
}

# Each line: a type, bpftrace's format, and pairs of a passed value and the
# value that bpftrace must print.  A word wider than the type is truncated to
# it.
our @types = (
	['int', '%ld', -1 => -1, '-2147483648' => '-2147483648',
		2147483647 => 2147483647, '0x7fffffff00000005' => 5],
	['unsigned int', '%lu', 4294967295 => 4294967295, -1 => 4294967295],
	['short', '%ld', -32768 => -32768, 0x18000 => -32768],
	['unsigned short', '%lu', 65535 => 65535, 0x10001 => 1],
	['long', '%ld', -1 => -1,
		'-9223372036854775808' => '-9223372036854775808'],
	['unsigned long', '%lu',
		'18446744073709551615' => '18446744073709551615'],
	['long long', '%ld', '-9223372036854775807' => '-9223372036854775807'],
	['unsigned long long', '%lu',
		'0x8000000000000000' => '9223372036854775808'],
	['int8_t', '%ld', -128 => -128, 127 => 127, 0xff => -1],
	['uint8_t', '%lu', 255 => 255, 0x1ff => 255],
	['int16_t', '%ld', -32768 => -32768, 32767 => 32767],
	['uint16_t', '%lu', 65535 => 65535],
	['int32_t', '%ld', '-2147483648' => '-2147483648'],
	['uint32_t', '%lu', 4294967295 => 4294967295],
	['int64_t', '%ld', '-9223372036854775808' => '-9223372036854775808',
		'9223372036854775807' => '9223372036854775807'],
	['uint64_t', '%lu',
		'18446744073709551615' => '18446744073709551615'],
	['char', '%ld', 65 => 65, -1 => -1],
	['signed char', '%ld', -128 => -128],
	['unsigned char', '%lu', 200 => 200],
	['bool', '%lu', 1 => 1, 0 => 0],
	['size_t', '%lu', '18446744073709551615' => '18446744073709551615'],
	['ssize_t', '%ld', -1 => -1],
	['pid_t', '%ld', -7 => -7],
	['uintptr_t', '0x%lx', '0xfedcba9876543210' => '0xfedcba9876543210'],
	['void *', '0x%lx', '0xdeadbeefcafe' => '0xdeadbeefcafe'],
	['struct request *', '0x%lx', '0x7fffdeadbeef' => '0x7fffdeadbeef'],
	['const char *', '0x%lx', '0x1000' => '0x1000'],
);

sub types
{
	my @probes = map { ['func', "t$_", $types[$_][0]] } 0 .. $#types;
	my $process = process(\@probes, '-p', 'types');
	my $bt = bpftrace([map {
		clause('*:types', "t$_", [$types[$_][1], 'arg0'])
	} 0 .. $#types], $process->pid);
	my @expected;

	wait_enabled($process, 1, 'attached', 0 .. $#types);
	for my $i (0 .. $#types) {
		my ($type, undef, @pairs) = @{$types[$i]};
		while (my ($in, $out) = splice(@pairs, 0, 2)) {
			fire($process, "fire $i $in");
			push @expected, "t$i $out";
		}
	}
	saw($bt, \@expected, 'every type');
}

# Different types together: each in its own place, in registers and on the
# stack.
our @mixed = (
	['int8_t', '%ld', 'arg0', -5, -5],
	['uint64_t', '%lu', 'arg1', ('18446744073709551615') x 2],
	['char *', '%s', 'str(arg2)', 'third', 'third'],
	['short', '%ld', 'arg3', -300, -300],
	['bool', '%lu', 'arg4', 1, 1],
	['int64_t', '%ld', 'arg5', ('-9223372036854775808') x 2],
	['uint8_t', '%lu', 'arg6', 0x2fe, 254],
	['char *', '%s', 'str(arg7)', 'eighth', 'eighth'],
	['int', '%ld', 'arg8', '0x7fffffff80000000', '-2147483648'],
	['long', '%ld', 'arg9', -9, -9],
	['uint16_t', '%lu', 'arg10', 65535, 65535],
	['size_t', '%lu', 'arg11', ('18446744073709551614') x 2],
);

sub mixed_types
{
	my @columns = @mixed[0 .. $most - 1];
	my $process = process([['func', 'mixed', map { $_->[0] } @columns]],
		'-p', 'mixed');
	my $bt = bpftrace([clause('*:mixed', 'mixed',
		map { [@$_[1, 2]] } @columns)], $process->pid);

	wait_enabled($process, 1, 'attached', 0);
	fire($process, join(' ', 'fire 0', map { $_->[3] } @columns));
	saw($bt, [join(' ', 'mixed', map { $_->[4] } @columns)],
		"$most types side by side");
}

# If a probe has more arguments than notes describe, the first ones are read.
sub widest
{
	my $process = process([['func', 'wide', ('int') x 32]],
		'-p', 'widest');
	my $bt = bpftrace([clause('*:widest', 'wide', map {
		['%ld', "arg$_"]
	} 0 .. $most - 1)], $process->pid);

	wait_enabled($process, 1, 'attached', 0);
	fire($process, join(' ', 'fire 0', map { -$_ } 1 .. 32));
	saw($bt, [join(' ', 'wide', map { -$_ } 1 .. $most)],
		"the first $most of 32");
}

# The nops that every kernel accepts, whichever one would be chosen here.
sub nops
{
	for my $nop (1, 5) {
		my $process = start(args => ['-p', "nop$nop-of",
			'func', 'probe', 'int', 'char *'],
			env => { USDT_IMAGE_DIR => "$scratch/images",
				USDT_NOP => $nop });
		my $bt = bpftrace([clause("*:nop$nop-of", 'probe',
			['%ld', 'arg0'], ['%s', 'str(arg1)'])], $process->pid);
		wait_enabled($process, 1, 'attached', 0);
		fire($process, 'loop 0 3 -7 text', 3);
		saw($bt, [('probe -7 text') x 3], "USDT_NOP=$nop");
		wait_enabled($process, 0, 'ended', 0);
	}
}

# The function that fires is found by the frame pointer.
sub stacks
{
	for my $nop (1, 5) {
		my $process = start(args => ['-p', "stacks$nop", 'func', 'n',
			('int') x 9],
			env => { USDT_IMAGE_DIR => "$scratch/images",
				USDT_NOP => $nop });
		my $bt = bpftrace([clause("*:stacks$nop", 'n',
			['%s', 'ustack(3)'])], $process->pid);

		wait_enabled($process, 1, 'attached', 0);
		fire($process, 'fire 0 1 2 3 4 5 6 7 8 9');
		$bt->finish(1);
		# 32-bit processes have a frame of the library in between,
		# which widens the words.
		my @stack = grep { $_ ne 'fire_extended' }
		    $bt->lines(qr/^\s+(\w+)\+\d+$/);
		is_deeply([@stack[0, 1]], [qw(func fire)],
			"USDT_NOP=$nop: the probe's function and who called");
	}
}

# Programs have a chain of frames here.
sub whole_stack
{
	my $process = process([['func', 'n', ('int') x 12]], '-p', 'whole');
	my $bt = bpftrace([clause('*:whole', 'n', ['%s', 'ustack(20)'])],
		$process->pid);

	wait_enabled($process, 1, 'attached', 0);
	fire($process, join(' ', 'fire 0', 1 .. 12));
	$bt->finish(1);
	my @stack = $bt->lines(qr/^\s+(\w+)\+\d+$/);
	is($stack[0], 'func', "it begins in the probe's function");
	# The kernel of s390x leaves out the caller of a function without frame.
	ok(scalar(grep { $_ eq 'main' } @stack[1 .. $#stack]), 'leads to main')
	    or diag("@stack");
}

# An unprivileged process with a directory of images of its own.
sub other_user
{
	my $nobody = 65534;
	my $home = File::Temp::tempdir('nobody-XXXXXX', DIR => $scratch);

	chmod(0755, $scratch);
	system('cp', Usdt::Process::program(), "$home/test_usdt") == 0
	    or die "test_usdt can't be copied\n";
	chown($nobody, $nobody, $home);
	my $process = start(
		program => ['setpriv', "--reuid=$nobody", "--regid=$nobody",
			'--clear-groups', "$home/test_usdt"],
		args => ['-p', 'otheruser', 'func', 'probe', 'int'],
		env => { USDT_IMAGE_DIR => "$home/images" });
	my $path = image_path($process);
	is((stat $path)[4], $nobody, "$path is the user's");
	for my $how (['*', $process->pid], [$path]) {
		my ($where, $pid) = @$how;
		my $bt = bpftrace([clause("$where:otheruser", 'probe',
			['%ld', 'uid'], ['%ld', 'arg0'])], $pid);
		wait_enabled($process, 1, 'attached', 0);
		fire($process, 'fire 0 -1');
		saw($bt, ["probe $nobody -1"], $pid ? 'by pid' : 'by path');
	}
}

sub texts
{
	my $process = process([['func', 'text', 'char *']], '-p', 'texts');
	my $bt = bpftrace([clause('*:texts', 'text', ['[%s]', 'str(arg0)'])],
		$process->pid);

	wait_enabled($process, 1, 'attached', 0);
	fire($process, 'fire 0 two%20words%2c%20a%20%25%64%20and%20%22');
	fire($process, 'fire 0 %c3%bcml%c3%a4ut');
	fire($process, 'fire 0 %00');
	saw($bt, ['text [two words, a %d and "]',
		"text [\xc3\xbcml\xc3\xa4ut]", 'text []'], 'odd strings');
}

sub names
{
	my $process = process([
		['first', 'request-start', 'int'],
		['first', 'request-done', 'int'],
		['second', 'request-done', 'int'],
		['third', 'a-b-c_d', 'int'],
		['valueOf(char[],int,int)java.lang.String', 'entry', 'int'],
	], '-p', 'some-names.x', '-m', 'mod-x.1');
	my $where = image_path($process) . ':some-names.x';
	my $bt = bpftrace([map { clause($where, $_, ['%ld', 'arg0']) }
		qw(request__start request__done a__b__c_d entry)]);

	wait_enabled($process, 1, 'attached', 0 .. 4);
	fire($process, "fire $_ 10$_") for 0 .. 4;
	saw($bt, ['request__start 100', 'request__done 101',
		'request__done 102', 'a__b__c_d 103', 'entry 104'],
		'names with a dash, one name in two functions, signatures');
}

# --- the life of a provider -------------------------------------------------

sub is_enabled
{
	my $process = process([['func', 'traced', 'int'],
		['func', 'quiet', 'int']], '-p', 'isenabled');

	wait_enabled($process, 0, 'before', 0, 1);
	fire($process, 'checked 0 1', 0);
	my $bt = bpftrace([clause('*:isenabled', 'traced', ['%ld', 'arg0'])],
		$process->pid);
	wait_enabled($process, 1, 'traced', 0);
	wait_enabled($process, 0, 'the one beside', 1);
	fire($process, 'checked 0 2');
	fire($process, 'checked 1 3', 0);
	saw($bt, ['traced 2'], 'checked fires');
	wait_enabled($process, 0, 'after', 0, 1);
	fire($process, 'checked 0 4', 0);
}

sub many_fires
{
	my $process = process([['func', 'often', 'int']], '-p', 'often');
	my $bt = bpftrace([clause('*:often', 'often', ['%ld', 'arg0'])],
		$process->pid);

	wait_enabled($process, 1, 'attached', 0);
	fire($process, 'loop 0 1000 -3', 1000);
	saw($bt, [('often -3') x 1000], '1000 fires');
}

# A tracer that stays attached sees nothing of a disabled provider, and sees it
# again when it is enabled.
sub disable_and_enable
{
	my $process = process([['func', 'probe', 'int']], '-p', 'onoff');
	my $bt = bpftrace([clause('*:onoff', 'probe', ['%ld', 'arg0'])],
		$process->pid);
	my $path = image_path($process);

	wait_enabled($process, 1, 'attached', 0);
	for my $round (1 .. 3) {
		fire($process, "fire 0 $round");
		is($process->ask('disable'), 'ok', 'disabled');
		is($process->ask('enabled 0'), 'enabled 0', 'at once off');
		$process->ask("fire 0 -$round");
		is($process->ask('enable'), 'ok', 'enabled again');
		is(image_path($process), $path, 'the path is the same');
		wait_enabled($process, 1, 'enabled again', 0);
	}
	fire($process, 'fire 0 4');
	saw($bt, [map { "probe $_" } 1 .. 4], 'one attach');
	wait_enabled($process, 0, 'ended', 0);
}

sub added_probe
{
	my $process = process([['func', 'old', 'int']], '-p', 'grows');
	my $old = bpftrace([clause('*:grows', 'old', ['%ld', 'arg0'])],
		$process->pid);

	wait_enabled($process, 1, 'the first attached', 0);
	is($process->ask('add func new int int'), 'ok 1', 'added');
	is($process->ask('enabled 1'), 'enabled 0', 'not enabled before');
	is($process->ask('enable'), 'ok', 'enabled');
	fire($process, 'fire 0 1');
	my $new = bpftrace([clause('*:grows', 'new', ['%ld', 'arg0'],
		['%ld', 'arg1'])], $process->pid);
	wait_enabled($process, 1, 'the second attached', 0, 1);
	fire($process, 'fire 0 2');
	fire($process, 'fire 1 -3 4');
	is($process->ask('disable'), 'ok', 'disabled');
	is($process->ask('enable'), 'ok', 'enabled again');
	wait_enabled($process, 1, 'still attached', 0, 1);
	fire($process, 'fire 0 5');
	fire($process, 'fire 1 6 7');
	saw($old, [map { "old $_" } 1, 2, 5], 'the probe that was there');
	saw($new, ['new -3 4', 'new 6 7'], 'the probe that was added');
	wait_enabled($process, 0, 'both ended', 0, 1);
}

sub removed_probe
{
	my $process = process([['func', 'goes', 'int'],
		['func', 'stays', 'int']], '-p', 'shrinks');
	my $bt = bpftrace([map { clause('*:shrinks', $_, ['%ld', 'arg0']) }
		qw(goes stays)], $process->pid);

	wait_enabled($process, 1, 'attached', 0, 1);
	fire($process, 'fire 0 1');
	fire($process, 'fire 1 2');
	is($process->ask('remove 0'), 'ok', 'removed');
	is($process->ask('enabled 0'), 'enabled 0', 'at once off');
	$process->ask('fire 0 -1');
	fire($process, 'fire 1 3');
	saw($bt, ['goes 1', 'stays 2', 'stays 3'], 'its neighbour goes on');
}

# A tracer attached by the image's path loses nothing by a removal, whatever the
# provider does; a list of untraced probes leaves out removed ones.
sub removed_neighbour
{
	my $process = process([['func', 'goes', 'int'],
		['func', 'stays', 'int']], '-p', 'neighbour');
	my $path = image_path($process);
	my $bt = bpftrace([clause("$path:neighbour", 'stays',
		['%ld', 'arg0'])]);

	wait_enabled($process, 1, 'attached', 1);
	fire($process, 'fire 1 1');
	is($process->ask('remove 0'), 'ok', 'removed');
	for my $round (2, 3) {
		is($process->ask('disable'), 'ok', 'disabled');
		is($process->ask('enable'), 'ok', 'enabled again');
		is(image_path($process), $path, 'the path is the same');
		is($process->ask('enabled 1'), 'enabled 1', 'still attached');
		fire($process, "fire 1 $round");
	}
	is($process->ask('enabled 0'), 'enabled 0', 'the removed one is dead');
	$process->ask('fire 0 -1');
	saw($bt, [map { "stays $_" } 1 .. 3], 'nothing is lost');
	wait_enabled($process, 0, 'ended', 1);
	is($process->ask('enable'), 'ok', 'enabled without tracers');
	my $new = image_path($process);
	isnt($new, $path, 'another image replaces the first');
	is_deeply([map { $_->{name} } Usdt::Elf->read($new)->notes],
	    ['stays'], 'which has no removed one');
	my $again = bpftrace([clause("$new:neighbour", 'stays',
		['%ld', 'arg0'])]);
	wait_enabled($process, 1, 'attached again', 1);
	fire($process, 'fire 1 4');
	saw($again, ['stays 4'], 'the new image');
}

# --- sharing ----------------------------------------------------------------

# One attachment by path, made while no process runs, sees every process.
sub path_before_processes
{
	my @probes = (['func', 'probe', 'int']);
	my $new = sub { return process(\@probes, '-p', 'shared') };
	my $first = $new->();
	my $path = image_path($first);

	$first->close;
	ok(-e $path, 'the image stays when its process has ended');
	my $bt = bpftrace([clause("$path:shared", 'probe',
		['%ld', 'pid'], ['%ld', 'arg0'])]);
	my @processes = map { $new->() } 1, 2;
	my @expected;
	for my $process (@processes) {
		is(image_path($process), $path, 'the same path');
		wait_enabled($process, 1, 'started later', 0);
	}
	for my $round (1 .. 3) {
		for my $process (@processes) {
			fire($process, "fire 0 $round");
			push @expected, 'probe ' . $process->pid . " $round";
		}
	}
	$processes[0]->close;
	my $third = $new->();
	wait_enabled($third, 1, 'a third', 0);
	for my $process ($third, $processes[1]) {
		fire($process, 'fire 0 33');
		push @expected, 'probe ' . $process->pid . ' 33';
	}
	saw($bt, \@expected, 'each process under its pid');
	wait_enabled($_, 0, 'ended', 0) for $third, $processes[1];
}

# By pid only that process is seen, though others share its file.
sub pid_among_two
{
	my @two = map { process([['func', 'probe', 'int']], '-p', 'among') }
	    1, 2;
	my $bt = bpftrace([clause('*:among', 'probe', ['%ld', 'pid'],
		['%ld', 'arg0'])], $two[0]->pid);

	is(image_path($two[0]), image_path($two[1]), 'one image');
	wait_enabled($two[0], 1, 'the traced one', 0);
	fire($_, 'fire 0 1') for @two;
	saw($bt, ['probe ' . $two[0]->pid . ' 1'], 'the other is left out');
	wait_enabled($_, 0, 'ended', 0) for @two;
}

sub forked_child
{
	my $process = process([['func', 'probe', 'int']], '-p', 'forks');
	my $bt = bpftrace([clause(image_path($process) . ':forks', 'probe',
		['%ld', 'pid'], ['%ld', 'arg0'])]);

	wait_enabled($process, 1, 'attached', 0);
	# Several times: the kernel may turn the nop into a call at a hit.
	fire($process, 'loop 0 5 0', 5);
	my ($child) = $process->ask('fork') =~ /^forked (\d+)$/
	    or die "no child\n";
	is($process->ask('child wait 0 1 100'), 'child enabled 1',
		'the child is traced');
	is($process->ask('child loop 0 3 2'), 'child fired 3', 'it fires');
	my ($grandchild) = $process->ask('child fork') =~
	    /^forked (\d+)$/ or die "no grandchild\n";
	is($process->ask('child child fire 0 3'), 'child fired 1',
	    'and so does its own child');
	is($process->ask('child child quit'), 'child ended', 'ends');
	fire($process, 'fire 0 1');
	my $parent = $process->pid;
	saw($bt, [("probe $parent 0") x 5, ("probe $child 2") x 3,
		"probe $grandchild 3", "probe $parent 1"],
		'all three, each under its pid');
	wait_enabled($process, 0, 'the parent', 0);
	is($process->ask('child wait 0 0 100'), 'child enabled 0',
		'the child: is-enabled is 0');
	is($process->ask('child quit'), 'child ended', 'the child ends');
}

# A child made without fork handlers may lack what the kernel gave its parent.
# It must survive, traced or not, and must fire once it has made a call of the
# library that mends it.
sub cloned_child
{
	my $process = process([['func', 'probe', 'int']], '-p', 'clones');
	my $bt = bpftrace([clause(image_path($process) . ':clones', 'probe',
		['%ld', 'pid'], ['%ld', 'arg0'])]);

	wait_enabled($process, 1, 'attached', 0);
	fire($process, 'loop 0 5 0', 5);
	my ($child) = $process->ask('clone') =~ /^forked (\d+)$/
	    or die "no child\n";
	is($process->ask('child loop 0 3 -1'), 'child fired 3',
	    'a child that was cloned lives');
	is($process->ask('child enable'), 'child ok', 'it makes a call');
	is($process->ask('child loop 0 3 2'), 'child fired 3', 'and fires');
	fire($process, 'fire 0 1');
	my $parent = $process->pid;
	# Whether its earlier fires are seen depends on the nop.
	my @after = sort(("probe $parent 0") x 5, ("probe $child 2") x 3,
		"probe $parent 1");
	my $seen = sub { sort grep { !/^probe $child -1$/ } $bt->events };
	$bt->wait_until(sub { (my @now = $seen->()) >= @after });
	is_deeply([$seen->()], \@after,
		'which is seen') or diag($bt->report);
	$bt->stop('INT');
	is($process->ask('child quit'), 'child ended', 'the child ends');
}

sub killed_tracer
{
	my $process = process([['func', 'probe', 'int']], '-p', 'killed');
	my $clause = clause('*:killed', 'probe', ['%ld', 'arg0']);
	my $bt = bpftrace([$clause], $process->pid);

	wait_enabled($process, 1, 'attached', 0);
	fire($process, 'fire 0 1');
	ok($bt->wait_events(1), 'it traces');
	$bt->stop('KILL');
	wait_enabled($process, 0, 'the tracer was killed', 0);
	fire($process, 'fire 0 2');
	$bt = bpftrace([$clause], $process->pid);
	wait_enabled($process, 1, 'the next one attached', 0);
	fire($process, 'fire 0 3');
	saw($bt, ['probe 3'], 'the next tracer');
	is($process->close, 0, 'the process ends well');
}

# Two equal providers in one process: two images, traced as one provider, and
# one of them comes and goes while the other is traced.  PROCESS obeys the
# orders of test/trace/equal_orders.h.
sub pair
{
	my ($process, $provider) = @_;
	my @pair = $process->images;
	my %inodes = map { $_->{ino} => 1 } @pair;

	is(@pair, 2, 'two images');
	is(keys %inodes, 2, 'of two files');
	wait_enabled($process, 0, 'before', 0, 1);
	my $bt = bpftrace(pair_attach($process, $provider, @pair));
	wait_enabled($process, 1, 'attached', 0, 1);
	fire($process, "fire 0 $_") for 1 .. 3;
	fire($process, "fire 1 $_") for 11 .. 14;
	is($process->ask('stop 0'), 'ok', 'one is unloaded');
	wait_enabled($process, 1, 'the other one', 1);
	fire($process, 'fire 1 15');
	is($process->ask('start 0'), 'ok', 'it is loaded again');
	wait_enabled($process, 1, 'both', 0, 1);
	fire($process, 'fire 0 4');
	fire($process, 'fire 1 16');
	saw($bt, [map { "probe $_" } 1 .. 4, 11 .. 16], 'both together');
	wait_enabled($process, 0, 'ended', 0, 1);
	for my $which (0, 1) {
		pair_by_path($process, $provider, $which, @pair);
	}
	is($process->close, 0, 'the process ends well');
}

# How to attach to both. bpftrace 0.17 with a pid confuses two files with the
# same provider and probe, also those of compiled-in probes (it attaches one
# twice and the other never): it gets paths only.
sub pair_attach
{
	my ($process, $provider, @pair) = @_;
	my @value = ['%ld', 'arg0'];

	return ([clause("*:$provider", 'probe', @value)], $process->pid)
	    if $driver eq 'sid';
	return [map { clause("$_->{path}:$provider", 'probe', @value) } @pair];
}

# By path each is separate. is-enabled shows which image belongs to which.
sub pair_by_path
{
	my ($process, $provider, $which, @pair) = @_;
	my $bt = bpftrace([clause("$pair[$which]{path}:$provider", 'probe',
		['%ld', 'arg0'])]);
	my $ours = 0;

	for (1 .. 1000) {	# until one of the two is enabled
		last if $process->ask("wait $ours 1 0.1") eq 'enabled 1';
		$ours = 1 - $ours;
	}
	wait_enabled($process, 1, 'by path', $ours);
	wait_enabled($process, 0, 'by path, the other one', 1 - $ours);
	fire($process, 'fire 0 20');
	fire($process, 'fire 1 21');
	saw($bt, ['probe 2' . $ours], 'one by path');
	wait_enabled($process, 0, 'by path, ended', 0, 1);
}

# program(DIR, NAME): one of the programs that these cases compile.
my %sources = (twins => 'equal_providers.c', host => 'equal_plugins.c',
	'one.so' => 'equal_plugin.c', 'two.so' => 'equal_plugin.c');
sub program
{
	my ($dir, $name) = @_;

	return build_c("$dir/$name", $name =~ /\.so$/ ? qw(-shared -fPIC) : (),
		source_dir() . "/test/trace/$sources{$name}",
		$name eq 'host' ? '-ldl' : (Usdt::Tracer::library(),
		'-pthread'));
}

# build_programs(DIR): all of them, for a machine that has no compiler.
sub build_programs
{
	my ($dir) = @_;

	program($dir, $_) for sort keys %sources;
}

sub twins
{
	pair(start(program => program($scratch, 'twins')), 'twins');
}

sub plugins
{
	my @plugins = map { program($scratch, $_) } qw(one.so two.so);

	pair(start(program => program($scratch, 'host'),
		args => \@plugins), 'plugged');
}

# --- the lists --------------------------------------------------------------

# run_values(DRIVER, types => TABLE, mixed => TABLE): the tables replace those
# above, whose values need words of 8 bytes.
sub run_values
{
	my ($which, %tables) = @_;

	begin($which);
	local @types = @{$tables{types} // \@types};
	local @mixed = @{$tables{mixed} // \@mixed};
	tracer_case("ints, 0 to $most, by pid" => sub {
		counted('int', 'intsbypid', 0);
	});
	tracer_case("ints, 0 to $most, by path" => sub {
		counted('int', 'intsbypath', 1);
	});
	tracer_case("strings, 0 to $most, by pid" => sub {
		counted('char *', 'stringsbypid', 0);
	});
	tracer_case("strings, 0 to $most, by path" => sub {
		counted('char *', 'stringsbypath', 1);
	});
	tracer_case('images in the default directory' => \&default_directory);
	tracer_case('sizes and signs' => \&types);
	tracer_case('types side by side' => \&mixed_types);
	tracer_case('32 arguments' => \&widest);
	tracer_case('odd strings' => \&texts);
	tracer_case('names and functions' => \&names);
	tracer_case('the kind of nop' => \&nops);
	tracer_case('stacks' => \&stacks);
	tracer_case('the process of another user' => \&other_user);
}

sub run_life
{
	begin(@_);
	tracer_case('is-enabled' => \&is_enabled);
	tracer_case('a thousand fires' => \&many_fires);
	tracer_case('disable and enable' => \&disable_and_enable);
	tracer_case('a probe added' => \&added_probe);
	tracer_case('a probe removed' => \&removed_probe);
	tracer_case('the neighbour of a removed probe' => \&removed_neighbour);
}

# The cases that depend on the processor, in as few runs of bpftrace as
# possible: it starts slowly under emulation.
sub run_processor
{
	begin(@_);
	tracer_case("ints, 0 to $most, by pid" => sub {
		counted('int', 'intsbypid', 0);
	});
	tracer_case("strings, 0 to $most, by path" => sub {
		counted('char *', 'stringsbypath', 1);
	});
	tracer_case('types side by side' => \&mixed_types);
	tracer_case('is-enabled' => \&is_enabled);
	tracer_case('a thousand fires' => \&many_fires);
	tracer_case('fork' => \&forked_child);
}

# For programs that were compiled so that kernels find the callers.
sub run_stacks
{
	begin(@_);
	tracer_case('a whole stack' => \&whole_stack);
}

# run_sharing(DRIVER, plugins => 0): without plugins, for programs that can't
# load or unload any.
sub run_sharing
{
	my ($which, %option) = @_;

	begin($which);
	tracer_case('attached before any process' => \&path_before_processes);
	tracer_case('one pid of two' => \&pid_among_two);
	tracer_case('fork' => \&forked_child);
	tracer_case('clone' => \&cloned_child);
	tracer_case('the tracer is killed' => \&killed_tracer);
	tracer_case('two equal providers in one process' => \&twins);
	tracer_case('two plugins with a copy of the library' => \&plugins)
	    if $option{plugins} // 1;
}

1;
