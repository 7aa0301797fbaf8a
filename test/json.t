#!/usr/bin/perl
# json.t - how does `usdt watch --json` print structs, and what is missing?
#
# json.c makes the events.  What processes fire is in trace/json.t.
#
# SPDX-License-Identifier: BSD-2-Clause
use strict;
use warnings;

use File::Temp qw(tempdir);
use JSON::PP ();
use Test::More;

my $obj = $ENV{USDT_OBJ} // 'obj-x86_64';
my $dir = tempdir('usdt-json-XXXXXX', TMPDIR => 1, CLEANUP => 1);
my @cc = split ' ', $ENV{CC} // 'cc';

system(@cc, '-std=gnu99', '-g', '-I.', '-o', "$dir/json", 'test/json.c',
    (map { "$obj/" . s/\.c$/.o/r } glob('tools/*/*.c')), "$obj/rooms.a", '-lelf', '-pthread') == 0
    or BAIL_OUT('json.c is not compiled');
my @lines = split /\n/, `$dir/json`;
is($?, 0, 'it runs');

my $head = qq({"time":1700000000.000000001,"pid":2,"tid":3,"comm":"c\\"\\\\)
    . qq(\xef\xbf\xbd","provider":"p","module":"module","function":"f\xc3\xa9",)
    . '"name":"probe","args":{';
my $rest = ',"t":"text","t2":7';
my $items = '"items":[{"id":-1,"name":"one"},{"id":2,"name":null}]';
my $next = '"next":18446744073709551615';
my @case = (
	['all of it', '"all":{"n":[1,-2,3],"chars":"ab","d":0.5,'
	    . "$items,$next}$rest"],
	['arrays that are cut', '"all":{"n":{"elements":[1,-2],"cut":true},'
	    . '"chars":{"text":"abcd","cut":true},"d":0.5,' . "$items,$next}"
	    . $rest],
	['no struct, no text', '"all":null,"t":{"unreadable":true},"t2":7'],
	['an unreadable struct', '"all":{"unreadable":true},"t":"text",'
	    . '"t2":{"unknown":true}'],
	['unknown members', '"all":{"n":[1,-2,3],"chars":"ab",'
	    . '"d":{"unknown":true},"items":[{"id":-1,"name":{"unknown":true}},'
	    . "{\"id\":2,\"name\":{\"text\":\"\xef\xbf\xbd\",\"hex\":\"ff\",\"cut\":true}}],"
	    . "$next}$rest"],
	['no room for the second of an array', '"all":{"n":[1,-2,3],'
	    . '"chars":"ab","d":0.5,"items":[{"id":-1,"name":"one"},"..."],'
	    . "\"...\":true}$rest"],
	['... for any', '"all":{"n":[1,-2,3],"chars":"ab","d":0.5,'
	    . "\"...\":true}$rest"],
	['... for the second member', "\"all\":{\"n\":[1,-2,3],\"...\":true}$rest"],
	['names that are equal', '"arg2":4096,"arg2_":"text","arg2__":7'],
);

for (0 .. $#case) {
	my ($what, $args) = @{ $case[$_] };

	is($lines[$_], "$head$args}}", $what);
	ok(eval { JSON::PP->new->utf8->allow_bignum->decode($lines[$_]) },
	    '... is JSON') || diag($@);
}
is(scalar @lines, scalar @case, 'no more lines');
done_testing();
