# dof.t - would DTrace on Linux accept the DOF of a process, and find in it what
# was declared?
#
# It is read from the memory of a running process, as the helper reads it, and
# judged by Usdt::Dof with the address that the helper gets.
#
# SPDX-License-Identifier: BSD-2-Clause
use strict;
use warnings;

use File::Temp qw(tempdir);
use Test::More;

use Usdt::Dof;
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
	my $process = Usdt::Process->new(args => $args,
		env => { %none, USDT_IMAGE_DIR => $dir, %env });

	$process->ready or die $process->report;
	return $process;
}

# arguments(PROBE...): test_usdt's arguments that declare these.
sub arguments
{
	my @arguments = map { ('--', $_->{function}, $_->{name},
		@{ $_->{types} }) } @_;
	shift @arguments;
	return @arguments;
}

# document(PROCESS, IMAGE): its DOF from memory, and the image as ELF.
sub document
{
	my ($process, $image) = @_;
	my $elf = Usdt::Elf->new($process->image_bytes($image));
	my $section = $elf->section('.SUNW_dof') or die "no DOF\n";
	my $bytes = $process->mem($image->{base} + $section->{addr},
		$section->{size}) // die "DOF can't be read\n";

	return ($bytes, $elf);
}

# judge(TITLE, PROCESS, IMAGE, PROVIDER, PROBES): checks all of it.
sub judge
{
	my ($title, $process, $image, $provider, $probes, @known) = @_;
	my ($bytes, $elf) = document($process, $image);
	my $header = $elf->header;
	my ($module) = $image->{path} =~ m{([^/]+)$};
	my ($problems, $document) = Usdt::Dof::judge($bytes, 'linux',
		addr => $image->{base}, module => $module,
		encoding => $header->{big} ? 2 : 1,
		model => $header->{class} / 32);

	is_deeply([Usdt::Dof::texts(@$problems)], \@known,
		"$title: no problems");
	ok($bytes eq $elf->section_bytes('.SUNW_dof'),
		"$title: the same in memory and in the file");
	is($document->{version}, 3, "$title: version 3");
	is(scalar @{ $document->{providers} }, 1, "$title: one provider");
	is($document->{provider}, $provider, "$title: the provider");
	judge_declared($title, $document, $probes);
	judge_places($title, $document, $elf, $image);
	judge_sites($title, $document, $process);
	return ($bytes, $document);
}

