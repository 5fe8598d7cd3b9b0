/*
 * command.h - the slash commands of the conversation: one table with name, aliases, arguments, help
 * and handler makes parser, completion and /help.
 */
#ifndef FACE_COMMAND_H
#define FACE_COMMAND_H

#include "chat.h"

struct command {
    const char *name;    /* without the slash; NULL ends the table */
    const char *aliases; /* separated by blanks */
    const char *arguments, *help, *example;
    /* rest: what follows the command, without blanks around it; may be empty. */
    void (*run)(struct chat *c, const char *rest);
};

extern const struct command commands[];

/* By name or alias, without case; NULL. */
const struct command *command_find(const char *word, size_t len);

/* Takes a user's name and the blanks behind it off *rest; false after saying that it is none. */
bool command_take_name(struct chat *c, const char **rest, char name[NAME_SIZE]);

#endif
