# SPDX-License-Identifier: BSD-2-Clause
package Devel::DTrace::Provider;

use 5.014;
use strict;
use warnings;

use Carp ();
use Devel::USDT ();

our $VERSION = '2.0.0';
our @ISA = ('Devel::USDT');
our $DTRACE_AVAILABLE = defined Devel::USDT::load_error() ? 0 : 1;

sub DTRACE_AVAILABLE { return $DTRACE_AVAILABLE }

sub new
{
	my ($class, $name, $module) = @_;
	my $self = eval { $class->SUPER::new($name, $module) };

	if (!$self) {
		my $why = $@ =~ s/ at \S+ line \d+\.?\n\z//r;
		Carp::croak("Failed to allocate memory for provider: $why");
	}
	$self->{probes} = {};
	return $self;
}

# Types were recognised by how they begin.
sub argument
{
	my ($declared) = @_;

	return ('int64_t', 'I') if $declared =~ /^integer/;
	return ('char *', 'T') if $declared =~ /^string/;
	return ('char *', 'J') if $declared =~ /^json/;
	return Devel::USDT::argument($declared);
}

sub add_probe
{
	my ($self, $name, $function, $types) = @_;

	ref $types eq 'ARRAY' or Carp::croak('array reference expected');
	my $probe = $self->_make('Devel::DTrace::Probe', $name, $function,
		$types, \&argument);
	ref $probe or Carp::croak("create probe failed: $probe");
	my $why = $self->{native}->add($probe);
	length $why and Carp::croak("add probe: $why");
	return $self->{probes}{$name} = $probe;
}

sub probe
{
	my ($self, $name, $function, @types) = @_;

	return $self->add_probe($name, $function, \@types);
}

sub remove_probe
{
	my ($self, $probe) = @_;

	$self->remove($probe);
	my $of_name = $self->{probes}{$probe->name};
	delete $self->{probes}{$probe->name}
	    if defined $of_name && $of_name == $probe;
	return;
}

sub enable
{
	my ($self) = @_;

	$self->SUPER::enable;
	return $self->{probes};
}

sub disable
{
	my ($self) = @_;

	$self->SUPER::disable;
	return;
}

sub probes { return $_[0]{probes} }

1;

__END__

=encoding utf8

=head1 NAME

Devel::DTrace::Provider - create DTrace providers for Perl programs

=head1 SYNOPSIS

    use Devel::DTrace::Provider;

    my $provider = Devel::DTrace::Provider->new('provider1', 'perl');
    my $probe = $provider->add_probe('probe1', 'function', ['string']);
    $provider->enable;

    $probe->fire('foo');

=head1 DESCRIPTION

The interface of the module of this name up to version 1.11. It is a
L<Devel::USDT>, which new programs may prefer; so it has C<status>, C<name> and
C<module>, too.

=head1 METHODS

=head2 new($name, $module)

A provider. Croaks C<Failed to allocate memory for provider: ...>.

=head2 add_probe($name, $function, \@types), probe($name, $function, @types)

Adds a probe, which the next C<enable> makes visible. A type is C<integer>,
C<string>, C<json>, or one of L<Devel::USDT/TYPES>. Croaks
C<create probe failed: ...> or C<add probe: ...>.

=head2 enable, disable

C<enable> returns the probes, as C<probes> does.

=head2 remove_probe($probe)

The probe never fires for this provider again.

=head2 probes

A reference to a hash of the probes by name.

=head1 PROBES

The class is C<Devel::DTrace::Probe>.

=head2 fire(@values)

Returns 1. Croaks C<Probe takes N arguments, M provided>; and only while somebody
traces C<Argument type mismatch: should be integer>, or C<string>, and
C<Error JSON serializing: ...>.

=head2 is_enabled

1 or 0.

=head1 CONSTANTS

=head2 DTRACE_AVAILABLE, $DTRACE_AVAILABLE

1 if the compiled part was loaded, else 0. C<Devel::USDT::load_error> says why.

=head1 DIFFERENCES FROM VERSION 1.11

=over 4

=item *

Values are converted, and their types checked, only while somebody traces.

=item *

C<integer> is an C<int64_t>, and no longer cut to 32 bits.

=item *

A probe keeps its provider enabled. A fire without the provider used freed memory.

=item *

C<json> may be a text or a number, and is UTF-8.

=item *

The texts of errors go on with libusdt's reason.

=item *

A C<remove_probe> that fails leaves C<probes> as it was.

=back

=head1 SEE ALSO

L<Devel::USDT>, L<Devel::DTrace::Provider::Builder>

=cut
