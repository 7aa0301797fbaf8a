/* ruby_empty.c - what does Ruby take for a method of C that does nothing? */
/* SPDX-License-Identifier: BSD-2-Clause */
#include <ruby.h>

static VALUE
call(int argc, VALUE *argv, VALUE self)
{
	(void)argc;
	(void)argv;
	(void)self;
	return Qfalse;
}

void
Init_ruby_empty(void)
{
	rb_define_method(rb_define_class("RubyEmpty", rb_cObject), "call", call,
	    -1);
}
