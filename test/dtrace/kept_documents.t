# Does dtprobed keep of our documents what was declared?
#
# The tests' own reader, which shares no code with the library, reads it.
#
# SPDX-License-Identifier: BSD-2-Clause
use strict;
use warnings;

use Test::More;

use Usdt::Dof;
use Usdt::Dtrace qw(dtrace_case process tree_of child_status);

sub slurp
{
	my ($path) = @_;

	open(my $in, '<:raw', $path) or die "$path: $!\n";
	local $/;
	return scalar <$in>;
}

# documents(PID): each document that dtprobed has of a process, in order of
# generations: its kind (a word before it; 0 is DOF), its bytes, its inode, the
# helper's structure, and the names under which it was parsed.
sub documents
{
	my ($pid) = @_;
	my $top = "/run/dtrace/stash/dof-pid/$pid";
	my @documents;

	for my $link (sort { $a <=> $b } map { m{/(\d+)$} ? $1 : () }
	    glob("$top/*")) {
		my $dir = "$top/$link";
		my ($module, $addr, $dof) = unpack('Z64 Q Q',
		    slurp("$dir/dh"));
		my ($kind, $bytes) = unpack('Q a*', slurp("$dir/raw"));
		push @documents, {
			generation => $link, kind => $kind, bytes => $bytes,
			inode => (stat "$dir/raw")[1], module => $module,
			addr => $addr, dof => $dof,
			parsed => [sort { $a cmp $b } map {
				m{/([^/]*:[^/]*)$} ? $1 : () }
				glob("$dir/parsed/*")],
		};
	}
	return @documents;
}

# Judge one document: PROBES are [function, name, type...].
sub judge
{
	my ($title, $p, $image, $document, $provider, @probes) = @_;
	my ($problems, $read) = Usdt::Dof::judge($document->{bytes}, 'linux',
		addr => $document->{addr}, dof => $document->{dof},
		module => $document->{module});

	is($document->{kind}, 0, "$title: it is DOF");
	is_deeply([Usdt::Dof::texts(@$problems)], [], "$title: no problems");
	is($document->{module}, 'testmod', "$title: the module");
	is($document->{addr}, $image->{base}, "$title: the image's address");
	ok($document->{bytes} eq ($p->mem($document->{dof},
	    length $document->{bytes}) // ''),
	    "$title: the same bytes are in the process");
	is($read->{provider}, $provider, "$title: the provider");
	is_deeply([map { [$_->{function}, $_->{name}, @{ $_->{native} }] }
	    @{ $read->{probes} }], \@probes, "$title: what was declared");
	is_deeply([map { $_->{xlated} } @{ $read->{probes} }],
	    [map { [@$_[2 .. $#$_]] } @probes], "$title: types of args[]");
	is_deeply($document->{parsed}, [sort { $a cmp $b } map {
	    "$provider:testmod:$_->[0]:$_->[1]" } @probes],
	    "$title: what dtprobed made of it");
	my ($text) = grep { $_->{perms} =~ /x/ } @{ $image->{segments} };
	is(scalar(grep { $_ < $text->{start} || $_ >= $text->{end} }
	    map { (@{ $_->{sites} }, @{ $_->{ensites} }) }
	    @{ $read->{probes} }), 0, "$title: all sites are in the text");
}

my @declared = (
	['handle', 'none'], ['handle', 'start-request', 'int', 'char *'],
	['other', 'start-request', 'int64_t'],
	['wide', 'all', map { $_ % 2 ? 'char *' : 'uint16_t' } 0 .. 31],
);

sub arguments
{
	my @arguments = map { ('--', @$_) } @declared;

	shift @arguments;
	return @arguments;
}

dtrace_case('the document of a process' => sub {
	my $p = process('stashed', arguments());
	my ($image, @more) = $p->images;
	my ($document, @further) = documents($p->pid);

	is(@more + @further, 0, 'one image, one document');
	judge('first', $p, $image, $document, 'stashed', @declared);
	is($p->status->{'dof.generation'}, $document->{generation},
	    'under the number in the status');

	my $q = process('stashed', arguments());
	my ($image2) = $q->images;
	my ($document2) = documents($q->pid);
	judge('another process', $q, $image2, $document2, 'stashed',
	    @declared);
	is($document2->{inode}, $document->{inode},
	    'dtprobed keeps one copy for both');

	like($p->ask('add more later int'), qr/^ok/, 'a probe is added');
	is($p->ask('enable'), 'ok', 'and enabled');
	my @images = $p->images;
	my ($old, $new) = documents($p->pid);
	is_deeply($old, $document, 'the first document is as it was');
	my ($added) = grep { $_->{base} == $new->{addr} } @images;
	judge('second', $p, $added, $new, 'stashed', ['more', 'later', 'int']);

	my ($child) = $p->ask('fork') =~ /(\d+)/;
	is(child_status($p)->{'dof.taken'}, 1, 'a child registers');
	my %inherited = map { $_->{inode} => $_->{parsed} } documents($child);
	is_deeply(\%inherited, { $old->{inode} => $old->{parsed},
	    $new->{inode} => $new->{parsed} }, 'the same two documents');

	is($p->ask('child quit'), 'child ended', 'the child ends');
	is($p->ask('disable'), 'ok', 'disable');
	is_deeply([documents($p->pid)], [], 'no document is left');
	is_deeply([tree_of($p->pid)], [], 'and nothing else');
	is(scalar documents($q->pid), 1, 'the other process has its own');
});

done_testing();
