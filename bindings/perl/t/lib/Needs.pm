# SPDX-License-Identifier: BSD-2-Clause
package Needs;

# Is everything here that a test needs?  The extension, and something on this
# machine that accepts providers.  It is skipped otherwise.

use strict;
use warnings;

use Test::More;

use Devel::USDT;

sub import
{
	my $why = Devel::USDT::load_error();

	plan(skip_all => 'there is no extension') if defined $why;
	my $provider = Devel::USDT->new('plneeds');

	$provider->probe('p1');
	return if eval { $provider->enable; 1 };
	plan(skip_all => $@ =~ s/\n.*//sr);
}

1;
