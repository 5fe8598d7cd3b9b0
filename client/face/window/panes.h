/* panes.h - what stands beside and below the timeline; for scene.c alone. */
#ifndef WINDOW_PANES_H
#define WINDOW_PANES_H

#include "scene.h"

void panes_rooms(const struct scene *sc, struct screen *s, struct area a);
void panes_members(const struct scene *sc, struct screen *s, struct area a);

/* Over the timeline. */
void panes_list(const struct scene_list *list, struct screen *s, struct area a);

/* Lines of the input in a terminal of so many columns. */
unsigned input_lines(const struct scene *sc, unsigned cols);
/* The part of them around the cursor, and the cursor. */
void input_paint(const struct scene *sc, struct screen *s, struct area a);

#endif
