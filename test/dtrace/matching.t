# Is a probe found, enabled and counted once, by any way of naming it?
#
# Every probe is described twice, as DOF and as an SDT note, and each way of
# naming it in a script finds it by one description or by both.
#
# SPDX-License-Identifier: BSD-2-Clause
use strict;
use warnings;

use Test::More;

use Usdt::Dtrace qw(dtrace_case process listing same_events build_path
	as_user);

# Each way has a process of its own, with a provider of that name: its options,
# and the probe's description in a script, where PID is its pid.
my @ways = (
	['pidname', {}, 'pidnamePID:::go'],
	['wild', {}, 'wild*:::go'],
	['full', {}, 'full*:testmod:func:go'],
	['nameonly', {}, '*:nameonly-mod:func:go', '-m', 'nameonly-mod'],
	['globs', {}, 'g?obs*:test*:*nc:g[nop]'],
	['dofpid', { USDT_BACKENDS => 'dof' }, 'dofpidPID:::go'],
	['dofwild', { USDT_BACKENDS => 'dof' }, 'dofwild*:::go'],
	['sdtpid', { USDT_BACKENDS => 'sdt' }, 'sdtpidPID:::go'],
	['memfd', {}, 'memfd*:::go'],
);

# Where all directories are noexec, an image has no name.
my @nowhere = ('unshare', '-m', 'sh', '-c', 'mount -o remount,bind,noexec '
	. '/dev/shm && mount -o remount,bind,noexec /tmp && exec "$@"', 'sh');

# Starts a way's process, and one that no script names.
sub start
{
	my ($name, $env, $where, @arguments) = @_;
	my @command = as_user(build_path('test_usdt'));
	unshift(@command, @nowhere) if $name eq 'memfd';
	my $p = process({ env => $env, program => \@command }, $name,
		@arguments, 'func', 'go', 'int');
	my $pid = $p->pid;
	my ($image) = $p->images;

	is($image->{memfd}, $name eq 'memfd' ? 1 : 0,
	    "$name: where its image lies");
	is($p->ask('enabled 0'), 'enabled 0', "$name: not enabled before");
	return { process => $p, name => $name,
		where => $where =~ s/PID/$pid/r };
}

sub clause
{
	my ($way) = @_;

	return "$way->{where} { printf(\"> $way->{name} %s %s %s %d %d\\n\", "
	    . "probemod, probefunc, probename, pid, arg0); }\n";
}

# The output of one way's two fires.
sub expected
{
	my ($way, $module) = @_;
	my $head = "$way->{name} $module func go " . $way->{process}->pid;

	return ("$head 7", "$head -8");
}

sub fire_twice
{
	my ($way) = @_;
	my ($p, $name) = @$way{qw(process name)};

	is($p->ask('wait 0 1 100'), 'enabled 1', "$name: enabled during");
	is($p->ask('fire 0 7'), 'fired 1', "$name: fired");
	is($p->ask('checked 0 -8'), 'fired 1', "$name: fired, if enabled");
}

sub gone
{
	my ($way) = @_;

	is($way->{process}->ask('wait 0 0 100'), 'enabled 0',
	    "$way->{name}: not enabled after");
}

dtrace_case('without -p: by pid and by wildcards' => sub {
	my @found = map { start(@$_) } @ways;
	my $other = start('other', {}, '');
	my $d = Usdt::Dtrace->run(join('', map { clause($_) } @found));

	fire_twice($_) for @found;
	is($other->{process}->ask('checked 0 1'), 'fired 0',
	    'a provider that no clause names is not enabled');
	same_events([$d->finish(2 * @found)], [map {
		my $module = $_->{name} eq 'nameonly' ? 'nameonly-mod' :
		    'testmod';
		expected($_, $module);
	} @found], 'each fire counts once');
	gone($_) for @found;
});

for my $backends ('dof,sdt', 'dof', 'sdt') {
	dtrace_case("-p and \$target, backends $backends" => sub {
		my $way = start('target', { USDT_BACKENDS => $backends },
			'target$target:::');
		# The same definition in a process that is not the target.
		my $other = start('target', { USDT_BACKENDS => $backends }, '');
		my $d = Usdt::Dtrace->run(clause($way), '-p',
			$way->{process}->pid);

		fire_twice($way);
		is($other->{process}->ask('fire 0 1'), 'fired 1',
		    'another process of this definition fires too');
		is($other->{process}->ask('enabled 0'), 'enabled 0',
		    'and is not enabled') if $backends eq 'dof';
		same_events([$d->finish(2)], [expected($way, 'testmod')],
		    'each fire of the target counts once, no other does');
		gone($way);
		gone($other);
	});
}

dtrace_case('processes that start later, and two of one definition' => sub {
	my $d = Usdt::Dtrace->run('late*:::go { printf("> %d %d\n", pid, arg0);'
		. ' @fires = count(); } END { printa("fires %@d\n", @fires); }',
		'-Z');
	my @p = (process('late', 'func', 'go', 'int'),
		process('late', 'func', 'go', 'int'));
	my @expected;

	is(($p[0]->images)[0]{path}, ($p[1]->images)[0]{path},
	    'both map the same image');
	for my $i (0, 1) {
		is($p[$i]->ask('wait 0 1 100'), 'enabled 1', 'is enabled');
		is($p[$i]->ask("loop 0 5 $i"), 'fired 5', 'fires');
		push @expected, ($p[$i]->pid . " $i") x 5;
	}
	same_events([$d->finish(10)], \@expected,
	    'each fire counts once, under its own pid');
	is_deeply([$d->lines(qr/^fires (\d+)/)], [10], 'in aggregations too');
	is($_->ask('wait 0 0 100'), 'enabled 0', 'not enabled after') for @p;
});

