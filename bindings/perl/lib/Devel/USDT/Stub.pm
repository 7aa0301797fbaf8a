# SPDX-License-Identifier: BSD-2-Clause
package Devel::USDT::Stub;

# What do providers and probes do without the extension?  Nothing;
# Devel::USDT::load_error says why.

use strict;
use warnings;

package Devel::USDT::Native;

sub provider { return bless {}, 'Devel::USDT::Native' }

sub probe
{
	my (undef, $class, $name, $function, undef, undef, $declared) = @_;

	return bless { name => $name, function => $function,
		types => $declared }, $class;
}

sub add { return '' }

sub remove { return '' }

sub add_struct { return '' }

sub enable { return '' }

sub disable { return '' }

sub status
{
	my $note = 'the extension is not loaded: see Devel::USDT::load_error';
	my %nothing = (taken => 0, errno => 0, generation => -1, path => '',
		reason => $note);

	return { enabled => 0, probes => 0, waiting => 0, images => 0,
		mappings => 0, note => $note, dof => { %nothing },
		sdt => { %nothing } };
}

sub check_block { return }

sub check_enabled { return }

package Devel::USDT::Probe;

sub enabled { return !1 }

sub fire { return !1 }

sub lazy { return !1 }

sub name { return $_[0]{name} }

sub function { return $_[0]{function} }

sub types { return @{ $_[0]{types} } }

package Devel::DTrace::Probe;

sub fire { return 1 }

sub is_enabled { return 0 }

1;
