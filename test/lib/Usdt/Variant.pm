# Usdt::Variant - how does a test build the library in another way, beside the
# build under test?
#
# SPDX-License-Identifier: BSD-2-Clause
package Usdt::Variant;

use strict;
use warnings;

use Cwd qw(abs_path);
use Exporter qw(import);
use File::Basename qw(basename dirname);
use Test::Builder;

our @EXPORT_OK = qw(variant units elf_class run_unit judge_unit require_compiler
	library_objects shared_objects);

=head1 FUNCTIONS

=over

=item variant(DIR, TARGETS, VARIABLE...)

Runs make with O=DIR and only these variables (C<'ARCH=i386'>).  Targets:
C<all>, C<lib>, C<test_usdt>, C<examples/hello>, C<unit/NAME>.  A test: it
compiles without warnings.  Returns the directory of the objects, or nothing.

=item units

The names of all unit tests.

=item library_objects(OBJ), shared_objects(OBJ)

The library's objects in the directory OBJ: all of them, and those that every
system shares, without the platform's row.

=item run_unit(PROGRAM, NAME)

A test: the program prints TAP, exits with 0, and all its tests pass.

=item judge_unit(SECONDS, COMMAND...)

The same without a test: returns the number of tests, and undef or what failed.

=item elf_class(FILE)

32 or 64; undef if it is no ELF file and no archive of them.

=item quiet(COMMAND...), works(PROGRAM)

C<quiet>: its output, and its status as in C<$?>.  C<works>: was that 0?

=item require_compiler(WORKS, WHY)

Continues if WORKS.  If not, the test is skipped with WHY; under USDT_NO_SKIP it
fails.

=back

=cut

sub top
{
	return abs_path(dirname(__FILE__) . '/../../..');
}

sub units
{
	return map { basename($_, '.c') } sort glob(top() . '/test/unit/*.c');
}

sub library_objects
{
	my ($obj) = @_;

	# An older tree's objects there have no source any more.
	return sort grep {
		my $source = top() . '/' . s{^\Q$obj\E/(.*)\.o$}{$1}r;
		-e "$source.c" || -e "$source.s";
	} glob("$obj/{usdt,core/,image/,none/}*.o");
}

sub shared_objects
{
	my ($obj) = @_;
	my ($arch) = $obj =~ m{obj-([^/]+)/?$};
	my %shared = map { s/\.[cs]$//r => 1 } split ' ', (quiet('make', '-s',
	    '-C', top(), 'sources', 'SYSTEM=other', "ARCH=$arch"))[0];

	delete @shared{'core/platform', 'none/image'};
	return grep { m{^\Q$obj\E/(.*)\.o$} && $shared{$1} }
	    library_objects($obj);
}

# quiet(COMMAND...): its output and status.
sub quiet
{
	open(my $pipe, '-|', 'sh', '-c', 'exec "$@" 2>&1 </dev/null', 'sh', @_)
	    or die "sh: $!\n";
	local $/;
	my $output = <$pipe> // '';
	close($pipe);
	return ($output, $?);
}

sub variant
{
	my ($o, $targets, @variables) = @_;
	my $test = Test::Builder->new;
	my ($arch) = map { /^ARCH=(.*)/ } @variables;
	my $obj = "$o/obj-" . ($arch // native());
	my @targets = map {
		m{^unit/(.*)} ? "$obj/test/unit/$1" : $_ eq 'lib' ?
		    "$o/libusdt.a" : $_ eq 'all' ? $_ : "$o/$_"
	} @$targets;
	# Independent of a make that may have started this test.
	local %ENV = %ENV;
	delete @ENV{qw(MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES CFLAGS
		CPPFLAGS LDFLAGS ARCH O)};
	my ($output, $status) = quiet($ENV{MAKE} // 'make', '-s', '-j2', '-C',
		top(), "O=$o", @variables, @targets);
	my @said = grep { /\S/ && !/^  (?:CC|AS|AR|LD) / } split /^/, $output;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return $obj if $test->ok($status == 0 && !@said,
	    join(' ', 'make', @variables, @$targets));
	$test->diag(@said ? @said : $output);
	return;
}

# The processor that the Makefile detects.
sub native
{
	my ($output) = quiet(split(' ', $ENV{CC} // 'cc'), '-dumpmachine');
	my ($arch) = $output =~ /^([^-]+)/;

	$arch =~ s/^i.86$/i386/;
	$arch =~ s/^amd64$/x86_64/;
	return $arch;
}

sub run_unit
{
	my ($program, $name) = @_;
	my $test = Test::Builder->new;
	my ($points, $trouble) = judge_unit(3000, $program);

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return 1 if $test->ok(!defined $trouble, "$name: $points points");
	$test->diag($trouble);
	return 0;
}

sub judge_unit
{
	my ($seconds, @command) = @_;
	my ($output, $status) = quiet('timeout', $seconds, @command);
	my ($planned) = $output =~ /^1\.\.(\d+)$/m;
	my $good = () = $output =~ /^ok \d+/mg;
	my $fine = $status == 0 && $planned && $good == $planned;

	return ($planned // 'no', $fine ? undef : "${output}status $status");
}

sub elf_class
{
	my ($file) = @_;
	my ($output) = quiet('readelf', '-h', $file);
	my %classes = map { $_ => 1 } $output =~ /^\s*Class:\s+ELF(\d+)$/mg;

	return keys %classes == 1 ? (keys %classes)[0] : undef;
}

# works(PROGRAM): can this kernel run it?
sub works
{
	my ($program) = @_;
	my (undef, $status) = quiet($program);

	return $status == 0;
}

# compiles(CC, FLAG...): can it build a program?  Whether this machine runs it
# is another question: see Usdt::Width.
sub compiles
{
	my ($cc, @flags) = @_;
	my (undef, $status) = quiet('sh', '-c', 'd=$(mktemp -d) || exit 1; '
		. 'echo "#include <sys/ioctl.h>'
		. "\n" . 'int main(void) { return 0; }" >$d/p.c; '
		. '"$@" -o $d/p $d/p.c; s=$?; rm -rf $d; exit $s',
		'sh', split(' ', $cc), @flags);

	return $status == 0;
}

# width_flags(): the Makefile's flags for i386.
sub width_flags
{
	return qw(-m32 -idirafter /usr/include/x86_64-linux-gnu);
}

sub makes_32_bits
{
	my ($cc) = @_;

	return compiles($cc // $ENV{CC} // 'cc', width_flags());
}

sub require_compiler
{
	my ($works, $why) = @_;
	my $test = Test::Builder->new;

	return if $works;
	$test->plan(skip_all => $why) if !$ENV{USDT_NO_SKIP};
	$test->plan(tests => 1);
	$test->ok(0, "$why, and USDT_NO_SKIP is set");
	exit 1;
}

1;
