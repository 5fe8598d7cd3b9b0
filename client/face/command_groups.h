/* command_groups.h - the slash commands about groups; see command.h. For command.c alone. */
#ifndef FACE_COMMAND_GROUPS_H
#define FACE_COMMAND_GROUPS_H

#include "chat.h"

void cmd_create(struct chat *c, const char *rest);
void cmd_invite(struct chat *c, const char *rest);
void cmd_kick(struct chat *c, const char *rest);
void cmd_topic(struct chat *c, const char *rest);
void cmd_role(struct chat *c, const char *rest);
void cmd_mute(struct chat *c, const char *rest);
void cmd_list(struct chat *c, const char *rest);

/* Into, out of, who is in a room that is a group. */
void group_join(struct chat *c, const char *room);
void group_leave(struct chat *c, const char *room);
void group_names(struct chat *c, const char *room);

/* What came of them. */
void group_event(struct chat *c, const struct client_event *e);

/* Is the conversation with a group? */
bool group_target(const struct chat *c);

#endif
