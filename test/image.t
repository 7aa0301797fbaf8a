# image.t - is a probe image, as a file and as mapped, what tracers need?
#
# It is judged by Usdt::Elf, by readelf and eu-elflint, and by what was
# declared: a table in this file has types and sizes.
#
# SPDX-License-Identifier: BSD-2-Clause
use strict;
use warnings;

use File::Temp qw(tempdir);
use Test::More;

use Usdt::Elf;
use Usdt::Process;

my $dir = tempdir('usdt-test-XXXXXX', TMPDIR => 1, CLEANUP => 1);

# start(ARGUMENTS, VARIABLE => VALUE...): a process with images in $dir, and
# none of the library's variables from outside.
sub start
{
	my ($args, %env) = @_;
	my %none = map { $_ => undef } qw(USDT_DISABLE USDT_BACKENDS
		USDT_HELPER USDT_NOP);

	return Usdt::Process->new(args => $args,
		env => { %none, USDT_IMAGE_DIR => $dir, %env });
}

# --- what is declared -------------------------------------------------------

# Types with their bytes, negative if signed; W is a machine word.
my @types = (
	['int', '-4'], ['char *', 'W'], ['uint64_t', '8'], ['int8_t', '-1'],
	['unsigned short', '2'], ['long', '-W'], ['unsigned char', '1'],
	['int16_t', '-2'], ['size_t', 'W'], ['pid_t', '-4'],
	['struct request *', 'W'], ['unsigned', '4'], ['char', '-1'],
	['short int', '-2'], ['unsigned long', 'W'], ['ssize_t', '-W'],
	['long long', '-8'], ['unsigned long long int', '8'],
	['signed char', '-1'], ['uint8_t', '1'], ['uint16_t', '2'],
	['uint32_t', '4'], ['int32_t', '-4'], ['int64_t', '-8'],
	['uintptr_t', 'W'], ['intptr_t', '-W'], ['bool', '1'],
	['_Bool', '1'], ['const char *', 'W'], ['void *', 'W'],
	['enum color', '-4'], ['uid_t', '4'], ['const volatile int', '-4'],
	['mode_t', '4'], ['my_own_t', 'W'], ['char **', 'W'],
);

# Probes with 0 to 32 arguments, each type first in one of them, several
# functions, names with '-', and names shared by several functions.
my @probes;
for my $argc (0 .. 32, 12, 12, 12) {
	my $n = @probes;
	push @probes, {
		function => 'serve_' . $n % 5,
		name => ('start', 'read-body', 'done', 'a__b',
			'-x-')[$n % 5] . $n,
		types => [map { $types[($n + $_) % @types] } 0 .. $argc - 1],
	};
}
push @probes, { function => "serve_$_", name => 'shared', types => [] }
    for 0 .. 4;

# arguments(PROBE...): test_usdt's arguments that declare these.
sub arguments
{
	my @arguments = map { ('--', $_->{function}, $_->{name},
		map { $_->[0] } @{ $_->{types} }) } @_;
	shift @arguments;
	return @arguments;
}

# --- what an image must have ------------------------------------------------

# By e_machine: the size of words, the registers for arguments, the stack
# register, and the code at the targets of jumps.
my %machine = (
	62 => { word => 8, registers => [qw(rdi rsi rdx rcx r8 r9)],
		stack => 'rsp', landing => "\xf3\x0f\x1e\xfa" },
	3 => { word => 4, registers => [], stack => 'esp',
		landing => "\xf3\x0f\x1e\xfb" },
);

my %nop = (1 => "\x90", 5 => "\x0f\x1f\x44\0\0",
	10 => "\x66\x2e\x0f\x1f\x84\0\0\0\0\0");

# The argument text of a note: twelve at most, at the places of the ABI.
sub note_args
{
	my ($probe, $machine) = @_;
	my @registers = @{ $machine->{registers} };
	my ($i, @args) = (0);

	for my $type (@{ $probe->{types} }) {
		last if $i == 12;
		my $size = $type->[1] =~ s/W/$machine->{word}/r;
		# No value is wider than the word that passes it.
		$size =~ s/8/$machine->{word}/;
		my $offset = ($i - @registers) * $machine->{word};
		push @args, "$size@" . ($i < @registers ? "%$registers[$i]" :
			($offset || '') . "(%$machine->{stack})");
		$i++;
	}
	return "@args";
}

# nop_at(BYTES, OFFSET): the length of the nop there.
sub nop_at
{
	my ($bytes, $at) = @_;
	my ($length) = grep { substr($bytes, $at, $_) eq $nop{$_} } keys %nop;
	return $length // 0;
}