# Names, types and the order of arguments.
sub judge_declared
{
	my ($title, $document, $probes) = @_;
	my @members = qw(function name native xlated map);
	my @read = map { { %$_{@members} } } @{ $document->{probes} };
	my @declared = map { {
		function => $_->{function}, name => $_->{name} =~ s/__/-/gr,
		native => $_->{types}, xlated => $_->{types},
		map => [0 .. $#{ $_->{types} }],
	} } @$probes;

	is_deeply(\@read, \@declared, "$title: read as declared");
}

# The document contains no address until the helper adds one, and leads to the
# same code as notes and symbols.
sub judge_places
{
	my ($title, $document, $elf, $image) = @_;
	my @probes = @{ $document->{probes} };
	my ($null, @symbols) = $elf->symbols;
	my ($section) = grep { $_->{type} == 16 } @{ $document->{sections} };

	is_deeply([map { $_->{raw_addr} } @probes],
		[map { $_->{value} } @symbols],
		"$title: addresses are offsets in the image");
	is_deeply($document->{relocations}, [map { { type => 1,
		section => $section->{index}, offset => 48 * $_ } }
		0 .. $#probes], "$title: one relocation for each probe");
	is_deeply([map { $_->{sites} } @probes],
		[map { [$image->{base} + $_->{location}] } $elf->notes],
		"$title: its sites are where the notes' raw locations are");
	is_deeply([map { $_->{function} } @probes],
		[map { $_->{name} } @symbols],
		"$title: functions are the symbols' names");
	is_deeply([map { $_->{name} } @probes],
		[map { $_->{name} =~ s/__/-/gr } $elf->notes],
		"$title: DTrace reads the same names in notes");
}

# The code at the sites, in the process itself.
sub judge_sites
{
	my ($title, $document, $process) = @_;
	my %nop = map { $_ => 1 } "\x90", "\x0f\x1f\x44\0\0",
	    "\x66\x2e\x0f\x1f\x84\0\0\0\0\0";
	my @wrong;

	for my $probe (@{ $document->{probes} }) {
		my $name = "$probe->{function}:$probe->{name}";
		my ($site, $more) = @{ $probe->{sites} };
		my ($ensite, $enmore) = @{ $probe->{ensites} };
		if (!defined $site || !defined $ensite || defined $more
		    || defined $enmore) {
			push @wrong, "$name: not one site of each kind";
			next;
		}
		push @wrong, "$name: no nop and ret at is-enabled"
		    if $process->mem($ensite, 2) ne "\x90\xc3";
		push @wrong, "$name: is-enabled has no landing before it"
		    if $process->mem($ensite - 4, 4)
		    !~ /^\xf3\x0f\x1e[\xfa\xfb]/s;
		my $code = $process->mem($site, 12);
		push @wrong, "$name: no nop, leave and ret at the site"
		    if !grep { index($code, "$_\xc9\xc3") == 0 } keys %nop;
	}
	is_deeply(\@wrong, [], "$title: what is at the sites");
}

# --- documents ---------------------------------------------------------------

my @types = ('int', 'char *', 'uint64_t', 'int8_t', 'unsigned short', 'long',
	'struct request *', 'size_t', 'pid_t', 'const char *', 'char',
	'unsigned long long int', 'enum color', 'my_own_t', 'bool',
	'void (*)(int)', 'double', 'int [4]', 't' x 127);

# 0 to 32 arguments, functions shared by several probes, names with '-' or its
# other spelling, and names shared by several functions.
my @probes = map { my $argc = $_; {
	function => 'serve_' . $argc % 3,
	name => ('start', 'read-body', 'a__b', '-x-', 'l--m')[$argc % 5]
	    . "-$argc",
	types => [map { $types[($argc + $_) % @types] } 0 .. $argc - 1],
} } 0 .. 32;
push @probes, { function => "serve_$_", name => 'shared', types => [] }
    for 0 .. 2;

my $process = start(['-p', 'dof-test', '-m', 'mod.1', arguments(@probes)]);
my ($image) = $process->images;
my ($bytes, $document) =
    judge('many probes', $process, $image, 'dof-test', \@probes);

# One document in the image: dtprobed identifies a document by its file.
is(scalar(() = $process->image_bytes($image) =~ /\x7fDOF/g), 1,
	'many probes: one document in the image');
my ($loadsz) = unpack('x40 Q', $bytes);
is($loadsz, length $bytes, 'many probes: the section is the document');
my ($line) = grep { $_->{start} <= $image->{base}
	&& $_->{end} >= $image->{base} + length $bytes }
	@{ $image->{segments} };
is($line->{offset}, 0, "many probes: in the image's first mapping");

# Firing does not change it, and two processes have the same bytes.
is($process->ask(''), 'fired ' . @probes, 'all fire');
ok((document($process, $image))[0] eq $bytes, 'firing changes nothing');
{
	my $other = start(['-p', 'dof-test', '-m', 'mod.1',
		arguments(@probes)]);
	my ($own) = $other->images;
	ok((document($other, $own))[0] eq $bytes,
		'two processes have the same bytes');
	judge('a second process', $other, $own, 'dof-test', \@probes);
}

# A child has what it needs to register itself.
{
	my ($child) = $process->ask('fork') =~ /^forked (\d+)$/
	    or die "no child\n";
	my $section = Usdt::Elf->new($process->image_bytes($image))
	    ->section('.SUNW_dof');
	ok($process->mem($image->{base} + $section->{addr}, length $bytes,
		$child) eq $bytes, 'a forked child has it too');
}

# Small documents, and the longest names that the interface accepts.
my %small = (
	'no argument' => { function => 'f', name => 'n', types => [] },
	'one argument' => { function => 'f', name => 'n', types => ['int'] },
	'32 long types' => { function => 'f', name => 'n',
		types => [('t' x 127) x 32] },
	'long names' => { function => 'f' x 127, name => 'n' x 63,
		types => ['int'] },
	'odd names' => { function => '_ZN3foo3barEv@@GLIBC_2.2.5',
		name => "caf\xc3\xa9{}", types => [] },
);
for my $title (sort keys %small) {
	my $one = start(['-p', 'small', arguments($small{$title})]);
	my ($own) = $one->images;
	judge($title, $one, $own, 'small', [$small{$title}]);
	is($one->close, 0, "$title: ends well");
}
{
	my ($provider, $module) = ('p' x 53, 'm' x 63);
	my $one = start(['-p', $provider, '-m', $module, qw(func name)]);
	my ($own) = $one->images;
	judge('the longest provider and module', $one, $own, $provider,
		[{ function => 'func', name => 'name', types => [] }]);
	like($own->{path}, qr{/$module$}, 'the longest module');
}

# A name that is accepted though one system can't find it: status says so too.
{
	my $one = start([qw(-p web1 func name)]);
	my ($own) = $one->images;
	judge('a provider that ends in a digit', $one, $own, 'web1',
		[{ function => 'func', name => 'name', types => [] }],
		"rule names, avoid: the provider's name 'web1' ends in a "
		. 'digit, which Linux takes for the pid');
	isnt($one->status->{note}, '', 'and status remarks on it');
}

# A few hundred probes with each nop: offsets follow.
SKIP: {
	my $elf = (document($process, $image))[1];
	skip('only x86-64 has more than one nop', 1)
	    if $elf->header->{machine} != 62;
	my @many = map { { function => "f$_", name => "n$_",
		types => [('int') x ($_ % 4)] } } 1 .. 300;
	my %sites;
	for my $nop (1, 5, 10) {
		my $one = start(['-p', 'nops', arguments(@many)],
			USDT_NOP => $nop);
		my ($own) = $one->images;
		my (undef, $read) =
		    judge("nop of $nop", $one, $own, 'nops', \@many);
		$sites{ $read->{probes}[0]{offs}[0] } = $nop;
	}
	is(scalar keys %sites, 3, 'each nop moves the site');
}

# A probe that is added later gets a document of its own.
{
	my $one = start([qw(-p later func early int)]);
	my ($early) = $one->images;
	my ($before) = document($one, $early);
	is($one->ask('add func late-comer uint8_t'), 'ok 1', 'added');
	is($one->ask('enable'), 'ok', 'enabled');
	my ($late) = grep { $_->{ino} != $early->{ino} } $one->images;
	judge('a probe added later', $one, $late, 'later',
		[{ function => 'func', name => 'late-comer',
		types => ['uint8_t'] }]);
	ok((document($one, $early))[0] eq $before,
		'the first document is as it was');
}

done_testing();
