#!/usr/bin/perl
# manual.t - do the commands of usdt(7) print what it says?
#
# Numbers differ from run to run.
#
# SPDX-License-Identifier: BSD-2-Clause
use strict;
use warnings;

use Cwd qw(abs_path);
use File::Temp qw(tempdir);
use Test::More;
use Usdt::Variant;

my $build = abs_path($ENV{USDT_BUILD} // '.');
my $patience = $ENV{USDT_TEST_PATIENCE} // 60;
my $dir = tempdir('usdt-manual-XXXXXX', TMPDIR => 1, CLEANUP => 1);

sub text_of { local (@ARGV, $/) = @_; return scalar <> }

# Without numbers and blanks at the ends.
sub pattern { return $_[0] =~ s/^\s+|\s+$//gr =~ s/\b0x[0-9a-f]+|\([0-9a-f]{6,}\)|\d+/N/gr =~ s/[ \t]+/ /gr }

delete @ENV{qw(USDT_DISABLE USDT_DEBUG USDT_BACKENDS USDT_STRICT)};
plan(skip_all => 'only root may trace') if $> != 0 && !$ENV{USDT_NO_SKIP};
$ENV{USDT_IMAGE_DIR} = "$dir/images";
$ENV{USDT_IMAGE_DIR} = "$dir/images";
$ENV{HOME} = $dir;	# perf keeps what it knows of a file there
$ENV{PATH} = "$build:$ENV{PATH}";

my $pid = fork // die "fork: $!\n";
if ($pid == 0) {
	exec { "$build/examples/hello" } "$build/examples/hello" or exit 127;
}
my $image;
for (1 .. 10 * $patience) {
	open my $maps, '<', "/proc/$pid/maps" or last;
	($image) = map { m{ (/\S+/mymodule)$} } <$maps>;
	last if defined $image;
	select undef, undef, undef, 0.1;
}
ok(defined $image, 'the example has an image') or BAIL_OUT('no image');
@ENV{qw(PID IMAGE)} = ($pid, $image);

my $page = text_of('man/usdt.7');
while ($page =~ /^\.\\" run\n\.Bd [^\n]*\n(.*?)^\.Ed$/msg) {
	my $text = $1 =~ s/\\e/\\/gr;
	my ($script, @shown) = ('');

	for (split /^/, $text) {
		if (s/^# // || ($script =~ /\n\z/ && /^\t/)) { $script .= $_ }
		else { push @shown, $_ }
	}
	my ($said, $status) = Usdt::Variant::quiet('timeout', $patience, 'sh', '-ec', $script);
	my %said = map { pattern($_) => 1 } split /\n/, $said;
	my ($name) = $script =~ /^(\w+(?: \w+)?)/;

	is($status, 0, "$name: runs") or diag($said);
	is(join('', grep { !$said{pattern($_)} } @shown), '', 'and prints what usdt(7) shows')
	    or diag($said);
}
kill 'KILL', $pid;
waitpid $pid, 0;
done_testing();
