#!/usr/bin/perl
# usdt-list.t - does `usdt list` show the probes of processes, and do the
# commands that it prints work?
#
# SPDX-License-Identifier: BSD-2-Clause
use strict;
use warnings;

use Test::More;
use Time::HiRes qw(sleep time);
use Usdt::Process;
use Usdt::Tracer qw(need tracer_case scratch_dir build_c);
use Usdt::Watch qw(run_usdt usdt_command build_notes run_notes);

need('root', 'cc');
alarm 3600;

my $dir = scratch_dir();
my @nobody = ('setpriv', '--reuid=65534', '--regid=65534', '--clear-groups');
my $number = 0;

sub fresh
{
	return "l${$}x" . chr(ord('a') + $number++ % 26) . 'l';
}

sub process
{
	my ($provider, @probes) = @_;
	my @args = ('-p', $provider, '-m', 'mod');

	push @args, (@args > 4 ? '--' : ()), @$_ for @probes;
	my $process = Usdt::Process->new(args => \@args,
		env => { USDT_IMAGE_DIR => "$dir/images" });
	$process->ready or die $process->greeting;
	return $process;
}

sub image
{
	my ($process) = @_;
	return ($process->images)[0]{path};
}

# The list of probes is followed by commands.
sub begins
{
	my ($out, $expected, $what) = @_;
	my $list = join('', grep { !/^    to trace |^      / }
	    map { "$_\n" } split /\n/, $out);

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is($list, $expected, $what);
}

# --- output -----------------------------------------------------------------

tracer_case('for people' => sub {
	my $provider = fresh();
	my @probes = (['handle', 'request-start', 'int', 'char *'],
	    ['handle', 'request-done'], ['other', 'x', 'struct foo *', 'long']);
	my $one = process($provider, @probes);
	my $two = process($provider, @probes);
	my ($a, $b, $image) = ($one->pid, $two->pid, image($one));

	my ($status, $out, $err) = run_usdt('list', $provider);
	begins($out, <<"EOF", 'two processes that have one image');
$image
  in $a (test_usdt), $b (test_usdt)
    $provider:mod:handle:request-start(int, char *) [direct]
    $provider:mod:handle:request-done() [direct]
    $provider:mod:other:x(struct foo *, long) [direct]
EOF
	is($status, 0, 'exit 0');

	($status, $out, $err) = run_usdt('list', '-p', $b, $provider);
	like($out, qr/^\Q$image\E\n  in $b \(test_usdt\)\n/, '-p: one of them');
	like($out, qr/^      usdt watch -p $b $provider:request-start$/m,
	    'with commands');

	($status, $out, $err) = run_usdt('list', "$provider:x",
	    "$provider:*__done");
	begins($out, <<"EOF", 'patterns choose');
$image
  in $a (test_usdt), $b (test_usdt)
    $provider:mod:handle:request-done() [direct]
    $provider:mod:other:x(struct foo *, long) [direct]
EOF
	for my $shown ($out =~ /^    (\S+:\S+)\(/mg) {
		my $name = $shown =~ s/.*://r;
		my $pattern = qr/^\d+\ttest_usdt\t$provider\tmod\t\w+\t$name\t/;
		is(scalar(grep { !/$pattern/ } split /\n/,
		    (run_usdt('list', '-l', $_))[1] || 'nothing'), 0,
		    "as it is shown: $_") for $shown, "$image:$shown";
	}
	my @more = map { process($provider, @probes) } 1 .. 6;
	like((run_usdt('list', $provider))[1], qr/\) and 2 more\n/,
	    'of many processes some are named');
	like((run_usdt('list', '-v', $provider))[1], qr/(\d+ \(test_usdt\)[,\n] ?){8}/,
	    '-v: all');

	push @more, map { process("$provider$_", ['f', 'n']) } 'a' .. 'c';
	($status, $out) = run_usdt('list', "$provider*");
	is(scalar(() = $out =~ m{^/}mg), 4, 'many files');
	unlike($out, qr/usdt watch/, '... without commands');
	like($out, qr/^With -v /m, '... but how to get them');
	($status, $out) = run_usdt('list', '-v', "$provider*");
	is(scalar(() = $out =~ /^    to trace .* in process/mg), 4,
	    '-v: commands for each');
});

