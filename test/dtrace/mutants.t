# Do dtprobed and the tests' own judge of documents agree?
#
# A process of its own hands the daemon each document of Usdt::DofCases that is
# meant for Linux, valid or spoiled.  What the judge rejects the ioctl has to
# refuse; what it accepts has to be accepted, and then all its probes exist;
# what it says is dropped has to be accepted, with something missing.
#
# A document that dtprobed's parser refuses ends the parser, and the next
# document gets a new one (seen with 2.0.7); a document that can't be read never
# reaches it.
#
# SPDX-License-Identifier: BSD-2-Clause
use strict;
use warnings;
no warnings 'portable';		# of numbers with more than 32 bits

use IPC::Open2;
use File::Temp qw(tempdir);
use Test::More;

use Usdt::Dof;
use Usdt::DofCases qw($base build good first_version probe each_spoiled);
use Usdt::Dtrace qw(build_path dtrace_case tree_of);

my $dir = tempdir('usdt-mutants-XXXXXX', TMPDIR => 1, CLEANUP => 1);
my $number = 0;

# The two documents about the limit of 256 MiB take minutes on an emulated
# processor.  Seen with 2.0.7: the parser refuses that many bytes, and accepts
# one less.
use constant LARGE => 0;

my %ended;	# documents that the parser did not survive, and others

# parsers(): dtprobed's processes for parsing: one, which it replaces when
# necessary.
sub parsers
{
	open(my $in, '<', '/run/dtprobed.pid') or die "dtprobed.pid: $!\n";
	chomp(my $daemon = <$in>);
	my $path = "/proc/$daemon/task/$daemon/children";

	open(my $children, '<', $path) or die "$path: $!\n";
	return split(' ', <$children> // '');
}

# submit(BYTES, MODULE, READABLE): the ioctl's result and errno, and the probes
# that dtprobed shows ("provider:module:function:name") of a process of its own.
# Behind the document nothing can be read, or zeros up to the size READABLE.
sub submit
{
	my ($bytes, $module, $readable) = @_;
	my $path = "$dir/" . ++$number;
	my $before = $readable ? 0 : -length($bytes) % 4096;

	open(my $file, '>:raw', $path) or die "$path: $!\n";
	print $file "\0" x $before, $bytes;
	close($file) or die "$path: $!\n";
	truncate($path, $readable) or die "$path: $!\n" if $readable;
	my $pid = open2(my $out, my $in, build_path('submit'), $path, $before,
		$base, $module);
	my ($result, $error) = split(' ', <$out> // '');
	die "submit: no answer\n" if !defined $error;
	my @shown = map { m{^probes/$pid/([^/]+)$pid/([^/]+)/([^/]+)/([^/]+)$}
		? "$1:$2:$3:$4" : () } tree_of($pid);
	close($in);
	close($out);
	waitpid($pid, 0);
	unlink($path);
	return ($result, $error, [sort @shown]);
}

# golden(ARCH): the document that test/golden explains.
sub golden
{
	my ($arch) = @_;
	my $path = "test/golden/linux-$arch.txt";

	open(my $in, '<', $path) or die "$path: $!\n";
	return join('', map { /^[0-9a-f]+: ((?:[0-9a-f]{2} )+) /
		? pack('(H2)*', split / /, $1) : () } <$in>);
}

# The valid documents, beside the spoiled ones.
my @cases = map { { row => 'linux', option => [], expected => [], %$_ } }
    ({ title => 'a good document', bytes => build(good('linux')) },
	{ title => 'version 1', bytes => build(first_version()) },
	{ title => '32 bits', bytes => build(good('linux', model => 1)) },
	{ title => 'the other byte order', expected => ['6 rejected'],
		bytes => build(good('linux', encoding => 2)) },
	(map { { title => "$_ of test/golden", bytes => golden($_) } }
		qw(x86_64 i386 aarch64)),
	{ title => 'sparc64 of test/golden', expected => ['6 rejected'],
		bytes => golden('sparc64') });
each_spoiled(sub {
	my ($case) = @_;
	my %option = @{ $case->{option} };

	# A byte order or pointers that this machine does not have, and a name
	# too long for the ioctl's structure.
	return if $option{encoding} || length($option{module} // '') > 63;
	return if $option{readable} && !LARGE;
	push @cases, $case if $case->{row} eq 'linux';
});
cmp_ok(scalar @cases, '>', 150, 'documents');

# What dtprobed accepts and only dtrace(1) can't use: a name that is too long
# with a pid behind it, that of dtrace's own provider, and a site that is not at
# its offset.
my %later = map { $_ => 1 } 49, 50, 'sites';

# agreed(CASE): one document, judged by both.
sub agreed
{
	my ($case) = @_;
	my %option = (module => 'mutant', @{ $case->{option} });
	my ($parser) = parsers();
	my ($result, $error, $shown) = submit($case->{bytes},
		@option{qw(module readable)});
	my ($problems, $document) = Usdt::Dof::judge($case->{bytes}, 'linux',
		addr => $base, %option{qw(module readable)});
	my ($rejected) = grep { $_->{kind} eq 'rejected' } @$problems;
	my ($dropped) = grep { $_->{kind} eq 'dropped' && !$later{$_->{rule}} }
	    @$problems;
	my @described = sort map { my $p = $_; map {
		"$p->{provider}:$option{module}:$_->{function}:$_->{name}" }
		@{ $p->{probes} } } @{ $document->{providers} // [] };
	my $all = "@$shown" eq "@described";

	ok($rejected ? $result < 0 && !@$shown
		: $result >= 0 && ($dropped ? !$all : $all),
		$case->{title} . ($rejected ? ': refused' : $dropped
		? ': something is missing' : ': taken'))
	    or diag("the ioctl returned $result, errno $error\n"
		. "shown: @$shown\ndescribed: @described\n"
		. join("\n", Usdt::Dof::texts(@$problems)));
	return if !$parser;
	my $ends = !grep { $_ == $parser } parsers();
	push @{ $ended{$rejected ? 'refused' : 'taken'}{$ends ? 1 : 0} },
	    $case->{title};
}

dtrace_case('documents' => sub { agreed($_) for @cases });
is_deeply($ended{taken}{1}, undef, 'accepted documents do not end the parser');
note("refused, and the parser goes on: $_") for @{ $ended{refused}{0} // [] };
note(scalar @{ $ended{refused}{1} // [] }, ' that are refused end the parser');

# After all that it still accepts valid documents, from any process.
dtrace_case('afterwards' => sub {
	my ($result, undef, $shown) = submit(build(good('linux')), 'mutant');

	is($result, 0, 'a good document is accepted');
	is(scalar @$shown, 2, 'with both probes');
});
done_testing();
