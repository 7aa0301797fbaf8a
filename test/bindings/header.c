/* header.c - can a program in C call everything in usdt.h? */
#include "header.h"
