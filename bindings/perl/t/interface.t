# interface.t - does Devel::USDT do what it says, while nobody traces?
#
# SPDX-License-Identifier: BSD-2-Clause
use strict;
use utf8;
use warnings;

use JSON::PP ();
use Math::BigInt;
use Scalar::Util ();
use Test::More;

use lib 't/lib';
use Needs;

use Devel::USDT;

package Raises;

use overload '""' => sub { die "converted\n" }, '0+' => sub { die "converted\n" };

package main;

sub live
{
	my (@types) = @_;
	my $provider = Devel::USDT->new('plprov');

	return ($provider, $provider->probe('p1', @types), $provider->enable);
}

sub mapped
{
	my ($path) = @_;

	open(my $maps, '<', '/proc/self/maps') or die "maps: $!\n";
	return scalar grep { index($_, $path) >= 0 } <$maps>;
}

# The bytes of all writable mappings.  Resident memory would be the emulator's too,
# if one runs this process, and emulators keep the code that they have translated.
sub writable
{
	my $size = 0;

	open(my $maps, '<', '/proc/self/maps') or die "maps: $!\n";
	while (<$maps>) {
		no warnings 'portable';
		/^(\w+)-(\w+) .w/ and $size += hex($2) - hex($1);
	}
	return $size;
}

is(Devel::USDT::load_error(), undef, 'the extension is there');

subtest 'untraced' => sub {
	my ($provider, $probe) = live('int', 'char *', 'json');
	my $value = bless {}, 'Raises';

	ok(!$probe->enabled, 'it is not enabled');
	ok(!$probe->fire(1), 'a fire tells it');
	ok(!$probe->lazy(sub { fail('called') }), 'nothing is called');
	ok(!$probe->fire($value, $value, $value), 'nothing is converted');
};

subtest 'what it is called' => sub {
	my $provider = Devel::USDT->new('plprov', 'plmodule');
	my $probe = $provider->probe('p-1', { function => 'grüße' },
		'char *', 'int id', 'json');

	is($provider->name, 'plprov', 'the provider');
	is($provider->module, 'plmodule', 'the module');
	is($probe->name, 'p-1', 'the probe');
	is($probe->function, 'grüße', 'its function');
	is_deeply([$probe->types], ['char *', 'int id', 'json'], 'its types');
	is($provider->probe('p2')->function, 'p2', 'no function');
	is(Devel::USDT->new('a')->module, 'perl', 'no module');
};

subtest 'types' => sub {
	my %wanted = ('int' => 'i', 'char' => 'i', 'char **' => 'p',
		'char *' => 't', 'const char *' => 't', 'char*' => 't',
		'char const *x' => 't', 'unsigned char * p' => 't',
		'char *name' => 't', 'json' => 'j', 'json body' => 'j',
		'jsonp' => 'i', 'float' => 't', 'double x' => 't',
		'struct s *' => 'p', ' char  * ' => 't', 'charge *' => 'p');

	for my $type (sort keys %wanted) {
		my ($c, $kind) = Devel::USDT::argument($type);
		is($kind, $wanted{$type}, "'$type'");
	}
	is((Devel::USDT::argument('json body'))[0], 'char *body',
		'JSON may have a name');
};

subtest 'arguments may have names' => sub {
	my ($provider, $probe) = live('int plfirst', 'json plsecond');

	open(my $in, '<:raw', $provider->status->{sdt}{path}) or die "$!\n";
	my $image = do { local $/; <$in> };
	ok(index($image, "$_\0") >= 0, "tracers see $_")
	    for 'plfirst', 'plsecond';
	ok(!eval { $provider->probe('p2', 'int a', 'char *a') },
		'two of one name are refused');
};

subtest 'structs' => sub {
	my $provider = Devel::USDT->new('plstructs');

	is($provider->struct('peer', 4, 'uint16_t port' => 0, 'char flags[2]'
		=> 2), $provider, 'one');
	$provider->struct('request', 16, 'int64_t sent' => 8, 'int id' => 0,
		'struct peer peer' => 4);
	$provider->probe('p1', 'struct request *request', 'char **list');
	$provider->enable;
	open(my $in, '<:raw', $provider->status->{sdt}{path}) or die $!;
	my $image = join('', <$in>);
	my $told = join("\n", 'struct peer { uint16_t port; char flags[2]; };',
		'struct request { int id; struct peer peer; int64_t sent; };',
		'void p1(struct request *request, char **list);');
	ok(index($image, $told) >= 0, 'tracers see the structs');
	is(Devel::USDT::_address(Math::BigInt->new(2)->bpow(64) - 1), ~0,
		'an object is an address');
	is(Devel::USDT::_address(bless {}, 'Raises'), 0, 'or nothing');
};

subtest 'status' => sub {
	my ($provider, $probe) = live('int');
	my $status = $provider->status;

	is_deeply([@$status{qw(enabled probes waiting images)}], [1, 1, 0, 1],
		'enabled');
	ok($status->{sdt}{taken} && -e $status->{sdt}{path}, 'an image');
	ok(!$status->{dof}{taken} && length $status->{dof}{reason},
		'no helper, and why');
	$provider->disable;
	is($provider->status->{enabled}, 0, 'disabled');
};

