/* command_config.h - the slash commands about settings, aliases and keys; see command.h. For command.c alone. */
#ifndef FACE_COMMAND_CONFIG_H
#define FACE_COMMAND_CONFIG_H

#include "chat.h"

void cmd_set(struct chat *c, const char *rest);
void cmd_alias(struct chat *c, const char *rest);
void cmd_bind(struct chat *c, const char *rest);
void cmd_hilight(struct chat *c, const char *rest);

/*
 * The line that an alias stands for: $1 to $9 are words behind it, $* all of them; without any they follow at
 * its end. False: it is none.
 */
bool alias_line(const struct chat *c, const char *word, size_t len, const char *rest, struct buf *out);

#endif
