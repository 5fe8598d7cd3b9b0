/*
 * completion.h - csce513fall24Msg completion SHELL: what Tab offers in bash, zsh and fish, made from the tables of
 * commands (verbs.h), options (args.h) and keys (config.h), so that it cannot say anything else than --help.
 */
#ifndef FACE_COMPLETION_H
#define FACE_COMPLETION_H

#include "../../ipc/buf.h"

enum completion_kind { COMPLETION_WORDS, COMPLETION_NAMES, COMPLETION_FILES };

/* What may stand at one place behind a command. */
struct completion {
    const char *verb;
    char sub[24];  /* the first word behind it must be this one; "": any */
    unsigned place; /* 1: right behind the command */
    enum completion_kind kind;
    struct buf words; /* COMPLETION_WORDS: with blanks between, not terminated */
};

struct completions {
    struct completion *row;
    size_t n;
};

/* Reads the usage of a command, such as "keys show | keys verify NAME", into rows behind those that are there. */
void completion_read(struct completions *c, const char *verb, const char *usage);

/* Those of all commands. */
void completion_all(struct completions *c);

/* The words that an option takes, with blanks between, and of what kind they are: false when it takes any. */
bool completion_of_option(const char *option, const char *argument, enum completion_kind *kind, struct buf *words);

void completions_free(struct completions *c);

#endif
