#!/usr/bin/perl
# rooms.t - does each file of the library call only what it may?
#
# For each object, nm lists the symbols that it needs.  Those of the system must
# be in its room's row here.  Those of the library must come from its room's
# floor, the one whose header it includes, or from one below.  A file without a
# row here fails.
#
# SPDX-License-Identifier: BSD-2-Clause
use strict;
use warnings;
use Test::More;
use Usdt::Variant qw(library_objects);

my $obj = $ENV{USDT_OBJ} // 'obj-x86_64';
my @objects = library_objects($obj);

my $memory = 'memcpy memset memcmp strlen strcmp strncmp strchr strrchr strstr strpbrk strcpy strncpy strcspn strspn stpcpy';
# The system's functions that each room may call, as regular expressions.  The
# header that it includes decides on the library's own.
my %allowed = (
	usdt => "$memory malloc calloc free snprintf",
	usdt_dof => $memory,
	usdt_dof_file => "$memory access open close ioctl getpid clock_gettime __errno_location",
	usdt_probe => $memory,
	'core/by_image' => "$memory malloc free",
	'core/by_pages' => $memory,
	'core/change' => '',
	'core/code' => "$memory calloc free",
	'core/child' => '',
	'core/definition' => "$memory calloc free",
	'core/deliver' => $memory,
	'core/error' => "$memory snprintf vsnprintf __tls_get_addr",
	'core/generation' => "$memory calloc free strdup",
	'core/generations' => "$memory malloc free",
	'core/guard' => 'madvise getpid nanosleep __errno_location',
	'core/lock' => 'pthread_mutex_lock pthread_mutex_unlock pthread_cond_wait pthread_cond_broadcast pthread_setcancelstate pthread_atfork getpid nanosleep __tls_get_addr',
	'core/name' => "$memory snprintf",
	'core/operand' => $memory,
	'core/observe' => "$memory malloc free",
	'core/pages' => "$memory mmap munmap mprotect sysconf __errno_location",
	'core/platform' => "$memory newlocale freelocale strerror_l strerror secure_getenv snprintf vsnprintf write getpid __errno_location",
	'core/probeset' => "$memory calloc free",
	'core/sink' => "$memory memmove",
	'core/slip' => "$memory strspn snprintf",
	'core/static' => 'calloc free',
	'core/struct' => "$memory memmove calloc free",
	'core/status' => "$memory snprintf",
	'core/turn' => 'open flock close __errno_location',
	'core/type' => $memory,
	'core/declarator' => $memory,
	'image/dwarf' => $memory,
	'core/visible' => $memory,
	'image/elf' => $memory,
	'image/identity' => $memory,
	'image/operands' => "$memory snprintf",
	'image/file' => "$memory calloc free snprintf vsnprintf "
	    . 'openat pread write close unlinkat mkdirat linkat chmod fchmod fchmodat fstat fstatat stat '
	    . 'fstatvfs futimens fcntl getrlimit getrlimit64 readlink geteuid getpid sysconf nanosleep __errno_location',
	'image/map' => "$memory memchr memmove free snprintf open read close fstat stat getpid madvise __errno_location",
	'image/nop' => "$memory open read close syscall strtol atoi __errno_location",
	'image/place' => "$memory calloc free fcntl close fstat openat ftruncate ftruncate64 pread pwrite pread64 pwrite64 getrlimit getrlimit64 memfd_create "
	    . 'mmap munmap AnnotateIgnoreWrites(?:Begin|End) __errno_location',
	'image/record' => "$memory memchr strnlen __errno_location",
	'image/clock' => "$memory clock_gettime prctl syscall",
	'image/filter' => 'prctl __errno_location',
	'image/ring_image' => $memory,
	'image/ring_size' => '',
	'image/writer' => "$memory __errno_location",
	'image/ring' => "$memory getpid getrlimit getrlimit64 syscall ftruncate ftruncate64 mmap munmap madvise "
	    . 'pthread_key_create pthread_key_delete pthread_setspecific __errno_location',
	'image/retention' => "$memory malloc realloc free qsort strdup snprintf openat close fcntl unlinkat fstatat fstatfs geteuid "
	    . 'fdopendir readdir closedir __errno_location',
	'image/stash' => "$memory snprintf sscanf __isoc99_sscanf open openat read readlinkat close stat fstatat syscall getpid gnu_dev_makedev __errno_location",
	'image/types' => "$memory memchr snprintf sprintf",
	'image/unwind' => $memory,
	'none/image' => '__errno_location',
	'none/tracepoints' => '',
	usdt_tracepoints_x86_64 => '',
	usdt_tracepoints_i386 => '',
	usdt_tracepoints_aarch64 => '',
	usdt_tracepoints_sparc64 => '',
	usdt_tracepoints_riscv64 => '',
	usdt_tracepoints_s390x => '',
	usdt_tracepoints_armhf => '',
	usdt_tracepoints_ppc => '',
	usdt_tracepoints_ppc64 => '',
	usdt_tracepoints_ppc64le => '',
);
# Calls of usdt.h that a room makes, as any program could.
my %calls = (
	usdt => 'usdt_error',
	'core/static' => 'usdt_create_provider usdt_create_probe usdt_provider_(?:add_probe|enable|disable|free) usdt_probe_release',
);

# The floors, from the lowest: each header includes the one below it.
my @floors = qw(core/platform.h core/dof.h image/image.h core/provider.h);

sub text_of { local (@ARGV, $/) = @_; return join '', <> }

# includes(FILE): the floors whose headers it includes.
sub includes
{
	my ($file) = @_;
	my %has = map { $_ => 1 } text_of($file) =~ /^#include "([^"]+)"/mg;
	return grep { $has{$floors[$_]} } 0 .. $#floors;
}

