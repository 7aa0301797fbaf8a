#!/usr/bin/perl
# picture.t - is the picture of README.md what its script makes, and legible?
#
# SPDX-License-Identifier: BSD-2-Clause
use strict;
use warnings;

use File::Temp qw(tempdir);
use Test::More;
use Usdt::Variant;

my $dir = tempdir('usdt-picture-XXXXXX', TMPDIR => 1, CLEANUP => 1);

sub text_of { local (@ARGV, $/) = @_; return scalar <> }

# The widest letters of the fonts that it asks for; most are narrower.
my $letter = 0.66;

# A text's rectangle: left, top, right, bottom.
sub area
{
	my ($size, $x, $y, $text) = @_;
	my $half = $letter * $size * length($text) / 2;

	return [$x - $half, $y - 0.8 * $size, $x + $half, $y + 0.25 * $size];
}

sub apart
{
	my ($one, $two) = @_;

	return $one->[2] <= $two->[0] || $two->[2] <= $one->[0]
	    || $one->[3] <= $two->[1] || $two->[3] <= $one->[1];
}

sub inside
{
	my ($one, $two) = @_;

	return $one->[0] >= $two->[0] && $one->[1] >= $two->[1]
	    && $one->[2] <= $two->[2] && $one->[3] <= $two->[3];
}

# wrong(SVG): what is cut, or covers something.
sub wrong
{
	my ($svg) = @_;
	my %size = $svg =~ /^\.(\w+) \{ font-size: (\d+)px/mg;
	my ($width, $height) = $svg =~ /viewBox="0 0 (\d+) (\d+)"/ or return 'no size';
	my (@texts, @rects, @lines, @wrong);

	while ($svg =~ /<text class="(\w+)" x="(\d+)" y="(\d+)">([^<]*)</g) {
		push @texts, [$4, area($size{$1}, $2, $3, $4)];
	}
	while ($svg =~ /<rect class="\w+" x="(\d+)" y="(\d+)" width="(\d+)" height="(\d+)"/g) {
		push @rects, [$1, $2, $1 + $3, $2 + $4];
	}
	while ($svg =~ /<path d="M(\d+) (\d+)((?:[HV]\d+)+)"/g) {
		my ($x, $y, $steps) = ($1, $2, $3);

		while ($steps =~ /([HV])(\d+)/g) {
			my ($to_x, $to_y) = $1 eq 'H' ? ($2, $y) : ($x, $2);
			my ($left, $right) = sort { $a <=> $b } $x, $to_x;
			my ($top, $bottom) = sort { $a <=> $b } $y, $to_y;

			# With the arrow's head.
			push @lines, [$left, $top - 4, $right, $bottom + 4];
			($x, $y) = ($to_x, $to_y);
		}
	}
	return 'nothing is drawn' if @texts < 10 || @rects < 5 || @lines < 5;
	for my $i (0 .. $#texts) {
		my ($text, $area) = @{ $texts[$i] };

		push @wrong, "\"$text\" leaves the picture"
		    if !inside($area, [0, 0, $width, $height]);
		push @wrong, map { "\"$text\" crosses the edge of a box" }
		    grep { !inside($area, $_) && !apart($area, $_) } @rects;
		push @wrong, map { "\"$text\" touches a line" }
		    grep { !apart($area, $_) } @lines;
		push @wrong, map { "\"$text\" touches \"$texts[$_][0]\"" }
		    grep { !apart($area, $texts[$_][1]) } $i + 1 .. $#texts;
	}
	return @wrong;
}

my $svg = text_of('man/picture.svg');
my ($made, $status) = Usdt::Variant::quiet($^X, 'man/picture');
is($status, 0, 'the script runs');
ok($svg eq $made, 'the tree has what it prints')
    or diag('perl man/picture > man/picture.svg');
SKIP: {
	if (system('command -v xmllint >/dev/null') != 0) {
		fail('xmllint may not be missing') if $ENV{USDT_NO_SKIP};
		skip('no xmllint (test/setup check installs it)', 1);
	}
	my ($said, $bad) = Usdt::Variant::quiet('xmllint', '--noout', 'man/picture.svg');

	is($bad, 0, 'it is XML') or diag($said);
}
ok(text_of('README.md') =~ m{\(man/picture\.svg\)}, 'README.md shows it');
is_deeply([wrong($svg)], [], 'no text is cut or covered');

# Would it be noticed?
for (['a longer text', 'crosses the edge', sub { s/>SDT notes</>SDT notes of all its probes</ }],
	['a text at the edge', 'leaves the picture', sub { s/(class="title" x=")\d+/${1}940/ }],
	['a text on a line', 'touches a line', sub { s/(class="arrow" x="\d+" y=")\d+/${1}100/ }],
	['two texts in one place', 'touches "', sub { s/(>perf<)/>perf<\/text>$&/; s/y="\d+">bcc/y="310">bcc/ }]) {
	my ($what, $word, $change) = @$_;
	local $_ = $svg;

	$change->();
	isnt($_, $svg, "$what: changed");
	cmp_ok(scalar(grep { /\Q$word/ } wrong($_)), '>', 0, 'and noticed');
}
done_testing();