subtest 'errors name what is wrong' => sub {
	my $provider = Devel::USDT->new('plprov');
	my $probe = $provider->probe('there', 'int');
	my $bare = Devel::USDT->new('plbare');
	my @cases = (
		[sub { Devel::USDT->new('a b') }, qr/provider/],
		[sub { Devel::USDT->new('') }, qr/provider/],
		[sub { Devel::USDT->new(undef) }, qr/name of a provider is missing/],
		[sub { Devel::USDT->new([]) }, qr/provider must be a text/],
		[sub { Devel::USDT->new("a\0b") }, qr/provider has a NUL/],
		[sub { Devel::USDT->new('ok', 'a/b') }, qr/module/],
		[sub { $provider->probe('a:b') }, qr/name/],
		[sub { $provider->probe(undef) }, qr/probe is missing/],
		[sub { $provider->probe('p', undef) }, qr/type of an argument is/],
		[sub { $provider->probe('p', []) }, qr/type of an argument must/],
		[sub { $provider->probe('p', "in\0t") }, qr/argument has a NUL/],
		[sub { $provider->probe('p', '') }, qr/type/],
		[sub { $provider->probe('p', ('int') x 33) }, qr/32/],
		[sub { $provider->probe('p', { f => 1 }) }, qr/no option f/],
		[sub { $provider->probe('there') }, qr/exists/],
		[sub { $bare->struct('a', 4) }, qr/0 fields/],
		[sub { $bare->struct('a', 4, 'int') }, qr/field .* has an off/],
		[sub { $bare->struct('a', 4, 'int a', -1) }, qr/bytes: -1/],
		[sub { $bare->struct('a', 'b', 'int a', 0) }, qr/bytes: b/],
		[sub { $bare->struct('a', 4, 'int a', 2) }, qr/at offset 2/],
		[sub { $bare->struct('while', 4, 'int a', 0) }, qr/of C's/],
		[sub { $bare->struct(undef, 4, 'int a', 0) }, qr/is missing/],
		[sub { $bare->enable }, qr/no probes defined/],
		[sub { $provider->remove('there') }, qr/not a probe/],
		[sub { $provider->remove($provider) }, qr/not a probe/],
		[sub { $bare->remove($probe) }, qr/no probes defined/],
		[sub { $probe->lazy(1) }, qr/function/],
		[sub { $probe->lazy }, qr/[Uu]sage/],
		[sub { Devel::USDT::Probe::fire({}) }, qr/not a probe/],
		[sub { Devel::USDT::Probe::fire(\1) }, qr/not a probe/],
		[sub { Devel::USDT::Probe::enabled(undef) }, qr/not a probe/],
		[sub { Devel::USDT::Native::enable($probe) }, qr/not a provider/],
		[sub { $$probe = 1 }, qr/read-only/],
	);

	for (@cases) {
		my ($act, $wanted) = @$_;
		ok(!eval { $act->(); 1 }, "fails: $wanted");
		like($@, $wanted, 'why');
		like($@, qr/ at \S+interface\.t line \d+\.$/, 'and where');
	}
	is($provider->status->{probes} + $provider->status->{waiting}, 1,
		'all is as it was');
};

subtest 'a refused probe is not added' => sub {
	my ($provider) = live('int');

	ok(!eval { $provider->probe('p1', 'int') }, 'it is there');
	is_deeply([@{ $provider->status }{qw(probes waiting)}], [1, 0],
		'as it was');
};

subtest 'a removed probe leaves its name' => sub {
	my ($provider, $probe) = live('int');

	$provider->remove($probe);
	ok(!$provider->probe('p1', 'int')->enabled, 'the name is free');
	is($provider->status->{probes}, 1, 'one probe');
};

subtest 'objects go when nobody has them' => sub {
	my ($provider, $probe) = live('int');
	my $path = $provider->status->{sdt}{path};

	Scalar::Util::weaken(my $weak = $probe);
	ok(mapped($path), 'mapped');
	undef $provider;
	ok(mapped($path), 'a probe keeps its provider');
	undef $probe;
	ok(!defined $weak, 'nothing else keeps a probe');
	ok(!mapped($path), 'not mapped');
};

subtest 'many lives take no memory' => sub {
	my $lives = sub {
		for my $i (1 .. $_[0]) {
			my $provider = Devel::USDT->new('pllife' . $i % 30 . 'x');
			my $probe = $provider->probe('p1', 'int', 'char *');

			$provider->enable;
			$probe->fire($i, 'text');
			eval { $provider->probe('p1') };
		}
	};

	$lives->(300);
	my $before = writable();
	$lives->(3000);
	cmp_ok(writable() - $before, '<', 1 << 20, 'no more than before');
	is(mapped('pllife'), 0, 'nothing is mapped');
};

subtest 'values become JSON' => sub {
	my %wanted = ('{"a":[1,"x",null,true]}' =>
			{ a => [1, 'x', undef, JSON::PP::true] },
		'"text"' => 'text', '1.5' => 1.5, 'null' => undef,
		'{"error":"encountered CODE"}' => sub { 1 },
		'{"error":"a number is not finite"}' => [9**9**9],
		'["a \\"inf\\" b","nan"]' => ['a "inf" b', 'nan']);

	for my $text (sort keys %wanted) {
		(my $got = Devel::USDT::_json($wanted{$text})) =~
		    s/(encountered CODE)[^"]*/$1/;
		is($got, $text, $text);
	}
	ok(utf8::is_utf8(Devel::USDT::_json("\xfc")), 'always UTF-8');
	{
		local $@ = 'mine';
		local $SIG{__DIE__} = sub { fail('a handler is called') };
		Devel::USDT::_json(sub { 1 });
		is($@, 'mine', 'no error is left');
	}
};

subtest 'the environment disables it' => sub {
	local $ENV{USDT_DISABLE} = 1;
	my $says = `$^X "-Mblib" -MDevel::USDT -e '
		my \$p = Devel::USDT->new("ploff");
		my \$q = \$p->probe("p1", "int");
		\$p->enable;
		print "<", \$q->enabled, \$q->fire(1), \$p->status->{sdt}{path},
		    ">"'`;
	is($says, '<>', 'every call succeeds');
};

done_testing();
