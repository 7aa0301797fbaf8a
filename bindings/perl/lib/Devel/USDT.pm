# SPDX-License-Identifier: BSD-2-Clause
package Devel::USDT;

use 5.014;
use strict;
use warnings;

use Carp ();
use JSON::PP ();
use Scalar::Util ();
use overload ();

our $VERSION = '2.0.0';

my $load_error;
require XSLoader;
eval { XSLoader::load('Devel::USDT'); 1 } or do {
	$load_error = $@;
	require Devel::USDT::Stub;
};

@Devel::DTrace::Probe::ISA = ('Devel::USDT::Probe');

sub load_error { return $load_error }

# --- values: the extension calls these ------------------------------------------

my $json = JSON::PP->new->allow_nonref->allow_bignum->convert_blessed
    ->canonical;

# The value of an object with overloaded operators or of a tied variable; undef
# if its code dies.
sub _text
{
	my $value;
	local ($@, $!, $SIG{__DIE__});

	eval { $value = $_[0]; $value = "$value" if ref $value; 1 }
	    or return undef;
	return $value;
}

# The same for an integer.  A text of digits comes first, since the number of a
# Math::BigInt has lost some.
sub _number
{
	my ($given, $text);
	local ($@, $!, $SIG{__DIE__});

	eval { $given = $_[0]; $text = _text($given); 1 } or return undef;
	return $text if !ref $given || ($text // '') =~ /^[-+]?[0-9]+\z/;
	my $number = overload::Method($given, '0+') or return $text;
	return eval { 0 + $number->($given, undef, '') };
}

# The same for a pointer: bytes, or a number that is an address.
sub _address
{
	my $value;
	local ($@, $!, $SIG{__DIE__});

	eval { $value = $_[0]; 1 } or return undef;
	return $value if !ref $value;
	my $number = _number($value) // 0;
	return $number =~ /^[0-9]+\z/ ? 0 + $number : 0;
}

# The JSON of a value, marked as UTF-8, or undef and why it has none.
sub encoded
{
	local ($@, $!, $SIG{__DIE__});
	no warnings 'utf8';
	my $text = eval {
		my $json = $json->encode($_[0]);
		my $bare = $json =~ /inf|nan/i ?
		    $json =~ s/"(?:[^"\\]|\\.)*"//gr : '';
		die "a number is not finite\n" if $bare =~ /inf|nan/i;
		$json;
	};

	if (!defined $text) {
		my $why = $@;
		return (undef, eval { "$why" } // 'unknown');
	}
	utf8::upgrade($text);
	return $text;
}

sub _json
{
	my ($text, $why) = encoded($_[0]);

	return $text if defined $text;
	return (encoded({ error => $why =~ s{(?: at \S+ line \d+\.?)?\n\z}{}r }))[0];
}

sub Devel::DTrace::Probe::_json
{
	my ($text, $why) = encoded($_[0]);

	return $text // die "Error JSON serializing: $why\n";
}

# --- types ------------------------------------------------------------------------

# argument(TYPE): the type that tracers see, and how values become arguments:
# "i" an integer, "t" text, "j" JSON, "p" a pointer to anything else.
sub argument
{
	my ($declared) = @_;
	my $words = join(' ', split(' ', $declared));

	return ("char *$1", 'j') if $words =~ /^json\b ?((?:[A-Za-z_]\w*)?)$/;
	return ("char *$1", 't') if $words =~
	    /^(?:float|double|long double)\b ?((?:[A-Za-z_]\w*)?)$/;
	return ($declared, 't') if $words =~ 
	    /^(?:const )?(?:(?:un)?signed )?char(?: const)? ?\* ?(?:const\b)? ?(?:[A-Za-z_]\w*)?$/;
	return ($declared, $words =~ /\*/ ? 'p' : 'i');
}

# text(VALUE, WHAT): the bytes of a text for the library.
sub text
{
	my ($value, $what) = @_;

	defined $value or Carp::croak("$what is missing");
	ref $value and Carp::croak("$what must be a text, not a reference");
	$value =~ /\0/ and Carp::croak("$what has a NUL in it");
	utf8::encode($value) if utf8::is_utf8($value);
	return "$value";
}

