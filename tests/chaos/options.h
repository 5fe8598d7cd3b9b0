/* options.h - the command line of the chaos tool. */
#ifndef CHAOS_OPTIONS_H
#define CHAOS_OPTIONS_H

#include "chaos.h"

/* 0; else the exit status plus one: help was printed, or what is wrong. */
int options_read(int argc, char **argv, struct options *o);

#endif