# judge(TITLE, BYTES, PROVIDER, PROBES, NOP): checks all of it; NOP is the
# requested length, or undef.
sub judge
{
	my ($title, $bytes, $provider, $probes, $nop) = @_;
	my $elf = Usdt::Elf->new($bytes);

	is_deeply([$elf->problems], [], "$title: no problems");
	judge_layout($title, $elf);
	my $machine = $machine{ $elf->header->{machine} };
	if (!$machine) {
		fail("$title: nothing is known of this processor");
		return;
	}
	judge_notes($title, $elf, $provider, $probes, $machine);
	judge_sites($title, $elf, $bytes, $machine, $nop);
	judge_symbols($title, $elf, $probes);
	judge_gates($title, $elf);
	judge_direct($title, $elf, $bytes, scalar @$probes);
	return $elf;
}

sub judge_layout
{
	my ($title, $elf) = @_;

	is($elf->header->{type}, 3, "$title: a shared object");
	is_deeply([map { $_->{name} } $elf->sections], ['',
		qw(.note.gnu.build-id .eh_frame_hdr .eh_frame .stapsdt.base
		.SUNW_dof .text .probes .note.stapsdt .symtab .strtab
		.shstrtab .usdt.direct)], "$title: sections");
	is_deeply([map { $_->{flags} } $elf->loads], [4, 5, 6],
		"$title: segments to read, to execute, to write");
	is_deeply([grep { $_->{vaddr} != $_->{offset} } $elf->loads], [],
		"$title: segments lie in memory as in the file");
	is_deeply([grep { $_->{addr} != ($_->{flags} & 2 ? $_->{offset} : 0) }
		$elf->sections], [], "$title: sections too");
	is_deeply([grep { $_->{filesz} != $_->{memsz} } $elf->loads], [],
		"$title: segments are all in the file");
	my ($stack) = grep { $_->{type} == 0x6474e551 } $elf->segments;
	is($stack && $stack->{flags}, 6, "$title: no executable stack");
	like($elf->build_id, qr/^[0-9a-f]{16,40}$/, "$title: a build-id");
}

