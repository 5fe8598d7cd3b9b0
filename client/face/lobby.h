/* lobby.h - moderation of the lobby in the conversation: orders typed, and what is told of them. */
#ifndef FACE_LOBBY_H
#define FACE_LOBBY_H

#include "chat.h"

/*
 * Carries out "NAME [10m] [why]" in the lobby; act is an enum wire_act. Without a time what lasts holds
 * until it is lifted. For announce and open there is no name.
 */
void lobby_moderate(struct chat *c, uint8_t act, const char *rest);

/* The events of it. */
void lobby_moderated(struct chat *c, const struct wire_moderate_done *m);
void lobby_standing(struct chat *c, const struct wire_moderate_state *m);
void lobby_refused(struct chat *c, const struct wire_keys_refused *m);

#endif
