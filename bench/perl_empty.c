/*
 * perl_empty.c - how long does Perl take to call a function of C that does
 * nothing?  And does a statement take values from Perl's store?
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#define PERL_NO_GET_CONTEXT
#include "EXTERN.h"
#include "perl.h"
#include "XSUB.h"

XS(call)
{
	dXSARGS;

	PERL_UNUSED_VAR(items);
	XSRETURN_NO;
}

/* Hides the free values: to take one, Perl has to make new ones. */
XS(hide)
{
	dXSARGS;

	PERL_UNUSED_VAR(items);
	PL_sv_root = NULL;
	XSRETURN_EMPTY;
}

/* Were new ones made since then?  The hidden ones are lost. */
XS(taken)
{
	dXSARGS;

	PERL_UNUSED_VAR(items);
	if (PL_sv_root == NULL)
		XSRETURN_NO;
	XSRETURN_YES;
}

XS_EXTERNAL(boot_perl_empty);
XS_EXTERNAL(boot_perl_empty)
{
	dXSARGS;

	PERL_UNUSED_VAR(items);
	newXS("Empty::call", call, __FILE__);
	newXS("Empty::hide", hide, __FILE__);
	newXS("Empty::taken", taken, __FILE__);
	XSRETURN_YES;
}