sub judge_notes
{
	my ($title, $elf, $provider, $probes, $machine) = @_;
	# Tracers read "0(%rsp)" as "(%rsp)".
	my @read = map { { %$_{qw(provider name)},
		args => $_->{args} =~ s{\@0\(}{@(}gr } } $elf->notes;
	my @declared = map { { provider => $provider,
		name => $_->{name} =~ s/-/__/gr,
		args => note_args($_, $machine) } } @$probes;

	is_deeply(\@read, \@declared, "$title: notes say what was declared");
	my @text = map { $elf->section('.text')->{$_} } qw(addr size);
	my %gates = map { $_->{semaphore} => 1 } $elf->notes;
	is($text[1], 32 * (@$probes + 1) + keys %gates, "$title: a stub for " .
		'each probe and the announcer, a direct site for each gate');
	is_deeply([map { int(($_->{location} - $text[0]) / 32) } $elf->notes],
		[0 .. $#$probes], "$title: notes point to their stubs");
}

# core/direct.h says what a reader of direct events finds.
sub judge_direct
{
	my ($title, $elf, $bytes, $count) = @_;
	my %direct;

	@direct{qw(magic sites announcer stride gates stubs stub id flags)} =
	    unpack('a8 Q< Q< L< L< L< L< L< L<',
		$elf->section_bytes('.usdt.direct'));
	my @text = map { $elf->section('.text')->{$_} } qw(addr size);
	my ($first) = map { $_->{adjusted} } $elf->notes;
	my $gates = $elf->section('.probes')->{size} / 4;

	is($direct{magic}, 'udirect1', "$title: direct sites");
	is($direct{sites}, $text[0] + 32 * ($count + 1),
		"$title: they lie behind the stubs");
	is($direct{gates}, $gates, "$title: one for each gate");
	is(substr($bytes, $elf->file_offset($direct{sites}), $gates),
		"\x90" x $gates, "$title: each is a nop of $direct{stride} byte");
	is($direct{announcer}, $first + 32 * $count,
		"$title: the announcer is one more stub");
	is(substr($bytes, $elf->file_offset($direct{announcer} - 10), 32),
		substr($bytes, $elf->file_offset($first - 10), 32),
		"$title: like the others");
	is_deeply([@direct{qw(stubs stub flags)}], [32 * $count, 32, 0],
		"$title: the stubs' sizes");
	is(unpack('H*', substr($bytes, $elf->file_offset($direct{id} + 16),
		20)), $elf->build_id, "$title: the build-id's place");
	my $direct = $elf->section('.usdt.direct');
	is($direct->{addr} + $direct->{size}, $text[0],
		"$title: a fire finds this by its stub's address");
}

sub judge_sites
{
	my ($title, $elf, $bytes, $machine, $wanted) = @_;
	my @wrong;

	for my $note ($elf->notes) {
		my ($sdt, $dof) = map { $elf->file_offset($_) }
		    @$note{qw(adjusted location)};
		my @nops = map { nop_at($bytes, $_) } $sdt, $dof;
		push @wrong, "$note->{name}: nops of $nops[0] and $nops[1] "
		    . "bytes at $sdt and $dof"
		    if !$nops[0] || !$nops[1] || $sdt + $nops[0] != $dof
		    || defined $wanted && $nops[0] != $wanted;
		push @wrong, "$note->{name}: a nop is in two pages"
		    if grep { $_->[0] >> 12 != $_->[0] + $_->[1] - 1 >> 12 }
			[$sdt, $nops[0]], [$dof, $nops[1]];
		push @wrong, "$note->{name}: no landing before the sites"
		    if substr($bytes, $sdt - 4, 4) ne $machine->{landing};
		push @wrong, "$note->{name}: no leave and ret behind them"
		    if substr($bytes, $dof + $nops[1], 2) ne "\xc9\xc3";
	}
	is_deeply(\@wrong, [], "$title: two sites, one behind the other");
}

sub judge_symbols
{
	my ($title, $elf, $probes) = @_;
	my (undef, @symbols) = $elf->symbols;
	my $text = $elf->section('.text');
	my @found = map { my $location = $_->{location};
		my ($symbol) = grep { $location >= $_->{value}
			&& $location < $_->{value} + $_->{size} } @symbols;
		$symbol ? $symbol->{name} : undef } $elf->notes;

	is_deeply(\@found, [map { $_->{function} } @$probes],
		"$title: each site is in a symbol named as its function");
	is_deeply([map { [@$_{qw(value size bind type shndx)}] } @symbols],
		[map { [$text->{addr} + 32 * $_, 32, 0, 2, $text->{index}] }
		0 .. $#$probes], "$title: which are local functions");
}

sub judge_gates
{
	my ($title, $elf) = @_;
	my $gates = $elf->section('.probes');
	my @notes = $elf->notes;
	my (%number, @expected);

	for my $note (@notes) {
		my $next = keys %number;
		push @expected, $gates->{addr}
		    + 4 * ($number{$note->{name}} //= $next);
	}
	is_deeply([map { $_->{semaphore} } @notes], \@expected,
		"$title: a gate word for each name");
	is($gates->{size}, 4 * keys %number, "$title: and nothing else");
	is($elf->section_bytes('.probes'), "\0" x $gates->{size},
		"$title: gates are closed");
}

# readelf and eu-elflint give a second and a third opinion.
sub judge_by_tools
{
	my ($title, $path) = @_;
	my ($said) = output('readelf', '-aW', $path);

	SKIP: {
		skip('readelf is not installed', 2) if !defined $said;
		my @complaints = grep { /warning|error/i } split /\n/, $said;
		is_deeply(\@complaints, [], "$title: readelf is content");
		like($said, qr/stapsdt/, "$title: readelf finds the notes");
	}
	($said) = output('eu-elflint', '--gnu-ld', $path);
	SKIP: {
		skip('eu-elflint is not installed', 1) if !defined $said;
		# It knows no stapsdt notes, not even compiler-made ones.
		my @complaints = grep { !/\.note\.stapsdt/ && !/^No errors$/ }
		    split /\n/, $said;
		is_deeply(\@complaints, [], "$title: eu-elflint is content");
	}
}

# output(COMMAND...): its output, or undef if it is not installed.
sub output
{
	my @command = @_;
	return undef if !grep { -x "$_/$command[0]" } split /:/, $ENV{PATH};
	my $pid = open(my $out, '-|') // die "fork: $!\n";
	if ($pid == 0) {
		$ENV{LC_ALL} = 'C';
		open(STDERR, '>&', \*STDOUT) or die "dup: $!\n";
		exec(@command) or die "$command[0]: $!\n";
	}
	local $/;
	return scalar <$out>;
}

sub slurp
{
	my ($path) = @_;
	open(my $in, '<:raw', $path) or die "$path: $!\n";
	local $/;
	return scalar <$in>;
}

# judge_mapping(TITLE, PROCESS, IMAGE, ELF): is it mapped as its headers say?
sub judge_mapping
{
	my ($title, $process, $image, $elf) = @_;
	my @segments = @{ $image->{segments} };
	my @lines = grep { $_->{path} eq $image->{path} } $process->maps;
	my $bytes = slurp($image->{path});

	is_deeply(\@lines, \@segments, "$title: mapped once");
	is_deeply([map { $_->{perms} } @segments], [qw(r--p r-xp rw-p)],
		"$title: three mappings, none to write and execute");
	is_deeply([map { $_->{offset} } @segments],
		[map { $_->{offset} } $elf->loads],
		"$title: mapped from where the segments are");
	is($segments[0]{start}, $image->{base},
		"$title: its first byte is the first that is mapped");
	for my $i (0 .. 2) {
		my $load = ($elf->loads)[$i];
		my $memory = $process->mem($image->{base} + $load->{vaddr},
			$load->{memsz});
		ok($memory eq substr($bytes, $load->{offset},
			$load->{filesz}), "$title: the bytes of segment $i");
		my $mapped = $segments[$i]{end} - $segments[$i]{start};
		cmp_ok($load->{memsz}, '<=', $mapped,
			"$title: the whole segment $i");
	}
}

# judge_file(TITLE, PATH): could no other user have written it?
sub judge_file
{
	my ($title, $path) = @_;
	my @stat = stat $path;
	my $parent = $path =~ s{/[^/]+$}{}r;

	is($stat[2] & 0222, 0, "$title: read-only");
	is($stat[4], $>, "$title: the user's own");
	is($stat[3], 1, "$title: one link");
	while (length $parent > length $dir) {
		is((stat $parent)[2] & 07777, 0700,
			"$title: $parent is the user's alone");
		$parent =~ s{/[^/]+$}{};
	}
}

# only_image(PROCESS): the one image of a process.
sub only_image
{
	my ($process) = @_;
	$process->ready or die $process->report;
	my @images = $process->images;
	is(scalar @images, 1, 'one image');
	return $images[0] // die "no image\n";
}

# --- many probes in one image -----------------------------------------------

my $first = start(['-p', 'image-test', '-m', 'mod.1', arguments(@probes)]);
my $image = only_image($first);
my $bytes = $first->image_bytes($image);
my $elf = judge('many probes', $bytes, 'image-test', \@probes);
like($image->{path}, qr{^\Q$dir\E/image-test/\d+-[0-9a-f]{16}/mod\.1$},
	'the path is directory, provider, hash and module');
is($first->status->{'sdt.path'}, $image->{path}, 'and status has it');
judge_mapping('many probes', $first, $image, $elf);
judge_file('many probes', $image->{path});
judge_by_tools('many probes', $image->{path});

# Firing does not change mapped bytes.
is($first->ask(''), 'fired ' . @probes, 'all fire');
judge_mapping('after firing', $first, $image, $elf);

# The same definition in another process, and after the first has ended.
{
	my @same = ('-p', 'image-test', '-m', 'mod.1', arguments(@probes));
	my $second = start(\@same);
	my $other = only_image($second);
	is_deeply([@$other{qw(path dev ino)}], [@$image{qw(path dev ino)}],
		'two processes map one file');
	is($first->close, 0, 'the first process ends well');
	is($second->close, 0, 'the second too');
	my $third = start(\@same);
	$other = only_image($third);
	is_deeply([@$other{qw(path dev ino)}], [@$image{qw(path dev ino)}],
		'and one that starts later maps it too');
	ok($third->image_bytes($other) eq $bytes, 'with the same bytes');
	unlink($image->{path}) or die "$image->{path}: $!\n";
	my $fourth = start(\@same);
	$other = only_image($fourth);
	is($other->{path}, $image->{path},
		'a file that was removed is made again in its place');
	ok($fourth->image_bytes($other) eq $bytes, 'with the same bytes');
	is(($third->images)[0]{deleted}, 1, 'the old one goes on');
	is($third->ask(''), 'fired ' . @probes, 'and its process too');
}

# --- one probe for each number of arguments, and each nop --------------------

for my $probe (@probes[0, 1, 6, 7, 12, 13, 32]) {
	my $title = @{ $probe->{types} } . ' arguments';
	my $process = start(['-p', 'argc', arguments($probe)]);
	my $alone = only_image($process);
	my $one = judge($title, $process->image_bytes($alone), 'argc',
		[$probe]);
	judge_mapping($title, $process, $alone, $one);
	is($process->close, 0, "$title: ends well");
}

my %path_of_nop;
SKIP: {
	skip('only x86-64 has more than one nop', 1)
	    if $elf->header->{machine} != 62;
	for my $nop (1, 5, 10) {
		my $process = start(['-p', 'nops', arguments(@probes[0 .. 2])],
			USDT_NOP => $nop);
		my $with = only_image($process);
		judge("nop of $nop", $process->image_bytes($with), 'nops',
			[@probes[0 .. 2]], $nop);
		judge_by_tools("nop of $nop", $with->{path});
		is($process->ask(''), 'fired 3', "nop of $nop: fires");
		$path_of_nop{ $with->{path} } = $nop;
	}
	is(scalar keys %path_of_nop, 3, 'each nop has a path of its own');
}

# As many probes as fill several pages of stubs and of gates.
{
	my @many = map { { function => 'f' . $_ % 7, name => "n$_",
		types => [] } } 1 .. 1100;
	my $process = start(['-p', 'pages', arguments(@many)]);
	my $large = only_image($process);
	my $whole = judge('1100 probes', $process->image_bytes($large),
		'pages', \@many);
	judge_mapping('1100 probes', $process, $large, $whole);
	is($process->ask(''), 'fired 1100', '1100 probes: all fire');
}

# --- other definitions, other paths ------------------------------------------

{
	my %definition = (
		plain => [qw(-p prov -m mod func name int)],
		provider => [qw(-p prow -m mod func name int)],
		module => [qw(-p prov -m mode func name int)],
		function => [qw(-p prov -m mod fund name int)],
		name => [qw(-p prov -m mod func nam int)],
		type => [qw(-p prov -m mod func name uint)],
		'spelling of a type' => [qw(-p prov -m mod func name), ' int'],
		'one more argument' => [qw(-p prov -m mod func name int int)],
		'no argument' => [qw(-p prov -m mod func name)],
		'one more probe' => [qw(-p prov -m mod func name int --
			func more)],
		'another order' => [qw(-p prov -m mod func more --
			func name int)],
		'function and name cut elsewhere' =>
		    [qw(-p prov -m mod fun cname int)],
	);
	my (%path, %id);
	for my $what (sort keys %definition) {
		my $process = start($definition{$what});
		my $own = only_image($process);
		my $id = Usdt::Elf->new($process->image_bytes($own))->build_id;
		is($path{ $own->{path} }, undef, "$what: a path of its own");
		is($id{$id}, undef, "$what: a build-id of its own");
		$path{ $own->{path} } = $id{$id} = $what;
		is($process->close, 0, "$what: ends well");
	}
}

# --- probes that are added later, and disabling ------------------------------

{
	my $process = start([qw(-p later func early int)]);
	my $early = only_image($process);
	is($process->ask('add func late-comer uint8_t'), 'ok 1', 'added');
	is(scalar(() = $process->images), 1, 'not visible yet');
	is($process->ask('enable'), 'ok', 'enabled');
	my ($late) = grep { $_->{path} ne $early->{path} } $process->images;
	is(scalar(() = $process->images), 2, 'a second image');
	judge('a probe added later', $process->image_bytes($late), 'later',
		[{ function => 'func', name => 'late-comer',
		types => [['uint8_t', '1']] }]);
	is_deeply([grep { $_->{ino} == $early->{ino} } $process->images],
		[$early], 'the first image has stayed where it was');
	my @before = $process->images;
	is($process->ask('disable'), 'ok', 'disabled');
	is($process->ask('enable'), 'ok', 'enabled again');
	is_deeply([$process->images], \@before, 'the same images');
	is($process->ask('free'), 'ok', 'freed');
	is(scalar(() = $process->images), 2,
		'images stay while the program holds their probes');
	is($process->close, 0, 'ends well');
	ok(-e $late->{path}, 'and the files stay for tracers');
}

# A forked child.
{
	my $process = start([qw(-p forks func name int)]);
	my $own = only_image($process);
	my ($child) = $process->ask('fork') =~ /^forked (\d+)$/
	    or die "no child\n";
	is($process->ask('child '), 'child fired 1', 'a forked child fires');
	is_deeply([map { [@$_{qw(path ino base)}] } $process->images($child)],
		[[@$own{qw(path ino base)}]], 'through the image it inherited');
}

done_testing();