# --- providers ---------------------------------------------------------------------

sub new
{
	my ($class, $name, $module) = @_;

	$module //= 'perl';
	my $native = Devel::USDT::Native::provider(
		text($name, 'the name of a provider'),
		text($module, 'the module of a provider'));
	ref $native or Carp::croak($native);
	return bless { name => $name, module => $module, native => $native,
		live => 0 }, $class;
}

sub name { return $_[0]{name} }

sub module { return $_[0]{module} }

# _make(CLASS, NAME, FUNCTION, TYPES, ARGUMENT): a probe that is in no provider
# yet, or the text of an error.
sub _make
{
	my ($self, $class, $name, $function, $types, $argument) = @_;
	my ($kinds, @c) = '';

	for my $declared (@$types) {
		my ($type, $kind) = $argument->(text($declared,
			'the type of an argument'));
		push @c, $type;
		$kinds .= $kind;
	}
	return Devel::USDT::Native::probe($self->{native}, $class,
		text($name, 'the name of a probe'),
		text($function, 'the function of a probe'), $kinds, \@c,
		[@$types]);
}

sub probe
{
	my ($self, $name, @types) = @_;
	my $options = ref $types[0] eq 'HASH' ? shift @types : {};
	my @unknown = grep { $_ ne 'function' } sort keys %$options;

	@unknown and Carp::croak("there is no option $unknown[0]");
	my $probe = $self->_make('Devel::USDT::Probe', $name,
		$options->{function} // $name, \@types, \&argument);
	ref $probe or Carp::croak($probe);
	my $why = $self->{native}->add($probe);
	length $why and Carp::croak($why);
	return $probe if !$self->{live};
	$why = $self->{native}->enable;
	if (length $why) {
		$self->{native}->remove($probe);
		Carp::croak($why);
	}
	return $probe;
}

# unsigned(VALUE, WHAT): a size or an offset.
sub unsigned
{
	my ($value, $what) = @_;

	$value = text($value, $what);
	$value =~ /^[0-9]{1,10}\z/ or Carp::croak("$what is not a number of bytes: "
		. $value);
	return 0 + $value;
}

sub struct
{
	my ($self, $name, $size, @fields) = @_;

	@fields % 2 and Carp::croak('each field of a struct has an offset');
	my @table = map { (text($fields[2 * $_], 'the field of a struct'),
		unsigned($fields[2 * $_ + 1], 'the offset of a field'))
	} 0 .. @fields / 2 - 1;
	my $why = $self->{native}->add_struct(text($name,
		'the name of a struct'), unsigned($size, 'the size of a struct'),
		\@table);
	length $why and Carp::croak($why);
	return $self;
}

sub remove
{
	my ($self, $probe) = @_;

	Scalar::Util::blessed($probe) && $probe->isa('Devel::USDT::Probe')
	    or Carp::croak('what is removed is not a probe');
	my $why = $self->{native}->remove($probe);

	length $why and Carp::croak($why);
	return;
}

sub enable
{
	my ($self) = @_;
	my $why = $self->{native}->enable;

	length $why and Carp::croak($why);
	$self->{live} = 1;
	return $self;
}

sub disable
{
	my ($self) = @_;

	$self->{live} = 0;
	my $why = $self->{native}->disable;
	length $why and Carp::croak($why);
	return $self;
}

sub status { return $_[0]{native}->status }

1;

__END__

=encoding utf8

=head1 NAME

Devel::USDT - tracing probes in a running Perl program

=head1 SYNOPSIS

    use Devel::USDT;

    my $provider = Devel::USDT->new('myapp');
    my $request = $provider->probe('request-start', 'int status',
        'char *path', 'json');
    $provider->enable;

    $request->fire(200, '/index', { user => 'me' });
    $request->lazy(sub { return (200, path(), user()) });
    $request->fire(expensive()) if $request->enabled;

=head1 DESCRIPTION

bpftrace, perf, DTrace and C<usdt watch> see these probes as if they had been
compiled in. A probe that nobody traces costs as much as a call of an empty
function.

L<Devel::DTrace::Provider::Builder> declares probes as subs, which cost less
still. L<Devel::DTrace::Provider> is the older interface.

=head1 PROVIDERS

=head2 new($name, $module)

A provider: a named set of probes. Tracers show its module, by default C<perl>,
as the last part of the path where the probes are.

=head2 probe($name, @types), probe($name, { function => $function }, @types)

Adds a probe, and returns it. If the provider is enabled the probe is visible at
once. DTrace shows the function, by default the name. There may be 32 arguments.
See L</TYPES>.

=head2 struct($name, $size, @fields)

Tells tracers the layout of a struct: its size in bytes, and pairs of a field, as C
declares it, and its offset. They then show the fields of arguments of the type
C<struct $name *>. Structs come before C<enable>. Returns the provider. See
L</TYPES>.

=head2 enable, disable

Make the probes visible to tracers, and hide them. C<enable> croaks if nothing on
this machine accepts the provider. Both return the provider.

=head2 remove($probe)

The probe never fires for this provider again.

=head2 status

A reference to a hash: C<enabled>; how many C<probes> are visible, and how many
are C<waiting> for the next C<enable>; C<images>, C<mappings> and C<note>; C<sdt>
and C<dof>, for the two ways in which tracers find probes, with C<taken>,
C<path>, C<errno>, C<generation> and the C<reason> if it was not taken.

=head2 name, module

They are as they were given.

=head1 PROBES

=head2 fire(@values)

Fires the probe if somebody traces it, and returns whether that is so. Missing
values are 0, or NULL for text; surplus ones are ignored. No value makes it die.

=head2 lazy($function, @arguments)

The same with the list that the function, called with these arguments, returns.
It is called only while somebody traces. If it dies, so does C<lazy>.

=head2 enabled

Is somebody tracing it?

=head2 name, function, types

As they were given.

=head1 TYPES

A type is what C calls an integer, C<char *> or C<json>. A name may follow, as in
C<int status>. C<float> and C<double> are sent as text, since no tracer reads them.

=over 4

=item Integers

are sent modulo 2**64: numbers, texts of digits of any length, and objects with
such a text, as those of Math::BigInt. Other numbers are cut towards 0. Anything
else, C<undef>, NaN and infinity are 0.

=item Text

is sent as it is in memory: text of characters as UTF-8, with C<?> for surrogates,
and text of bytes as these bytes. Tracers read up to the first NUL. Numbers and
references are sent as Perl prints them; C<undef> is NULL.

=item Pointers to anything else

take a packed text, whose bytes are sent, or a number, the address.

    $provider->struct('request', 16, 'int id' => 0, 'char path[12]' => 4);
    my $request = $provider->probe('request', 'struct request *request');
    $provider->enable;
    $request->lazy(sub { return pack('l a12', 7, '/index') });

C<usdt watch> then shows C<< request={id=7, path="/index"} >>. The bytes are valid
during the fire only: a tracer that reads them later reads something else.

=item json

is what L<JSON::PP> makes of the value, with keys in order, and without blanks.
Where it can't, the text has one member, C<error>.

=back

Where a value runs code, as with overloaded operators, tied variables and
C<TO_JSON>, and that code dies, the value is 0, NULL, or that C<error>.

=head1 FUNCTIONS

=head2 Devel::USDT::load_error

Why the compiled part could not be loaded, or C<undef>. Without it all calls
succeed and do nothing.

=head1 ERRORS

Methods croak with libusdt's text, which names what is wrong. A method that
croaks leaves everything as it was.

=head1 THREADS AND PROCESSES

A new thread has its creator's providers and probes; a provider lives until
no thread has it or one of its probes, and is disabled then. A fire waits for
nothing. C<enable> and C<disable> may wait for DTrace's daemon. A forked child has
its parent's probes, under its own pid, and needs no call.

=head1 ENVIRONMENT

C<USDT_DISABLE=1> makes every call succeed and do nothing. C<usdt.h> lists more.

=head1 LICENSE

The 2-clause BSD license: see the file LICENSE.

=cut
