# Usdt::Places - what do the tests of image places share: processes in a known
# environment, their reasons for each place, and the contents of directories?
#
# SPDX-License-Identifier: BSD-2-Clause
package Usdt::Places;

use strict;
use warnings;

use Cwd qw(abs_path);
use Exporter qw(import);
use File::Basename qw(dirname);
use File::Path qw(remove_tree);
use File::Temp qw(tempdir);
use Test::More;

use Usdt::Process;

our @EXPORT_OK = qw(case cannot scratch place in_environment steps passed_over
	tree images_in new_fds inode slurp spew build provider);

# Name of the provider where images may get into a user's own directories: it is
# unique, so that it can be removed at the end.
sub provider { return "places${$}x" }

my $owner = $$;
my @scratch;

# Directories without permissions could not be removed, so they get some first.
END {
	if ($$ == $owner) {
		my $status = $?;
		system('chmod', '-R', 'u+rwX', @scratch) if @scratch;
		remove_tree(map { "$_/usdt-$>/" . provider() }
			qw(/dev/shm /tmp));
		$? = $status;
	}
}

# case(NAME, CODE): a subtest; it fails if CODE dies.
sub case
{
	my ($name, $code) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return subtest($name => sub {
		eval { $code->(); 1 } or fail("died: $@");
		done_testing();
	});
}

# cannot(REASON): this case can't run here; a failure if no case may be skipped.
# Called last in a case.
sub cannot
{
	my ($reason) = @_;

	return fail("$reason, and USDT_NO_SKIP is set") if $ENV{USDT_NO_SKIP};
	SKIP: { skip($reason, 1) }
	return;
}

# A directory that is removed at the end.
sub scratch
{
	push @scratch, tempdir('usdt-places-XXXXXX', DIR => '/tmp',
		CLEANUP => 1);
	return $scratch[-1];
}

# in_environment(NAME => VALUE...): the library's variables as given, and no
# others.  Images are what is looked at, so the helper device is left alone.
sub in_environment
{
	my (%given) = @_;

	return {
		USDT_DISABLE => undef, USDT_HELPER => undef, USDT_NOP => undef,
		USDT_IMAGE_DIR => undef, USDT_BACKENDS => 'sdt',
		USDT_DEBUG => 1, %given,
	};
}

# place(DIR, OPTION => VALUE...): a test_usdt whose first place is DIR (undef:
# none), which was started.  Options: args, env (more variables), under (a
# command to run it with), program.
sub place
{
	my ($dir, %option) = @_;
	my $program = $option{program} // Usdt::Process::program();

	return Usdt::Process->new(
		args => $option{args} // [qw(func probe int)],
		env => in_environment(USDT_IMAGE_DIR => $dir,
			%{ $option{env} // {} }),
		program => [@{ $option{under} // [] }, $program]);
}

# steps(PROCESS): what the library printed about images on stderr, in order,
# without the old images that it removed meanwhile.
sub steps
{
	my ($process) = @_;

	return grep { !/^removed / }
	    $process->stderr =~ /^libusdt\[\d+\]: image: (.*)$/mg;
}

# passed_over(PROCESS, PATTERN...): the status shows, for each pattern, one
# place that was passed over with this reason, and then the next place was used.
sub passed_over
{
	my ($process, @patterns) = @_;
	my $status = $process->status;
	my @steps = steps($process);
	my $taken = pop @steps // 'none';

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $ok = is(scalar @steps, scalar @patterns,
		'places passed over') or diag($process->report);
	like($steps[$_], $patterns[$_], "reason $_")
	    for grep { defined $steps[$_] } 0 .. $#patterns;
	is($taken, $status->{'sdt.path'}, 'status has the used place');
	is_deeply([@$status{qw(sdt.taken sdt.reason sdt.error)}], [1, '', 0],
		'and status is content');
	return $status->{'sdt.path'};
}

# tree(DIR): the files below it, "NAME" => "TYPE MODE".
sub tree
{
	my ($dir, $prefix) = @_;
	my %tree;

	$prefix //= '';
	opendir(my $entries, $dir) or return {};
	for my $name (grep { !/^\.\.?$/ } readdir $entries) {
		my @stat = lstat("$dir/$name") or next;
		my $type = -l _ ? 'link' : -d _ ? 'dir' : -f _ ? 'file'
		    : 'other';
		$tree{$prefix . $name} = sprintf('%s %04o', $type,
			$stat[2] & 07777);
		%tree = (%tree, %{ tree("$dir/$name", "$prefix$name/") })
		    if $type eq 'dir';
	}
	return \%tree;
}

# images_in(DIR): paths of the images, and of anything left behind.
sub images_in
{
	my ($dir) = @_;
	my $tree = tree($dir);
	my @files = sort grep { $tree->{$_} =~ /^file/ } keys %$tree;

	return @files;
}

# new_fds(PID): the descriptors beyond those of a process that enables nothing,
# which inherits some from the test.
my $inherited;

sub new_fds
{
	my ($pid) = @_;

	if (!$inherited) {
		my $idle = place(undef, env => { USDT_DISABLE => 1 });
		$idle->ready or die $idle->report;
		$inherited = { map { $_ => 1 } fds($idle->pid) };
	}
	return grep { !$inherited->{$_} } fds($pid);
}

sub fds
{
	my ($pid) = @_;

	opendir(my $entries, "/proc/$pid/fd") or die "/proc/$pid/fd: $!\n";
	my @fds = sort { $a <=> $b } grep { /^\d+$/ } readdir $entries;
	return @fds;
}

# inode(PATH): one word that identifies the file, '' if there is none.
sub inode
{
	my @stat = stat $_[0];

	return @stat ? "$stat[0]:$stat[1]" : '';
}

sub slurp
{
	my ($path) = @_;

	open(my $in, '<:raw', $path) or die "$path: $!\n";
	local $/;
	return scalar(<$in>) // '';
}

# spew(PATH, BYTES): write into the existing file, or a new one.
sub spew
{
	my ($path, $bytes) = @_;
	my $mode = -e $path ? (stat _)[2] & 07777 : undef;

	chmod(0600, $path) if defined $mode;
	open(my $out, '>:raw', $path) or die "$path: $!\n";
	print $out $bytes;
	close($out) or die "$path: $!\n";
	chmod($mode, $path) if defined $mode;
}

# build(OUTPUT, SOURCE, ARGUMENT...): compile test/places/SOURCE with the
# library, with the library's flags.
sub build
{
	my ($output, $source, @arguments) = @_;
	my $top = abs_path(dirname(__FILE__) . '/../../..');
	my $library = ($ENV{USDT_BUILD} // '.') . '/libusdt.a';
	my @command = (split(' ', $ENV{CC} // 'cc'),
		split(' ', $ENV{CFLAGS} // '-O2 -g'), '-std=gnu99', '-Wall',
		'-I', $top, machine_flags(), @arguments, '-o', $output,
		"$top/test/places/$source", $library,
		split(' ', $ENV{LDFLAGS} // ''), '-ldl', '-pthread');

	system(@command) == 0 or die "failed: @command\n";
	return $output;
}

# A 32-bit library needs 32-bit programs.
sub machine_flags
{
	open(my $in, '<:raw', Usdt::Process::program()) or return;
	read($in, my $header, 20);
	return unpack('v', substr($header, 18, 2)) == 3 ? '-m32' : ();
}

1;