# 300 probes of 5 providers in 10 processes, each with a file of its own.
tracer_case('hundreds of probes' => sub {
	my $base = fresh();
	my (%pids, %dirs, @processes);
	my $run = sub {
		my ($provider, $directory, @names) = @_;
		mkdir($dirs{$provider} = "$dir/$directory", 0700);
		my $process = Usdt::Process->new(args => ['-p', $provider,
		    '-m', 'mod', map { $_ ? '--' : (), 'f', $names[$_], 'int id' }
		    0 .. $#names], env => { USDT_IMAGE_DIR => "$dir/$directory" });
		$process->ready or die $process->greeting;
		push @processes, $process;
		push @{ $pids{$provider} }, $process->pid;
	};
	for my $provider (map { "$base$_" } 'a' .. 'e') {
		my @names = map { "probe-$_" } 1 .. 60;
		$run->($provider, "one-$provider", @names);
		# in another order, so that the file is another, too
		$run->($provider, "two-$provider", reverse
		    $provider eq "${base}c" ? @names[1 .. 59] : @names);
	}
	my ($status, $out, $err) = run_usdt('list', "$base*");

	is($status, 0, 'exit 0');
	is(scalar(() = $out =~ /^    $base.:mod:f:probe-\d+\(int id\)/mg), 300,
	    'a line for each probe');
	is(scalar(split /\n/, $out), 300 + 5 * 4 + 2, '... and few others');
	for my $provider (map { "$base$_" } 'a' .. 'e') {
		my $in = join(', ', map { "$_ (test_usdt)" }
		    sort { $a <=> $b } @{ $pids{$provider} });
		like($out, qr{^$provider: 60 probes \[direct\]\n  /\S+/(?:one|two)-$provider/\S+ and 1 more file\n  in \Q$in\E\n    $provider:mod:f:probe-(?:1|60)\(int id\)(?: \[in \d+\])?\n}m,
		    "$provider: what all of its probes have");
	}
	my ($first) = @{ $pids{"${base}c"} };
	is_deeply([ $out =~ /^    (\S+\(.*\)) (.+)$/mg ],
	    ["${base}c:mod:f:probe-1(int id)", "[in $first]"],
	    'a probe names its processes only if not all have it');
	like($out, qr/\n\n300 probes of 5 providers in 10 processes\.\nWith -v /,
	    'how many there are');
	is(scalar(() = (run_usdt('list', '-v', "$base*"))[1] =~ m{^/}mg), 10,
	    '-v: all files');
	is(scalar(() = (run_usdt('list', "$base*:probe-1*"))[1] =~ m{^/}mg),
	    0, '110 of them: lines');
	is(scalar(() = (run_usdt('list', "$base*:probe-1"))[1] =~ m{^/}mg), 9,
	    '9 of them: their files');
	($status, $out) = run_usdt('list', '-l', "$base*");
	is(scalar(split /\n/, $out), 599, '-l: each process and probe');
});

tracer_case('for scripts' => sub {
	my $provider = fresh();
	my $process = process($provider, ['handle', 'a-b', 'int', 'char *'],
	    ['odd(x)', 'y']);
	my ($pid, $image) = ($process->pid, image($process));
	my ($status, $out, $err) = run_usdt('list', '--lines', $provider);

	is($out, join("\t", $pid, 'test_usdt', $provider, 'mod', 'handle',
	    'a-b', 'int, char *', $image) . "\n" . join("\t", $pid,
	    'test_usdt', $provider, 'mod', 'odd(x)', 'y', '', $image) . "\n",
	    'columns');
	is((run_usdt('list', '-l'))[1] =~ /^$pid\t/m, 1,
	    'without a pattern it is among all');
	is((run_usdt('list', '-l', '-p', $pid))[1], $out,
	    'with -p it is alone');
});

tracer_case('32 arguments, of which notes have 12' => sub {
	my @types = map { $_ % 2 ? 'int' : "struct s$_ *" } 1 .. 32;
	my $provider = fresh();
	my $process = process($provider, ['f', 'n', @types]);
	my ($status, $out) = run_usdt('list', $provider);

	like($out, qr/:f:n\(@{[ join ', ', map { quotemeta } @types ]}\) \[direct\]$/m,
	    'all types');
});

tracer_case('names of notes in either spelling' => sub {
	my $provider = fresh();
	my $process = run_notes("$dir/spelt", map { { provider => $provider,
	    name => $_ } } qw(gc__start gc__done));
	my $line = join("\t", "spelt\t$provider\tspelt", 'sites', 'gc__start',
	    '', "$dir/spelt");

	for my $name (qw(gc-start gc__start gc-s* gc__s*)) {
		my ($status, $out) = run_usdt('list', '-l', "$provider:$name");
		is($out, $process->pid . "\t$line\n", "list -l: $name");
		is($status, 0, '... exit 0');
	}
	is((run_usdt('list', '-l', "$provider:gc-stop"))[0], 1,
	    'one that is not there: exit 1');
	$process->end;

	my ($status, $out, $err) =
	    run_usdt('list', '-l', "$dir/spelt:$provider:gc-start");
	is($out, "-\t-" . $line =~ s/^spelt//r . "\n",
	    'a line of a file that no process has mapped');
	is($status, 0, '... exit 0');
	($status, $out, $err) =
	    run_usdt('list', '-l', "$dir/spelt:$provider:gc-stop");
	is("$status $out", '1 ', 'none of it has the name: exit 1');
	like($err, qr/^usdt: no probes found that match/, '... and why');
});

my $sdt = <<'EOF';
#include <sys/sdt.h>
#include <stdio.h>
#include <unistd.h>
__attribute__((noinline)) void
work(int i, long l, unsigned char c)
{
	STAP_PROBE3(compiled, in, i, l, c);
}
int
main(void)
{
	printf("ready %d\n", (int)getpid());
	fflush(stdout);
	while (getchar() != EOF)
		work(1, 2, 3);
	return 0;
}
EOF

SKIP: {
	if (!-e '/usr/include/x86_64-linux-gnu/sys/sdt.h'
	    && !-e '/usr/include/sys/sdt.h') {
		fail('no sys/sdt.h, and USDT_NO_SKIP is set')
		    if $ENV{USDT_NO_SKIP};
		skip('no sys/sdt.h: compiled-in probes not tested', 1);
	}
	tracer_case('compiled-in probes' => sub {
		open(my $c, '>', "$dir/sdt.c") or die;
		print $c $sdt;
		close $c;
		build_c("$dir/sdt prog", "$dir/sdt.c");
		my $process = Usdt::Process->new(program => "$dir/sdt prog");
		my ($pid) = $process->greeting =~ /^ready (\d+)$/ or die;

		my $provider = fresh();
		my $ours = process($provider, ['f', 'n']);
		my $both = (run_usdt('list', 'compiled', $provider))[1];
		like($both, qr{^\Q@{[ image($ours) ]}\E\n.*^\Q$dir/sdt prog\E\n}ms,
		    "libusdt's come first");
		like($both, qr/usdt watch -p @{[ $ours->pid ]} /,
		    '... with commands');
		unlike($both, qr/usdt watch -p $pid /, '... the others without');
		like($both, qr/^With -v /m, '... but how to get them');
		begins((run_usdt('list', 'compiled'))[1], <<"EOF", 'are shown');
$dir/sdt prog
  in $pid (sdt prog)
    compiled:sdt prog:work:in(int32_t, int64_t, uint8_t)
EOF
		my ($out) = (run_usdt('list', "$dir/sdt prog:compiled"))[1];
		like($out, qr/^  in $pid /m, 'a path of a mapped file');
		$process->end;
		($out) = (run_usdt('list', "$dir/sdt prog:compiled"))[1];
		begins($out, <<"EOF", 'a path of an unmapped file');
$dir/sdt prog
    compiled:sdt prog:work:in(int32_t, int64_t, uint8_t)
EOF
	});
}

tracer_case('images without a name' => sub {
	my $provider = fresh();
	my $process = process($provider, ['f', 'n', 'int']);
	my ($pid, $image) = ($process->pid, image($process));
	unlink $image or die "$image: $!";
	my ($status, $out) = run_usdt('list', '-v', $provider);

	like($out, qr/^\Q$image\E \(deleted\)\n  in $pid \(test_usdt\)\n    $provider:mod:f:n\(int\) \[direct\]\n/,
	    'a deleted one is shown as that');
	unlike($out, qr/\Q$image\E:/, 'no command has its path');
	like($out, qr/usdt watch -p $pid /, 'but there is a way');

	my @noexec = ('unshare', '--mount', 'sh', '-c',
	    'mkdir -p -m 700 /tmp/usdt-0; for d in /dev/shm /tmp/usdt-0; do mount -t'
	    . ' tmpfs -o noexec none $d || exit 1; done; exec "$0" "$@"',
	    Usdt::Process::program());
	$provider = fresh();
	$process = Usdt::Process->new(program => \@noexec,
	    args => ['-p', $provider, 'f', 'n', 'int'],
	    env => { USDT_IMAGE_DIR => undef });
	$process->ready or die $process->greeting;
	$pid = $process->pid;
	($status, $out) = run_usdt('list', '-v', $provider);
	like($out, qr/^\/memfd:(\S+) \(deleted\)\n  in $pid \(test_usdt\)\n    $provider:\1:f:n\(int\) \[direct\]\n/,
	    'a memfd is shown');
	like($out, qr{bpftrace -p $pid -e 'usdt:/proc/$pid/fd/\d+:$provider:n },
	    'bpftrace is sent to its descriptor');
});

tracer_case('another mount namespace' => sub {
	my $provider = fresh();
	my @apart = ('unshare', '--mount', 'sh', '-c', 'mount -t tmpfs none '
	    . '/dev/shm || exit 1; exec "$0" "$@"', Usdt::Process::program());
	my $process = Usdt::Process->new(program => \@apart,
	    args => ['-p', $provider, 'f', 'n', 'int'],
	    env => { USDT_IMAGE_DIR => undef });
	$process->ready or die $process->greeting;
	my ($pid, $image) = ($process->pid, image($process));
	my $out = (run_usdt('list', '-v', $provider))[1];

	like($out, qr/^\Q$image\E\n/, 'its own path is shown');
	like($out, qr{usdt watch /proc/$pid/root\Q$image\E:$provider:n$}m,
	    'commands have one that leads there');
});

tracer_case('bytes that control a terminal' => sub {
	my $program = "$dir/a\e[31m b";
	system('cp', Usdt::Process::program(), $program) == 0 or die;
	my $provider = fresh();
	my $process = Usdt::Process->new(program => $program,
	    args => ['-p', $provider, 'f', "n\xff", 'int'],
	    env => { USDT_IMAGE_DIR => "$dir/images" });
	$process->ready or die $process->greeting;

	like((run_usdt(['env', 'LC_ALL=C'], 'list', $provider))[1],
	    qr/\n  in \d+ \(a\\x1b\[31m b\)\n    $provider:testmod:f:n\\xff\(int\) \[direct\]\n/,
	    'is shown as bytes');
});

tracer_case('names that are orders for a terminal' => sub {
	my $provider = fresh();
	my $name = "na\e[2Jm'e\\\xc3\xbc\xff";
	my $process = run_notes("$dir/orders",
	    { provider => "$provider\e]0;x\a", name => $name });
	my ($pid, $program) = ($process->pid, "$dir/orders");

	for my $locale ('C', 'C.UTF-8') {
		my $out = (run_usdt(['env', "LC_ALL=$locale"], 'list', '-v',
		    '-p', $pid))[1];
		my $shown = "$provider\\x1b]0;x\\x07:na\\x1b[2Jm'e\\x5c"
		    . ($locale eq 'C' ? '\\xc3\\xbc' : "\xc3\xbc") . '\\xff';

		unlike($out, qr/[^\n -~\xc3\xbc]/, "$locale: none is in the list");
		like($out, qr/^    to trace \Q$shown\E in process $pid:$/m,
		    '... as bytes in headings');
		my $quoted = "$provider\e]0;x\a:" . $name =~ s/[\\\[]/\\$&/gr;
		is_deeply([ commands($out, 'usdt', 'bash') ], [
		    [ 'watch', '-p', $pid, $quoted ],
		    [ 'watch', "$program:$quoted" ]
		], '... and in commands as the shell reads them');
	}
});

tracer_case('names that look like others' => sub {
	my $provider = fresh();
	my $process = run_notes("$dir/marks", map { { provider => $provider,
	    name => "n${_}x" } } "\xe2\x80\xae", "\xe2\x80\x8b", "\xef\xbb\xbf",
	    "\xd8\x9c", "\xe2\x81\xa6", "\xc3\xbc");
	my $out = (run_usdt(['env', 'LC_ALL=C.UTF-8'], 'list', $provider))[1];

	is_deeply([ $out =~ /^    $provider:marks:sites:n(\S+)x\(\)$/mg ],
	    ['\xe2\x80\xae', '\xe2\x80\x8b', '\xef\xbb\xbf', '\xd8\x9c',
	    '\xe2\x81\xa6', "\xc3\xbc"],
	    'marks that reorder or hide are shown as bytes');
});

tracer_case('names that no pattern has' => sub {
	my $provider = fresh();

	for (["$provider:x", 'n'], [$provider, 'a:b'], ["$provider/x", 'n'],
	    [$provider, 'a/b']) {
		my $process = run_notes("$dir/colons",
		    { provider => $_->[0], name => $_->[1] });
		my $out = (run_usdt('list', '-v', '-p', $process->pid))[1];
		like($out, qr{ \Q$_->[0]\E:colons:\w+:\Q$_->[1]\E\(\)$}m,
		    "$_->[0]:$_->[1] is shown");
		is(scalar(() = commands($out, 'usdt')), 0,
		    '... without a command that fails');
		$process->close;
	}
});

# The text that declares them is C's, where such names end a declaration.
tracer_case("names that are none of C's beside others" => sub {
	my $provider = fresh();
	my @same = ('a;b', ';;', 'c;', 'e{f', 'good');
	my $process = process($provider, (map { ['f', $_, 'int x'] } @same),
	    ['f', 'half(', 'int y'], ['f', 'last', 'int z']);
	my $out = (run_usdt('list', '-p', $process->pid))[1];

	like($out, qr/^    $provider:mod:f:\Q$_\E\(int x\) /m,
	    "$_ and the name of its argument") for @same;
	like($out, qr/^    $provider:mod:f:last\(int z\) /m,
	    '... and of one behind a bracket that nothing closes');
});

tracer_case('which file a path means' => sub {
	my $provider = fresh();
	my $here = build_notes("$dir/here",
	    { provider => $provider, name => 'here' });
	my $there = build_notes("$dir/there",
	    { provider => $provider, name => 'there' });

	mkdir("$dir/place");
	system('cp', $here, "$dir/place/app") == 0 or die;
	my $other = Usdt::Process->new(program => ['unshare', '--mount', 'sh',
	    '-c', 'mount -t tmpfs none "$1" && cp "$2" "$1/app" && '
	    . 'exec "$1/app"', 'sh', "$dir/place", $there]);
	$other->ready or die $other->report;
	begins((run_usdt('list', "$dir/place/app:*"))[1], <<"EOF_LIST", 'not another in another mount namespace');
$dir/place/app
    $provider:app:sites:here()
EOF_LIST
	my $process = Usdt::Process->new(program => $here);
	$process->ready or die;
	symlink('here', "$dir/link") or die;
	begins((run_usdt('list', "$dir/link:*"))[1], <<"EOF_LIST", 'the target of a link, as processes map it');
$here
  in @{[ $process->pid ]} (here)
    $provider:here:sites:here()
EOF_LIST
});

tracer_case('a file that is named as if it were deleted' => sub {
	my $provider = fresh();
	my $program = "$dir/app (deleted)";
	my $process = run_notes("$dir/app (deleted)",
	    { provider => $provider, name => 'n' });
	my $pid = $process->pid;

	is_deeply([ commands((run_usdt('list', $provider))[1], 'usdt') ], [
	    ['watch', '-p', $pid, "$provider:n"],
	    ['watch', "$program:$provider:n"]
	], 'is found by its name');
	unlink $program or die;
	my $out = (run_usdt('list', $provider))[1];
	like($out, qr/^\Q$program\E \(deleted\)\n/, 'when it is deleted it says so');
	is_deeply([ commands($out, 'usdt') ],
	    [['watch', '-p', $pid, "$provider:n"]], '... and has no path');
});

# --- permissions ------------------------------------------------------------

tracer_case('an ordinary user' => sub {
	my ($mine, $roots) = (fresh(), fresh());
	my $root = process($roots, ['f', 'n', 'int']);
	mkdir("$dir/nobody", 0700);
	chown 65534, 65534, "$dir/nobody";
	chmod 0755, $dir;
	my $process = Usdt::Process->new(
	    program => [@nobody, Usdt::Process::program()],
	    args => ['-p', $mine, 'f', 'n', 'int'],
	    env => { USDT_IMAGE_DIR => "$dir/nobody" });
	$process->ready or die $process->greeting;
	my ($status, $out, $err) = run_usdt(\@nobody, 'list', '-l');

	is($out =~ s/^(?!.*\t$mine\t).*\n//mgr, join("\t", $process->pid, 'test_usdt', $mine, 'testmod', 'f',
	    'n', 'int', image($process)) . "\n", 'sees its own');
	is($status, 0, 'exit 0');
	like($err, qr/^usdt: this user may not look into (\d+) other processes?$/m,
	    'reads that there are others');
	($status, $out, $err) = run_usdt(\@nobody, 'list', '-p', $root->pid);
	is("$status $out$err", '1 usdt: process ' . $root->pid
	    . ": Permission denied\n", 'may not look into those');
	like((run_usdt('list', '-l'))[1], qr/^\d+\ttest_usdt\t$mine\t/m,
	    'root sees that one too');

	unlike($out, qr/\t$roots\t/, 'and not root\'s');
	unlink image($process) or die;
	($status, $out, $err) = run_usdt(\@nobody, 'list', $mine);
	is($status, 1, 'a deleted image needs root: exit 1');
	like($err, qr/no probes found .*\n.*may not read \d+ mapped files?$/ms,
	    '... and says so');
});

tracer_case('exit codes' => sub {
	my ($status, $out, $err) = run_usdt('list', 'nobody-has-this');
	is("$status $out", '1 ', 'nothing found: exit 1');
	like($err, qr/^usdt: no probes found that match; without a /m,
	    '... says so');
	like((run_usdt('list', '-p', $$, 'x:y'))[2], qr/^usdt: no probes found in process $$ that match;/,
	    '... and in which process');
	($status, $out, $err) = run_usdt('list', '-p', 4194304);
	is("$status $err", "1 usdt: process 4194304: there is none\n",
	    'no such process: exit 1');
	($status, $out, $err) = run_usdt('list', '/nowhere:x:y');
	like("$status $err", qr/^1 usdt: \/nowhere: No such file/,
	    'no such file: exit 1');
	is((run_usdt('list', @$_))[0], 2, "@$_: exit 2")
	    for ['--what'], ['-p', 0], ['-p', '1x'], ['a:b:c'];
	is((run_usdt('list', '--help'))[0], 0, '--help: exit 0');
	is((run_usdt('--help'))[0], 0, '--help: exit 0');
	like((run_usdt('--version'))[1], qr/^usdt \d+\.\d+\.\d+$/, 'version');
	my $provider = fresh();
	my $process = process($provider, ['f', 'n']);
	is((run_usdt(['sh', '-c', 'exec "$@" >/dev/full', 'sh'], 'list'))[0],
	    1, 'output that can not be written: exit 1');
});

# --- the commands -----------------------------------------------------------

# The commands for a tracer, as words, as the shell reads them.
sub commands
{
	my ($out, $tracer, $sh) = @_;
	my $bin = "$dir/bin";

	mkdir $bin;
	for my $name (qw(usdt bpftrace dtrace gdb perf)) {
		open(my $script, '>', "$bin/$name") or die;
		print $script "#!/bin/sh\nprintf '%s\\n' \"\$@\" 'END'\n";
		close $script;
		chmod 0755, "$bin/$name";
	}
	my @words;
	for my $line ($out =~ /^      ($tracer .*)$/mg) {
		local $ENV{PATH} = "$bin:$ENV{PATH}";
		open(my $shell, '-|', $sh // 'sh', '-c', $line) or die;
		local $/;
		push @words, map { [ split /\n/ ] } split /END\n/, <$shell>;
	}
	return @words;
}

tracer_case('commands as the shell reads them' => sub {
	my $provider = fresh();
	my $process = process($provider, ['f', 'request-start', 'int', 'char *',
	    'void *', 'unsigned']);
	my ($pid, $image) = ($process->pid, image($process));
	my $out = (run_usdt('list', '-v', $provider))[1];
	my $format = '"%d %s %d %s 0x%lx %lu\n", pid, comm, arg0, str(arg1), arg2, arg3';

	is_deeply([ commands($out, 'usdt') ], [
		['watch', '-p', $pid, "$provider:request-start"],
		['watch', "$image:$provider:request-start"],
	], 'usdt');
	is_deeply([ commands($out, 'bpftrace') ], [
		['-p', $pid, '-e', "usdt:*:$provider:request__start { printf($format); }"],
		['-e', "usdt:$image:$provider:request__start { printf($format); }"],
	], 'bpftrace');
	is_deeply([ commands($out, 'dtrace') ], [
		['-p', $pid, '-n', "$provider\$target:::request-start {"
		    . ' trace(arg0); trace(copyinstr(arg1)); trace(arg2); trace(arg3); }'],
	], 'dtrace');
	is(scalar(() = commands($out, 'gdb')), 1, 'gdb: see gdb.t');
	is_deeply([ commands($out, 'perf') ], [
		['probe', '-x', $image, "%sdt_$provider:request__start"],
		['record', '-a', '-e', "sdt_$provider:request__start", 'sleep',
		    '10'],
		['script'],
		['probe', '-d', "sdt_$provider:request__start"],
	], 'perf');
});

tracer_case('commands with odd names' => sub {
	my $provider = fresh();
	my $name = q{it's$(touch`x`);"&*};
	my $process = process($provider, ['f', $name]);
	my $out = (run_usdt('list', '-v', $provider))[1];

	is_deeply([ commands($out, 'usdt') ], [
		['watch', '-p', $process->pid, "$provider:$name"],
		['watch', image($process) . ":$provider:$name"],
	], 'usdt accepts any name');
	is(scalar(() = commands($out, $_)), 0, "$_ can't, and is left out")
	    for qw(bpftrace dtrace gdb perf);

	$process = process("$provider-1", ['f', 'a.b']);
	$out = (run_usdt('list', '-v', "$provider-1"))[1];
	is(scalar(() = commands($out, 'bpftrace')), 2,
	    'bpftrace accepts - and .');
	is(scalar(() = commands($out, 'perf')), 0, 'perf does not');
	for (['a+b'], ['9x'], ['n', 'a.b'], ["n\xff"]) {
		my ($first, $second) = @$_;
		my $one = fresh();

		$process = process($one, ['f', $first],
		    $second ? ['f', $second] : ());
		is(scalar(() = commands((run_usdt('list', '-v', $one))[1],
		    'perf')), 0, "perf accepts no file with @$_");
	}
	is(scalar(() = commands($out, 'dtrace')), 0,
	    'dtrace accepts no provider that ends in a digit');
});

# Run the commands, each while the probe fires.
sub really
{
	my ($process, $command, $pattern) = @_;
	my $run = Usdt::Tracer::Run->start('sh', '-c', "exec $command");
	my $end = time + $Usdt::Tracer::PATIENCE;

	until (grep { /$pattern/ } @{ $run->{lines} }) {
		$process->ask('checked 0 7 seven');
		$run->read_some(0.05) or last;
		last if time > $end;
	}
	ok(scalar(grep { /$pattern/ } @{ $run->{lines} }), $command)
	    or diag($run->report);
	$run->stop('INT');
}

tracer_case('commands as tracers take them' => sub {
	my $provider = fresh();
	my $process = process($provider, ['f', 'a-b', 'int', 'char *']);
	my $pid = $process->pid;
	my $out = (run_usdt('list', '-v', $provider))[1];
	my $usdt = usdt_command();

	really($process, s/^usdt/'$usdt'/r, qr/$pid test_usdt $provider:a-b 7 "seven"$/)
	    for $out =~ /^      (usdt .*)$/mg;
	SKIP: {
		my $lack = Usdt::Tracer::lacks('bpftrace');
		skip("bpftrace's commands: $lack", 3)
		    if $lack && !$ENV{USDT_NO_SKIP};
		my @bpftrace = $out =~ /^      (bpftrace .*)$/mg;
		is(scalar @bpftrace, 2, 'two for bpftrace');
		really($process, $_, qr/^$pid test_usdt 7 seven$/)
		    for @bpftrace;
	}
});

# shell(COMMAND, WHILE): runs it in a home directory of the test, calls WHILE
# repeatedly until it ends, and returns its output, which goes to a file: into a
# pipe perf would write its recording.
sub shell
{
	my ($command, $while) = @_;
	my $run = Usdt::Tracer::Run->start('sh', '-c', "cd '$dir/home' && "
	    . "export HOME='$dir/home' && { $command; } >out");

	my $end = time + $Usdt::Tracer::PATIENCE;
	while ($run->read_some(0.2)) {
		time < $end or die "$command does not end\n";
		$while->();
	}
	my $status = $run->reap // [-1];
	is($status->[0], 0, $command) or diag($run->report);
	open(my $lines, '<', "$dir/home/out") or die;
	return <$lines>;
}

# perf's commands as printed, one after the other, while the process fires if
# its probe is enabled.  No other test uses its name: perf defines no second
# event of a name, even for another provider.
sub perf_takes
{
	my ($process, $provider) = @_;
	my ($pid, $fired) = ($process->pid, 0);
	my $out = (run_usdt('list', '-v', '-p', $pid, "$provider:go-$provider"))[1];
	my ($define, $record, $delete, @more) = $out =~ /^      (perf .*)$/mg;

	is(scalar @more, 0, 'three commands');
	shell($define, sub { });
	my @lines = shell($record, sub {
		$fired++ if $process->ask('checked 0 7') eq 'fired 1';
	});
	shell($delete, sub { });
	cmp_ok($fired, '>', 0, 'is-enabled was true');
	cmp_ok(scalar(grep { /\b$pid .*arg1=7/ } @lines), '>', $fired / 2,
	    'and fires were recorded');
}

tracer_case("perf's commands" => sub {
	my $lack = Usdt::Tracer::lacks('perf');
	if ($lack) {
		return fail($lack) if $ENV{USDT_NO_SKIP};
		plan(skip_all => $lack);
	}
	mkdir("$dir/home");
	my ($provider, $other) = (fresh(), fresh());
	my $process = process($provider, ['f', "go-$provider", 'int']);
	perf_takes($process, $provider);

	my $changed = process($provider, ['f', "go-$provider", 'int'], ['g', 'more']);
	shell("perf buildid-cache --add '@{[ image($_) ]}'", sub { })
	    for $process, $changed;
	perf_takes($changed, $provider);

	my @apart = ('unshare', '--mount', 'sh', '-c', 'mount -t tmpfs none '
	    . '/dev/shm || exit 1; exec "$0" "$@"', Usdt::Process::program());
	$process = Usdt::Process->new(program => \@apart,
	    args => ['-p', $other, 'f', "go-$other", 'int'],
	    env => { USDT_IMAGE_DIR => undef });
	$process->ready or die $process->greeting;
	perf_takes($process, $other);
});

tracer_case('usdt accepts its own commands' => sub {
	my $usdt = usdt_command();

	for my $name ('f(int)', 'a[b]', 'a\\b', '*?') {
		my $provider = fresh();
		my $process = process($provider, ['f', $name, 'int']);
		my $pid = $process->pid;
		my $shown = $name =~ s/\\/\\x5c/r;

		really($process, s/^usdt/'$usdt'/r, qr/$pid test_usdt $provider:\Q$shown\E 7$/)
		    for (run_usdt('list', '-v', $provider))[1]
		    =~ /^      (usdt .*)$/mg;
	}
});

# The columns of `usdt list -l` name the probe again.
tracer_case('functions as they are listed' => sub {
	my $usdt = usdt_command();

	for my $function ('valueOf(char[],int,int)java.lang.String', 'a[b',
	    '*?', 'back\\slash', "caf\xc3\xa9", 'f(int)') {
		my $provider = fresh();
		my $process = process($provider, [$function, 'go', 'int']);
		my @lines = split /\n/, (run_usdt('list', '-l', $provider))[1];
		my @columns = split /\t/, $lines[0];
		my $named = join(':', @columns[2 .. 5]);
		my $shown = $columns[4];

		is(scalar @lines, 1, "$shown is listed");
		is((run_usdt('list', '-l', $named))[1], "$lines[0]\n",
		    'as it is shown it names the probe');
		is(scalar(() = (run_usdt('list', '-l', '-p', $process->pid,
		    join(':', $provider, '', $function =~ s/\W+/*/gr, '')))[1]
		    =~ /\n/g), 1, 'and with wildcards');
		really($process, "'$usdt' watch '$named'",
		    qr/\b$provider:go 7$/);
		my $string = $shown =~ s/\\x5c/\\\\/r;
		like((run_usdt('dump', "$named(int)"))[1],
		    qr/^  string \d+ +"\Q$string\E"$/m,
		    'and gives a document that has it');
	}
});

# --- hostile files ----------------------------------------------------------

tracer_case('notes with too many arguments' => sub {
	my $provider = fresh();
	my $process = run_notes("$dir/crowd", map { { provider => $provider,
	    name => "n$_", args => '4@$7 ' x $_ } } 64, 65, 100_000);
	my $out = (run_usdt('list', $provider))[1];
	my $types = join(', ', ('uint32_t') x 64);

	like($out, qr/:n64\(\Q$types\E\)$/m, 'many are shown');
	like($out, qr/:n$_\(\) \[broken: more arguments than any probe has\]$/m,
	    "$_ are too many") for 65, 100_000;
});

# An ELF file with sections of this size for notes, DOF and symbols, of equal
# bytes, which need no space on disk.
sub large_sections
{
	my ($name, $size) = @_;
	my $names = "\0.note.stapsdt\0.SUNW_dof\0.shstrtab\0";
	my $section = sub {
		my ($at, $type, $offset, $length, $link) = @_;
		return pack('L<2Q<4L<2Q<2', $at, $type, 0, 0, $offset,
		    $length, $link // 0, 0, 4, 24);
	};

	open(my $out, '>:raw', $name) or die;
	print $out "\x7fELF\2\1\1", "\0" x 9,
	    pack('S<2L<Q<3L<S<6', 3, 62, 1, 0, 64, 64, 0, 64, 56, 0, 64, 5, 3),
	    $section->(0, 0, 0, 0), $section->(1, 7, 8192, $size),
	    $section->(15, 1, 8192, $size), $section->(25, 3, 2048, length $names),
	    $section->(0, 2, 8192, $size, 3);
	seek($out, 2048, 0);
	print $out $names;
	truncate($out, 8192 + $size);
	close $out;
	return $name;
}

tracer_case('sections of hundreds of megabytes' => sub {
	my $file = large_sections("$dir/large", 300 << 20);
	my ($status, $out, $err) = run_usdt(['prlimit', '--as=500000000'],
	    'list', "$file:*");

	is($status, 1, 'exit 1');
	like($err, qr/^usdt: no probes found/, 'they are no notes');
});

tracer_case('damaged images' => sub {
	my $provider = fresh();
	my $process = process($provider, ['f', 'n', ('char *', 'int') x 16],
	    ['g', 'a-b']);
	my $bytes = do {
		open(my $in, '<:raw', image($process)) or die;
		local $/;
		<$in>;
	};
	my ($bad, $shown) = ('', 0);
	srand(1);
	for my $round (1 .. 300) {
		my $damaged = $bytes;
		for (0 .. rand 6) {
			my $at = $_ % 2 ? int rand length $bytes
			    : length($bytes) - 1 - int rand 1500;
			substr($damaged, $at, 1) = chr rand 256;
		}
		$damaged = substr($damaged, 0, rand length $bytes)
		    if $round % 10 == 0;
		open(my $file, '>:raw', "$dir/damaged") or die;
		print $file $damaged;
		close $file;
		my $output = qx('@{[ usdt_command() ]}' list -v "$dir/damaged:*" 2>&1);
		$bad .= "round $round: status $?\n$output" if $? != 0 && $? != 256;
		$shown++ if $? == 0;
	}
	is($bad, '', 'every one ends with exit 0 or 1');
	cmp_ok($shown, '>', 30, 'some still have probes');
	cmp_ok($shown, '<', 300, 'some have none');
});

done_testing();
