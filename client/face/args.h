/*
 * args.h - the command line: options before or after the command and its operands, GNU style.
 * One table makes the parser and --help.
 */
#ifndef FACE_ARGS_H
#define FACE_ARGS_H

#include <stdbool.h>
#include <stdint.h>

#include "../../ipc/buf.h"
#include "../why.h"
#include "config.h"

enum { ARGS_OPERANDS = 64 };

struct args {
    const char *server, *user, *home, *wait, *count, *timeout, *password_file, *password_command, *theme, *config_file,
        *profile, *since, *in, *name; /* as given, or NULL */
    bool accept_new, yes, paper, with_account_key, fetch, read_receipts, json, quiet, verbose, no_color, plain, help, version;
    long messages;                      /* --count, 0: not given */
    int64_t timeout_ms;                 /* --timeout, -1: not given */
    const char *operand[ARGS_OPERANDS]; /* command and operands */
    int operands;
    struct config *config; /* NULL: not read; the conversation may change it */
};

/* 0; -1 and why for an unknown option, a missing or senseless argument. */
int args_parse(int argc, char *const argv[], struct args *o, struct why *why);

/* What was not given is taken from the keys of the same names; config stays and is lent. */
void args_configure(struct args *o, struct config *config);

/* The option's name ("" ends them) and, in *argument, what it takes: NULL, nothing. For completion. */
const char *args_option(size_t i, const char **argument);

const char *args_option_help(size_t i);

/* Appends the lines about options for --help. */
void args_help(struct buf *out);

/* Splits HOST[:PORT], [V6]:PORT or a bare IPv6 address; the port is 5130 unless given. -1: neither.
 */
int args_server(const char *text, char host[256], char port[8]);

#endif
