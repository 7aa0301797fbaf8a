#!/usr/bin/perl
# dump.t - does `usdt dump` print what documents and notes contain, whatever
# that is?
#
# Its output is compared with what independent readers (Usdt::Dof, Usdt::Elf)
# find in the same bytes; the document that it builds of a definition with what
# a process hands to its helper.  It must report damaged documents as damaged,
# in bounded time, memory and text.
#
# SPDX-License-Identifier: BSD-2-Clause
use strict;
use warnings;
no warnings 'portable';		# of numbers with more than 32 bits

use File::Temp qw(tempdir);
use Test::More;
use Usdt::Variant qw(shared_objects);
use Time::HiRes qw(sleep time);

use Usdt::Dof;
use Usdt::DofCases qw(@rows build good first_version each_spoiled);
use Usdt::Elf;
use Usdt::Process;
use Usdt::Watch qw(usdt_command);

my $dir = tempdir('usdt-dump-XXXXXX', TMPDIR => 1, CLEANUP => 1);
my $usdt = usdt_command();
my $obj = $ENV{USDT_OBJ} // 'obj-x86_64';
my @cc = split ' ', $ENV{CC} // 'cc';
my $most = 64 << 20;	# the largest output allowed here

# sh(SCRIPT, ARGUMENT...): exit status, output, errors.  Time and file sizes are
# limited: an endless output must not fill a disk.
sub sh
{
	my ($script, @arguments) = @_;

	system('sh', '-c', "ulimit -f 131072; ulimit -v 4194304; $script",
	    'sh', @arguments);
	my $status = $? & 127 ? 128 + ($? & 127) : $? >> 8;
	return ($status, slurp("$dir/out"), slurp("$dir/err"));
}

sub dump_of
{
	return sh("exec timeout 600 \"\$@\" >$dir/out 2>$dir/err </dev/null",
	    $usdt, 'dump', @_);
}

sub slurp
{
	my ($path) = @_;

	return '' unless -e $path;
	open(my $in, '<:raw', $path) or die "$path: $!\n";
	local $/;
	return scalar(<$in>) // '';
}

sub spew
{
	my ($name, $bytes) = @_;

	open(my $out, '>:raw', "$dir/$name") or die "$name: $!\n";
	print $out $bytes;
	close($out) or die "$name: $!\n";
	return "$dir/$name";
}

# fine(ARGUMENT...): the output of a run that succeeds.
sub fine
{
	my ($status, $out, $err) = dump_of(@_);

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	ok($status == 0 && $err eq '', "usdt dump @_ is fine")
	    or diag("$status $err");
	return $out;
}

my @definitions = ('dump-er:mod.1:serve:start(int, const char *)',
	'dump-er:mod.1:serve:a__b', 'dump-er:mod.1:_ZN1fE@@V1:none()',
	'dump-er:mod.1:other:many( ' . join(' ,', ('struct x *',
	'void (*)(int, long)', 'int8_t') x 10) . ')');
my @probes = (
	['serve', 'start', 'int', 'const char *'], ['serve', 'a-b'],
	['_ZN1fE@@V1', 'none'],
	['other', 'many', ('struct x *', 'void (*)(int, long)', 'int8_t') x 10],
);
my %archs = (
	linux => [qw(x86_64 i386 aarch64 sparc64 riscv64 s390x armhf ppc64le)],
	illumos => [qw(x86_64 i386 sparc64)],
	freebsd => [qw(x86_64 i386)],
	macos => [qw(x86_64 aarch64 ppc ppc64)],
);
my %model = (x86_64 => 2, i386 => 1, aarch64 => 2, sparc64 => 2,
	riscv64 => 2, s390x => 2, armhf => 1, ppc64le => 2,
	ppc => 1, ppc64 => 2);

# --- usage ------------------------------------------------------------------

