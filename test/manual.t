#!/usr/bin/perl
# manual.t - are the manual pages right: their form, their calls, their examples?
#
# test/trace/manual.t runs the commands of usdt(7).
#
# SPDX-License-Identifier: BSD-2-Clause
use strict;
use warnings;

use File::Temp qw(tempdir);
use Test::More;
use Usdt::Variant;

my $build = $ENV{USDT_BUILD} // '.';
my $dir = tempdir('usdt-manual-XXXXXX', TMPDIR => 1, CLEANUP => 1);
my @cc = split ' ', $ENV{CC} // 'cc';
my @pages = glob 'man/*.[1-8]';

delete @ENV{qw(USDT_DISABLE USDT_DEBUG USDT_BACKENDS USDT_STRICT)};
$ENV{USDT_IMAGE_DIR} = "$dir/images";
$ENV{USDT_HELPER} = "$dir/helper";

sub text_of { local (@ARGV, $/) = @_; return scalar <> }

sub words { return join ' ', split ' ', $_[0] }

my %text = map { $_ => text_of($_) } @pages;
my $header = text_of('usdt.h');
my $code = $header =~ s{/\*.*?\*/}{}gsr;

# --- their form ---------------------------------------------------------------

SKIP: {
	if (system('command -v mandoc >/dev/null') != 0) {
		fail('mandoc may not be missing') if $ENV{USDT_NO_SKIP};
		skip('no mandoc (test/setup check installs it)', 1);
	}
	# It looks for other pages in the system's manual.
	my @said = grep { !/referenced manual not found|outdated mandoc\.db/ }
	    map { `mandoc -T lint -W style $_ 2>&1` } @pages;
	is(join('', @said), '', 'mandoc has nothing to say');
}

# A page of a name in a section, if it is ours.
my %page;
for my $file (@pages) {
	my ($names) = $text{$file} =~ /^\.Sh NAME\n(.*?)^\.Nd/ms;
	my ($name, $section) = $file =~ m{/([^/]+)\.(\d)$};

	$page{"$name $section"} = $file;
	$page{"$_ $section"} = $file for ($names // '') =~ /^\.Nm (\S+)/mg;
}
my @missing;
for my $file (@pages) {
	my @named = $text{$file} =~ /\bXr (usdt\S* \d)/g;

	push @missing, map { "$file: $_" } grep { !$page{$_} } @named;
}
is("@missing", '', 'each page that is named exists');

# --- their calls --------------------------------------------------------------

my %calls;
$calls{$2} = words("$1 $3") while $code =~
    /^USDT_(?:API|INLINE)\s+([^;{]*?)\b(usdt_\w+)\(([^;{]*)\)(?=;)/mg;
delete $calls{usdt_probe_ask};	# private

my %told;
for my $file (grep { /\.3$/ } @pages) {
	my ($synopsis) = $text{$file} =~ /^\.Sh SYNOPSIS\n(.*?)^\.Sh/ms;

	$synopsis =~ s/^\.Fo /.Fn /mg;
	$synopsis =~ s/\n?^\.F(?:a (.*)|c)$/' ' . ($1 \/\/ '')/mge;
	while ($synopsis =~ /^\.Ft (.*)\n\.Fn (usdt_\w+) (.*)$/mg) {
		my ($type, $name, $arguments) = ($1, $2, $3);

		$type =~ tr/"//d;
		push @{ $told{$name} }, words("$type " . join ', ', $arguments =~ /"([^"]*)"/g);
	}
}
is(join(' ', sort keys %told), join(' ', sort keys %calls), 'each call has a page');
is(join(' ', grep { @{ $told{$_} } > 1 } sort keys %told), '', 'and no second one');
is($told{$_}[0], $calls{$_}, "$_: as in usdt.h") for grep { $told{$_} } sort keys %calls;
is(join(' ', grep { !$page{"$_ 3"} } sort keys %calls), '', 'each is found by its name');
is(join(' ', grep { $text{'man/usdt.3'} !~ /\bXr $_ 3/ } sort keys %calls), '',
    'usdt(3) names all');
my %macros = map { $_ => 1 } $header =~ /^ \* (USDT_[A-Z_]+)\(.* - /mg;
is(join(' ', grep { !$page{"$_ 3"} } sort keys %macros), '', 'the macros have pages, too');

my ($environment) = $header =~ /^ \* Environment\..*?\n(.*?) \*\//ms;
my %variables = map { $_ => 1 } $environment =~ /^ \*\t(USDT_\w+)=/mg;
my %explained = map { $_ => 1 } $text{'man/usdt.7'} =~ /^\.It Ev (USDT_\w+)/mg;
is_deeply(\%explained, \%variables, 'usdt(7) has the environment of usdt.h');
my %errors = map { $_ => 1 } $code =~ /^\t(USDT_ERROR_\w+)/mg;
my %rows = map { $_ => 1 } $text{'man/usdt_errstr.3'} =~ /^\.It Dv (USDT_ERROR_\w+)/mg;
is_deeply(\%rows, \%errors, 'usdt_errstr(3) has the errors of usdt.h');
for my $limit (['USDT_ARG_MAX', qr/at most (\d+) arguments/]) {
	my ($name, $where) = @$limit;

	is(($text{'man/usdt.7'} =~ $where)[0], ($code =~ /^#define $name\t(\d+)/m)[0], "usdt(7): $name");
}

# --- their examples -----------------------------------------------------------

# Statements run in main with an enabled provider.
my $before = <<'END';
#include <stdint.h>
#include <stdio.h>
#include <usdt.h>
END
my $main = <<'END';
int
main(void)
{
	const char *types[] = { "int id", "char *url" };
	usdt_provider_t *p = usdt_create_provider("example", "m");
	usdt_probedef_t *probe = usdt_create_probe("f", "n", 2, types);

	if (p == NULL || probe == NULL || usdt_provider_add_probe(p, probe) < 0 ||
	    usdt_provider_enable(p) < 0)
		return 1;
END
my $after = <<'END';
	usdt_provider_free(p);
	usdt_probe_release(probe);
	return 0;
}
END

my $count = 0;
for my $file (grep { /\.[37]$/ } @pages) {
	my $declarations = '';
	my @examples;

	while ($text{$file} =~ /^\.\\" example: (\w+)\n\.Bd [^\n]*\n(.*?)^\.Ed$/msg) {
		my ($kind, $text) = ($1, $2);

		$text =~ s/\\e/\\/g;
		if ($kind eq 'program') { push @examples, $text }
		elsif ($kind eq 'declarations') { $declarations = $text }
		else { push @examples, "$before$declarations$main\t{\n$text\t}\n$after" }
	}
	ok(@examples > 0, "$file has an example") if $file =~ /\.3$/;
	for (@examples) {
		my $c = "$dir/example" . ++$count . '.c';

		open my $out, '>', $c or die "$c: $!\n";
		print $out $_;
		close $out or die "$c: $!\n";
		my ($said, $status) = Usdt::Variant::quiet(@cc, qw(-std=gnu11 -O1 -Wall -Wextra
			-Werror -I. -o), "$dir/example$count", $c, "$build/libusdt.a", '-pthread');
		is($status, 0, "$file: example $count compiles") or diag($said) or next;
		($said, $status) = Usdt::Variant::quiet("$dir/example$count");
		is($status, 0, 'and runs') or diag($said);
	}
}
cmp_ok($count, '>', 10, 'there are examples');
done_testing();
