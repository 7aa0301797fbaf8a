# SPDX-License-Identifier: BSD-2-Clause
package Devel::DTrace::Provider::Builder;

use 5.014;
use strict;
use warnings;

use Carp ();
use Devel::DTrace::Provider ();

our $VERSION = '2.0.0';

my %providers;	# package => [{ name, provider, probes => [...] }...]
our $declared;	# the probes that the block after `as` names

sub import
{
	my $into = caller;

	no strict 'refs';
	*{"${into}::provider"} = sub ($$) { return provider($into, @_) };
	*{"${into}::as"} = sub (&) { return $_[0] };
	*{"${into}::probe"} = sub ($;@) { return probe(@_) };
	*{"${into}::import"} = sub {
		my $user = caller;

		install($user, $_) for @{ $providers{$into} };
		return;
	};
	return;
}

sub probe
{
	my ($name, @types) = @_;

	$declared or Carp::croak("probe '$name' is outside of a provider");
	push @$declared, { name => $name, types => \@types };
	return;
}

sub provider
{
	my ($into, $name, $code) = @_;
	my $provider = Devel::DTrace::Provider->new($name, 'perl');
	my @probes;

	{
		local $declared = \@probes;
		$code->();
	}
	for (@probes) {
		my $probe = $provider->add_probe($_->{name}, 'func',
			$_->{types});
		@$_{qw(block enabled)} = subs($probe);
	}
	my $entry = { name => $name, provider => $provider,
		probes => \@probes };
	install($into, $entry);
	push @{ $providers{$into} }, $entry;
	return $provider->enable;
}

# providers(PACKAGE): the providers that the package declares.
sub providers
{
	my ($package) = @_;

	return map { $_->{provider} } @{ $providers{$package} };
}

# subs(PROBE): a sub that runs a block while somebody traces the probe, and one
# that says whether somebody does.
sub subs
{
	my ($probe) = @_;

	return (sub (&) { return 1 }, sub () { 0 })
	    if !Devel::DTrace::Provider::DTRACE_AVAILABLE();
	my $block = sub (&) {
		return $_[0]->($probe) if $probe->is_enabled;
		return 0;
	};
	my $enabled = sub () { return $probe->is_enabled };

	Devel::USDT::Native::check_block($block, $probe);
	Devel::USDT::Native::check_enabled($enabled, $probe);
	return ($block, $enabled);
}

sub install
{
	my ($into, $entry) = @_;
	my $provider = $entry->{name} =~ tr/-/_/r;

	for my $probe (@{ $entry->{probes} }) {
		my $name = $probe->{name} =~ tr/-/_/r;

		no strict 'refs';
		for my $sub ($name, "${provider}_$name") {
			*{"${into}::$sub"} = $probe->{block};
			*{"${into}::${sub}_enabled"} = $probe->{enabled};
		}
	}
	return;
}

1;

__END__

=encoding utf8

=head1 NAME

Devel::DTrace::Provider::Builder - declare probes as subs

=head1 SYNOPSIS

    package MyApp::Probes;
    use Devel::DTrace::Provider::Builder;

    provider 'myapp' => as {
        probe 'request-start', 'string';
        probe 'request-done', 'string', 'integer';
    };

    # elsewhere
    use MyApp::Probes;

    request_start { shift->fire($path) };
    request_done { shift->fire($path, $status) } if request_done_enabled;

=head1 DESCRIPTION

The package that declares providers, and each package that uses it, gets four
subs for each probe: C<request_start>, C<request_start_enabled>,
C<myapp_request_start> and C<myapp_request_start_enabled>. Dashes become
underscores. The providers are enabled at once, with the module C<perl>, and their
probes have the function C<func>.

To use the probes in the package that declares them, declare them in a C<BEGIN>
block.

The block runs only while somebody traces the probe. Its argument is the probe, a
C<Devel::DTrace::Probe>: see L<Devel::DTrace::Provider>. The call returns what the
block returns, and dies if the block dies. Types are those of
L<Devel::DTrace::Provider/METHODS>.

=head1 COST

From Perl 5.22 on the test is compiled into the caller: while nobody traces, Perl
makes neither the block nor its arguments, and the statement costs a quarter of a
call of an empty function. Older Perls make the block each time, unless
C<if request_done_enabled> follows.

Without the compiled part of L<Devel::USDT> the subs do nothing, and
C<request_done_enabled> is a constant 0, so that Perl drops the statement.

=head1 FUNCTIONS

=head2 Devel::DTrace::Provider::Builder::providers($package)

The providers that a package has declared.

=cut
