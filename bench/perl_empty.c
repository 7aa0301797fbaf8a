/*
 * perl_empty.c - what does Perl take for a function of C that does nothing, and
 * do statements take values?
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

/* Hides the values that are free: who takes one needs a new arena of them. */
XS(hide)
{
	dXSARGS;

	PERL_UNUSED_VAR(items);
	PL_sv_root = NULL;
	XSRETURN_EMPTY;
}

/* Did somebody take one?  The values that were hidden are lost. */
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
