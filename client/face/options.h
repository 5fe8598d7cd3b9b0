/*
 * options.h - the command line: options before or after the command and its operands, GNU style.
 * One table makes the parser and --help.
 */
#ifndef FACE_OPTIONS_H
#define FACE_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "../../ipc/buf.h"
#include "../why.h"

enum { OPTIONS_OPERANDS = 64 };

struct options {
    const char *server, *user, *home, *wait, *count, *timeout; /* as given, or NULL */
    bool accept_new, json, quiet, verbose, no_color, help, version;
    long messages;       /* --count, 0: no limit */
    int64_t timeout_ms;  /* --timeout, -1: not given */
    const char *operand[OPTIONS_OPERANDS]; /* command and operands */
    int operands;
};

/* 0; -1 and why for an unknown option, a missing or senseless argument. */
int options_parse(int argc, char *const argv[], struct options *o, struct why *why);

/* Appends the lines about options for --help. */
void options_help(struct buf *out);

/* Splits HOST[:PORT], [V6]:PORT or a bare IPv6 address; the port is 5130 unless given. -1: neither. */
int options_server(const char *text, char host[256], char port[8]);

#endif