my $known = 'linux illumos freebsd macos';
for ([[], 2, qr/^usdt: what is to be printed\?\nusage: /],
	[['-q'], 2, qr/^usage: /m],
	[['--hex', '--raw', 'p:m:f:n'], 2, qr/not both\n/],
	[['-p', 1, 'p:m:f:n'], 2, qr/either a process or something else\n/],
	[['-p', 'x'], 2, qr/--pid wants a number/],
	[['-p', 1, '--os', 'linux'], 2, qr/a process is of this system/],
	[['-p', 2147483647], 1, qr/^usdt: process 2147483647: there is none\n$/],
	[['--os', 'plan9', 'p:m:f:n'], 2,
		qr/^usdt: --os plan9 is not known; there are $known\n$/],
	[['--os', 'none', 'p:m:f:n'], 2, qr/is not known; there are $known\n$/],
	[['--arch', "vax\e", 'p:m:f:n'], 2, qr/^usdt: --arch vax\\x1b is not known;/],
	[['--arch', 'vax', 'p:m:f:n'], 2,
		qr/; there are @{$archs{linux}} ppc ppc64\n$/],
	[['--os', 'macos', '--arch', 'sparc64', 'p:m:f:n'], 2,
		qr/^usdt: macos has no probes on sparc64, only on x86_64 aarch64 ppc ppc64\n$/],
	[['--os', 'linux', '--arch', 'ppc', 'p:m:f:n'], 2,
		qr/^usdt: linux has no probes on ppc, only on @{$archs{linux}}\n$/],
	[['--os', 'freebsd', '--arch', 'aarch64', 'p:m:f:n'], 2,
		qr/only on x86_64 i386\n$/],
	[["$dir/none"], 1, qr/none: No such file or directory\n$/],
	[[$dir], 1, qr/Is a directory\n$/],
	[['/dev/zero'], 1, qr/is not a regular file\n$/],
	[[spew('empty', '')], 1, qr/is empty\n$/],
	[[spew('text', "no DOF\n" x 40)], 1,
		qr/is neither an ELF file nor a DOF document\n$/],
	[[spew('short', "\x7fDOF")], 1, qr/is neither/],
	[[spew('elf', "\x7fELF")], 1, qr/is neither/],
	[["$dir/text", "$dir/text"], 2, qr/one file at a time/],
	[['p:m:f'], 1, qr/^usdt: p:m:f: there is no such file, and a definition has four parts: PROVIDER:MODULE:FUNCTION:NAME\(/],
	[['p:n(struct a/b *)'], 1, qr/a definition has four parts/],
	[["$dir/p:n"], 1, qr/p:n: No such file or directory\n$/],
	[['p:m:f:d e'], 2, qr/^usdt: p:m:f:d e: .*probe name "d e" holds \\x20:/],
	[["p:m:f:d\e"], 2, qr/^usdt: p:m:f:d\\x1b: .*probe name "d\?" holds \\x1b:/],
	[['p\\:m:f:n'], 2, qr/^usdt: p\\x5c:m:f:n: provider name "p\\" holds '\\':/],
	[['p:m:f:'], 2, qr/probe name is empty\n$/],
	[['p:m:f:n(int'], 2, qr/: the types have no closing bracket\n$/],
	[['p:m:f:n(int) x'], 2, qr/: something follows the closing bracket\n$/],
	[['p:m:f:n(int,)'], 2, qr/type 1 is empty\n$/],
	[["p:m:f:n(\e1m)"], 2, qr/type 0 holds \\x1b\n$/],
	[['p:m:f:n(' . join(',', ('int') x 33) . ')'], 2,
		qr/probe n has 33 arguments, at most 32 are accepted\n$/],
	[['p:m:f:n(' . join(',', ('int') x 300) . ')'], 2,
		qr/has 300 arguments, at most 32/],
	[['p' x 54 . ':m:f:n'], 2, qr/has 54 bytes, DTrace accepts 53\n$/],
	[['pid:m:f:n'], 2, qr/DTrace's own\n$/],
	[['--os', 'illumos', 'p+:m:f:n'], 2, qr/holds '\+'/],
	[['p:m:f:n', 'q:m:f:n'], 2, qr/^usdt: q:m:f:n: a document has one provider/],
	[['p:m:f:n', 'p:x:f:n'], 2, qr/a document has one provider and module/],
	[['p:m:f:a__b', 'p:m:f:a-b'], 2, qr/^usdt: p:m:f:a-b: .*/],
	[['p:m:f:n', '/etc/passwd'], 2, qr/is not PROVIDER:MODULE:/]) {
	my ($arguments, $status, $pattern) = @$_;
	my ($got, $out, $err) = dump_of(@$arguments);
	my $name = substr("@$arguments", 0, 60) =~ s/\e/ESC/r;

	is($got, $status, "usdt dump $name: exit $status");
	like($err, $pattern, '... and says why');
	is($out, '', '... and nothing else');
}
like(fine('--help'), qr/^usage: usdt dump/, 'help');

# --- documents of a definition ----------------------------------------------

# bytes_of(DUMP): the bytes of a hexadecimal dump, and how often each was
# printed.
sub bytes_of
{
	my ($text) = @_;
	my (%byte, %told);

	for (split /\n/, $text) {
		/^ *([0-9a-f]+) ((?: [0-9a-f]{2}){1,8})(?:  |$)/ or next;
		my $at = hex $1;
		for (split ' ', $2) {
			$byte{$at} = $_;
			$told{$at++}++;
		}
	}
	my $end = keys %byte;
	my $bytes = join '', map { chr hex($byte{$_} // 'ff') } 0 .. $end - 1;
	return ($bytes, scalar grep { $_ != 1 } values %told);
}

# words(DUMP): the probes of a dump, as lists.
sub words
{
	my ($text) = @_;
	my @probes;

	for my $part (split /^(?=probe \d|section \d)/m, $text) {
		my %probe;
		next unless $part =~ /^probe (\d+): (\S+):(\S+)$/m;
		@probe{qw(index function name)} = ($1, $2, $3);
		for (qw(nargv xargv)) {
			my ($types) = $part =~ /^  $_ +\d+(?:, \w+ types (".*"))?$/m;
			$probe{$_} = [($types // '') =~ /"([^"]*)"/g];
		}
		($probe{map}) = $part =~ /^  argidx +\d+(?:, map: (.*))?$/m;
		$probe{map} = [split ' ', $probe{map} // ''];
		push @{ $probe{$1} }, $2 while $part =~
		    /^  (site|is-enabled) +(?:0x)?[0-9a-f]+: at (.*)$/mg;
		push @probes, \%probe;
	}
	return @probes;
}

# A number, or its distance from dofhp_addr, for ADDRESS.
sub place
{
	my ($text, $address) = @_;

	return $address + hex $1 if $text =~ /^dofhp_addr \+ (\w+)$/;
	return $address - hex $1 if $text =~ /^dofhp_addr - (\w+)$/;
	return hex $text;
}

my %raw;	# by system and processor
for my $os (qw(linux illumos freebsd macos)) {
	for my $arch (@{ $archs{$os} }) {
		my @for = ('--os', $os, '--arch', $arch);
		my $text = fine(@for, @definitions);
		my ($stubs, $at) = $text =~ /^as if the first stub .*? (0x\w+) .* (0x\w+)/;
		my $bytes = $raw{$os}{$arch} = fine(@for, '--raw',
			@definitions);
		my $address = $os eq 'linux' ? 0 : hex $at;
		my $big = $arch =~ /^(?:sparc64|s390x|ppc|ppc64)$/;
		my ($problems, $document) = Usdt::Dof::judge($bytes, $os,
			addr => $address, encoding => $big ? 2 : 1,
			model => $model{$arch}, module => 'mod.1',
			machine => $arch eq 'aarch64' ? 'arm64' :
			    $arch =~ /^ppc(?:64)?$/ ? 'ppc' : 'x86_64');
		my $title = "$os on $arch";

		is_deeply([Usdt::Dof::texts(@$problems)], [],
			"$title: a document without problems");
		is_deeply([map { [$_->{function}, $_->{name},
			@{ $_->{native} }] } @{ $document->{probes} }],
			\@probes, "$title: of what was defined");
		my @words = words($text);
		is_deeply([map { [@$_{qw(function name)}, $_->{nargv},
			$_->{xargv}, $_->{map}] } @words],
			[map { [@$_{qw(function name native xlated map)}] }
			@{ $document->{probes} }], "$title: as printed");
		is_deeply([map { [map { place($_, 0) } @{ $_->{site} },
			@{ $_->{'is-enabled'} }] } @words],
			[map { [@{ $_->{sites} }, @{ $_->{ensites} }] }
			@{ $document->{probes} }],
			"$title: and where its sites are");
		is_deeply([map { $document->{probes}[$_]{raw_addr} } 0 .. 3],
			[map { hex($stubs) + 32 * $_ } 0 .. 3],
			"$title: in stubs at the printed addresses");
		like($text, qr/\ as\ $os\ on\ $arch\ reads\ it.*
			^\ \ model\ +$model{$arch},.*
			^\ \ encoding\ +${\($big ? 2 : 1)},.*
			^\ \ version\ +$document->{version},\ /xms,
			"$title: header");
		is(() = $text =~ /^section \d+: (?!unknown)/mg,
			@{ $document->{sections} }, "$title: sections");
		like($text, qr/^  name +1, "dump-er"$/m, "$title: provider");
		is(() = $text =~ m{^  (?:prov|name|args)attr +0x5050500, (?:Evolving/){2}Common$}mg, 3,
			"$title: its attributes");
		is(() = $text =~ m{^  (?:mod|func)attr +0x1010000, (?:Private/){2}Unknown$}mg, 2, "$title: all of them");
		is(() = $text =~ /^relocation \d/mg, $os eq 'linux' ? 4 : 0,
			"$title: relocations");
		my ($hex, $odd) = bytes_of(fine(@for, '--hex', @definitions));
		ok($hex eq $bytes, "$title: --hex has its bytes");
		is($odd, 0, "$title: each of them once");
		# The same from a file that contains it.
		my $file = spew("$os-$arch", $bytes);
		my $again = fine(@for, $file);
		($again) = $again =~ /^(section 0:.*)/ms;
		my ($body) = $text =~ /^(section 0:.*)/ms;
		if ($os ne 'macos') {
			is($again, $body, "$title: the same for a file");
		} else {
			is_deeply([map { [map { place($_, $address) }
				@{ $_->{site} }] } words($again)],
				[map { $_->{sites} } @{ $document->{probes} }],
				"$title: sites are relative to dofhp_addr");
		}
	}
}

# --- what processes hand to their helpers -----------------------------------

# On Linux it is in the image, and its stubs have the requested nop.
sub start
{
	my (%env) = @_;
	my %none = map { $_ => undef } qw(USDT_DISABLE USDT_BACKENDS
		USDT_HELPER USDT_NOP);
	my @arguments = map { ('--', @$_) } @probes;
	shift @arguments;
	my $process = Usdt::Process->new(args => [qw(-p dump-er -m mod.1),
		@arguments], env => { %none, USDT_NOP => 1,
		USDT_IMAGE_DIR => "$dir/images", %env });

	$process->ready or die $process->report;
	return $process;
}

my ($arch) = $obj =~ m{obj-([^/]+)$};
my $process = start();
my $pid = $process->pid;
my ($image) = $process->images;
my $elf = Usdt::Elf->new($process->image_bytes($image));
my $section = $elf->section('.SUNW_dof');
my $memory = $process->mem($image->{base} + $section->{addr},
	$section->{size});
ok($memory eq $raw{linux}{$arch}, 'a definition gives the bytes that a process'
	. ' has in its memory');
my $of_process = fine('-p', $pid);
{
	ok(fine('-p', $pid, '--raw') eq $memory, '--raw -p writes them');
	ok(fine('--raw', $image->{path}) eq $memory, '--raw of the image too');
	my ($first) = $of_process =~ /\A(.*\n)/;
	like($first, qr/^\Q$image->{path}\E: ELF, /, 'its image comes first');
	my $base = sprintf('%#x', $image->{base});
	like($of_process, qr/^in process $pid its addresses begin at $base$/m,
		'its base');
	my ($problems, $document) = Usdt::Dof::judge($memory, 'linux',
		addr => $image->{base});
	is_deeply([map { [map { place($_, 0) } @{ $_->{site} },
		@{ $_->{'is-enabled'} }] } words($of_process)],
		[map { [@{ $_->{sites} }, @{ $_->{ensites} }] }
		@{ $document->{probes} }], 'sites have their addresses');
	my $of_file = fine($image->{path});
	like($of_file, qr/at dofhp_addr \+ 0x/, 'in the file they are relative');
	unlike($of_file, qr/in the process/, 'and no process is spoken of');
}

# notes(DUMP): the part of the output about notes.
sub notes
{
	my ($text) = @_;
	my @notes;

	for (split /^(?=note \d)/m, $text) {
		/^note \d/ or next;
		my %note;
		for my $key (qw(location base semaphore)) {
			($note{$key}) = /^  $key +(\w+)$/m;
			$note{$key} = hex $note{$key};
		}
		for my $key (qw(provider name arguments)) {
			($note{$key}) = /^  $key +"(.*)"$/m;
		}
		push @notes, \%note;
	}
	return @notes;
}

sub notes_of
{
	my ($read) = @_;

	return map { +{ location => $_->{location}, base => $_->{base},
		semaphore => $_->{semaphore}, provider => $_->{provider},
		name => $_->{name}, arguments => $_->{args} } } $read->notes;
}

{
	my @read = notes_of($elf);
	my ($own) = $of_process =~ /\A(.*?)(?=^\n|\z)/ms;
	$own = join '', grep { /mod\.1: ELF/ } split /\n(?=\/\S+: ELF)/,
	    $of_process;
	my @told = notes($own);
	my $base = $elf->section('.stapsdt.base')->{addr};

	is(scalar @told, 4, 'four notes');
	is_deeply([$own =~ /^  site +(0x\w+) in the file/mg],
		[map { sprintf '%#x', $_->{location} + $base - $_->{base} }
		@told], 'their sites are moved by the distance of the base');
	delete $_->{base} for @told, @read;
	is_deeply([map { $_->{arguments} } @told],
		[map { $_->{arguments} } @read], 'their arguments');
	is_deeply([map { [@$_{qw(provider name semaphore)}] } @told],
		[map { [@$_{qw(provider name semaphore)}] } @read],
		'their names and counters');
	my @sites = $own =~ /^  site +0x(\w+) in the file, 0x(\w+) in the process$/mg;
	is(scalar @sites, 8, 'a site of each');
	is($process->mem(hex $sites[1], 1), "\x90", 'where a nop is')
	    if $arch =~ /x86_64|i386/;
	is(hex($sites[1]) - $image->{base}, hex $sites[0],
		'the same place in both');
	like($own, qr/^  argument 0 +int32_t in \S+$/m, 'arguments in words');
}

# References that lead outside the file are reported.
{
	my $bytes = $process->image_bytes($image);
	my $at = $elf->section('.note.stapsdt')->{offset} + 12 + 8;
	my $wide = $arch =~ /64/;
	for ([0, 'executable'], [2, 'writable']) {
		my ($word, $what) = @$_;
		my $spoilt = $bytes;
		substr($spoilt, $at + $word * ($wide ? 8 : 4), 4)
		    = pack('L', 0x40000);
		my ($status, $out) = dump_of(spew('spoilt', $spoilt));
		is($status, 1, "a note that leads to nothing $what: exit 1");
		like($out, qr/^  WRONG +the file has nothing $what at 0x/m,
			'... and that it does');
	}
}

# A probe that is added later is in an image of its own: two documents.
{
	is($process->ask('add func late-comer uint8_t'), 'ok 4', 'added');
	is($process->ask('enable'), 'ok', 'enabled');
	my $text = fine('-p', $pid);
	is(() = $text =~ /^DOF document, /mg, 2, 'two documents');
	like($text, qr/^probe 0: func:late-comer$/m, 'the other one too');
	my ($status, $out, $err) = dump_of('-p', $pid, '--raw');
	is($status, 1, '--raw: exit 1');
	is($err, "usdt: there are 2 DOF documents, and --raw writes one\n",
		'and says how many');
	is($out, '', 'and writes none');
	is($process->close, 0, 'the process ends well');
}

# Other systems' documents are in no file, but are the same except for the
# addresses of the stubs.
my $handed = <<'C';
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/dof_format.h"
#include "core/provider.h"
int __wrap_open(const char *path, int flags, ...);
int __wrap_close(int fd);
int __wrap_ioctl(int fd, unsigned long request, ...);
int __wrap_open(const char *path, int flags, ...) { (void)path; return flags >= 0 ? 99 : -1; }
int __wrap_close(int fd) { return fd == 99 ? 0 : -1; }
int __wrap_ioctl(int fd, unsigned long request, ...)
{
	const struct usdt__platform *row = usdt__native_platform();
	struct dof_helper *helper;
	struct dof_hdr *dof;
	va_list args;
	void *p;
	va_start(args, request);
	p = va_arg(args, void *);
	va_end(args);
	if (fd != 99 || request != row->add_request)
		return 0;
	if (row->add_shape == USDT__ADD_ENVELOPE)
		p = (char *)(uintptr_t)*(uint64_t *)p + 8;
	helper = p;
	dof = (void *)(uintptr_t)helper->dofhp_dof;
	fprintf(stderr, "%#llx\n", (unsigned long long)helper->dofhp_dof);
	fwrite(dof, 1, dof->dofh_loadsz, stdout);
	return 0;
}
/* PROVIDER MODULE (FUNCTION NAME COUNT TYPE...)... */
int main(int argc, char **argv)
{
	usdt_provider_t *p = usdt_create_provider(argv[1], argv[2]);
	int i = 3;
	while (i < argc) {
		size_t count = (size_t)atoi(argv[i + 2]);
		usdt_probedef_t *d = usdt_create_probe(argv[i], argv[i + 1],
		    count, (const char **)&argv[i + 3]);
		if (d == NULL || usdt_provider_add_probe(p, d) < 0)
			return 2;
		i += 3 + (int)count;
	}
	if (usdt_provider_enable(p) < 0)
		fprintf(stderr, "%s\n", usdt_errstr(p));
	return 0;
}
C
SKIP: {
	skip('the stubs of other systems are built for x86-64 here', 1)
	    if $arch ne 'x86_64';
	my @flags = qw(-std=gnu99 -O1 -fPIC -I.);
	my @objects = shared_objects($obj);
	spew('handed.c', $handed);
	for my $os (qw(illumos freebsd macos)) {
		is(system(@cc, @flags, "-DUSDT_PLATFORM=\"$os\"",
			(map { "-Wl,--wrap=$_" } qw(open close ioctl)),
			"$dir/handed.c", 'core/platform.c',
			'none/image.c', @objects, '-pthread', '-o',
			"$dir/handed-$os"), 0, "a program for $os") or next;
		my ($status, $bytes, $where) = sh("exec timeout 600 \"\$@\" "
			. ">$dir/out 2>$dir/err", "$dir/handed-$os", 'dump-er',
			'mod.1', map { my ($f, $n, @t) = @$_;
			($f, $n, scalar @t, @t) } @probes);
		like($where, qr/^0x\w+\n$/, "$os: its helper was called");
		chomp($where);
		my ($table) = map { $_->{offset} } grep { $_->{type} == 16 }
		    @{ (Usdt::Dof::judge($bytes, $os,
			addr => hex $where))[1]{sections} };
		my $built = $raw{$os}{x86_64};
		my @distance = map { unpack('Q<', substr($bytes, $table
			+ 48 * $_, 8)) - unpack('Q<', substr($built,
			$table + 48 * $_, 8)) } 0 .. 3;
		is("@distance", join(' ', ($distance[0]) x 4),
			"$os: its stubs lie alike");
		for my $i (0 .. 3) {
			substr($bytes, $table + 48 * $i, 8) = "\0" x 8;
			substr($built, $table + 48 * $i, 8) = "\0" x 8;
		}
		ok($bytes eq $built, "$os: all else is what the definition "
			. 'gives');
	}
}

# --- files ------------------------------------------------------------------

# Compiled-in probes have notes and no document.
{
	spew('sdt.s', <<'S');
	.text
	.globl	main
main:	movl	$1, %eax	# write(1, "ready\n", 6)
	movl	%eax, %edi
	leaq	0f(%rip), %rsi
	movl	$6, %edx
	syscall
	movl	$34, %eax	# pause()
	syscall
1:	nop
	jmp	main
0:	.ascii	"ready\n"
	.section .note.stapsdt, "", "note"
	.balign	4
	.4byte	8, 3f - 2f, 3
	.asciz	"stapsdt"
2:	.8byte	1b, _.stapsdt.base, 0
	.asciz	"comp"
	.asciz	"iled__in"
	.asciz	"-4@%eax 8@16(%rsp,%rax,8) 8f@%xmm0 what"
3:	.balign	4
	.section .stapsdt.base, "aG", "progbits", .stapsdt.base, comdat
	.weak	_.stapsdt.base
_.stapsdt.base: .space 1
	.size	_.stapsdt.base, 1
	.section .note.GNU-stack, ""
S
	SKIP: {
		skip('assembly of x86-64', 1) if $arch ne 'x86_64';
		is(system(@cc, '-o', "$dir/sdt", "$dir/sdt.s"), 0, 'compiled');
		my $text = fine("$dir/sdt");
		like($text, qr/^no DOF document$/m, 'no document, it says');
		is_deeply([notes($text)], [notes_of(Usdt::Elf->new(
			slurp("$dir/sdt")))], 'and has the note');
		like($text, qr/^note 0: comp:iled__in$/m, 'by its name');
		is_deeply([$text =~ /^  argument \d +(.*)$/mg], [
			'int32_t in %eax', 'uint64_t in 16(%rsp,%rax,8)',
			'uint64_t, not for kernels',
			'of unknown size, not for kernels'], 'its arguments');
		is(system(@cc, '-c', '-o', "$dir/sdt.o", "$dir/sdt.s"), 0,
			'an object');
		like(fine("$dir/sdt.o"), qr/^note 0: comp:iled__in$/m,
			'has it too');
		my $live = open(my $said, '-|', "$dir/sdt")
		    or die "$dir/sdt: $!\n";
		is(scalar <$said>, "ready\n", 'a process of it');
		my ($own) = grep { /comp:iled__in/ }
		    split /\n(?=\/\S+: ELF)/, fine('-p', $live);
		like($own // '', qr/^no DOF document$/m,
			'its process has no document either');
		like($own // '', qr/^  site +0x\w+ in the file, 0x\w+ in the process$/m,
			'and the site is where it is there');
		kill('KILL', $live);
		close($said);
		my ($status, $out, $err) = dump_of('--raw', "$dir/sdt");
		is("$status $err", "1 usdt: there is no DOF document\n",
			'--raw says that there is none');
		($status, $out, $err) = dump_of('--arch', 'i386', "$dir/sdt");
		like("$status $err", qr/^2 .* is not for i386$/,
			'a file has its own processor');
	}
	my ($status, $out, $err) = dump_of('-p', $$);
	is($status, 0, 'perl itself, by its libraries') if $out ne '';
	my $text = fine('/bin/sh');
	like($text, qr/^no DOF document\nno SDT notes$/m, 'a file with neither');
}

# For a process with notes only, it says that there is no document.
{
	my $idle = start(USDT_DISABLE => 1);
	my ($status, $out, $err) = dump_of('-p', $idle->pid);
	unlike($out, qr/^DOF document/m, 'nothing enabled: no document');
	like($out . $err, qr/^no DOF document$|maps no file with DOF/m,
		'and it says so');
	$idle->close;
}

# elf(BIG, WIDE, SECTIONS): an ELF file with sections [NAME, BYTES], of that
# type (3: linked).
my $elf_type = 1;
sub elf
{
	my ($big, $wide, @sections) = @_;
	my $o = $big ? '>' : '<';
	my $w = $wide ? "Q$o" : "L$o";
	my $names = join("\0", '', map({ $_->[0] } @sections), '.shstrtab')
	    . "\0";
	my $start = $wide ? 64 : 52;
	my ($blob, $headers) = ('', "\0" x ($wide ? 64 : 40));

	for (@sections, ['.shstrtab', $names]) {
		$blob .= "\0" x (-($start + length $blob) % 8);
		$headers .= pack("L${o}2$w$w$w${w}L${o}2$w$w", index($names,
			"\0$_->[0]\0") + 1, $_->[0] =~ /note/ ? 7 :
			$_->[0] =~ /shstr/ ? 3 : 1, 0, 0,
			$start + length $blob, length $_->[1], 0, 0, 4, 0);
		$blob .= $_->[1];
	}
	$blob .= "\0" x (-($start + length $blob) % 8);
	return pack('a4CCCCx8', "\x7fELF", $wide ? 2 : 1, $big ? 2 : 1, 1, 9)
	    . pack("S${o}2L$o$w$w${w}L${o}S${o}6", $elf_type, $big ? 43 : 3, 1, 0, 0,
		$start + length $blob, 0, $start, 0, 0, $wide ? 64 : 40,
		@sections + 2, @sections + 1)
	    . $blob . $headers;
}

# Both byte orders, both widths; several documents in a section, and several
# sections; FreeBSD's rules for a file of FreeBSD.
{
	my $big = $raw{linux}{sparc64};
	my $note = pack('L>3', 8, 46, 3) . "stapsdt\0"
	    . pack('Q>3', 16, 0, 0) . "big\0end\0-8\@%o0 4\@%o1\0\0\0";
	my $text = fine('--os', 'linux', spew('big', elf(1, 1,
		['.SUNW_dof', $big . "\0" x (-length($big) % 8) . $big],
		['.note.stapsdt', $note], ['.SUNW_dof', $big])));
	like($text, qr/^\S+: ELF, 64 bits, big-endian, sparc64$/m, 'big-endian');
	is(() = $text =~ /^DOF document/mg, 3, 'three documents');
	is(() = $text =~ /as linux on sparc64 reads it/g, 3, 'by its rules');
	like($text, qr/^  arguments +"-8\@%o0 4\@%o1"$/m, 'its note');
	my $narrow = pack('L<3', 8, 23, 3) . "stapsdt\0"
	    . pack('L<3', 16, 0, 0) . "nar\0row\0\0\0\0\0";
	$text = dump_file_of(elf(0, 0, ['.SUNW_dof', $raw{freebsd}{i386}],
		['.note.stapsdt', $narrow]));
	like($text, qr/^\S+: ELF, 32 bits, little-endian, i386$/m, 'narrow');
	like($text, qr/as freebsd on i386 reads it/, 'by its ABI');
	like($text, qr/^note 0: nar:row$/m, 'its note');
}

sub dump_file_of
{
	my ($bytes, @options) = @_;
	my ($status, $out, $err) = dump_of(@options, spew('file', $bytes));

	return $out;
}

# A document for a system is read by that system's rules alone.
{
	my $file = spew('v2', $raw{illumos}{x86_64});
	like(fine('--os', 'freebsd', $file), qr/as freebsd on x86_64/,
		'illumos and FreeBSD agree');
	like(fine($file), qr/is-enabled .*which linux ignores below version 3$/m,
		'Linux accepts version 2, without is-enabled');
	my ($status, $out, $err) = dump_of('--os', 'macos', $file);
	is("$status $err", "1 usdt: 1 thing is wrong\n", 'macOS does not');
	like($out, qr/^  WRONG +macos accepts version 3 only$/m, 'and why');
	($status, $out) = dump_of('--os', 'illumos',
		spew('v3', $raw{linux}{x86_64}));
	like($out, qr/^  WRONG +illumos accepts versions 1 to 2$/m, 'nor illumos 3');
	($status, $out) = dump_of('--arch', 'sparc64', $file);
	like($out, qr/^  WRONG +sparc64 is big-endian$/m, 'nor SPARC x86');
	like(fine(spew('narrow', $raw{linux}{i386})), qr/ on i386 reads it/,
		'a document for 32 bits is reported as one');
	like(fine(spew('big', $raw{linux}{sparc64})), qr/ on sparc64 reads it/,
		'and one in big-endian');
}

# Pipes, standard input, terminals.
{
	my $definition = "p:m:f:n'(int)" =~ s/'//r;
	my ($status, $out, $err) = sh("\"\$1\" dump --raw '$definition' | "
		. "\"\$1\" dump - >$dir/out 2>$dir/err", $usdt);
	is($status, 0, 'from standard input');
	like($out, qr/^probe 0: f:n$/m, 'what was written to a pipe');
	($status, $out, $err) = sh("\"\$1\" dump - <\"\$2\" >$dir/out 2>$dir/err",
		$usdt, $image->{path});
	like($out, qr/^standard input: ELF.*^note 3: dump-er:many$/ms,
		'an ELF file too');
	($status, $out, $err) = sh("mkfifo $dir/fifo; cat \"\$2\" >$dir/fifo & "
		. "timeout 600 \"\$1\" dump $dir/fifo >$dir/out 2>$dir/err", $usdt,
		$image->{path});
	like($out, qr/^note 3: dump-er:many$/m, 'from a named pipe');
	($status, $out, $err) = sh("{ timeout 600 \"\$@\"; echo \$? >&2; } "
		. "2>$dir/err | head -n 1 >$dir/out", $usdt, 'dump',
		('p:m:f:n(' . join(',', ('t' x 100) x 32) . ')'),
		map { "p:m:f$_:n(" . join(',', ('t' x 100) x 32) . ')' }
		1 .. 200);
	is($err, "141\n", '| head: ends by SIGPIPE, without a word');
	like($out, qr/^as if the first stub/, 'and head has its line');
	SKIP: {
		my ($why, $none) = Usdt::Variant::quiet('script', '-qec',
			'true', "$dir/typescript");
		skip("no terminal can be made: $why", 2)
		    if $none && !$ENV{USDT_NO_SKIP};
		($status, $out, $err) = sh("script -qec '$usdt dump --raw p:m:f:n' "
			. "$dir/typescript >$dir/out 2>$dir/err </dev/null");
		is($status, 2, '--raw on a terminal: exit 2');
		like($out, qr/^usdt: --raw writes bytes, which are not for terminals\r?$/m,
			'and says why');
	}
	($status, $out, $err) = sh("\"\$1\" dump p:m:f:n >/dev/full 2>$dir/err",
		$usdt);
	is($status, 1, 'a full disk: exit 1');
	like($err, qr/No space left on device/, 'and says so');
}

# --- damage -----------------------------------------------------------------

# spoil(AT, TEMPLATE, VALUE...): a document for Linux with these bytes there.
my $good = $raw{linux}{x86_64};
my %at = map { $_->{type} => $_ } @{ (Usdt::Dof::judge($good, 'linux'))[1]
	{sections} };
sub spoil
{
	my ($at, $template, @values) = @_;
	my $bytes = $good;
	my $new = pack($template, @values);

	substr($bytes, $at, length $new) = $new;
	return $bytes;
}

my ($strtab, $probes, $prargs, $proffs, $provider, $reltab, $urelhdr,
	$prenoffs) = @at{8, 16, 17, 18, 15, 10, 12, 26};
my $size = length $good;
my $room = int(($size - 64) / 32);
my $third = $probes->{offset} + 3 * 48;
my @damaged = (
	['model', spoil(4, 'C', 9), '1 is for 32 bits, 2 for 64'],
	['encoding', spoil(5, 'C', 3), 'read as little-endian'],
	['version', spoil(6, 'C', 4), 'linux accepts versions 1 to 3'],
	['DIF version', spoil(7, 'C', 1), 'systems accept 2'],
	['DIF integers', spoil(8, 'C', 9), 'systems accept 8 at the most'],
	['DIF tuples', spoil(9, 'C', 9), 'systems accept 8 at the most'],
	['unused', spoil(12, 'C', 1), 'systems accept zeros only'],
	['flags', spoil(16, 'L<', 1), 'systems accept 0 only'],
	['hdrsize', spoil(20, 'L<', 1), 'a header has 64 bytes'],
	['secsize 0', spoil(24, 'L<', 0), "a section's header has 32 bytes"],
	['secsize', spoil(24, 'L<', ~0), "a section's header has 32 bytes"],
	['secnum', spoil(28, 'L<', ~0), "; $room can be read", $room],
	['secoff', spoil(32, 'Q<', 1 << 40), "; 0 can be read", 0],
	['secoff odd', spoil(32, 'Q<', 65), 'it is not a multiple of 8'],
	['loadsz', spoil(40, 'Q<', $size + 1), "there are only $size bytes"],
	['loadsz small', spoil(40, 'Q<', 1), 'it is less than a header'],
	['filesz', spoil(48, 'Q<', 1), 'it is less than loadsz'],
	['cut', substr($good, 0, $size - 1), 'there are only'],
	['cut in the middle', substr($good, 0, $size / 2), 'end beyond'],
	['cut at the header', substr($good, 0, 64), '0 can be read', 0],
	['behind', $good . 'x' x 99, 'after it'],
	['type', spoil($probes->{at}, 'L<', 99), 'can\'t be used as probes'],
	['align', spoil($probes->{at} + 4, 'L<', 3), 'power of two'],
	['flags of a section', spoil($probes->{at} + 8, 'L<', 0),
		'must be loaded'],
	['entsize', spoil($probes->{at} + 12, 'L<', 0), 'entsize'],
	['entsize of offsets', spoil($proffs->{at} + 12, 'L<', 0),
		'numbers of 4 bytes'],
	['entsize of enabled', spoil($prenoffs->{at} + 12, 'L<', 8),
		'numbers of 4 bytes'],
	['entsize of maps', spoil($prargs->{at} + 12, 'L<', 2), 'PRARGS is 2'],
	['offset', spoil($probes->{at} + 16, 'Q<', $size), 'end beyond'],
	['offset huge', spoil($probes->{at} + 16, 'Q<', ~0), 'end beyond'],
	['offset odd', spoil($probes->{at} + 16, 'Q<', $probes->{offset} + 4),
		'not a multiple of align'],
	['size', spoil($strtab->{at} + 24, 'Q<', ~0), 'end beyond'],
	['overlap', spoil($prargs->{at} + 16, 'Q<Q<', 0, $size),
		'overlaps other sections'],
	['strings', spoil($strtab->{offset} + $strtab->{size} - 1, 'C', 65),
		'the last byte is not zero'],
	['provider', spoil($provider->{at} + 24, 'Q<', 20),
		'a provider has 44 bytes'],
	['strtab', spoil($provider->{offset}, 'L<', 77),
		"section 77 can't be used as strings"],
	['probes', spoil($provider->{offset} + 4, 'L<', 0),
		'no provider has these probes'],
	['prargs', spoil($provider->{offset} + 8, 'L<', 1),
		"can't be used as argument maps"],
	['prenoffs', spoil($provider->{offset} + 40, 'L<', 1),
		"can't be used as is-enabled sites"],
	['no prenoffs', spoil($provider->{offset} + 40, 'L<', 0),
		'its provider has no section of them'],
	["provider's name", spoil($provider->{offset} + 16, 'L<', ~0),
		'there is no string at 4294967295'],
	['attributes', spoil($provider->{offset} + 20, 'L<', 8 << 24),
		'here are 8/0/0'],
	['function', spoil($third + 8, 'L<', $strtab->{size}),
		"no string at $strtab->{size} in the string table"],
	['name', spoil($third + 12, 'L<', ~0), 'there is no string'],
	['types', spoil($third + 16, 'L<', $strtab->{size} - 3),
		'for type 1'],
	['map', spoil($third + 24, 'L<', ~0),
		'not in the section of argument maps'],
	['map of none', spoil($prargs->{offset}, 'C', 200),
		'it maps native argument 200 of 30'],
	['offidx', spoil($third + 28, 'L<', ~0), 'not in the section of sites'],
	['noffs', spoil($third + 34, 'S<', 65535), 'not in the section of sites'],
	['enoffidx', spoil($third + 36, 'L<', 9),
		'not in the section of is-enabled sites'],
	['no sites', spoil($third + 34, 'S<L<S<', 0, 0, 0), 'it has no site'],
	['relocation type', spoil($reltab->{offset} + 4, 'L<', 7),
		'linux does not know this type'],
	['relocation place', spoil($reltab->{offset} + 8, 'Q<', ~0),
		'1 of the relocations do not lead'],
	['entsize of relocations', spoil($reltab->{at} + 12, 'L<', 8),
		'entsize is 8 and align 8'],
	['relocation header', spoil($urelhdr->{offset} + 8, 'L<', 99),
		"these sections are of the wrong kind"],
	['relocation header small', spoil($urelhdr->{at} + 24, 'Q<', 4),
		'it has 4 bytes and align 4'],
);
for (@damaged) {
	my ($what, $bytes, $text, $sections) = @$_;
	my $file = spew('damaged', $bytes);
	for my $option ('--os=linux', '--hex') {
		my ($status, $out, $err) = dump_of($option, $file);
		is($status, 1, "$what: exit 1") if $option ne '--hex';
		like($err, qr/^usdt: \d+ things? (?:is|are) wrong$/,
			"$what: a fault is reported");
		like($out, qr/^ *WRONG +\S.*/m, "$what: where")
		    if $option eq '--hex';
		like($out, qr/^ +WRONG +.*\Q$text\E/m, "$what: and what");
		is(() = $out =~ /^section \d+:/mg, $sections // 8,
			"$what: the rest is printed")
		    if ($sections // 8) == 8 && $what !~ /^(?:secs|cut|loadsz sm|secoff)/;
	}
}

# It reports as wrong what a system refuses, and not what it accepts: documents
# by an independent builder.
{
	my ($cases, @mistaken) = (0);
	my $judge = sub {
		my ($row, $bytes, $refused, $title, %option) = @_;
		my @arch = ('--arch', ($option{encoding} // 1) == 2 ?
			'sparc64' : 'x86_64');
		my ($status, $out, $err) = dump_of('--os', $row, @arch,
			spew('case', $bytes));
		my $told = $err =~ /wrong$|is neither an ELF|is empty/;

		$cases++;
		push @mistaken, "$row: $title: $status $err"
		    if $status > 1 || ($refused xor $told) || ($status xor $told);
	};
	for my $row (@rows) {
		$judge->($row, build(good($row)), 0, 'good');
		$judge->($row, build(good($row, encoding => 2)), 0,
			'good, big-endian', encoding => 2);
	}
	$judge->($_, build(first_version()), 0, 'the first version')
	    for qw(linux illumos freebsd);
	each_spoiled(sub {
		my ($case) = @_;
		# A module comes with a document, and is not in it.
		my %option = @{ $case->{option} };
		return if defined $option{module};
		return if !grep { /^\d+ rejected/ } @{ $case->{expected} };
		$judge->(@$case{qw(row bytes)}, 1, "$case->{title} ("
			. join(', ', @{ $case->{expected} }) . ')',
			@{ $case->{option} });
	});
	cmp_ok($cases, '>', 200, "$cases documents of others");
	is_deeply(\@mistaken, [], 'wrong is what systems refuse');
}

# With any bytes at all it ends soon, and prints nothing that controls a
# terminal.
{
	my $seed = $ENV{USDT_SEED} // 7;
	srand($seed);
	note("seed $seed");
	my ($bad, $largest, $start) = (0, 0, time);
	for my $round (1 .. 150) {
		my @systems = sort keys %raw;
		my $os = $systems[rand @systems];
		my @processors = @{ $archs{$os} };
		my $bytes = $raw{$os}{ $processors[rand @processors] };
		for (0 .. rand 12) {
			my $where = rand() < 0.5 ? rand 64 + 32 * 8
			    : rand length $bytes;
			substr($bytes, $where, 1) = chr(rand() < 0.5 ?
				rand 256 : (0, 1, 2, 255)[rand 4]);
		}
		substr($bytes, rand length $bytes) = '' if rand() < 0.1;
		my ($status, $out, $err) = dump_of(rand() < 0.5 ? '--hex' :
			"--os=$os", spew('any', $bytes));
		$bad++, diag("round $round: $status $err")
		    if $status > 1 || $out =~ /[^\n -~]/;
		$largest = length $out if length $out > $largest;
	}
	is($bad, 0, 'random damage does no harm');
	cmp_ok($largest, '<', 1 << 20, 'nor is the dump of it large');
	note(sprintf '%.1f s, at most %d bytes', time - $start, $largest);
}

# The processor time of ended processes, which a busy machine does not change.
sub cpu_seconds
{
	my (undef, undef, $user, $system) = times;
	return $user + $system;
}

# large(NAME, BYTES): printed in bounded memory, time and text.
sub large
{
	my ($what, $bytes) = @_;
	my $file = spew('large', $bytes);
	my $before = cpu_seconds();

	system('sh', '-c', 'ulimit -v 524288; timeout '
	    . '600 "$@" 2>/dev/null | head -c 1073741824 | wc -c >"$0"',
	    "$dir/size", $usdt, 'dump', '--os', 'linux', $file);
	my ($printed) = slurp("$dir/size") =~ /(\d+)/;
	my $times = $printed / length $bytes;
	my $took = cpu_seconds() - $before;

	ok($printed > 0 && $times < 100 && $took < 15, sprintf(
		'%s: %d bytes give %.0f times as many in %.1f s', $what,
		length $bytes, $times, $took));
}

# document(SECTIONS): sections [TYPE, ENTSIZE, OFFSET, SIZE], with the alignment
# of their type, followed by the blob.
sub document
{
	my ($sections, $blob) = @_;
	my %align = (10 => 8, 12 => 4, 15 => 4, 16 => 8, 18 => 4, 26 => 4);
	my $start = 64 + 32 * @$sections;
	my $headers = join '', map { pack('L<4Q<2', $_->[0],
		$align{ $_->[0] } // 1, 1, $_->[1], $start + $_->[2],
		$_->[3]) } @$sections;
	my $total = $start + length $blob;

	return "\x7fDOF\2\1\3\2\10\10" . "\0" x 6 . pack('L<4Q<4', 0, 64, 32,
		scalar @$sections, 64, $total, $total, 0) . $headers . $blob;
}

{
	my $all = 100_000;
	my $filler = "t\0" x ($all / 2);
	large('many sections of the same bytes', document([map { [8, 0, 0,
		$all] } 1 .. 3000], $filler));
	# One table of relocations that many headers name.
	my $relocations = pack('L<2Q<2', 0, 1, 0, 0) x 40_000;
	large('many headers of one table of relocations', document(
		[[10, 24, 0, length $relocations],
		[8, 0, 4 + length $relocations, 1],
		map { [12, 0, length $relocations, 12] } 1 .. 40_000],
		$relocations . pack('L<3', 1, 0, 0)));
	# Probes that all have 255 long types, and 65535 sites.
	my $types = ('t' x 120 . "\0") x 255;
	my $strings = "\0p\0f\0" . $types;
	$strings .= "\0" x (-length($strings) % 8);
	my $sites = "\0" x (65535 * 4);
	my $record = pack('Q<L<6C2S<L<S<2L<', 0, 3, 3, 5, 5, 0, 0, 255, 0,
		65535, 0, 0, 0, 0);
	my $records = $record x 2000;
	my $own = pack('L<11', 0, 1, 2, 3, 1, (0x05050500) x 5, 0);
	my $maps = "\0" x 256;
	my ($s, $r, $m, $o) = (length $strings, length $records, 256,
		length $sites);
	large('many probes of the same types and sites', document([
		[8, 0, 0, $s], [16, 48, $s, $r], [17, 1, $s + $r, $m],
		[18, 4, $s + $r + $m, $o],
		[15, 0, $s + $r + $m + $o, 44]],
		$strings . $records . $maps . $sites . $own));
	# An ELF file with thousands of sections that share the same megabytes.
	my $elf = elf(0, 1, ['.SUNW_dof', "\x7fDOF" . "\1" x 500_000],
		map { ['.SUNW_dof', ''] } 1 .. 4000);
	my ($at) = unpack('x40 Q<', $elf);
	my $header = substr($elf, $at + 64, 64);
	substr($elf, $at + 64 * ($_ + 1), 64) = $header for 1 .. 4000;
	large('many sections of an ELF file', $elf);
	like((dump_of("$dir/large"))[1], qr/^  WRONG +4000 sections are left out/m,
		'... and reported');
	large('a huge string', document([[8, 0, 0, 1 << 20]],
		"\0" . 'x' x ((1 << 20) - 1)));
	my $endless = pack('L<3', 8, 0xfffffff0, 3) . "stapsdt\0";
	large('notes that never end', elf(0, 1, ['.note.stapsdt',
		scalar($endless x 10_000)]));
	large('notes of nothing', elf(0, 1, ['.note.stapsdt', "\0" x 600_000]));
	large('an argument of each byte', elf(0, 1, ['.note.stapsdt',
		pack('L<3', 8, 24 + 4 + 100_000, 3) . "stapsdt\0" . "\0" x 24
		. "p\0n\0" . 'a ' x 49_999 . "a\0"]));
}

# Damaged notes.
$elf_type = 3;
for (['cut', pack('L<3', 8, 400, 3) . "stapsdt\0", 'are not a whole note'],
	['short', pack('L<3', 8, 8, 3) . "stapsdt\0" . "\0" x 8,
		'8 bytes are too few for three addresses'],
	['endless', pack('L<3', 8, 28, 3) . "stapsdt\0" . "\0" x 24 . 'abcd',
		'it does not end'],
	['foreign', pack('L<3', 4, 4, 1) . "GNU\0" . "\0" x 4,
		'it is not of the kind "stapsdt"'],
	['nowhere', pack('L<3', 8, 30, 3) . "stapsdt\0" . pack('Q<3', 99, 0, 98)
		. "p\0n\0\0\0\0\0", 'the file has nothing executable at 0x63']) {
	my ($what, $note, $text) = @$_;
	my ($status, $out, $err) = dump_of(spew('note', elf(0, 1,
		['.note.stapsdt', $note])));
	is($status, 1, "a note that is $what: exit 1");
	like($out, qr/^  WRONG +.*\Q$text\E/m, '... and what is wrong');
}

done_testing();