is(join(' ', map { join ',', includes($_) } @floors), ' 0 1 2',
    'each floor includes the one below it');

# declared(HEADER): the library's names in it, without its comments.
sub declared
{
	my ($header) = @_;
	my $text = text_of($header) =~ s{/\*.*?\*/}{}gsr;
	return $text =~ /\b(usdt__\w+)(?=\s*[(;\[])/g;
}

my %floor_of;
for my $floor (reverse 0 .. $#floors) {
	$floor_of{$_} = $floor for declared($floors[$floor]);
}

# Symbols that compilers add.
my $compiler = qr/^(?:_GLOBAL_OFFSET_TABLE_|__stack_chk_fail|__\w+_chk|__asan_\w+|__ubsan_\w+|__isoc\w+|__isoc23_\w+)$/;

# The kind of each symbol of each object, from one run of nm.
my %symbols;
{
	my $object;
	for (`nm @objects`) {
		if (/^(\S+):$/) { $object = $1 }
		elsif (/(\w) (\S+)$/) { $symbols{$object}{$2} = $1 }
	}
}
is(scalar(keys %symbols), scalar(@objects), 'nm reads each object');

my @sources = glob '{usdt,core/,image/,none/}*.c';

for my $file (@sources, glob 'usdt*.s') {
	(my $room = $file) =~ s/\.[cs]$//;
	ok(exists $allowed{$room}, "$file has a row") or next;
	my ($floor, @more) = includes($file);
	ok($file =~ /\.s$/ || (defined $floor && !@more),
	    "$file includes the header of one floor");
	my $symbols = $symbols{"$obj/$room.o"} or next;
	my @words = split ' ', "$allowed{$room} " . ($calls{$room} // '');
	my $may = @words ? join('|', @words) : '(?!)';
	my @needs = sort grep { $symbols->{$_} =~ /[Uw]/ } keys %$symbols;
	my ($ours, $others) = ([], []);
	push @{ /^usdt__/ ? $ours : $others }, $_ for @needs;
	my @wrong = grep { !/^(?:$may)$/ && !/$compiler/ } @$others;
	is("@wrong", '', "$file calls nothing that is not its room's");
	@wrong = grep { ($floor_of{$_} // @floors) > ($floor // -1) } @$ours;
	is("@wrong", '', "$file needs nothing from above its floor");
}

sub files_with { my ($what, @in) = @_; chomp(my @f = `grep -lE '$what' @in`); return "@f" }

is(files_with('sys/ioctl.h', @sources), 'usdt_dof_file.c', 'ioctl is used in one room');
is(files_with('\b(mmap|munmap|mprotect|madvise)\(', @sources), 'core/guard.c core/pages.c image/map.c image/place.c image/ring.c', 'memory is mapped in five rooms');
is(files_with('^#.*__(linux|APPLE|FreeBSD|sun|x86_64|i386|aarch64|riscv|s390|arm|powerpc)', @sources, glob '{usdt,core/,image/,none/}*.h'),
    'core/platform.c core/instructions.h', 'one file asks the compiler for the system, one for the processor');

# Our headers set the macros that decide what the system's headers declare.
is(join(' ', grep { text_of($_) =~ /^#include\s*(\S)/m && $1 ne '"' } @sources), '', 'each file includes a header of its own first');

# All symbols are hidden, the interface too, so that one copy can't replace
# another.
my %public = map { $_ => 1 } map { /\b(usdt_\w+)\s*\($/ || /\b(usdt_\w+)\(/ ? $1 : () }
    grep { /^(?:USDT_API|USDT_INLINE)/ } do { open my $h, '<', 'usdt.h' or die; <$h> };

# globals(FILE...): the global names that they define: name => visibility.
sub globals
{
	my %found;

	for (`readelf -sW @_`) {
		my @f = split;
		$found{$f[7]} = $f[5]
		    if @f >= 8 && $f[4] =~ /^(?:GLOBAL|WEAK)$/ && $f[6] ne 'UND'
		    && $f[7] =~ /^usdt_/;	# without those that compilers add
	}
	return %found;
}

my %global = globals(@objects);
is(join(' ', grep { $global{$_} ne 'HIDDEN' } sort keys %global), '', 'nothing is exported');
is(join(' ', grep { !/^usdt__/ } sort keys %global), join(' ', sort keys %public), 'all of usdt.h is defined, and no more');

# A program has all of the library or none of it.
my $archive = ($ENV{USDT_BUILD} // '.') . '/libusdt.a';
chomp(my @members = `ar t $archive`);
is("@members", 'libusdt.o', 'the archive has one member');
my %archived = globals($archive);
is(join(' ', sort keys %archived), join(' ', sort keys %public), 'in which the interface alone is global');

# Every call needs a test.
sub made_in
{
	my ($text, $call) = @_;
	return $text =~ /\b$call\s*\(/;
}

my ($units, $fuzzer) = (text_of(glob 'test/unit/*.c'),
	text_of('test/fuzz/calls.c'));
# Tests reach usdt_probe_ask through usdt_probe_enabled.
my @calls = grep { $_ ne 'usdt_probe_ask' } sort keys %public;
is(join(' ', grep { !made_in($units, $_) } @calls), '',
    'each call is made by a unit');
is(join(' ', grep { !made_in($fuzzer, $_) } @calls), '', 'and by the fuzzer');

# No object asks for an executable stack.
is(join('', grep { /GNU-stack.*\bX\b/ } `readelf -SW @objects`), '', 'no object asks for an executable stack');
done_testing();