dtrace_case("with all of DTrace's own D libraries" => sub {
	my ($libraries) = glob('/usr/lib/*/dtrace');
	my $p = process('libs', 'func', 'go', 'int');
	my $d = Usdt::Dtrace->run('libs*:::go { printf("> %s %d\n", execname,'
		. ' arg0); }', "-xsyslibdir=$libraries");

	is($p->ask('fire 0 3'), 'fired 1', 'fires');
	same_events([$d->finish(1)], ['test_usdt 3'], 'is seen once');
});

dtrace_case('names as they were given' => sub {
	my $odd = 'fn(with)<odd>$chars';
	my $p = process('na-me_X', '-m', 'lib.mod-1+x',
		$odd, 'with-hyphens-in', 'int', '--', 'f1', 'same', 'int',
		'--', 'f2', 'same', 'int', '--', 'f3', 'under_score',
		'--', 'f3', 'dot.ted', 'int');
	my $prov = 'na-me_X' . $p->pid;
	my @listed = map { "$_->{provider} $_->{module} $_->{function} "
	    . $_->{name} } listing("${prov}:::");

	is_deeply(\@listed, [sort { $a cmp $b } map {
		"$prov lib.mod-1+x $_" } "$odd with-hyphens-in",
		'f1 same', 'f2 same', 'f3 under_score', 'f3 dot.ted'],
	    'dtrace -l lists them, once each');

	# D's grammar has no "+" in descriptions: a wildcard stands for it.
	my $d = Usdt::Dtrace->run(
	    'na-me_X$target:lib.mod-1?x::with-hyphens-in,'
	    . 'na-me_X$target:::same,na-me_X$target::f2:same,'
	    . 'na-me_X$target:::dot.ted '
	    . '{ printf("> %s:%s:%s %d\n", probemod, probefunc, probename,'
	    . ' arg0); }', '-p', $p->pid);
	is($p->ask("fire $_ 3$_"), 'fired 1', "probe $_ fires") for 0 .. 4;
	same_events([$d->finish(5)], [
		"lib.mod-1+x:$odd:with-hyphens-in 30",
		'lib.mod-1+x:f1:same 31', 'lib.mod-1+x:f2:same 32',
		'lib.mod-1+x:f2:same 32', 'lib.mod-1+x:f3:dot.ted 34',
	    ], 'one name in two functions is distinguished');
});

# Characters that descriptions don't have: '?' stands for each, and wildcards
# for all.  A signature, as agents of Java virtual machines pass it, has some.
dtrace_case('functions that no description spells' => sub {
	my @odd = ('valueOf(char[],int,int)java.lang.String', 'a,b', '[x]',
		'{y};', 'p*q?', 'back\\slash', q("quoted"'one'), '<&|>',
		"caf\xc3\xa9", '!%@#~^=+$`');
	my (undef, @arguments) = map { ('--', $odd[$_], "n$_", 'int') }
	    0 .. $#odd;
	my $p = process('oddly', @arguments);
	my $prov = 'oddly' . $p->pid;
	my %listed = map { $_->{function} => 1 } listing("${prov}:::");

	# When dtrace looks for what it has listed already, it reads "[x]" as a
	# set and "\s" as an "s".
	is_deeply([sort keys %listed], [sort @odd],
	    'dtrace -l lists them, some more than once');
	my $d = Usdt::Dtrace->run(
	    'oddly$target::valueOf?char??,int,int?java.lang.String:,'
	    =~ s/,int/?int/gr
	    . 'oddly$target:::n1,oddly$target::?x?:,oddly$target:::n[3-9] '
	    . '{ printf("> %s %s %d\n", probefunc, probename, arg0); }',
	    '-p', $p->pid);
	is($p->ask("fire $_ 3$_"), 'fired 1', "probe $_ fires")
	    for 0 .. $#odd;
	same_events([$d->finish(scalar @odd)],
	    [map { "$odd[$_] n$_ 3$_" } 0 .. $#odd], 'each is seen once');
});

dtrace_case('two providers in one process' => sub {
	my $p = Usdt::Process->new(args => [qw(two 2 3)], program =>
		[as_user(build_path('many_probes'))]);
	my $pid = $p->pid;

	is(scalar listing("two[ab]${pid}:::"), 6, 'all are listed');
	my $d = Usdt::Dtrace->run("twoa*:::p1 { printf(\"> a %d\\n\", arg0); }"
	    . "twob${pid}:::p? { printf(\"> b %s %d\\n\", probename, arg0); }");
	is($p->ask($_), 'fired 1', $_) for 'fire 0 0 1', 'fire 0 1 2',
	    'fire 1 0 3', 'fire 1 1 4', 'fire 1 2 5';
	same_events([$d->finish(4)], ['a 2', 'b p0 3', 'b p1 4', 'b p2 5'],
	    'each where it belongs');
});

done_testing();
